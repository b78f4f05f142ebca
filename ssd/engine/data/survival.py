"""The survival-time structure of the data: what stset declared, kept in characteristics under Stata's own names.

A record says that a subject was at risk over the interval (_t0, _t] and, when _d is 1, failed at _t.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ssd.engine.data.dataset import Dataset
from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray, is_missing

_FIELDS: Final = {
    "time": "st_bt", "failure": "st_bd", "events": "st_ev", "id": "st_id", "time0": "st_bt0", "origin": "st_orig",
    "scale": "st_s", "enter": "st_enter", "exit": "st_exit", "condition": "st_ifexp", "if_option": "st_if",
    "ever": "st_ever", "never": "st_never", "after": "st_after", "before": "st_before", "weight_kind": "st_wt",
    "weight": "st_wv", "show": "st_show",
}  # fmt: skip
VARIABLES: Final = ("_st", "_d", "_t", "_t0")


@dataclass(frozen=True)
class SurvivalSettings:
    """One stset: every field is the text as typed; an empty text means the option was not given."""

    time: str
    failure: str = ""
    events: str = ""
    """Numbers after `==` in failure(); empty: any value but zero and missing."""
    id: str = ""
    time0: str = ""
    origin: str = ""
    scale: str = "1"
    enter: str = ""
    exit: str = ""
    condition: str = ""
    if_option: str = ""
    ever: str = ""
    never: str = ""
    after: str = ""
    before: str = ""
    weight_kind: str = ""
    weight: str = ""
    show: str = ""
    """`noshow` when the reminder before each command is off."""

    @property
    def failure_text(self) -> str:
        """How commands remind of the failure event."""
        if not self.failure:
            return "1 (meaning all fail)"
        return f"{self.failure}=={self.events}" if self.events else self.failure

    @property
    def event_text(self) -> str:
        """How stset reports the failure event."""
        if not self.failure:
            return f"(assumed to fail at time={self.time})"
        return f"{self.failure}=={self.events}" if self.events else f"{self.failure}!=0 & {self.failure}<."

    @property
    def time_text(self) -> str:
        """How commands remind of analysis time."""
        text = f"({self.time}-origin)" if self.origin else self.time
        return text if self.scale == "1" else f"{text}/{self.scale}"

    @property
    def interval_text(self) -> str:
        start = self.time0 or (f"{self.time}[_n-1]" if self.id else ("origin" if self.origin else "0"))
        return f"({start}, {self.time}]"


def survival_settings(data: Dataset) -> SurvivalSettings | None:
    """What stset declared, or None."""
    time = data.chars.get("st_bt", "")
    if data.chars.get("_dta") != "st" or not time:
        return None
    values = {name: data.chars.get(key, "") for name, key in _FIELDS.items()}
    values["scale"] = values["scale"] or "1"
    return SurvivalSettings(**values)


def store_survival_settings(data: Dataset, settings: SurvivalSettings | None) -> None:
    for key in [key for key in data.chars if key.startswith("st_")]:
        del data.chars[key]
    data.chars.pop("_dta", None)
    if settings is None:
        return
    data.chars["_dta"] = "st"
    data.chars["st_ver"] = "2"
    for name, key in _FIELDS.items():
        value = str(getattr(settings, name))
        if value:
            data.chars[key] = value
    data.chars.update(st_d="_d", st_t="_t", st_t0="_t0")


def require_survival(data: Dataset) -> SurvivalSettings:
    """The settings. Raises r(119) when the data are not survival-time data, r(111) when _st, _d, _t or _t0 is gone."""
    settings = survival_settings(data)
    if settings is None:
        raise StataError(119, "data not st")
    for name in VARIABLES:
        if name not in data.variables:
            raise StataError(111, f"variable {name} not found")
    return settings


@dataclass(frozen=True)
class Records:
    """The records of one analysis, in data order: entry and exit time, failure (0/1), weights, subjects."""

    rows: BoolArray
    """Which observations of the data they are."""
    t0: FloatArray
    t: FloatArray
    d: FloatArray
    w: FloatArray
    """Weights; ones when stset had none."""
    subject: FloatArray
    """Number of the subject, 0-based."""

    @property
    def n(self) -> int:
        return len(self.t)

    @property
    def subjects(self) -> int:
        return int(np.unique(self.subject).size)

    @property
    def time_at_risk(self) -> float:
        return float(self.w @ (self.t - self.t0))

    @property
    def failures(self) -> float:
        return float(self.w @ self.d)


def at_risk_rows(data: Dataset, mask: BoolArray) -> BoolArray:
    """The observations of `mask` that stset marked with _st."""
    st = data.numeric("_st")
    known: BoolArray = mask & (st == 1.0) & ~is_missing(data.numeric("_t")) & ~is_missing(data.numeric("_t0"))
    return known


def subject_numbers(data: Dataset, settings: SurvivalSettings, rows: BoolArray) -> FloatArray:
    """0-based subject of each selected record; every record is a subject of its own without id()."""
    count = int(np.count_nonzero(rows))
    if not settings.id:
        return np.arange(count, dtype=np.float64)
    column = data.variable(settings.id)
    values = data.strings(settings.id).astype(str) if column.is_string else data.numeric(settings.id)
    numbers: FloatArray = np.unique(values[rows], return_inverse=True)[1].reshape(-1).astype(np.float64)
    return numbers
