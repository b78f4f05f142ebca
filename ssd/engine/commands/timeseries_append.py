"""tsappend: add future periods to time-series data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("tsappend", "[, Add(integer 0) Last(string) TSFmt(string) Panel(string)]", stored="r(add)",
         refused="panel();")  # fmt: skip
def tsappend(session: Session, line: Line) -> None:
    """Add future periods to the data."""
    if line.text_option("panel"):
        raise unsupported("tsappend, panel() is")
    data = session.data
    settings = require_time(data)
    time = data.numeric(settings.time)
    panel = data.numeric(settings.panel) if settings.panel else np.zeros(data.n_obs)
    known = (time < MISSING) & (panel < MISSING)
    units, ids = np.unique(panel[known], return_inverse=True)
    ends = np.full(units.size, -np.inf)
    np.maximum.at(ends, ids, time[known])
    add = int(str(line.options["add"]))
    last = line.text_option("last")
    if (add > 0) == bool(last):
        raise StataError(198, "you must specify either add() or last() and tsfmt()")
    if last:
        kind = line.text_option("tsfmt") or data.variables[settings.time].format.lstrip("%")
        final = session.evaluate_number(f"{kind[:2]}({last})")
        counts = np.maximum(np.rint((final - ends) / settings.delta), 0.0).astype(np.intp)
    else:
        counts = np.full(units.size, add, dtype=np.intp)
    total = int(counts.sum())
    unit = np.repeat(np.arange(units.size), counts)
    offset = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts) + 1.0
    data.set_obs(data.n_obs + total)
    data.replace(settings.time, np.concatenate([time, ends[unit] + offset * settings.delta]))
    names = [settings.time]
    if settings.panel:
        data.replace(settings.panel, np.concatenate([panel, units[unit]]))
        names.insert(0, settings.panel)
    data.sort(names)
    session.r = ResultSet(scalars={"add": float(counts.max()) if counts.size else 0.0})
