"""coefplot (SSC): coefficients of one or several models with their confidence intervals."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import heading, value_text
from ssd.engine.commands.estimates import named_estimates
from ssd.engine.commands.graph import REFUSED
from ssd.engine.commands.graph_diagnostics import show_panel
from ssd.engine.errors import StataError, unsupported
from ssd.engine.graphics.model import Graph, Layer, Panel, Style, Text, Ticks
from ssd.engine.graphics.options import Options, read_style
from ssd.engine.lang.quoting import closing, split_comma, strip_quotes
from ssd.engine.missing import MISSING
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass(frozen=True)
class _Coefficient:
    b: float
    limits: tuple[tuple[float, float], ...]
    """An interval for each level, in the order of levels()."""


@dataclass
class _Series:
    """The coefficients of one plot, by name, and how it is drawn."""

    label: str
    coefficients: dict[str, _Coefficient]
    style: Style
    interval: Style
    kind: str = ""
    """Plot type of the estimates: recast(); "" for markers."""
    interval_kind: str = ""
    """Plot type of the intervals: ciopts(recast())."""


@command(
    "coefplot",
    "*",
    refused="subgraphs (||), several models in one series (\\), matrix(), at, groups(), "
    "asequation, swapnames; " + REFUSED,
)
def coefplot(session: Session, line: Line) -> None:
    """Coefficients of estimation results with their confidence intervals."""
    main, text = split_comma(line.text)
    if "||" in main or "\\" in main:
        raise unsupported("coefplot with subgraphs or appended models is")
    options = Options(text)
    for name, least in (("groups", 4), ("at", 2), ("bycoefs", 7), ("matrix", 3), ("asequation", 4)):
        if options.take_all(name, least):
            raise unsupported(f"coefplot, {name} is")
    levels = _levels(session, options)
    kinds = _Kinds(_recast(options, _ESTIMATES), "")
    general = read_style(options, session)
    interval, kinds.interval = _interval_style(session, options)
    choice = _Choice.read(options)
    eform, without_ci = options.flag("eform", 5), options.flag("noci", 4)
    vertical = options.flag("vertical", 4)
    added = options.take("addplot", 7) if re.search(r"addplot\([^()]*@", text or "") else None
    for rule in options.take_all("grid", 4):
        if (rule.value or "").strip() not in ("none", "between", "within"):
            raise unsupported(f"coefplot, {rule} is")
    shown = ("b" if options.flag("baselevels", 4) else "") + ("o" if options.flag("omitted", 4) else "")
    options.flag("horizontal", 5)
    series = [
        _series(
            session, model, choice, levels, eform=eform, shown=shown, general=general, interval=interval, kinds=kinds
        )
        for model in _models(main)
    ]
    names = choice.ordered(list(dict.fromkeys(name for each in series for name in each.coefficients)))
    if not names:
        raise StataError(111, "coefplot: no coefficients found, all dropped, or none kept")
    names = _with_headings(names, _pairs(options.take("headings", 4) or ""))
    panel = _panel(session, series, names, choice, vertical=vertical, without_ci=without_ci)
    if added is not None:
        panel.layers.insert(0, _added(session, added, panel, vertical=vertical))
    graph = Graph(height=4.0 if vertical else max(2.6, 0.42 * len(names) + 1.3))
    graph.legend.shown = len(series) > 1
    show_panel(session, panel, options, graph)


def _levels(session: Session, options: Options) -> list[float]:
    typed = options.take("levels", 2)
    if typed is None:
        return [float(session.settings.get("level", "95"))]
    values = [session.evaluate_number(word) for word in typed.split()]
    if not values or any(not 10.0 <= value <= 99.99 for value in values):
        raise StataError(198, "levels() must be between 10 and 99.99")
    return values


_HEADING = "\x00"
"""Marks the name of a row that is a heading, not a coefficient."""


def _with_headings(names: list[str], headings: dict[str, str]) -> list[str]:
    """Rows of the plot: a heading stands before the first coefficient it was given for."""
    rows: list[str] = []
    for name in names:
        bare = re.sub(r"(\d+)[bno]+\.", r"\1.", name.rpartition(":")[2])
        found = next((text for key, text in headings.items() if key in (name, bare) or fnmatch.fnmatchcase(bare, key)
                      ), None)  # fmt: skip
        if found is not None and _HEADING + found not in rows:
            rows.append(_HEADING + found)
        rows.append(name)
    return rows


@dataclass(frozen=True)
class _Choice:
    """Which coefficients are shown, in which order and under which names."""

    keep: list[str]
    drop: list[str]
    order: list[str]
    labels: dict[str, str]
    renamed: dict[str, str]

    @classmethod
    def read(cls, options: Options) -> _Choice:
        labels = options.take("coeflabels", 7) or options.take("labels", 6)
        return cls(
            (options.take("keep", 4) or "").split(), (options.take("drop", 4) or "").split(),
            (options.take("order", 5) or "").split(), _pairs(labels or ""), _pairs(options.take("rename", 6) or ""),
        )  # fmt: skip

    def wanted(self, name: str) -> bool:
        dropped = any(_matches(name, pattern) for pattern in self.drop)
        return not dropped and (not self.keep or any(_matches(name, pattern) for pattern in self.keep))

    def ordered(self, names: list[str]) -> list[str]:
        first: list[str] = []
        for pattern in self.order:
            first += [name for name in names if _matches(name, pattern) and name not in first]
        rest = [name for name in names if name not in first]
        # The constant stands last, as in tables.
        rest.sort(key=lambda name: name.rpartition(":")[2] == "_cons")
        return first + rest


def _pairs(text: str) -> dict[str, str]:
    """`a = "text" b = c` as a dictionary; several names may share a text."""
    found: dict[str, str] = {}
    for names, quoted, plain in re.findall(r'([^="]+?)\s*=\s*(?:"([^"]*)"|(\S+))', text):
        for name in names.split():
            found[name] = quoted or plain
    return found


def _matches(name: str, pattern: str) -> bool:
    equation, colon, bare = pattern.rpartition(":")
    own_equation, _, own = name.rpartition(":")
    if colon and not fnmatch.fnmatchcase(own_equation, equation):
        return False
    # Base and omission marks are not typed.
    plain = re.sub(r"(\d+)[bno]+\.", r"\1.", own)
    return fnmatch.fnmatchcase(plain, bare or "*") or fnmatch.fnmatchcase(own, bare or "*")


def _models(text: str) -> list[tuple[str, str]]:
    """Names with the options of their plot: `m1 (m2, label("Two"))`; `.` for the last estimation."""
    rest = text.strip()
    found: list[tuple[str, str]] = []
    while rest:
        if rest.startswith("("):
            end = closing(rest, 0)
            name, options = split_comma(rest[1:end])
            found.append((name.strip(), options or ""))
            rest = rest[end + 1 :].strip()
        else:
            name, _, rest = rest.partition(" ")
            found.append((name, ""))
            rest = rest.strip()
    return found or [(".", "")]


def _series(
    session: Session, model: tuple[str, str], choice: _Choice, levels: list[float], *, eform: bool, shown: str,
    general: Style, interval: Style, kinds: _Kinds,
) -> _Series:  # fmt: skip
    name, text = model
    options = Options(text)
    own = _Choice.read(options)
    label = options.take("label", 5)
    kind = _recast(options, _ESTIMATES) or kinds.estimate
    style = _over(read_style(options, session), general)
    typed, typed_kind = _interval_style(session, options)
    own_interval = _over(typed, interval)
    if options.take_all("matrix", 3):
        raise unsupported("coefplot, matrix() is")
    options.finish()
    results = session.e if name == "." else named_estimates(session, name)
    coefficients = {
        choice.renamed.get(key, own.renamed.get(key, key)): value
        for key, value in _coefficients(results, levels, eform=eform, shown=shown).items()
        if choice.wanted(key) and own.wanted(key)
    }
    title = strip_quotes(label) if label else results.macros.get("_estimates_title", "") or name
    return _Series(title, coefficients, style, own_interval, kind, typed_kind or kinds.interval)


def _coefficients(results: ResultSet, levels: list[float], *, eform: bool, shown: str) -> dict[str, _Coefficient]:
    """Estimates and limits without base and omitted levels; names without marks, equations only where several."""
    from scipy.special import ndtri

    from ssd.engine.stats.tails import t

    if "b" not in results.matrices:
        raise StataError(301, "last estimates not found")
    b = results.matrices["b"].values[0]
    se = np.sqrt(np.maximum(np.diag(results.matrices["V"].values), 0.0))
    df = results.scalars.get("df_r", MISSING)
    shares = [0.5 + level / 200 for level in levels]
    critical = [float(t.ppf(share, df)) if df < MISSING else float(ndtri(share)) for share in shares]
    names = results.matrices["b"].cols
    equations = {name.rpartition(":")[0] for name in names if not name.startswith("/")}
    found = {}
    for name, value, error in zip(names, b.tolist(), se.tolist(), strict=True):
        # Base and omitted levels have no error; they are shown, at zero, only when asked for.
        marked = "b" if re.search(r"\d+bn?\.", name) else "o"
        if error <= 0.0 and marked not in shown:
            continue
        key = name if len(equations) > 1 else name.rpartition(":")[2]
        limits = [(value - each * error, value + each * error) for each in critical]
        if eform:
            limits = [(float(np.exp(low)), float(np.exp(high))) for low, high in limits]
        found[key] = _Coefficient(float(np.exp(value)) if eform else value, tuple(limits))
    return found


_ESTIMATES = ("scatter", "connected", "line", "bar", "area", "dropline")
_INTERVALS = ("rcap", "rspike", "rarea", "rline", "rbar")


@dataclass
class _Kinds:
    """Plot types asked for by recast() and ciopts(recast())."""

    estimate: str
    interval: str


def _recast(options: Options, allowed: tuple[str, ...]) -> str:
    typed = (options.take("recast", 6) or "").strip()
    found = next((kind for kind in allowed if kind == typed or (len(typed) >= 4 and kind.startswith(typed))), "")
    if typed and not found:
        raise unsupported(f"coefplot, recast({typed}) is")
    return found


def _interval_style(session: Session, options: Options) -> tuple[Style, str]:
    """ciopts(): the look of the intervals and their plot type, "" for the usual one."""
    typed = options.take("ciopts", 3) or options.take("cionly", 6)
    if typed is None:
        return Style(), ""
    inner = Options(typed)
    kind = _recast(inner, _INTERVALS)
    style = read_style(inner, session)
    inner.finish()
    return style, kind


def _over(style: Style, default: Style) -> Style:
    """What the style leaves open is taken from the default."""
    return Style(**{
        key: value if value not in (None, False) else getattr(default, key) for key, value in vars(style).items()
    })  # fmt: skip


def _panel(
    session: Session, series: list[_Series], names: list[str], choice: _Choice, *, vertical: bool, without_ci: bool
) -> Panel:
    panel = Panel()
    step = min(0.25, 0.6 / len(series))
    bars: list[Layer] = []
    marks: list[Layer] = []
    for index, each in enumerate(series):
        shift = (index - (len(series) - 1) / 2.0) * step
        rows = [(k + 1.0 + shift, each.coefficients[name]) for k, name in enumerate(names) if name in each.coefficients]
        if not rows:
            continue
        at = np.array([place for place, _ in rows])
        b = np.array([c.b for _, c in rows])
        shared = replace(each.interval, color=each.interval.color or each.style.color)
        count = 0 if without_ci else len(rows[0][1].limits)
        for position in range(count):
            low, high = (np.array([c.limits[position][end] for _, c in rows]) for end in (0, 1))
            # Narrower intervals are drawn thicker over the wider ones, as coefplot does.
            style = shared if count == 1 else replace(shared, width=(shared.width or 1.5) * (1 + position))
            usual = "rcap" if len(series) == 1 and count == 1 else "rspike"
            bars.append(Layer(each.interval_kind or usual, at, low, high, style=style, horizontal=not vertical,
                              keyed=False, color_index=index))  # fmt: skip
        style = replace(each.style, marker_size=each.style.marker_size or 5.5)
        if each.kind == "bar" and style.bar_width is None:
            style = replace(style, bar_width=min(0.8, 0.9 * step) if len(series) > 1 else 0.6)
        marks.append(Layer(each.kind or "scatter", at, b, style=style, horizontal=not vertical, keyed=len(series) > 1,
                           label=each.label, color_index=index))  # fmt: skip
    panel.layers = [*bars, *marks]
    categories, values = (panel.x, panel.y) if vertical else (panel.y, panel.x)
    texts = [_label(session, name, choice) for name in names]
    categories.ticks = Ticks([k + 1.0 for k in range(len(names))], texts, grid=False)
    categories.low, categories.high = 0.5, len(names) + 0.5
    categories.reverse = not vertical
    values.ticks.grid = True
    panel.x.title = panel.y.title = Text("")
    return panel


def _added(session: Session, text: str, panel: Panel, *, vertical: bool) -> Layer:
    """addplot() of the plotted estimates and their positions: `line @b @at`, or `line @at @b` across."""
    main, typed = split_comma(text)
    words = main.split()
    if len(words) != 3 or words[0] not in ("line", "connected", "scatter") or {*words[1:]} != {"@b", "@at"}:
        raise unsupported(f"coefplot, addplot({text.strip()}) is")
    if (words[1] == "@b") != vertical:
        raise StataError(198, f"coefplot, addplot({text.strip()}) does not fit the orientation of the plot")
    options = Options(typed)
    style = read_style(options, session)
    options.finish()
    estimates = [layer for layer in panel.layers if layer.y2 is None]
    at = np.concatenate([layer.x for layer in estimates])
    b = np.concatenate([layer.y for layer in estimates])
    return Layer(words[0], at, b, style=style, horizontal=not vertical, keyed=False, color_index=0)


def _label(session: Session, name: str, choice: _Choice) -> str:
    if name.startswith(_HEADING):
        return strip_quotes(re.sub(r"\{\w+:?|\}", "", name[1:]))
    equation, _, bare = name.rpartition(":")
    for key in (name, bare, re.sub(r"(\d+)[bno]+\.", r"\1.", bare)):
        if key in choice.labels:
            return choice.labels[key]
    parts = []
    for piece in bare.split("#"):
        operator, _, variable = piece.rpartition(".")
        if variable not in session.data.variables:
            parts.append(piece)
            continue
        digits = "".join(c for c in operator if c.isdigit())
        if not operator[:1].isdigit():
            parts.append(heading(session, variable))
            continue
        text = value_text(session, variable, float(digits))
        parts.append(f"{variable}={digits}" if text == digits else text)
    shown = " × ".join(parts)
    return f"{equation}: {shown}" if equation else shown
