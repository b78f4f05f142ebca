"""The corpus of requirements: reading it, and scoring a planner on it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ssd.drafts.rules import Understanding
from ssd.inputs.models import ColumnProfile, DatasetProfile, PanelGuess

_FOLDER = Path(__file__).parent


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / name).read_text("utf-8"))


FIRST = _read("corpus.toml")
WIDER = _read("corpus_wide.toml")
HELD_OUT = _read("held_out.toml")
CORPUS: dict[str, Any] = {
    "datasets": FIRST["datasets"] | _read("datasets_wide.toml")["datasets"],
    "cases": FIRST["cases"] + WIDER["cases"],
}
ROLE_FIELDS = (
    "outcome", "treatment", "controls", "instruments", "group", "post", "cluster", "fixed_effects", "entity", "time",
    "variables", "running", "cutoff", "duration", "event", "cohort", "weights", "exposure", "interactions", "lags",
)  # fmt: skip


def column(
    name: str, label: str, kind: str, unique: int, missing: int, low: Any = None, high: Any = None
) -> ColumnProfile:
    storage = "str20" if kind == "string" else "double"
    return ColumnProfile(name, name, kind, storage, "%9.0g", label, missing, unique, low, high, [])


def profile(name: str) -> DatasetProfile:
    data = CORPUS["datasets"][name]
    columns = [column(*row) for row in data["columns"]]
    guesses = []
    if "panel" in data:
        entity, time = data["panel"]
        sizes = {c.stata_name: c.n_unique for c in columns}
        balanced = sizes[entity] * sizes[time] == data["rows"]
        guesses = [PanelGuess(entity, time, sizes[entity], sizes[time], balanced)]
    return DatasetProfile(data["rows"], len(columns), columns, panel_guesses=guesses)


def misses(case: dict[str, Any], read: Understanding) -> list[str]:
    """What the planner read otherwise than a person does; lists are compared without order."""
    wrong = [] if read.design == case["design"] else [f"design: {read.design} instead of {case['design']}"]
    for field in ROLE_FIELDS:
        if field in case:
            got, wanted = getattr(read.found, field, None), case[field]
            same = sorted(got or ()) == sorted(wanted) if isinstance(wanted, list) else got == wanted
            if not same:
                wrong.append(f"{field}: {got} instead of {wanted}")
    if "method" in case and getattr(read, "method", None) != case["method"]:
        wrong.append(f"method: {getattr(read, 'method', None)} instead of {case['method']}")
    if "filters" in case:
        got = [{"var": f.var, "op": f.op, "value": f.value} for f in getattr(read, "filters", ())]
        if got != case["filters"]:
            wrong.append(f"filters: {got} instead of {case['filters']}")
    return wrong
