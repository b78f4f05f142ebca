"""vecrank: Johansen tests for the number of cointegrating equations."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource
from ssd.engine.commands.timeseries_sample import has_gaps, one_panel, sample_span
from ssd.engine.commands.timeseries_var import components, lagged_part
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, insufficient_observations, no_observations, unsupported
from ssd.engine.output.estimation import number
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.cointegration import LARGEST, Johansen, Trend, critical_values, johansen
from ssd.engine.stats.design import complete

if TYPE_CHECKING:
    from ssd.engine.session import Session

_TRENDS = ("none", "rconstant", "constant", "rtrend", "trend")


@command(
    "vecrank",
    "varlist(numeric ts) [if] [in] [, LAgs(integer 2) Trend(string) MAx IC LEVEL99 LEVELA NOTRace]",
    stored="r/e: e(N) e(k_eq) e(k_rank) e(tmin) e(tmax) e(n_lags) e(k_ce95) e(k_ce99) e(cmd) e(trend) e(trace) e(max) "
    "e(ll) e(lambda) e(k_rank)",
    refused="sindicators(), noreduce; more than 8 variables",
)
def vecrank(session: Session, line: Line) -> None:
    """Johansen trace and maximum-eigenvalue tests."""
    if line.flag("ic"):
        raise unsupported("vecrank, ic is")
    parts = components(session, line.varlist, "the variables")
    k = len(parts)
    lags = int(str(line.options["lags"]))
    typed = (line.text_option("trend") or "constant").strip()
    chosen = next((name for name in _TRENDS if typed and name.startswith(typed)), None)
    if chosen is None:
        raise StataError(198, f"trend({typed}) invalid")
    trend = cast("Trend", chosen)
    if k < 2 or lags < 1:
        raise StataError(198, "two or more variables and a positive number of lags are required")
    if lags >= session.data.n_obs:
        raise no_observations()
    if k > LARGEST:
        raise unsupported(f"vecrank with more than {LARGEST} variables is")
    settings = require_time(session.data)
    source = SessionSource(session)
    needed = [lagged_part(part, lag) for part in parts for lag in range(lags + 1)]
    rows = complete([(part,) for part in needed], source, line.sample(session))
    if not rows.any():
        raise no_observations()
    one_panel(settings, source, rows)
    if has_gaps(settings, source, rows):
        raise unsupported("vecrank over a sample with gaps is")
    levels = [
        np.column_stack([source.get(p.variable, p.operator)[rows] for p in (lagged_part(q, lag) for q in parts)])
        for lag in range(lags + 1)
    ]
    changes = [levels[lag] - levels[lag + 1] for lag in range(lags)]
    n = len(levels[0])
    if n <= k * lags + 2:
        raise insufficient_observations()
    lagged = np.column_stack(changes[1:]) if lags > 1 else np.empty((n, 0))
    time = (source.get(settings.time)[rows] - source.get(settings.time)[rows].min()) / settings.delta + 1.0
    result = johansen(changes[0], levels[1], lagged, trend, time)
    _print(session, line, result, trend, lags, sample_span(session, rows))
    _store(session, result, trend, lags)


def _selected(result: Johansen, trend: Trend, column: int, statistics: list[float]) -> int:
    """The smallest rank that is not rejected."""
    k = len(result.eigenvalues)
    for rank, value in enumerate(statistics):
        if value < critical_values(trend, k - rank)[column]:
            return rank
    return k


def _print(session: Session, line: Line, result: Johansen, trend: Trend, lags: int, span: tuple[str, str]) -> None:
    log = session.log
    name = {"none": "None", "rconstant": "Rconstant", "constant": "Constant", "rtrend": "Rtrend", "trend": "Trend"}[
        trend
    ]
    both, only_one = line.flag("levela"), line.flag("level99")
    log.line()
    log.line("Johansen tests for cointegration")
    log.line(f"{f'Trend: {name}':<38}Number of obs  = {result.n:>4}")
    log.line(f"{f'Sample: {span[0]} thru {span[1]}':<38}Number of lags = {lags:>4}")
    tables = [] if line.flag("notrace") else [("Trace", result.trace, 0)]
    if line.flag("max"):
        tables.append(("Max", result.maximum, 2))
    for title, statistics, column in tables:
        levels = [(column, "5%"), (column + 1, "1%")] if both else [(column + only_one, "1%" if only_one else "5%")]
        wide = 51 + 11 * len(levels)
        log.line("-" * wide)
        log.line(f"Maximum{title:>43}{'Critical value':>{max(11 * len(levels), 15)}}")
        heads = "".join(f"{text:>11}" for _, text in levels)
        log.line(f"   rank  Params           LL   Eigenvalue  statistic{heads}")
        log.line("-" * wide)
        selected = _selected(result, trend, levels[0][0], statistics)
        for rank, ll in enumerate(result.log_likelihoods):
            value = "." if rank == 0 else f"{result.eigenvalues[rank - 1]:.5f}"
            text = f"{rank:>7}{result.parameters[rank]:>8}{number(ll, '%10.0g'):>13}{value:>13}"
            if rank < len(statistics):
                mark = "*" if rank == selected else " "
                text += f"{statistics[rank]:>11.4f}{mark}"
                cells = [critical_values(trend, len(statistics) - rank)[c] for c, _ in levels]
                text += f"{cells[0]:>10.2f}" + "".join(f"{c:>11.2f}" for c in cells[1:])
            log.line(text.rstrip())
        log.line("-" * wide)
    log.line("* selected rank")


def _store(session: Session, result: Johansen, trend: Trend, lags: int) -> None:
    k = len(result.eigenvalues)
    session.e = ResultSet(
        scalars={
            "N": float(result.n), "k_eq": float(k), "n_lags": float(lags),
            "k_ce95": float(_selected(result, trend, 0, result.trace)),
            "k_ce99": float(_selected(result, trend, 1, result.trace)),
        },
        macros={"cmd": "vecrank", "trend": trend},
        matrices={
            "trace": Matrix.of(np.array(result.trace)), "max": Matrix.of(np.array(result.maximum)),
            "ll": Matrix.of(np.array(result.log_likelihoods)), "lambda": Matrix.of(result.eigenvalues),
            "k_rank": Matrix.of(np.array(result.parameters, dtype=np.float64)),
        },
    )  # fmt: skip
