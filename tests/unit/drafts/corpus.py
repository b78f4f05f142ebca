"""The corpus of requirements: reading it, and scoring a planner on it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ssd.drafts.rules import Understanding
from ssd.inputs.models import ColumnProfile, DatasetProfile, PanelGuess

CORPUS = tomllib.loads((Path(__file__).parent / "corpus.toml").read_text("utf-8"))
ROLE_FIELDS = (
    "outcome", "treatment", "controls", "instruments", "group", "post", "cluster", "fixed_effects", "entity", "time",
    "variables",
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
        if field not in case:
            continue
        got, wanted = getattr(read.found, field), case[field]
        same = sorted(got) == sorted(wanted) if isinstance(wanted, list) else got == wanted
        if not same:
            wrong.append(f"{field}: {got} instead of {wanted}")
    return wrong
