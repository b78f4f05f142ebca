"""The twoway language: overlaid plots, by(), titles and axes, to a Graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ssd.engine.commands.describe_selection import categories, heading, present
from ssd.engine.errors import StataError, invalid_syntax, option_not_allowed, unsupported
from ssd.engine.graphics.annotations import read_placed
from ssd.engine.graphics.files import write_graph
from ssd.engine.graphics.model import Graph, Panel, Text
from ssd.engine.graphics.options import (
    Options,
    quoted_lines,
    read_axis,
    read_graph,
    read_legend,
    read_text,
    split_suboptions,
)
from ssd.engine.graphics.plots import Built, build, plot_type, read_spec
from ssd.engine.graphics.schemes import scheme
from ssd.engine.graphics.store import remember
from ssd.engine.lang.options import TypedOption
from ssd.engine.lang.quoting import closing, strip_quotes, top_level
from ssd.engine.lang.syntax import split_line
from ssd.engine.missing import BoolArray
from ssd.engine.session import Session

NO_OBSERVATIONS: Final = 2000
_MOST_PANELS: Final = 400
"""More than these cannot be told apart on a page, and take minutes to draw."""


def split_plots(text: str) -> tuple[list[str], str]:
    """Texts of the plots (`type varlist …, options`) and what follows the last closing parenthesis."""
    plots: list[str] = []
    tail = ""
    for segment in _segments(text):
        piece = segment.strip()
        while piece.startswith("("):
            end = closing(piece, 0)
            plots.append(piece[1:end].strip())
            piece = piece[end + 1 :].strip()
        if not piece:
            continue
        if piece.startswith(",") or (piece.startswith(("if ", "in ")) and plots):
            tail += " " + piece
        else:
            plots.append(piece)
    return plots, tail.strip()


def _segments(text: str) -> list[str]:
    marks = [p for p, char in top_level(text) if char == "|" and text.startswith("||", p)]
    pieces, start, skip = [], 0, -1
    for position in marks:
        if position == skip:
            continue
        pieces.append(text[start:position])
        start, skip = position + 2, position + 1
    return [*pieces, text[start:]]


def parse_twoway(session: Session, text: str, mask: BoolArray) -> tuple[Graph, Options]:
    """The graph of a twoway command and the options (name(), saving() …) left to the caller."""
    plots, tail = split_plots(text)
    if not plots:
        raise invalid_syntax()
    parts = split_line(tail) if tail else None
    if parts is not None and parts.condition is not None:
        mask = mask & session.evaluate_condition(parts.condition)
    options = Options(parts.options if parts is not None else None)
    typed = [_plot_words(plot) for plot in plots]
    built, leftovers = _build_all(session, typed, mask)
    options.items = [*leftovers, *options.items]
    by = options.take("by", 2)
    graph = Graph()
    read_graph(options, graph, session)
    if by is None:
        graph.panels = [_panel(session, built, options)]
        return graph, options
    _by_panels(session, graph, by, typed, mask, options, built)
    return graph, options


def _plot_words(text: str) -> tuple[str, str]:
    """Type and the rest; scatter when the first word is no plot type."""
    word, _, rest = text.partition(" ")
    kind = plot_type(word.split(",")[0]) if word else None
    if kind is None:
        return "scatter", text
    if "," in word:
        rest = word[word.index(",") :] + " " + rest
    return kind, rest


def _build_all(
    session: Session, typed: list[tuple[str, str]], mask: BoolArray
) -> tuple[list[Built], list[TypedOption]]:
    built, leftovers = [], []
    for kind, text in typed:
        spec = read_spec(session, kind, text, mask)
        plot = build(session, spec)
        plot.x_label, plot.y_label = _axis_labels(session, spec.names, plot)
        built.append(plot)
        leftovers.extend(spec.options.items)
    return built, leftovers


def _axis_labels(session: Session, names: list[str], plot: Built) -> tuple[str, str]:
    """Value labels of the x and the y variable: the last and the first named, the other way round when horizontal."""
    if len(names) < 2:
        return "", ""
    variables = session.data.variables
    across, up = variables[names[-1]].value_label, variables[names[0]].value_label
    return (up, across) if plot.layers and plot.layers[0].horizontal else (across, up)


def _build_group(session: Session, typed: list[tuple[str, str]], inside: BoolArray, whole: list[Built]) -> list[Built]:
    """The plots of one by-group; a plot without observations there is left empty, as in Stata."""
    built = []
    for (kind, text), full in zip(typed, whole, strict=True):
        try:
            built.append(build(session, read_spec(session, kind, text, inside)))
        except StataError as error:
            if error.rc != NO_OBSERVATIONS:
                raise
            nothing = [
                replace(layer, kind="line", x=np.empty(0), y=np.empty(0), y2=None, marker_labels=None)
                for layer in full.layers
            ]
            built.append(replace(full, layers=nothing))
    return built


def _panel(session: Session, built: list[Built], options: Options) -> Panel:
    panel = Panel()
    shade = 0
    for plot in built:
        for position, layer in enumerate(plot.layers):
            if position > 0 and plot.layers[0].kind == "rarea" and layer.kind == "line":
                layer.color_index = panel.layers[-1].color_index
            else:
                layer.color_index = shade
                shade += 1
            panel.layers.append(layer)
    first = built[0]
    panel.x.title = Text("/".join(dict.fromkeys(b.x_title for b in built if b.x_title)) or first.x_title)
    titles = list(dict.fromkeys(b.y_title for b in built if b.y_title and not all(la.second_axis for la in b.layers)))
    panel.y.title = Text(titles[0] if len(titles) == 1 else "")
    second = list(dict.fromkeys(b.y_title for b in built if b.y_title and all(la.second_axis for la in b.layers)))
    panel.second_title = Text(second[0]) if len(second) == 1 else None
    panel.x.fmt = _shown_format(first.x_format)
    panel.y.fmt = _shown_format(first.y_format)
    for item in list(options.items):
        if item.word == "ytitle" and item.value and "axis(2)" in item.value.replace(" ", ""):
            panel.second_title = Text(quoted_lines(split_suboptions(item.value)[0]))
            options.items.remove(item)
    read_axis(options, "x", panel.x, session, next((plot.x_label for plot in built if plot.x_label), ""))
    read_axis(options, "y", panel.y, session, next((plot.y_label for plot in built if plot.y_label), ""))
    read_placed(options, panel, session)
    return panel


def _shown_format(fmt: str) -> str:
    """Only dates and comma formats show on axes by themselves."""
    return fmt if fmt.startswith("%t") or fmt.endswith("c") else ""


@dataclass
class By:
    """What by() says: the groups with their names, and how their panels are laid out."""

    names: list[str]
    groups: list[tuple[str, BoolArray]]
    texts: dict[str, Text]
    """Titles and notes of the whole graph."""
    legend: list[str]
    columns: int | None = None
    rows: int | None = None
    common_x: bool = True
    common_y: bool = True

    def lay_out(self, session: Session, graph: Graph) -> None:
        """Number of columns, size, titles and the note of a graph whose panels are the groups."""
        for name, text in self.texts.items():
            setattr(graph, name, text if text.text else None)
        for value in self.legend:
            read_legend(value, session, graph.legend)
        graph.common_x, graph.common_y = self.common_x, self.common_y
        n = len(graph.panels)
        graph.columns = self.columns or (-(-n // self.rows) if self.rows else int(np.ceil(np.sqrt(n))))
        graph.width = max(graph.width, 2.4 * graph.columns)
        graph.height = max(graph.height, 2.1 * -(-n // graph.columns))
        if graph.note is None and "note" not in self.texts:
            graph.note = Text("Graphs by " + " and ".join(heading(session, name) for name in self.names))


def read_by(session: Session, typed: str, mask: BoolArray) -> By:
    """The argument of by(). Raises r(2000) when no observation has a group."""
    names_text, sub = split_suboptions(typed)
    names = session.expand_varlist(names_text)
    total = sub.flag("total", 5)
    texts: dict[str, Text] = {}
    for name in ("title", "subtitle", "note", "caption"):
        value = sub.take(name, 4)
        if value is not None:
            texts[name] = read_text(value)
    columns = sub.number(session, "cols", 1)
    rows = sub.number(session, "rows", 1)
    legend = [item.value or "" for item in sub.take_all("legend", 3)]
    both = sub.flag("rescale", 3)
    free_y, free_x = sub.flag("yrescale", 5), sub.flag("xrescale", 5)
    for placed in ("compact", "ixaxes", "iyaxes", "ixtitle", "iytitle", "noiytitle", "noixtitle"):
        sub.flag(placed, len(placed))
    sub.finish()
    kept = mask.copy()
    for name in names:
        kept &= present(session, name)
    groups = [(", ".join(labels), inside) for labels, inside in _combinations(session, names, kept)]
    if total:
        groups.append(("Total", kept))
    if not groups:
        raise StataError(2000, "no observations")
    if len(groups) > _MOST_PANELS:
        raise unsupported(f"by() with more than {_MOST_PANELS} groups")
    return By(names, groups, texts, legend, int(columns) if columns else None, int(rows) if rows else None,
              not (both or free_x), not (both or free_y))  # fmt: skip


def _by_panels(
    session: Session,
    graph: Graph,
    typed_by: str,
    typed: list[tuple[str, str]],
    mask: BoolArray,
    options: Options,
    whole: list[Built],
) -> None:
    by = read_by(session, typed_by, mask)
    held = list(options.items)
    for label, inside in by.groups:
        options.items = list(held)
        panel = _panel(session, _build_group(session, typed, inside, whole), options)
        panel.title = label
        graph.panels.append(panel)
    by.lay_out(session, graph)


def _combinations(session: Session, names: list[str], kept: BoolArray) -> list[tuple[list[str], BoolArray]]:
    found: list[tuple[list[str], BoolArray]] = [([], kept)]
    for name in names:
        grown = []
        for labels, inside in found:
            levels = categories(session, name, inside)
            for code, label in enumerate(levels.labels):
                part = inside.copy()
                part[inside] = levels.codes == code
                grown.append(([*labels, label], part))
        found = grown
    return found


def finish(session: Session, graph: Graph, options: Options) -> None:
    """name(), nodraw, and refusal of what nobody took; then the graph is kept in memory."""
    name_value = options.take("name", 4)
    name, replace = "Graph", True
    if name_value is not None:
        body, sub = split_suboptions(name_value)
        name, replace = body.strip(), sub.flag("replace", 3)
        sub.finish()
    options.flag("nodraw", 6)
    saving = options.take("saving", 3)
    added = options.take_all("addplot", 6)
    for item in added:
        _add_plots(session, graph, item.value or "")
    for item in options.items:
        raise option_not_allowed(item.named)
    scheme(graph.scheme)
    graph.font = session.state.get("graph_font")
    remember(session, graph, name, replace)
    if saving is not None:
        body, sub = split_suboptions(saving)
        over = sub.flag("replace", 3)
        sub.flag("asis", 4)
        sub.finish()
        save_graph(session, graph, strip_quotes(body), replace=over)


def save_graph(session: Session, graph: Graph, shown: str, *, replace: bool) -> None:
    """Write a graph to a .gph file. Raises r(602) when it exists and replace was not said."""
    shown = shown if shown.endswith(".gph") else f"{shown}.gph"
    path = session.output_path(shown)
    if path.exists() and not replace:
        raise StataError(602, f"file {shown} already exists")
    write_graph(graph, path)
    session.log.line(f"file {shown} saved")


def _add_plots(session: Session, graph: Graph, text: str) -> None:
    """addplot(): more plots over the first panel."""
    extra, left = parse_twoway(session, text, np.ones(session.data.n_obs, dtype=np.bool_))
    left.finish()
    if len(graph.panels) != 1 or len(extra.panels) != 1:
        raise unsupported("addplot() with by()")
    first = len(graph.panels[0].layers)
    for position, layer in enumerate(extra.panels[0].layers):
        layer.color_index = first + position
        graph.panels[0].layers.append(layer)
    if graph.legend.shown is None:
        graph.legend.shown = True
