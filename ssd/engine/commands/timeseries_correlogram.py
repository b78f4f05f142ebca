"""corrgram, ac, pac, wntestq: autocorrelations of one series."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.timeseries_sample import Series, forbid_gaps, one_series
from ssd.engine.data.names import check_name
from ssd.engine.errors import StataError, already_defined
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import number
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.autocorrelation import (
    autocorrelations,
    bartlett_errors,
    ljung_box,
    partial_by_recursion,
    partial_by_regression,
)
from ssd.engine.stats.distributions import chi2_tail, critical

if TYPE_CHECKING:
    from ssd.engine.session import Session


def _checked(session: Session, line: Line) -> tuple[Series, FloatArray, int]:
    """The series, its values and the number of lags (by default the smaller of [n/2] - 2 and 40)."""
    series = one_series(session, line)
    forbid_gaps(series)
    y = series.sample
    n = len(y)
    typed = line.options.get("lags")
    lags = int(typed) if isinstance(typed, int | float) and "lags" in line.typed else min(n // 2 - 2, 40)
    if lags < 1:
        raise StataError(198, "lags() must be at least 1" if "lags" in line.typed else "insufficient observations")
    if lags >= n:
        raise StataError(498, "lags() too large; must be less than number of observations")
    return series, y, lags


def _bar(value: float) -> str:
    """A correlation as a bar of up to 8 dashes to the left or right of an axis."""
    length = min(int(8 * abs(value)), 8) if math.isfinite(value) else 0
    if value >= 0:
        return " " * 8 + "|" + "-" * length
    return " " * (8 - length) + "-" * length + "|"


@command(
    "corrgram",
    "varlist(ts numeric) [if] [in] [, LAgs(integer 0) NOPlot YW]",
    minimum=5,
    stored="r(lags) r(ac#) r(pac#) r(q#) r(AC) r(PAC) r(Q)",
)
def corrgram(session: Session, line: Line) -> None:
    """Table of autocorrelations, partial autocorrelations and portmanteau statistics."""
    _, y, lags = _checked(session, line)
    r = autocorrelations(y, lags)
    q = ljung_box(r, len(y))
    most = max(len(y) // 2 - 2, 0)
    pac = np.full(lags, np.nan)
    used = min(lags, most)
    pac[:used] = partial_by_recursion(r[:used]) if line.flag("yw") else partial_by_regression(y, used)
    plot = not line.flag("noplot")
    log = session.log
    log.line()
    heading = " LAG       AC       PAC      Q     Prob>Q"
    if plot:
        log.line(" " * 42 + "-1       0       1 -1       0       1")
        heading += "  [Autocorrelation]  [Partial autocor]"
    log.line(heading)
    log.line("-" * (79 if plot else 41))
    for k in range(lags):
        p = chi2_tail(float(q[k]), k + 1)
        partial = f"{pac[k]:7.4f}" if np.isfinite(pac[k]) else f"{'.':>7}"
        text = f"{k + 1:<6}  {r[k]:7.4f}  {partial}  {number(float(q[k]), '%7.0g'):>7}  {p:6.4f}"
        if plot:
            text += f"  {_bar(float(r[k])):<17}  " + (_bar(float(pac[k])) if np.isfinite(pac[k]) else "")
        log.line(text.rstrip())
    results = ResultSet(scalars={"lags": float(lags)})
    for k in reversed(range(lags)):
        for name, values in (("q", q), ("pac", pac), ("ac", r)):
            results.scalars[f"{name}{k + 1}"] = float(values[k]) if np.isfinite(values[k]) else MISSING
    columns = [f"L{k + 1}" for k in range(lags)]
    results.matrices = {
        "AC": Matrix.of(r, None, columns),
        "PAC": Matrix.of(pac[:used], None, columns[:used]),
        "Q": Matrix.of(q, None, columns),
    }
    session.r = results


@command(
    "wntestq",
    "varlist(ts numeric) [if] [in] [, LAgs(integer 0)]",
    stored="r(stat) r(df) r(p)",
)
def wntestq(session: Session, line: Line) -> None:
    """Portmanteau (Q) test for white noise."""
    _, y, lags = _checked(session, line)
    q = float(ljung_box(autocorrelations(y, lags), len(y))[-1])
    p = chi2_tail(q, lags)
    log = session.log
    log.line()
    log.line("Portmanteau test for white noise")
    log.line("-" * 39)
    log.line(f" Portmanteau (Q) statistic = {q:10.4f}")
    log.line(f" {f'Prob > chi2({lags})':<25} = {p:10.4f}")
    session.r = ResultSet(scalars={"stat": q, "df": float(lags), "p": p})


def _show_graph(
    session: Session, line: Line, values: FloatArray, half_width: FloatArray, y_title: str, note: str
) -> None:
    from ssd.engine.graphics.model import Graph, Layer, Panel, Text
    from ssd.engine.graphics.options import Options, read_axis, read_graph, read_style
    from ssd.engine.graphics.twoway import finish

    options = Options(line.text_option("*"))
    lags = np.arange(1.0, len(values) + 1.0)
    band = Layer("rarea", lags, -half_width, half_width, keyed=False, color_index=1)
    band.style.opacity = 0.3
    spikes = Layer("dropline", lags, values, style=read_style(options, session), keyed=False, color_index=0)
    panel = Panel(layers=[band, spikes])
    panel.x.title, panel.y.title = Text("Lag"), Text(y_title)
    graph = Graph(panels=[panel], note=Text(note))
    graph.legend.shown = False
    read_graph(options, graph, session)
    read_axis(options, "x", panel.x, session)
    read_axis(options, "y", panel.y, session)
    finish(session, graph, options)


def _generate(session: Session, line: Line, values: FloatArray) -> None:
    """Put lag k's value into observation k of a new variable."""
    name = line.text_option("generate")
    if not name:
        return
    check_name(name)
    if name in session.data.variables:
        raise already_defined(name)
    full = np.full(session.data.n_obs, MISSING)
    count = min(len(values), session.data.n_obs)
    full[:count] = np.where(np.isfinite(values[:count]), values[:count], MISSING)
    session.data.add(name, full, "float")


@command(
    "ac",
    "varlist(ts numeric) [if] [in] [, LAgs(integer 0) GENerate(name) Level(cilevel) NOGRAPH *]",
    stored="the graph in memory; the variable of generate()",
    refused="fft, ciopts()",
)
def ac(session: Session, line: Line) -> None:
    """Graph of autocorrelations with Bartlett confidence bands."""
    series, y, lags = _checked(session, line)
    r = autocorrelations(y, lags)
    level = _level(session, line)
    _generate(session, line, r)
    if not line.flag("nograph"):
        half = critical(level, None) * bartlett_errors(r, len(y))
        note = f"Bartlett's formula for MA(q) {level:g}% confidence bands"
        _show_graph(session, line, r, half, f"Autocorrelations of {series.name}", note)


@command(
    "pac",
    "varlist(ts numeric) [if] [in] [, LAgs(integer 0) GENerate(name) YW Level(cilevel) NOGRAPH *]",
    stored="the graph in memory; the variable of generate()",
    refused="srv, ciopts()",
)
def pac(session: Session, line: Line) -> None:
    """Graph of partial autocorrelations with confidence bands."""
    series, y, lags = _checked(session, line)
    if lags > len(y) // 2 - 2:
        raise StataError(498, f"lags() too large; must be less than {len(y) // 2 - 1}")
    values = partial_by_recursion(autocorrelations(y, lags)) if line.flag("yw") else partial_by_regression(y, lags)
    level = _level(session, line)
    _generate(session, line, values)
    if not line.flag("nograph"):
        half = np.full(lags, critical(level, None) / np.sqrt(len(y)))
        note = f"{level:g}% confidence bands [se = 1/sqrt(n)]"
        _show_graph(session, line, values, half, f"Partial autocorrelations of {series.name}", note)


def _level(session: Session, line: Line) -> float:
    from ssd.engine.commands.estimation import level_of

    return level_of(session, line)
