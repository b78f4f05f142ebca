"""Which pairs of columns (unit, period) identify the rows."""

from __future__ import annotations

import re
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ssd.engine.data.dataset import Dataset, Variable
from ssd.engine.data.storage import stored_missing
from ssd.inputs.models import ColumnProfile, PanelGuess

_TIME_NAME: Final = re.compile(
    r"year|yr|date|time|month|quarter|period|wave|week|day|^t$|^qtr|年|月|季|日期|时间|期$", re.IGNORECASE
)
_UNIT_NAME: Final = re.compile(
    r"id$|^id|code|firm|company|country|nation|state|province|city|region|county|county|person|stock|ticker|symbol"
    r"|stkcd|isin|bank|hospital|school|unit|entity|panel|name|省|市|县|地区|区域|国家|企业|公司|代码|股票|证券|银行|个体|编号|名称",
    re.IGNORECASE,
)
_YEARS: Final = (1700, 2200)
_MAX_TIMES: Final = 6
_MAX_UNITS: Final = 12
_MAX_GUESSES: Final = 5
_LEAST_PRESENT: Final = 0.9
_LEAST_PERIODS: Final = 1.5
"""Rows for each unit on average; below it the pair is a key of cross-sectional data rather than a panel."""


def guess_panels(data: Dataset, columns: list[ColumnProfile]) -> list[PanelGuess]:
    """Up to five pairs, likeliest first: names that say unit and time, then balance, then column order."""
    if data.n_obs < 4:
        return []
    times = sorted((column for column in columns if _time_score(column)), key=_time_score, reverse=True)[:_MAX_TIMES]
    units = sorted(
        (column for column in columns if _unit_score(column, data.n_obs)),
        key=lambda column: _unit_score(column, data.n_obs),
        reverse=True,
    )[:_MAX_UNITS]
    codes: dict[str, NDArray[np.int64]] = {}
    scored = []
    for order, (unit, time) in enumerate(product(units, times)):
        if unit.stata_name == time.stata_name:
            continue
        guess = _check(data, unit, time, codes)
        if guess is not None:
            score = 2 * _unit_score(unit, data.n_obs) + 2 * _time_score(time) + guess.balanced
            scored.append((-score, order, guess))
    return [guess for _, _, guess in sorted(scored, key=lambda item: item[:2])[:_MAX_GUESSES]]


def _time_score(column: ColumnProfile) -> int:
    """0: cannot be time; more: likelier."""
    if column.n_unique < 2 or column.inferred_type not in ("integer", "datetime"):
        return 0
    named = bool(_TIME_NAME.search(column.original_name) or _TIME_NAME.search(column.label))
    if column.inferred_type == "datetime":
        return 4 + named
    low, high = column.min, column.max
    looks_like_years = (
        isinstance(low, (int, float)) and isinstance(high, (int, float)) and (_YEARS[0] <= low and high <= _YEARS[1])
    )
    if looks_like_years:
        return 3 + 2 * named
    return 2 if named else 0


def _unit_score(column: ColumnProfile, n_rows: int) -> int:
    if column.n_unique < 2 or column.n_unique * _LEAST_PERIODS > n_rows:
        return 0
    if column.inferred_type not in ("string", "integer", "boolean") or _time_score(column) >= 3:
        return 0
    named = bool(_UNIT_NAME.search(column.original_name) or _UNIT_NAME.search(column.label))
    if column.inferred_type == "string":
        return 2 + 2 * named
    return 1 + 3 * named


def _check(
    data: Dataset, unit: ColumnProfile, time: ColumnProfile, codes: dict[str, NDArray[np.int64]]
) -> PanelGuess | None:
    units, times = (_codes(data, column.stata_name, codes) for column in (unit, time))
    present = (units >= 0) & (times >= 0)
    n_rows = int(present.sum())
    if n_rows < _LEAST_PRESENT * data.n_obs:
        return None
    pairs = units[present] * (int(times.max()) + 1) + times[present]
    if len(np.unique(pairs)) != n_rows:
        return None
    n_entities, n_periods = len(np.unique(units[present])), len(np.unique(times[present]))
    if n_rows < _LEAST_PERIODS * n_entities:
        return None
    return PanelGuess(
        entity=unit.stata_name,
        time=time.stata_name,
        n_entities=n_entities,
        n_periods=n_periods,
        balanced=n_rows == n_entities * n_periods,
    )


def _codes(data: Dataset, name: str, known: dict[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    if name not in known:
        known[name] = _numbered(data.variables[name])
    return known[name]


def _numbered(variable: Variable) -> NDArray[np.int64]:
    """0, 1, … for the distinct values; -1 for missing."""
    values: Any = variable.values
    if variable.is_string:
        seen: dict[str, int] = {"": -1}
        return np.array([seen.setdefault(text, len(seen) - 1) for text in values.tolist()], dtype=np.int64)
    result = np.unique(values, return_inverse=True)[1].astype(np.int64)
    result[stored_missing(values, variable.type)] = -1
    return result
