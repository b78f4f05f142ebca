"""Walk the journey, print what happens, and hold the numbers against the published ones."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from ssd.demo.journey import Journey, Json
from ssd.demo.server import LocalServer

Say = Callable[[str], None]

EXAMPLE: Final = "regression/ols/example"
RESULTS: Final = Path("var/demo")
MODEL: Final = "main"
REQUIREMENT: Final = "What is the effect of educ on lwage, controlling for exper and tenure?"


CONFIRMED: Final = {"vce": "conventional"}
"""What a person decides before the freeze: the published standard errors are the conventional ones."""


class Published(msgspec.Struct, frozen=True):
    """One published number: a printed value and the digits it was printed with."""

    term: str
    column: str
    value: float
    decimals: int

    def holds(self, found: float) -> bool:
        """Within half a unit of the last printed digit."""
        return abs(found - self.value) <= 0.5 * 10.0**-self.decimals * (1 + 1e-9)


SOURCE: Final = (
    "Wooldridge, Introductory Econometrics, example 4.1: log(wage) on educ, exper and tenure, n = 526, R-squared = .316"
)
PUBLISHED: Final = (
    Published("educ", "estimate", 0.092, 3),
    Published("exper", "estimate", 0.0041, 4),
    Published("tenure", "estimate", 0.022, 3),
    Published("_cons", "estimate", 0.284, 3),
    Published("educ", "std_error", 0.007, 3),
    Published("exper", "std_error", 0.0017, 4),
    Published("tenure", "std_error", 0.003, 3),
    Published("_cons", "std_error", 0.104, 3),
    Published("N", "value", 526, 0),
    Published("r2", "value", 0.316, 3),
)


def walk(data: Path, results: Path, say: Say = print) -> bool:
    """The demo; True only if every step and every number is right. Artifacts are left in `results`."""
    with (
        tempfile.TemporaryDirectory(prefix="ssd-demo-") as folder,
        LocalServer(Path(folder) / "data") as server,
        Journey(server.base_url) as journey,
    ):
        say(f"server      {server.base_url}")
        return _walk(server, journey, data, results, say)


def _walk(server: LocalServer, journey: Journey, data: Path, results: Path, say: Say) -> bool:
    code = server.issue_code()
    redeemed = journey.redeem(code, REQUIREMENT)
    say(f"redeem      task code → {redeemed['job_id']}")
    uploaded = journey.upload(data)
    say(f"upload      {data.name}: {data.stat().st_size:,} bytes, fingerprint {uploaded['fingerprint'][:23]}…")
    preview = journey.preview()
    say(f"preview     {preview['row_count']} rows, {preview['column_count']} columns")
    draft = journey.draft()
    say(f"draft       {draft['draft_text']}")
    plan = journey.freeze(default_overrides=CONFIRMED)
    steps = ", ".join(step["template_id"] for step in plan["steps"])
    say(f"plan        {plan['plan_id'][:12]} revision {plan['revision']}: {steps}")
    journey.run()
    job = journey.follow(_teller(say))
    if job["status"] != "succeeded":
        error = job["error"] or {}
        say(f"run         {job['status']}: {error.get('error_code')} {error.get('message')}")
        return False
    engine = job["latest_run"]["engine"]
    say(f"run         succeeded with {engine['name']} {engine['version']}")
    main = next(step["step_id"] for step in plan["steps"] if step["type"] == "main_regression")
    return _show_results(journey, main, results, say)


def _teller(say: Say) -> Callable[[Json], None]:
    seen: list[str] = []

    def tell(job: Json) -> None:
        progress = job["progress"]
        words = job["status"] if not progress else f"{progress['percent']:5.1f} %  {progress['purpose']}"
        if not seen or seen[-1] != words:
            seen.append(words)
            say(f"run         {words}")

    return tell


def _show_results(journey: Journey, main: str, results: Path, say: Say) -> bool:
    shutil.rmtree(results, ignore_errors=True)
    artifacts = journey.artifacts()
    tables: dict[str, list[dict[str, str]]] = {}
    for item in artifacts:
        content = journey.download(item["rel_path"])
        if hashlib.sha256(content).hexdigest() != item["sha256"]:
            say(f"artifact    {item['rel_path']}: the hash is not the one the index promises")
            return False
        path = results / item["rel_path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if item["step_id"] == main and item["kind"] == "table":
            tables[path.name] = _rows(content)
    coefficients = {row["term"]: row for row in tables["tidy.csv"] if row["model"] == MODEL}
    facts = {row["key"]: float(row["value"]) for row in tables["glance.csv"] if row["model"] == MODEL and row["value"]}
    say("")
    _print_table(list(coefficients.values()), facts, say)
    agrees = _compare(coefficients, facts, say)
    say(f"artifacts   {len(artifacts)} files, every hash as promised, in {results}")
    for item in artifacts:
        say(f"              {item['kind']:<10} {item['rel_path']}  {item['size_bytes']:,} bytes")
    return agrees


def _rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"))))


def _print_table(rows: list[dict[str, str]], facts: dict[str, float], say: Say) -> None:
    say(f"{'term':<12} {'estimate':>11} {'std. error':>11} {'t':>8} {'p':>7}   {'95 % interval':>23}")
    for row in rows:
        numbers = {
            key: float(row[key]) for key in ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high")
        }
        say(
            f"{row['term']:<12} {numbers['estimate']:>11.6f} {numbers['std_error']:>11.6f} {numbers['statistic']:>8.2f}"
            f" {numbers['p_value']:>7.4f}   {numbers['conf_low']:>11.6f} {numbers['conf_high']:>11.6f}"
        )
    say(f"N = {facts.get('N', float('nan')):.0f}   R² = {facts.get('r2', float('nan')):.4f}")
    say("")


def _compare(coefficients: dict[str, dict[str, str]], facts: dict[str, float], say: Say) -> bool:
    wrong = []
    for item in PUBLISHED:
        found = (
            facts.get(item.term)
            if item.column == "value"
            else float(coefficients.get(item.term, {}).get(item.column, "nan"))
        )
        if found is None or not item.holds(found):
            wrong.append(f"{item.term} {item.column}: published {item.value}, found {found}")
    for line in wrong:
        say(f"differs     {line}")
    if not wrong:
        say(f"agrees      all {len(PUBLISHED)} published numbers; {SOURCE}")
    return not wrong


def example_data(library: Path) -> Path:
    """The dataset of the demo, shipped with the library."""
    return library / EXAMPLE / "data.csv"


def main(library: Path) -> int:
    """Exit code of `ssd demo`: 0 only if everything is true."""
    return 0 if walk(example_data(library), RESULTS) else 1
