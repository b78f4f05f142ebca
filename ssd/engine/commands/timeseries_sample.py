"""The observations a single-series command works on: one panel, in time order, checked for gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import SessionSource, operated_name, parse_varlist, require_numeric
from ssd.engine.data.timeseries import TimeSettings, require_time
from ssd.engine.errors import StataError, no_observations
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.formats import format_value
from ssd.engine.stats.terms import Component

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass(frozen=True)
class Series:
    """One variable, with its operators, on the sample of the line."""

    name: str
    variable: str
    operator: str
    rows: BoolArray
    settings: TimeSettings
    source: SessionSource

    def values(self, operator: str = "") -> FloatArray:
        """All observations of the series under a further operator such as `L` or `D`."""
        return self.source.get(self.variable, operator + self.operator)

    @property
    def sample(self) -> FloatArray:
        return self.values()[self.rows]


def one_series(session: Session, line: Line) -> Series:
    """The series of a line that names one variable. Raises r(102), r(103), r(459), r(2000)."""
    terms = parse_varlist(session, line.varlist)
    if len(terms) != 1:
        raise StataError(
            103 if terms else 102, "too many variables specified" if terms else "too few variables specified"
        )
    require_numeric(session, terms)
    part = terms[0][0]
    if len(terms[0]) != 1 or part.kind == "i":
        raise StataError(101, "factor variables not allowed")
    return series_of(session, line, part)


def series_of(session: Session, line: Line, part: Component) -> Series:
    settings = require_time(session.data)
    source = SessionSource(session)
    rows = line.sample(session) & ~is_missing(source.get(part.variable, part.operator))
    rows &= ~is_missing(source.get(settings.time))
    if not rows.any():
        raise no_observations()
    one_panel(settings, source, rows)
    return Series(operated_name(part), part.variable, part.operator, rows, settings, source)


def one_panel(settings: TimeSettings, source: SessionSource, rows: BoolArray) -> None:
    """Raises r(459) when the sample holds several panels."""
    if settings.panel and np.unique(source.get(settings.panel)[rows]).size > 1:
        raise StataError(459, "sample may not include multiple panels")


def has_gaps(settings: TimeSettings, source: SessionSource, rows: BoolArray) -> bool:
    steps = np.diff(source.get(settings.time)[rows])
    return bool(np.any(np.abs(steps - settings.delta) > 1e-9 * max(settings.delta, 1.0)))


def forbid_gaps(series: Series) -> None:
    """Raises r(498) when times are missing inside the sample."""
    if has_gaps(series.settings, series.source, series.rows):
        raise StataError(498, "sample may not contain gaps")


def time_text(session: Session, value: float) -> str:
    """A time in the display format of the time variable."""
    variable = session.data.variables[require_time(session.data).time]
    return format_value(value, variable.format).strip()


def sample_span(session: Session, rows: BoolArray) -> tuple[str, str]:
    """First and last time of a sample, formatted (e(tmins), e(tmaxs))."""
    times = session.data.numeric(require_time(session.data).time)[rows]
    return time_text(session, float(times.min())), time_text(session, float(times.max()))
