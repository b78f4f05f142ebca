"""sts graph: survivor, failure and cumulative hazard functions with bands and a table of numbers at risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.survival_sample import Grouping, group_records, open_analysis
from ssd.engine.errors import StataError, unsupported
from ssd.engine.graphics.model import Graph, Layer, Panel, Style, Text
from ssd.engine.graphics.options import Options, read_axis, read_graph, read_style
from ssd.engine.graphics.twoway import finish
from ssd.engine.lang.syntax import parse_range, split_line
from ssd.engine.missing import FloatArray
from ssd.engine.stats.survival_curves import Curve, curve, numbers_at_risk, select

if TYPE_CHECKING:
    from ssd.engine.data.survival import Records
    from ssd.engine.session import Session


def line_of(session: Session, text: str) -> tuple[Line, Options]:
    """The `if` and `in` of the command and its options, unread."""
    parts = split_line(text)
    if parts.subject.strip():
        raise StataError(101, "varlist not allowed")
    line = Line("sts graph", text)
    line.condition = parts.condition
    if parts.range is not None:
        line.range = parse_range(parts.range, session.data.n_obs)
    return line, Options(parts.options)


def _kind(options: Options) -> str:
    chosen = [
        name
        for name, word, least in (
            ("survival", "survival", 3), ("failure", "failure", 1), ("hazard", "hazard", 1), ("cumhaz", "cumhaz", 4),
            ("cumhaz", "na", 2),
        )
        if options.flag(word, least)
    ]  # fmt: skip
    if len(chosen) > 1:
        raise StataError(198, f"options {chosen[0]} and {chosen[1]} may not be combined")
    return chosen[0] if chosen else "survival"


def draw_curves(session: Session, text: str) -> None:
    """Show the estimated functions of all groups."""
    line, options = line_of(session, text)
    kind = _kind(options)
    if kind == "hazard":
        raise unsupported("the smoothed hazard of sts graph is")
    for name, least in (("strata", 2), ("adjustfor", 2), ("plotopts", 5), ("ciopts", 4), ("addplot", 7), ("atrisk", 3),
                        ("censored", 3), ("lost", 4), ("enter", 1), ("separate", 3), ("tmin", 3)):  # fmt: skip
        options.refuse(name, least)
    by_text = options.take("by", 2)
    names = session.expand_varlist(by_text) if by_text else []
    band = options.flag("ci", 2) | options.flag("gwood", 1) | options.flag("cna", 3)
    per = options.number(session, "per", 3) or 1.0
    tmax = options.number(session, "tmax", 3)
    level = options.number(session, "level", 1) or float(session.settings.get("level", "95"))
    table = bool(options.take_all("risktable", 5))
    origin = not options.flag("noorigin", 5)
    line.options["noshow"] = options.flag("noshow", 4)
    _, records = open_analysis(session, line, names)
    groups = group_records(session, records, names)
    curves = [curve(select(records, groups.ids == g)) for g in range(groups.count)]
    panel = _panel(session, options, groups, curves, kind, per, tmax, band, level, origin)
    titles = {"survival": "Kaplan–Meier survival estimate", "failure": "Kaplan–Meier failure estimate",
              "cumhaz": "Nelson–Aalen cumulative hazard estimate"}  # fmt: skip
    graph = Graph(title=Text(titles[kind] + ("s" if names else "")), panels=[panel])
    read_graph(options, graph, session)
    read_axis(options, "x", panel.x, session)
    read_axis(options, "y", panel.y, session)
    if graph.legend.shown is None:
        graph.legend.shown = bool(names) or band
    if table:
        _add_risk_table(panel, groups, records)
    finish(session, graph, options)


def _panel(
    session: Session, options: Options, groups: Grouping, curves: list[Curve], kind: str, per: float,
    tmax: float | None, band: bool, level: float, origin: bool,
) -> Panel:  # fmt: skip
    layers: list[Layer] = []
    base = read_style(options, session)
    for g, found in enumerate(curves):
        values, low, high = _function(found, kind, level)
        time, values = _steps(found.time, values * per, tmax, 0.0 if kind != "survival" else per, origin)
        if band:
            x, bottom = _doubled(found.time, low * per, tmax)
            _, top = _doubled(found.time, high * per, tmax)
            known = np.isfinite(bottom) & np.isfinite(top)
            layers.append(Layer("rarea", x[known], bottom[known], top[known], label=f"{level:g}% CI",
                                style=Style(opacity=0.25), color_index=g, keyed=True))  # fmt: skip
        style = Style(**{**base.__dict__, "step": True})
        layers.append(Layer("line", time, values, label=groups.titles[g].replace("=", " = ") or "", style=style,
                            color_index=g))  # fmt: skip
    panel = Panel(layers=layers)
    panel.x.title = Text("Analysis time")
    if kind != "cumhaz":
        panel.y.low, panel.y.high = 0.0, per
        ticks = panel.y.ticks
        ticks.positions = [per * share for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
        ticks.texts = [f"{value:.2f}" if per == 1.0 else f"{value:g}" for value in ticks.positions]
    else:
        panel.y.low = 0.0
    panel.x.low = 0.0 if origin else None
    return panel


def _function(found: Curve, kind: str, level: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    if kind == "cumhaz":
        return (found.cumulative, *found.cumulative_limits(level))
    low, high = found.survivor_limits(level)
    if kind == "failure":
        return 1.0 - found.survivor, 1.0 - high, 1.0 - low
    return found.survivor, low, high


def _steps(time: FloatArray, values: FloatArray, tmax: float | None, start: float, origin: bool
           ) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    if origin:
        time, values = np.insert(time, 0, 0.0), np.insert(values, 0, start)
    if tmax is not None:
        inside = time <= tmax
        last = values[inside][-1:] if inside.any() else values[:0]
        beyond = bool(np.any(~inside))
        time, values = time[inside], values[inside]
        if beyond and last.size:
            time, values = np.append(time, tmax), np.append(values, last)
    return time, values


def _doubled(time: FloatArray, values: FloatArray, tmax: float | None) -> tuple[FloatArray, FloatArray]:
    """The corners of a step function, for areas."""
    if tmax is not None:
        time, values = time[time <= tmax], values[time <= tmax]
    if not time.size:
        return time, values
    x = np.repeat(time, 2)[1:]
    return x, np.repeat(values, 2)[:-1]


def _add_risk_table(panel: Panel, groups: Grouping, records: Records) -> None:
    """Numbers at risk below the axis, as lines of its title."""
    last = float(records.t.max())
    if panel.x.ticks.positions:
        points = np.array(panel.x.ticks.positions)
    else:
        step = _nice_step(last)
        points = np.arange(0.0, last + step / 2.0, step)
        panel.x.ticks.positions = [float(point) for point in points]
        panel.x.ticks.texts = ["" for _ in points]
    rows = []
    for g in range(groups.count):
        part = select(records, groups.ids == g)
        counts = numbers_at_risk(part.t0, part.t, part.w, np.maximum(points, np.nextafter(0.0, 1.0)))
        rows.append([f"{value:g}" for value in counts])
    texts = []
    for j, point in enumerate(points):
        texts.append("\n".join([f"{point:g}", *([""] if groups.names else []), *(row[j] for row in rows)]))
    panel.x.ticks.texts = texts
    order = ", ".join(groups.titles) if groups.names else ""
    title = panel.x.title.text if panel.x.title is not None else ""
    panel.x.title = Text(f"{title}\nNumber at risk{f' (rows: {order})' if order else ''}")


def _nice_step(last: float) -> float:
    raw = last / 4.0
    power = 10.0 ** np.floor(np.log10(raw)) if raw > 0 else 1.0
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0):
        if raw <= factor * power * 1.0001:
            return float(factor * power)
    return float(10.0 * power)
