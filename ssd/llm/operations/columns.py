"""What the model may know of the data: names, types and counts of columns; never a row, a value or an extreme."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

import msgspec

_MOST_NEAR: Final = 4


class ColumnFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    """Stata name; answers use it."""
    type: str
    missing: int
    unique: int
    header: str = ""
    """As in the file, where it differs from the name."""
    label: str = ""


class PanelFacts(msgspec.Struct, frozen=True):
    """A pair of columns that identifies the rows."""

    entity: str
    time: str
    entities: int
    periods: int


class DataFacts(msgspec.Struct, frozen=True):
    """The profile of a dataset as a prompt shows it."""

    rows: int
    columns: list[ColumnFacts]
    """The most relevant ones when there are many."""
    columns_not_shown: int = 0
    panel: list[PanelFacts] = []


class Columns:
    """All columns of a dataset by every name people use for them."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        """`names`: (Stata name, original header) of each column."""
        pairs = list(names)
        self._exact = {header: name for name, header in reversed(pairs)} | {name: name for name, _ in pairs}
        loose: dict[str, set[str]] = {}
        for name, header in pairs:
            for form in (name, header.strip()):
                loose.setdefault(form.lower(), set()).add(name)
        self._loose = {form: found.copy().pop() for form, found in loose.items() if len(found) == 1}

    def resolve(self, name: str) -> str | None:
        """The Stata name for a name or header, in another letter case where that is unique; else None."""
        return self._exact.get(name) or self._loose.get(name.strip().lower())

    def near(self, name: str) -> list[str]:
        """Stata names that look like `name`, best first."""
        forms = difflib.get_close_matches(name.lower(), list(self._loose), n=_MOST_NEAR * 2, cutoff=0.5)
        return list(dict.fromkeys(self._loose[form] for form in forms))[:_MOST_NEAR]

    def problem(self, field: str, name: str) -> str | None:
        """What to tell a model that named a column the data do not have."""
        if self.resolve(name) is not None:
            return None
        near = self.near(name)
        hint = (
            f" Near matches: {', '.join(near)}." if near else " Use a name from the list of columns, or leave it out."
        )
        return f"{field}: the data have no column {name[:64]!r}.{hint}"


def near_ids(wanted: str, known: Iterable[str]) -> str:
    """A sentence that names ids like `wanted`, or all of them when none is near."""
    ids = list(known)
    near = difflib.get_close_matches(wanted, ids, n=_MOST_NEAR, cutoff=0.4)
    return f"Near matches: {', '.join(near)}." if near else f"Choose from: {', '.join(ids[:40])}."
