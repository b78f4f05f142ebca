"""xtbalance (SSC): keep the panels that are observed in every period of a range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.panel import panel_variable
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError
from ssd.engine.missing import is_missing
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("xtbalance", "[, Range(numlist) Miss(varlist)]", stored="r(N) r(N_drop)")
def xtbalance(session: Session, line: Line) -> None:
    """Make a balanced panel: panels lacking a period of the range, or a value of miss(), are dropped."""
    data = session.data
    limits = line.options.get("range")
    if not isinstance(limits, list) or len(limits) != 2:
        raise StataError(198, "option range(# #) required")
    low, high = (float(each) for each in limits)
    if low > high:
        raise StataError(198, "range(): the first number must not exceed the second")
    panel = panel_variable(session, None)
    settings = require_time(data)
    time, ids = data.numeric(settings.time), data.numeric(panel)
    inside = (time >= low) & (time <= high) & ~is_missing(ids)
    named = line.options.get("miss")
    complete = np.ones(data.n_obs, dtype=np.bool_)
    for name in named if isinstance(named, list) else []:
        complete &= data.variables[str(name)].values != "" if data.variables[str(name)].is_string else ~is_missing(
            data.numeric(str(name))
        )  # fmt: skip
    periods = round((high - low) / settings.delta) + 1
    _, number = np.unique(ids[inside & complete], return_inverse=True)
    kept = inside & complete
    sizes = np.bincount(number.reshape(-1))
    kept[kept] = sizes[number.reshape(-1)] == periods
    out_of_range, incomplete = int((~inside).sum()), int((inside & ~complete).sum())
    gaps = data.n_obs - out_of_range - incomplete - int(kept.sum())
    log = session.log
    log.line(f"({out_of_range} observations deleted due to out of range) ")
    if incomplete:
        log.line(f"({incomplete} observations deleted due to missing) ")
    log.line(f"({gaps} observations deleted due to discontinues) ")
    before = data.n_obs
    data.keep_observations(kept)
    session.r = ResultSet(scalars={"N": float(data.n_obs), "N_drop": float(before - data.n_obs)})
