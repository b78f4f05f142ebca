"""marginsplot: margins, effects and their comparisons with confidence intervals."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import heading, value_text
from ssd.engine.commands.graph import REFUSED
from ssd.engine.commands.graph_diagnostics import show_panel
from ssd.engine.errors import StataError, unsupported
from ssd.engine.graphics.model import Graph, Layer, Panel, Style, Text, Ticks
from ssd.engine.graphics.options import Options, read_style
from ssd.engine.lang.quoting import split_comma
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import number

if TYPE_CHECKING:
    from ssd.engine.session import Session

_PIECE = re.compile(r"(?P<kind>[a-z]*?)(?P<level>\d+)(?:vs(?P<base>\d+))?[bno]*\.(?P<name>\w+)")
_RECAST = {"line": "line", "scatter": "scatter", "connected": "connected", "bar": "bar"}
_RECAST_CI = {"rcap": "rcap", "rarea": "rarea", "rspike": "rspike", "rline": "rline"}


@dataclass(frozen=True)
class _Value:
    """Where a margin lies in one dimension: a position and how it is called."""

    position: float
    label: str
    named: bool
    """The label is a value label or a comparison and needs no variable name before it."""


@dataclass(frozen=True)
class _Points:
    coordinates: list[dict[str, _Value]]
    b: FloatArray
    low: FloatArray
    high: FloatArray


@command(
    "marginsplot",
    "*",
    refused="bydimension() and by(), saving the plotted data, allsimplelabels and other label options; " + REFUSED,
)
def marginsplot(session: Session, line: Line) -> None:
    """Margins of the last margins command with their confidence intervals."""
    macros = session.r.macros
    compared = macros.get("cmd2") == "margins"
    name = "table_vs" if macros.get("cmd") == "pwcompare" else "table"
    if not (macros.get("cmd") == "margins" or compared) or name not in session.r.matrices:
        raise StataError(301, "previous command was not margins")
    _, text = split_comma(line.text)
    options = Options(text)
    if options.take("by", 2) is not None or options.take("bydimension", 2) is not None:
        raise unsupported("marginsplot, bydimension() is")
    points = _points(session, name)
    dimensions = list(dict.fromkeys(key for each in points.coordinates for key in each))
    across = _dimension(session, options, dimensions)
    panel = _panel(session, options, points, across, [each for each in dimensions if each != across])
    graph = Graph(title=Text(_title(session, with_ci=any(layer.y2 is not None for layer in panel.layers))))
    titles = [_axis_title(session, across), _response_title(session)]
    if panel.layers[0].horizontal:
        titles.reverse()
    panel.x.title, panel.y.title = Text(titles[0]), Text(titles[1])
    several = sum(layer.keyed for layer in panel.layers) > 1
    graph.legend.shown = several
    graph.legend.position = graph.legend.position or 3
    identifying = [each for each in dimensions if each]
    if identifying:
        session.log.line()
        named = " ".join("_deriv" if each == "_effect" else each for each in identifying)
        session.log.line(f"Variables that uniquely identify margins: {named}")
    show_panel(session, panel, options, graph)


def _points(session: Session, name: str) -> _Points:
    table = session.r.matrices[name]
    rows = {row: table.values[i] for i, row in enumerate(table.rows)}
    used = (rows["se"] < MISSING) & (rows["se"] > 0.0)
    if not used.any():
        raise StataError(498, "no margins to plot")
    scenarios = session.r.hidden.get("at")
    settings = scenarios if isinstance(scenarios, list) else []
    names = [each for each, keep in zip(table.cols, used, strict=True) if keep]
    effects = bool(session.r.macros.get("derivatives"))
    several = effects and len({each.rpartition(":")[0] or each for each in names}) > 1
    coordinates = [_coordinates(session, each, settings, effects=effects, several=several) for each in names]
    if not any(coordinates):
        coordinates = [{"": _Value(1.0, "", named=True)}]
    return _Points(coordinates, rows["b"][used], rows["ll"][used], rows["ul"][used])


def _coordinates(
    session: Session, name: str, settings: list[dict[str, float]], *, effects: bool, several: bool
) -> dict[str, _Value]:
    """The dimensions of one margin; that of the effect only when there are several."""
    equation, _, rest = name.rpartition(":")
    if effects and not equation:
        equation, rest = rest, ""
    found: dict[str, _Value] = {}
    matches = [match for match in map(_PIECE.fullmatch, rest.split("#")) if match is not None]
    ordered = sorted(matches, key=lambda match: match["name"] != "_at")
    for match in ordered:
        variable, level, base = match["name"], int(match["level"]), match["base"]
        if variable == "_at" and base is None and settings:
            for key, value in settings[level - 1].items():
                found[key] = _value(session, key, value)
        elif base is not None:
            words = [value_text(session, variable, float(v)) if variable in session.data.variables else v
                     for v in (match["level"], base)]  # fmt: skip
            found[variable] = _Value(len(found) + level * 1000.0 + int(base), f"{words[0]} vs {words[1]}", named=True)
        else:
            found[variable] = _value(session, variable, float(level))
    if several:
        found["_effect"] = _Value(float("nan"), _effect_name(session, equation), named=True)
    return found


def _effect_name(session: Session, name: str) -> str:
    """A variable, or the value label of a factor's level."""
    match = _PIECE.fullmatch(name)
    if match is None or match["name"] not in session.data.variables:
        return name
    value = _value(session, match["name"], float(match["level"]))
    return value.label if value.named else f"{match['level']}.{match['name']}"


def _value(session: Session, variable: str, value: float) -> _Value:
    plain = number(value)
    if variable not in session.data.variables:
        return _Value(value, plain, named=False)
    shown = value_text(session, variable, value) if value == int(value) else plain
    labelled = shown not in {plain, str(int(value)) if value == int(value) else plain}
    return _Value(value, shown if labelled else plain, named=labelled)


def _dimension(session: Session, options: Options, dimensions: list[str]) -> str:
    """The variable along the x axis: what xdimension() names, else the first."""
    typed = options.take("xdimension", 1)
    plotted = options.take("plotdimension", 4)
    for text in (typed, plotted):
        for word in (text or "").split():
            if word not in dimensions:
                raise StataError(198, f"{word} is not a dimension of the margins")
    if typed:
        return typed.split()[0]
    if plotted:
        left = [each for each in dimensions if each not in plotted.split()]
        if left:
            return left[0]
    return dimensions[0]


def _panel(session: Session, options: Options, points: _Points, across: str, others: list[str]) -> Panel:
    without_ci = options.flag("noci", 4)
    horizontal = options.flag("horizontal", 5)
    kind = _recast(options.take("recast", 6), _RECAST, "connected")
    kind_ci = _recast(options.take("recastci", 8), _RECAST_CI, "rcap")
    general = _style(session, options, "plotopts", 5)
    general_ci = _style(session, options, "ciopts", 3)
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, each in enumerate(points.coordinates):
        groups.setdefault(tuple(each[key].label if key in each else "" for key in others), []).append(i)
    positions, ticks = _positions(points, across)
    panel = Panel()
    bands: list[Layer] = []
    lines: list[Layer] = []
    for index, (_, rows) in enumerate(groups.items()):
        order = np.array(sorted(rows, key=lambda i: positions[i]))
        x = positions[order]
        own = _style(session, options, f"plot{index + 1}opts", len(f"plot{index + 1}o"), general)
        own_ci = _style(session, options, f"ci{index + 1}opts", len(f"ci{index + 1}o"), general_ci)
        if not without_ci:
            style = replace(own_ci, opacity=own_ci.opacity or (0.25 if kind_ci == "rarea" else None))
            bands.append(Layer(kind_ci, x, points.low[order], points.high[order], style=style, keyed=False,
                               color_index=index, horizontal=horizontal))  # fmt: skip
        label = ", ".join(_legend(points.coordinates[rows[0]], others))
        lines.append(Layer(kind, x, points.b[order], style=own, label=label, color_index=index,
                           horizontal=horizontal, keyed=len(groups) > 1))  # fmt: skip
    panel.layers = [*bands, *lines]
    axis = panel.y if horizontal else panel.x
    axis.ticks = ticks
    spread = float(positions.max() - positions.min()) or 1.0
    margin = 0.04 if ticks.texts == [] else 0.12
    axis.low, axis.high = float(positions.min()) - margin * spread, float(positions.max()) + margin * spread
    if horizontal:
        axis.reverse = True
    return panel


def _recast(typed: str | None, known: dict[str, str], default: str) -> str:
    if typed is None:
        return default
    found = next((known[name] for name in known if name.startswith(typed.strip()) and len(typed.strip()) >= 2), None)
    if found is None or found == "rline":
        raise unsupported(f"recast({typed}) of marginsplot is")
    return found


def _style(session: Session, options: Options, name: str, minimum: int, default: Style | None = None) -> Style:
    typed = options.take(name, minimum)
    if typed is None:
        return replace(default) if default is not None else Style()
    inner = Options(typed)
    style = read_style(inner, session)
    inner.finish()
    if default is None:
        return style
    return Style(**{key: value if value not in (None, False) else getattr(default, key)
                    for key, value in vars(style).items()})  # fmt: skip


def _positions(points: _Points, across: str) -> tuple[FloatArray, Ticks]:
    """Places on the axis: the values themselves, or 1, 2, … for comparisons and effects."""
    values = [each.get(across, _Value(1.0, "", named=True)) for each in points.coordinates]
    labels = list(dict.fromkeys(value.label for value in values))
    numeric = not any(" vs " in label for label in labels) and not any(np.isnan(v.position) for v in values)
    if not numeric:
        places = {label: float(i + 1) for i, label in enumerate(labels)}
        found = np.array([places[value.label] for value in values])
        return found, Ticks(list(places.values()), labels, grid=False)
    found = np.array([value.position for value in values])
    distinct = sorted({(value.position, value.label) for value in values})
    if len(distinct) > 15:
        return found, Ticks()
    return found, Ticks([place for place, _ in distinct], [label for _, label in distinct], grid=False)


def _legend(coordinates: dict[str, _Value], others: list[str]) -> list[str]:
    parts = []
    for key in others:
        if key in coordinates:
            value = coordinates[key]
            parts.append(value.label if value.named else f"{key}={value.label}")
    return parts


def _axis_title(session: Session, across: str) -> str:
    if across == "_effect":
        return "Effects with respect to"
    return heading(session, across) if across in session.data.variables else across.replace("_at", "at() setting")


def _response_title(session: Session) -> str:
    macros = session.r.macros
    label = macros.get("predict_label", "") or "Margin"
    found = re.fullmatch(r"(Pr\()(.)(.*)", label)
    if found:
        label = found[1] + found[2].upper() + found[3]
    if macros.get("cmd2") == "margins":
        kind = "Comparisons" if macros.get("cmd") == "pwcompare" else "Contrasts"
        return f"{kind} of {label.lower() if not label.startswith('Pr(') else label}"
    if macros.get("derivatives"):
        return f"Effects on {label.lower() if not label.startswith('Pr(') else label}"
    return label


def _title(session: Session, *, with_ci: bool) -> str:
    macros = session.r.macros
    title = macros.get("title", "Margins")
    xvars = macros.get("xvars", "")
    listed = macros.get("margins", "")
    if xvars and len(xvars.split()) == 1:
        title += f" of {xvars}"
    elif listed and not xvars:
        title += f" of {listed}"
    if not with_ci:
        return title
    ending = f"with {session.r.scalars.get('level', 95.0):g}% CIs"
    return f"{title} {ending}" if len(title) < 44 else f"{title}\n{ending}"
