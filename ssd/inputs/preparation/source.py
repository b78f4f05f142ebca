"""A table as it lies in a file: rows of raw cells that can be read more than once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Cell = str | float | int | bool | dt.date | dt.datetime | dt.time | dt.timedelta
"""Text files give only `str`; an absent or empty cell is `""` everywhere."""
Rows = Iterator[list[Cell]]


class PreparationError(Exception):
    """Why a file cannot become a dataset: a code of the catalogue and words for the researcher."""

    def __init__(self, code: str, message: str, **members: object) -> None:
        self.code = code
        self.message = message
        self.members = members
        super().__init__(f"{code}: {message}")


@dataclass(frozen=True)
class Source:
    """One table. `rows()` starts reading from the top each time it is called."""

    rows: Callable[[], Rows]
    encoding: str | None = None
    separator: str | None = None
    decimal_comma: bool = False
    sheet_names: list[str] = field(default_factory=list)
    hidden_sheets: list[str] = field(default_factory=list)
    selected_sheet: str | None = None
    warnings: list[str] = field(default_factory=list)


def is_blank(cell: Cell) -> bool:
    return isinstance(cell, str) and not cell.strip()


def filled(row: list[Cell]) -> list[int]:
    """Positions of the cells that hold something."""
    return [position for position, cell in enumerate(row) if not is_blank(cell)]


def cell_text(cell: Cell) -> str:
    """A cell as a person would write it: whole numbers without decimals, dates in ISO form."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time() else cell.isoformat(sep=" ")
    if isinstance(cell, (dt.date, dt.time)):
        return cell.isoformat()
    return str(cell)
