"""graph bar, hbar, dot, box, hbox, pie, matrix: graphs over categories."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ssd.engine.commands.describe_selection import Categories, categories, heading, numeric_columns, present
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.graphics.colors import color
from ssd.engine.graphics.model import Axis, Graph, Layer, Panel, Style, Text, Ticks
from ssd.engine.graphics.options import (
    Options,
    quoted_lines,
    read_axis,
    read_graph,
    read_style,
    split_suboptions,
)
from ssd.engine.graphics.twoway import finish, read_by
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.lang.quoting import closing
from ssd.engine.lang.syntax import parse_weight, split_line
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.formats import format_value
from ssd.engine.session import Session
from ssd.engine.stats.summary_table import canonical_statistic, statistic


@dataclass
class _Over:
    """One over(): its categories, the observations they are computed on, and how they are shown."""

    groups: Categories
    sort: str = ""
    descending: bool = False
    labels: dict[int, str] | None = None
    angle: float = 0.0
    size: float | None = None


def _selection(session: Session, text: str) -> tuple[str, BoolArray, FloatArray | None, Options]:
    parts = split_line(text)
    mask = np.ones(session.data.n_obs, dtype=np.bool_)
    if parts.condition is not None:
        mask &= session.evaluate_condition(parts.condition)
    if parts.range is not None:
        from ssd.engine.lang.syntax import parse_range

        first, last = parse_range(parts.range, session.data.n_obs)
        mask[:first] = False
        mask[last:] = False
    weights = None
    if parts.weight is not None:
        weights = session.evaluate_weights(parse_weight(*parts.weight, ("aweight", "fweight", "pweight"), session))
        mask &= ~is_missing(weights) & (weights > 0)
    return parts.subject, mask, weights, Options(parts.options)


def _overs(session: Session, options: Options, mask: BoolArray) -> tuple[list[_Over], BoolArray]:
    typed = [split_suboptions(item.value or "") for item in options.take_all("over", 4)]
    names = [session.variable_named(body) for body, _ in typed]
    kept = mask.copy()
    for name in names:
        kept &= present(session, name)
    overs = []
    for name, (_, sub) in zip(names, typed, strict=True):
        over = _Over(categories(session, name, kept))
        over.sort = (sub.take("sort", 3) or "").strip()
        over.descending = sub.flag("descending", 3)
        relabel = sub.take("relabel", 3)
        if relabel is not None:
            over.labels = {int(k) - 1: v for k, v in re.findall(r'(\d+)\s+"([^"]*)"', relabel)}
        label = sub.take("label", 3)
        if label is not None:
            inner = Options(label)
            angle = inner.take("angle", 3)
            over.angle = 90.0 if angle == "vertical" else 45.0 if angle == "forty_five" else float(angle or 0)
            size = inner.take("labsize", 4)
            if size:
                from ssd.engine.graphics.colors import text_size

                over.size = text_size(size)
            inner.finish()
        sub.number(session, "gap", 3)
        sub.take("axis", 4)
        sub.finish()
        overs.append(over)
    return overs, kept


def _statistics(session: Session, text: str) -> list[tuple[str, str]]:
    """(statistic, variable) pairs of `(mean) a b (sd) c`; mean by default."""
    pairs: list[tuple[str, str]] = []
    name, position = "mean", 0
    while position < len(text):
        if text[position] == "(":
            end = closing(text, position)
            word = text[position + 1 : end].strip()
            special = {"percent": "percent", "asis": "mean"}.get(word)
            found = special or canonical_statistic(word)
            if found is None:
                raise StataError(198, f"statistic ({word}) not found")
            name, position = found, end + 1
            continue
        match = re.compile(r"[^\s(]+").match(text, position)
        if match is None:
            position += 1
            continue
        pairs.extend((name, v) for v in session.expand_varlist(match.group()))
        position = match.end()
    if not pairs and name in ("n", "percent"):
        pairs.append((name, ""))
    return pairs


def bars(session: Session, text: str, kind: str) -> None:
    """Bars (or dots) of a statistic over one or two groupings, in a panel per group of by()."""
    subject, mask, weights, options = _selection(session, text)
    pairs = _statistics(session, subject)
    _by_graphs(
        session, options, mask,
        lambda taken, inside: _bar_graph(session, pairs, inside, weights, taken, kind),
        horizontal=kind in ("hbar", "dot"),
    )  # fmt: skip


def _by_graphs(
    session: Session, options: Options, mask: BoolArray, draw: Callable[[Options, BoolArray], Panel], *,
    horizontal: bool,
) -> None:  # fmt: skip
    """The graph of the panel `draw` makes, or of one for each group of by()."""
    typed = options.take("by", 2)
    if typed is None:
        _finish_categories(session, Graph(panels=[draw(options, mask)]), options, horizontal)
        return
    by = read_by(session, typed, mask)
    graph = Graph()
    held = list(options.items)
    for label, inside in by.groups:
        options.items = list(held)
        panel = draw(options, inside)
        panel.title = label
        graph.panels.append(panel)
    by.lay_out(session, graph)
    _finish_categories(session, graph, options, horizontal)


def _bar_graph(
    session: Session, pairs: list[tuple[str, str]], mask: BoolArray, weights: FloatArray | None, options: Options,
    kind: str,
) -> Panel:  # fmt: skip
    overs, kept = _overs(session, options, mask)
    if len(overs) > 2:
        raise unsupported("graph bar with more than two over()")
    if not pairs:
        pairs = [("percent", "")]
    if not kept.any():
        raise no_observations()
    stack, percentages = options.flag("stack", 5), options.flag("percentages", 4)
    as_y = options.flag("asyvars", 3)
    options.flag("ascategory", 3)
    if len(pairs) > 1:
        as_y = False
    nofill = options.flag("nofill", 6)
    label_value = options.take("blabel", 4)
    gap = options.number(session, "bargap", 4)
    styles: dict[int, Style] = {}
    for number_of_bar in range(1, 21):
        found = options.take(f"bar{number_of_bar}", 4)
        if found is not None:
            raise unsupported("bar#()")
    for item in options.take_all("bar", 3):
        body, sub = split_suboptions(item.value or "")
        styles[int(session.evaluate_number(body)) - 1] = read_style(sub, session)
        sub.finish()
    intensity = options.number(session, "intensity", 5)
    del nofill, gap
    table, rows, series = _cells(session, pairs, overs, kept, weights, as_y)
    order = _category_order(overs, rows, table, as_y)
    table, rows = table[order], [rows[i] for i in order]
    if percentages:
        table = 100 * table / table.sum(axis=1, keepdims=True)
    panel = _bar_panel(kind, table, rows, series, stack, styles, intensity)
    panel.y.title = Text(_bar_title(session, pairs))
    if overs:
        outer = overs[0] if len(overs) == 1 or not as_y else overs[1]
        panel.x.ticks.angle, panel.x.ticks.size = outer.angle, outer.size
    if label_value is not None:
        _bar_labels(panel, label_value, stack, kind)
    return panel


def _cells(
    session: Session,
    pairs: list[tuple[str, str]],
    overs: list[_Over],
    kept: BoolArray,
    weights: FloatArray | None,
    as_y: bool,
) -> tuple[FloatArray, list[str], list[str]]:
    """Values (categories x series), category labels, series labels."""
    size = int(kept.sum())
    everyone = [("", np.ones(size, dtype=np.bool_))]

    def parts(over: _Over) -> list[tuple[str, BoolArray]]:
        shown = over.labels or {}
        return [(shown.get(c, label), over.groups.codes == c) for c, label in enumerate(over.groups.labels)]

    w = None if weights is None else weights[kept]
    total = float(size if w is None else w.sum())

    def value(pair: tuple[str, str], inside: BoolArray) -> float:
        name, variable = pair
        if name in ("percent", "n") and not variable:
            share = float(inside.sum() if w is None else w[inside].sum())
            return 100 * share / total if name == "percent" else share
        x = session.data.numeric(variable)[kept][inside]
        used = ~is_missing(x)
        found = statistic(name, x[used], None if w is None else w[inside][used], "aweight" if w is not None else "")
        return found if found < 2.0**1023 else np.nan

    if len(overs) == 2 and len(pairs) > 1:
        inner, outer = parts(overs[0]), parts(overs[1])
        middle = (len(inner) - 1) // 2
        crossed = [
            (f"{label}\n{name}" if place == middle else label, a & b)
            for name, b in outer
            for place, (label, a) in enumerate(inner)
        ]
        table = np.array([[value(pair, a) for pair in pairs] for _, a in crossed])
        return table, [label for label, _ in crossed], [f"{n} of {v}" if v else n for n, v in pairs]
    if len(overs) == 2 or (len(overs) == 1 and as_y):
        series_parts = parts(overs[0])
        row_parts = parts(overs[1]) if len(overs) == 2 else everyone
        table = np.array([[value(pairs[0], a & b) for _, b in series_parts] for _, a in row_parts])
        return table, [label for label, _ in row_parts], [label for label, _ in series_parts]
    row_parts = parts(overs[0]) if overs else everyone
    table = np.array([[value(pair, a) for pair in pairs] for _, a in row_parts])
    return table, [label for label, _ in row_parts], [f"{n} of {v}" if v else n for n, v in pairs]


def _category_order(overs: list[_Over], rows: list[str], table: FloatArray, as_y: bool) -> list[int]:
    if not overs or (len(overs) == 2 and len(rows) != len(overs[1].groups.labels)):
        return list(range(len(rows)))
    over = overs[-1] if len(overs) == 2 else overs[0]
    order = list(range(len(rows)))
    if over.sort and not (as_y and len(overs) == 1):
        column = int(over.sort) - 1 if over.sort.isdigit() else 0
        order = sorted(order, key=lambda i: float(table[i, min(column, table.shape[1] - 1)]))
    return order[::-1] if over.descending else order


def _bar_panel(
    kind: str,
    table: FloatArray,
    rows: list[str],
    series: list[str],
    stack: bool,
    styles: dict[int, Style],
    intensity: float | None,
) -> Panel:
    n_rows, n_series = table.shape
    horizontal = kind in ("hbar", "dot")
    panel = Panel()
    slot = 0.8 if stack else 0.8 / n_series
    base = np.zeros(n_rows)
    for s in range(n_series):
        style = styles.get(s, Style())
        style.bar_width = slot * (0.96 if n_series > 1 and not stack else 1.0)
        style.opacity = intensity / 100 if intensity is not None else style.opacity
        at = np.arange(1, n_rows + 1) + (0.0 if stack else (s - (n_series - 1) / 2) * slot)
        heights = table[:, s]
        if kind == "dot":
            layer = Layer("scatter", at, heights, label=series[s], style=style, horizontal=True)
        elif stack:
            layer = Layer(
                "rbar", at, base.copy(), base + np.nan_to_num(heights), series[s], style, horizontal=horizontal
            )
            base = base + np.nan_to_num(heights)
        else:
            layer = Layer("bar", at, heights, label=series[s], style=style, horizontal=horizontal)
        panel.layers.append(layer)
    positions = [float(i) for i in range(1, n_rows + 1)]
    panel.x.ticks = Ticks(positions, [label or " " for label in rows], grid=False)
    panel.x.low, panel.x.high = 0.5, n_rows + 0.5
    if kind != "dot":
        panel.y.low = 0.0
    return panel


def _bar_title(session: Session, pairs: list[tuple[str, str]]) -> str:
    name, variable = pairs[0]
    if not variable:
        return "Percent" if name == "percent" else "Frequency"
    if len(pairs) > 1:
        return ""
    return (
        f"{name} of {variable}"
        if not session.data.variables[variable].label
        else f"{name} of {heading(session, variable)}"
    )


def _bar_labels(panel: Panel, value: str, stack: bool, kind: str) -> None:
    body, sub = split_suboptions(value)
    word = body.strip()
    if word not in ("bar", "total", "name", "") or kind == "dot":
        raise unsupported(f"blabel({word})")
    fmt = sub.take("format", 3) or "%9.3g"
    place = (sub.take("position", 3) or "outside").strip()
    if place not in ("outside", "inside", "center", "base"):
        raise StataError(198, f"position({place}) not found")
    for placed, least in (("size", 2), ("color", 3), ("gap", 3)):
        sub.take(placed, least)
    sub.finish()
    for layer in panel.layers:
        top = layer.y2 if layer.y2 is not None else layer.y
        # With stacked bars, `bar` labels the part itself and `total` the height reached so far.
        heights = top - layer.y if stack and word != "total" and layer.y2 is not None else top
        texts = [format_value(float(v), fmt).strip() if np.isfinite(v) else "" for v in heights]
        layer.marker_labels = [layer.label] * len(texts) if word == "name" else texts
        layer.label_place = place
        if layer.kind == "bar":
            layer.kind = "histogram"
        layer.style.line_color = layer.style.line_color or ("#ffffff", 1.0)


def _finish_categories(session: Session, graph: Graph, options: Options, horizontal: bool) -> None:
    read_graph(options, graph, session)
    title = options.take("b1title", 7)
    held = list(options.items)
    for panel in graph.panels:
        options.items = list(held)
        if title is not None:
            panel.x.title = Text(quoted_lines(title))
        read_axis(options, "y", panel.y, session)
        if horizontal:
            panel.x, panel.y = panel.y, panel.x
            panel.x.ticks.grid, panel.y.reverse = True, not panel.y.reverse
            panel.y.ticks.grid = False
    finish(session, graph, options)


def boxes(session: Session, text: str, kind: str) -> None:
    """Box plots of variables over one or two groupings."""
    subject, mask, weights, options = _selection(session, text)
    if weights is not None:
        raise unsupported("weights in graph box")
    names = session.expand_varlist(subject)
    typed = options.take("by", 2)
    if typed is None:
        graph = Graph(panels=[_box_panel(session, names, mask, options)])
    else:
        by = read_by(session, typed, mask)
        graph = Graph()
        held = list(options.items)
        for label, inside in by.groups:
            options.items = list(held)
            graph.panels.append(_box_panel(session, names, inside, options))
            graph.panels[-1].title = label
        by.lay_out(session, graph)
    read_graph(options, graph, session)
    held = list(options.items)
    for panel in graph.panels:
        options.items = list(held)
        read_axis(options, "y", panel.y, session)
        if kind == "hbox":
            panel.horizontal_boxes = True
            panel.x, panel.y = panel.y, panel.x
            panel.x.ticks.grid, panel.y.reverse = True, True
    finish(session, graph, options)


def _box_panel(session: Session, names: list[str], mask: BoolArray, options: Options) -> Panel:
    overs, kept = _overs(session, options, mask)
    if len(overs) > 2 or (len(overs) == 2 and len(names) > 1):
        raise unsupported("graph box with that many over()")
    noout = options.flag("nooutsides", 5)
    as_y = options.flag("asyvars", 3)
    shades: dict[int, str] = {}
    for item in options.take_all("box", 3):
        body, sub = split_suboptions(item.value or "")
        style = read_style(sub, session)
        sub.finish()
        chosen = style.fill_color or style.color
        if chosen is not None:
            shades[int(session.evaluate_number(body)) - 1] = chosen[0]
    rows: list[tuple[str, BoolArray]] = [("", np.ones(int(kept.sum()), dtype=np.bool_))]
    series: list[tuple[str, BoolArray, str]] = [("", rows[0][1], name) for name in names]
    if len(overs) == 2:
        rows = [(label, overs[1].groups.codes == c) for c, label in enumerate(overs[1].groups.labels)]
        series = [(label, overs[0].groups.codes == c, names[0]) for c, label in enumerate(overs[0].groups.labels)]
    elif overs and as_y:
        series = [(label, overs[0].groups.codes == c, names[0]) for c, label in enumerate(overs[0].groups.labels)]
    elif overs:
        rows = [(label, overs[0].groups.codes == c) for c, label in enumerate(overs[0].groups.labels)]
    panel = Panel(boxes=[], slice_colors=shades)
    positions: list[float] = []
    assert panel.boxes is not None
    for label, in_row in rows:
        first = len(panel.boxes) + 1
        for shade, (_, in_series, name) in enumerate(series):
            x = session.data.numeric(name)[kept][in_row & in_series]
            x = x[~is_missing(x)]
            if x.size == 0:
                x = np.zeros(0)
                continue
            if noout:
                low, high = np.percentile(x, [25, 75])
                x = x[(x >= low - 1.5 * (high - low)) & (x <= high + 1.5 * (high - low))]
            panel.boxes.append((label, shade, x))
        positions.append((first + len(panel.boxes)) / 2)
    if not panel.boxes:
        raise no_observations()
    panel.x.ticks = Ticks(positions, [label or " " for label, _ in rows], grid=False)
    panel.x.low, panel.x.high = 0.4, len(panel.boxes) + 0.6
    texts = [label or heading(session, name) for label, _, name in series]
    panel.x.ticks.fmt = "\n".join(texts) if len(series) > 1 else ""
    panel.y.title = Text(heading(session, names[0]) if len(names) == 1 else "")
    if overs:
        panel.x.ticks.angle, panel.x.ticks.size = overs[-1].angle, overs[-1].size
    return panel


def pie(session: Session, text: str) -> None:
    """Pie of frequencies (or sums) over categories, or of several variables."""
    subject, mask, weights, options = _selection(session, text)
    overs, kept = _overs(session, options, mask)
    names = session.expand_varlist(subject) if subject else []
    slices: list[tuple[str, float]] = []
    w = np.ones(int(kept.sum())) if weights is None else weights[kept]
    if overs:
        x = session.data.numeric(names[0])[kept] if names else np.ones(w.size)
        x = np.where(is_missing(x), 0.0, x)
        groups = overs[0].groups
        slices = [(label, float((w * x)[groups.codes == c].sum())) for c, label in enumerate(groups.labels)]
    else:
        for name in names:
            x = session.data.numeric(name)[kept]
            slices.append((heading(session, name), float((w * np.where(is_missing(x), 0.0, x)).sum())))
    if not slices:
        raise StataError(100, "varlist or over() required")
    sort = options.flag("sort", 4)
    if options.flag("descending", 4) or sort:
        slices.sort(key=lambda s: -s[1])
    panel = Panel(pie=slices)
    total = sum(value for _, value in slices)
    for item in options.take_all("plabel", 4):
        body, sub = split_suboptions(item.value or "")
        words = body.split()
        fmt = sub.take("format", 3) or "%9.3g"
        for placed, least in (("size", 2), ("color", 3), ("gap", 3)):
            sub.take(placed, least)
        sub.finish()
        if len(words) != 2 or words[0] != "_all" or words[1] not in ("percent", "name", "sum"):
            raise unsupported(f"plabel({body})")
        panel.x.ticks.texts = [
            label
            if words[1] == "name"
            else format_value(value if words[1] == "sum" else 100 * value / total, fmt).strip()
            + ("%" if words[1] == "percent" else "")
            for label, value in slices
        ]
    for item in options.take_all("pie", 3):
        _slice_look(session, item.value or "", panel)
    graph = Graph(panels=[panel])
    graph.legend.shown = True
    read_graph(options, graph, session)
    finish(session, graph, options)


def _slice_look(session: Session, value: str, panel: Panel) -> None:
    """pie(numlist, explode color()): slices moved outwards or coloured."""
    body, sub = split_suboptions(value)
    count = len(panel.pie or [])
    chosen = list(range(count)) if body.strip() == "_all" else [int(v) - 1 for v in parse_numlist(body, missing=False)]
    shade = sub.take("color", 1)
    explode = sub.flag("explode", 1)
    sub.finish()
    for index in chosen:
        if explode:
            panel.exploded.append(index)
        if shade is not None:
            panel.slice_colors[index] = color(shade)[0]


def matrix(session: Session, text: str) -> None:
    """Scatterplot matrix."""
    subject, mask, _, options = _selection(session, text)
    names = session.expand_varlist(subject)
    if len(names) < 2:
        raise StataError(102, "too few variables specified")
    for name in names:
        mask = mask & present(session, name)
    if not mask.any():
        raise no_observations()
    half = options.flag("half", 4)
    style = read_style(options, session)
    columns = numeric_columns(session, names, mask)
    k = len(names)
    panels = []
    for i in range(k):
        for j in range(k):
            panel = Panel(x=Axis(), y=Axis())
            panel.x.ticks, panel.y.ticks = (
                Ticks(about=3, grid=False, size=7.5),
                Ticks(about=3, grid=False, size=7.5),
            )
            if i == j:
                panel.centre_text = heading(session, names[i]).replace(" (", "\n(")
                panel.x.low, panel.x.high = float(columns[:, i].min()), float(columns[:, i].max())
                panel.x.ticks.none = panel.y.ticks.none = True
            elif not (half and j > i):
                panel.layers.append(
                    Layer("scatter", columns[:, j], columns[:, i], style=Style(**vars(style)), keyed=False)
                )
                panel.layers[0].style.marker_size = style.marker_size or 2.4
                panel.layers[0].color_index = 0
            else:
                panel.x.hidden = panel.y.hidden = True
            panels.append(panel)
    graph = Graph(panels=panels, columns=k, common_x=False, common_y=False, width=1.9 * k, height=1.7 * k)
    graph.legend.shown = False
    read_graph(options, graph, session)
    finish(session, graph, options)
