"""Data as researchers have them: text where numbers are usual, gaps, collinearity, hostile cells."""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ssd.templates.check import ENGINE_COMMAND, LOG_NAME, prepare_example, run_do
from ssd.templates.library import Library

LIBRARY = Library.load()
HOSTILE_CELL = "a\"`=1' $x '\""
Rows = list[dict[str, Any]]


class Ran(msgspec.Struct, frozen=True):
    """A do-file that ran on a dataset."""

    folder: Path
    problems: list[str]
    refusal: str | None
    """`code|variable` of the line SSD|fail, if the do-file refused the data."""

    def table(self, name: str) -> Rows:
        with (self.folder / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def tidy(self, model: str = "main") -> dict[str, dict[str, str]]:
        return {row["term"]: row for row in self.table("tidy.csv") if row["model"] == model}


Runner = Callable[[str, Rows, dict[str, Any]], Ran]


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    def run_template(template_id: str, rows: Rows, params: dict[str, Any]) -> Ran:
        work = Path(tempfile.mkdtemp(dir=tmp_path))
        data = work / "upload.csv"
        with data.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        profile = prepare_example(data, work)
        do = LIBRARY.render(template_id, params, profile=profile)
        problems = run_do(do.text, work, ENGINE_COMMAND)
        log = (work / LOG_NAME).read_text("utf-8")
        refusals = [line.split("|") for line in log.splitlines() if line.startswith("SSD|fail|")]
        return Ran(work, problems, "|".join(refusals[-1][2:4]) if refusals else None)

    return run_template


def sample(rows: int = 120) -> Rows:
    """A cross-section with two periods, four regions and six firms per region."""
    chance = random.Random(7)
    made: Rows = []
    for number in range(rows):
        schooling = chance.randint(6, 18)
        region = ("North", "South", "东部", "西部")[number % 4]
        wage = 1 + 0.5 * schooling + (2 if region == "东部" else 0) + chance.gauss(0, 1)
        made.append(
            {
                "工资": round(wage, 3),
                "years of schooling": schooling,
                "region": region,
                "firm": f"f{number // 5:02d}",
                "year": 2001 + number % 5,
                "sex": ("man", "woman")[chance.random() < 0.5],
                "works": ("no", "yes")[chance.random() < 1 / (1 + 2.7 ** (6 - 0.5 * schooling))],
                "visits": int(chance.expovariate(1 / (0.3 * schooling))),
                "days": chance.randint(1, 30),
                "late": int(number % 5 >= 3),
            }
        )
    return made


def test_unicode_names_text_controls_and_gaps_are_handled(run: Runner) -> None:
    rows = sample()
    for row in rows[:10]:
        row["years of schooling"] = ""
    params = {"outcome": "工资", "treatment": "years of schooling", "covariates": ["region"], "cluster": "firm"}
    ran = run("regression.ols", rows, params)
    assert ran.problems == []
    terms = ran.tidy()
    assert {"2.region", "3.region", "4.region", "_cons"} < set(terms)
    assert {row["label"] for row in terms.values()} >= {
        "region: South",
        "region: 东部",
        "Constant",
        "years of schooling",
    }
    glance = {(row["model"], row["key"]): row["value"] for row in ran.table("glance.csv")}
    assert (glance["sample", "rows_read"], glance["main", "N"], glance["main", "n_clusters"]) == ("120", "110", "22")


def test_hostile_cells_and_headers_stay_text(run: Runner) -> None:
    rows = sample()
    for row in rows:
        row["region"] = HOSTILE_CELL if row["region"] == "North" else row["region"]
        row['`=shell\' "$x" */'] = row["days"]
    params = {"outcome": "工资", "treatment": "years of schooling", "covariates": ["region", '`=shell\' "$x" */']}
    ran = run("regression.ols", rows, params)
    assert ran.problems == []
    labels = [row["label"] for row in ran.tidy().values()]
    assert len(labels) == 6
    assert not any(set(label) & set('"`$') for label in labels)


def test_a_collinear_control_is_shown_as_omitted(run: Runner) -> None:
    rows = [row | {"months": 12 * row["years of schooling"]} for row in sample()]
    params = {"outcome": "工资", "treatment": "years of schooling", "covariates": ["days", "months"]}
    ran = run("regression.ols", rows, params)
    assert ran.problems == []
    [omitted] = [row for row in ran.tidy().values() if row["label"].endswith("(omitted)")]
    assert "months" in omitted["term"]
    assert omitted["estimate"] == omitted["std_error"] == omitted["p_value"] == ""


def test_a_text_outcome_with_two_values_is_coded_and_said(run: Runner) -> None:
    ran = run("limited.logit", sample(400), {"outcome": "works", "treatment": "years of schooling"})
    assert ran.problems == []
    assert 0.2 < float(ran.tidy()["years_of_schooling"]["estimate"]) < 0.9
    assert "works is 1 where it was yes, else 0." in (ran.folder / LOG_NAME).read_text("utf-8")


def test_an_outcome_coded_one_and_two_is_not_success_throughout(run: Runner) -> None:
    params = {"outcome": "works", "treatment": "years of schooling", "vce": "conventional"}
    as_text = run("limited.logit", sample(400), params)
    coded = [row | {"works": {"no": 1, "yes": 2}[row["works"]]} for row in sample(400)]
    as_codes = run("limited.logit", coded, params)
    assert as_codes.problems == []
    assert as_codes.tidy()["years_of_schooling"]["estimate"] == as_text.tidy()["years_of_schooling"]["estimate"]


def test_a_text_entity_makes_a_panel(run: Runner) -> None:
    rows = sample()
    params = {"outcome": "工资", "treatment": "years of schooling", "entity": "firm", "time": "year"}
    ran = run("panel.fixed_effects", rows, params)
    assert ran.problems == []
    assert abs(float(ran.tidy()["years_of_schooling"]["estimate"]) - 0.5) < 0.2


def test_text_groups_make_a_difference_in_differences(run: Runner) -> None:
    params = {"outcome": "工资", "treatment": "sex", "post": "late", "cluster": "firm"}
    ran = run("causal.did_2x2", sample(), params)
    assert ran.problems == []
    assert "ssd_did" in ran.tidy()
    assert len(ran.table("cell_means.csv")) == 4


@pytest.mark.parametrize(
    ("template_id", "change", "params", "refusal"),
    [
        (
            "regression.ols",
            {},
            {
                "outcome": "工资",
                "treatment": "days",
                "cluster": "region",
                "filters": [{"var": "region", "op": "eq", "value": "North"}],
            },
            "ONE_CLUSTER|region",
        ),
        (
            "regression.ols",
            {},
            {"outcome": "工资", "treatment": "days", "filters": [{"var": "days", "op": "gt", "value": 99}]},
            "NO_OBSERVATIONS|",
        ),
        (
            "regression.ols",
            {},
            {"outcome": "工资", "treatment": "days", "filters": [{"var": "days", "op": "eq", "value": 5}]},
            "NO_VARIATION|days",
        ),
        (
            "panel.fixed_effects",
            {"year": lambda row: 2001 + row["days"] % 2},
            {"outcome": "工资", "treatment": "days", "entity": "firm", "time": "year"},
            "NOT_UNIQUE|firm",
        ),
        (
            "panel.fixed_effects",
            {"size": lambda row: int(row["firm"][1:]) % 7},
            {"outcome": "工资", "treatment": "size", "entity": "firm", "time": "year"},
            "COLLINEAR|size",
        ),
        (
            "panel.fixed_effects",
            {},
            {"outcome": "工资", "treatment": "days", "entity": "firm", "time": "year", "cluster": "region"},
            "NOT_NESTED|region",
        ),
        (
            "causal.did_2x2",
            {"only": lambda row: int(row["late"] == 1 and row["days"] > 10)},
            {"outcome": "工资", "treatment": "only", "post": "late"},
            "EMPTY_CELL|late",
        ),
        (
            "count.poisson_nbreg",
            {"visits": lambda row: row["visits"] - 1},
            {"outcome": "visits", "treatment": "days"},
            "NOT_A_COUNT|visits",
        ),
        (
            "count.poisson_nbreg",
            {"days": lambda row: row["days"] - 1},
            {"outcome": "visits", "treatment": "late", "exposure": "days"},
            "EXPOSURE_NOT_POSITIVE|days",
        ),
        (
            "test.ttest_two_sample",
            {},
            {"outcome": "工资", "group": "sex", "filters": [{"var": "sex", "op": "eq", "value": "man"}]},
            "NO_VARIATION|sex",
        ),
        (
            "limited.logit",
            {"paid": lambda row: int(row["works"] == "yes")},
            {"outcome": "works", "treatment": "paid"},
            "PERFECT_PREDICTION|paid",
        ),
    ],
)
def test_data_that_do_not_fit_are_refused_by_name(
    run: Runner,
    template_id: str,
    change: dict[str, Callable[[dict[str, Any]], Any]],
    params: dict[str, Any],
    refusal: str,
) -> None:
    rows = [row | {name: make(row) for name, make in change.items()} for row in sample()]
    ran = run(template_id, rows, params)
    assert ran.refusal == refusal
    assert ran.problems
