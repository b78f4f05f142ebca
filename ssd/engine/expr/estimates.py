"""`_b[]` and `_se[]`: coefficients of the last estimation by name."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from ssd.engine.data.timeseries import joined_operators
from ssd.engine.errors import StataError
from ssd.engine.missing import MISSING
from ssd.engine.results import ResultSet

_LEVEL: Final = re.compile(r"^(\d+)[bon]+\.")
_TIME: Final = re.compile(r"^(?:co?|o)?((?:[LFDSlfds]\d*)+)\.")


def plain_term(name: str) -> str:
    """A coefficient name without base and omission marks, the parts of an interaction in a fixed order."""
    parts = []
    for raw in name.split("#"):
        part = _LEVEL.sub(r"\1.", joined_operators(raw))
        if part.startswith(("o.", "c.", "co.")):
            part = part.partition(".")[2]
        elif time := _TIME.match(part):
            # l1.x, L1.x and cL.x are the coefficient L.x.
            part = re.sub(r"(?<=[LFDS])1(?!\d)", "", time[1].upper()) + part[time.end() - 1 :]
        parts.append(part)
    return "#".join(sorted(parts))


def find_column(columns: Sequence[str], equation: str, name: str) -> int | None:
    """Position of a coefficient; without an equation the first one of that name. `#2` numbers equations."""
    equations = list(dict.fromkeys(column.rpartition(":")[0] for column in columns))
    if equation.startswith("#") and equation[1:].isdigit():
        index = int(equation[1:]) - 1
        if not 0 <= index < len(equations):
            return None
        equation = equations[index]
    if name.startswith("/") and not equation:
        # A free parameter such as /sigma stands alone or in an equation of its own.
        for spelling in (name, f"/:{name[1:]}", f"{name[1:]}:_cons"):
            if spelling in columns:
                return list(columns).index(spelling)
    if name == "_cons" and f"/:{equation}" in columns:
        # Before version 15 free parameters were equations with a constant only.
        return list(columns).index(f"/:{equation}")
    wanted = plain_term(name)
    for position, column in enumerate(columns):
        owner, _, term = column.rpartition(":")
        if equation and owner != equation:
            continue
        if term == name or plain_term(term) == wanted:
            return position
    return None


def _position(results: ResultSet, equation: str, name: str) -> int:
    matrix = results.matrices.get("b")
    if matrix is None:
        raise StataError(301, "last estimates not found")
    position = find_column(matrix.cols, equation, name)
    if position is None:
        raise StataError(111, f"[{equation}]{name} not found" if equation else f"[{name}] not found")
    return position


def _derived(results: ResultSet, equation: str, name: str) -> tuple[float, float] | None:
    """Value and standard error of a parameter that e(b) holds in another form, such as /sigma after tobit."""
    named = results.hidden.get("derived")
    found = named.get(name) if isinstance(named, dict) and not equation else None
    return found if isinstance(found, tuple) else None


def coefficient(results: ResultSet, equation: str, name: str) -> float:
    """Raises r(301) without estimates, r(111) when there is no such coefficient."""
    if (derived := _derived(results, equation, name)) is not None:
        return derived[0]
    position = _position(results, equation, name)
    return float(results.matrices["b"].values[0, position])


def standard_error(results: ResultSet, equation: str, name: str) -> float:
    """Square root of the diagonal element of e(V); `.` when it is negative."""
    if (derived := _derived(results, equation, name)) is not None:
        return derived[1]
    position = _position(results, equation, name)
    variance = float(results.matrices["V"].values[position, position]) if "V" in results.matrices else MISSING
    return math.sqrt(variance) if 0.0 <= variance < MISSING else MISSING
