"""xtline: line plots of panel data."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import value_text
from ssd.engine.commands.graph import REFUSED, draw_twoway
from ssd.engine.commands.panel import panel_variable
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.graphics.options import Options
from ssd.engine.lang.quoting import split_comma
from ssd.engine.lang.syntax import split_line
from ssd.engine.missing import is_missing
from ssd.engine.session import Session

_MOST = 100
"""Lines that can be overlaid."""


@command("xtline", "*", stored="the graph in memory", refused="plot#opts() beyond 20; " + REFUSED)
def xtline(session: Session, line: Line) -> None:
    """Lines over time: a panel of the graph for each unit, or all in one with overlay."""
    main, text = split_comma(line.text)
    options = Options(text)
    overlay = options.flag("overlay", 2)
    unit, period = options.take("i", 1), options.take("t", 1)
    ident = panel_variable(session, unit)
    time = session.variable_named(period) if period else require_time(session.data).time
    parts = split_line(main, equals=False)
    names = session.expand_varlist(parts.subject) if parts.subject else []
    if not names:
        raise StataError(100, "varlist required")
    where = (f" if {parts.condition}" if parts.condition is not None else "") + (
        f" in {parts.range}" if parts.range is not None else ""
    )
    if not overlay:
        by = options.take("byopts", 5) or options.take("byoptions", 5) or ""
        rest = " ".join(str(item) for item in options.items)
        draw_twoway(session, f"line {' '.join(names)} {time}{where}, sort by({ident}, {by}) {rest}")
        return
    if len(names) > 1:
        raise StataError(103, "too many variables specified with overlay")
    ids = session.data.numeric(ident)
    kept = ~is_missing(ids)
    if parts.condition is not None:
        kept &= session.evaluate_condition(parts.condition)
    units = np.unique(ids[kept])
    if units.size == 0:
        raise no_observations()
    if units.size > _MOST:
        raise unsupported(f"xtline, overlay of more than {_MOST} panels")
    styles = {number: options.take(f"plot{number}opts", 9) or "" for number in range(1, min(units.size, 20) + 1)}
    plots = []
    for number, value in enumerate(units.tolist(), start=1):
        condition = f"{ident} == {value!r}" + (f" & ({parts.condition})" if parts.condition is not None else "")
        inside = f" in {parts.range}" if parts.range is not None else ""
        plots.append(f"(line {names[0]} {time} if {condition}{inside}, sort {styles.get(number, '')})")
    labels = " ".join(
        f'label({number} "{value_text(session, ident, value)}")' for number, value in enumerate(units.tolist(), start=1)
    )
    rest = " ".join(str(item) for item in options.items)
    draw_twoway(session, f"{' '.join(plots)}, legend({labels} on) {rest}")
