"""twoway and its shortcuts; graph export, combine, display, dir, drop."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.graphics.files import read_graph_file
from ssd.engine.graphics.model import Graph, Layer, Style, Text
from ssd.engine.graphics.options import Options, margin_share, read_graph, read_style
from ssd.engine.graphics.store import find, graphs, remember
from ssd.engine.graphics.twoway import finish, parse_twoway, save_graph
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes
from ssd.engine.missing import MISSING
from ssd.engine.session import Session

KINDS = {".svg": "svg", ".png": "png", ".pdf": "pdf", ".eps": "eps", ".jpg": "jpg", ".tif": "tif"}
_ALSO = {".jpeg": ".jpg", ".tiff": ".tif"}
ACCEPTED = "placement of texts by margin(), ring(), span of legends; region() beyond colours; noextend, titlegap()"
REFUSED = f".gph files written by Stata, play(), pcarrow, pccapsym, mspline, fpfit; {ACCEPTED}"


def _everything(session: Session) -> np.ndarray:
    return np.ones(session.data.n_obs, dtype=np.bool_)


def draw_twoway(session: Session, text: str) -> None:
    """A twoway command: parse, keep in memory."""
    graph, options = parse_twoway(session, text, _everything(session))
    finish(session, graph, options)


@command("twoway", "*", minimum=2, stored="the graph in memory", refused=REFUSED)
def twoway(session: Session, line: Line) -> None:
    """Overlaid plots of y against x."""
    draw_twoway(session, line.text)


@command("scatter", "*", minimum=2, refused=REFUSED)
def scatter(session: Session, line: Line) -> None:
    """Scatterplot."""
    draw_twoway(session, f"scatter {line.text}")


@command("line", "*", refused=REFUSED)
def line_plot(session: Session, line: Line) -> None:
    """Line plot."""
    draw_twoway(session, f"line {line.text}")


@command("tsline", "*", refused=REFUSED)
def tsline(session: Session, line: Line) -> None:
    """Line plots against the time variable."""
    draw_twoway(session, f"tsline {line.text}")


@command("lowess", "*", refused=REFUSED + "; logit")
def lowess(session: Session, line: Line) -> None:
    """Lowess smooth over a scatterplot."""
    main, options = split_comma(line.text)
    taken = Options(options)
    width = taken.take("bwidth", 2)
    target = taken.take("generate", 3)
    hidden = taken.flag("nograph", 5)
    if target is not None:
        _lowess_variable(session, main, target.strip(), 0.8 if width is None else session.evaluate_number(width))
    if hidden:
        taken.finish()
        return
    rest = " ".join(str(item) for item in taken.items)
    inner = f", bwidth({width})" if width is not None else ""
    draw_twoway(session, f"(scatter {main}) (lowess {main}{inner}), legend(off) {rest}")


def _lowess_variable(session: Session, main: str, target: str, width: float) -> None:
    """generate(): the smoothed values of the observations in a new variable."""
    from ssd.engine.data.names import check_name
    from ssd.engine.errors import already_defined, no_observations
    from ssd.engine.graphics.plots import read_spec
    from ssd.engine.graphics.smooth import lowess as smoothed

    check_name(target)
    if target in session.data.variables:
        raise already_defined(target)
    spec = read_spec(session, "lowess", main, _everything(session))
    if len(spec.names) != 2:
        raise StataError(102 if len(spec.names) < 2 else 103, "lowess needs one y and one x variable")
    y, x = (session.data.numeric(name) for name in spec.names)
    kept = spec.mask & (y < MISSING) & (x < MISSING)
    if not kept.any():
        raise no_observations()
    at, fitted = smoothed(x[kept], y[kept], width, False)
    values = np.full(session.data.n_obs, MISSING)
    values[kept] = np.interp(x[kept], at, fitted)
    outcome = session.data.variables[spec.names[0]]
    session.data.add(target, values, "float", label=f"lowess: {outcome.label or outcome.name}")


@command(
    "histogram",
    "*",
    minimum=4,
    refused=REFUSED + "; by() with normal or kdensity",
)
def histogram(session: Session, line: Line) -> None:
    """Histogram, with normal or kernel density if asked."""
    main, text = split_comma(line.text)
    options = Options(text)
    normal, kernel = options.flag("normal", 4), options.flag("kdensity", 4)
    curve_options = options.take("normopts", 7), options.take("kdenopts", 7)
    rest = " ".join(str(item) for item in options.items)
    graph, left = parse_twoway(session, f"histogram {main}, {rest}", _everything(session))
    if normal or kernel:
        if len(graph.panels) > 1:
            raise unsupported("histogram with by() and normal or kdensity")
        _density_curves(session, graph, main, normal, kernel, curve_options)
    if len(graph.panels[0].layers) > 1 and graph.legend.shown is None:
        graph.legend.shown = True
    finish(session, graph, left)


def _density_curves(
    session: Session,
    graph: Graph,
    main: str,
    normal: bool,
    kernel: bool,
    texts: tuple[str | None, str | None],
) -> None:
    """Curves over the bars, rescaled to what the bars show."""
    from ssd.engine.graphics.plots import build, read_spec

    panel = graph.panels[0]
    factor, step, total = session.state["histogram_scale"]
    scale = float(factor * step * total)
    spec = read_spec(session, "kdensity", main, _everything(session))
    name = spec.names[0]
    x = session.data.numeric(name)[spec.mask]
    x = x[x < 2.0**1023]
    if normal:
        grid = np.linspace(x.min(), x.max(), 200)
        sd = float(x.std(ddof=1))
        y = np.exp(-0.5 * ((grid - x.mean()) / sd) ** 2) / (sd * np.sqrt(2 * np.pi)) * scale
        options = Options(texts[0])
        style = read_style(options, session)
        options.finish()
        panel.layers.append(Layer("line", grid, y, label="Normal density", style=style))
    if kernel:
        spec.options = Options(texts[1])
        layer = build(session, spec).layers[0]
        layer.y = layer.y * scale
        layer.label = "Kernel density"
        panel.layers.append(layer)


@command("kdensity", "*", minimum=2, refused=REFUSED + "; generate(), at()")
def kdensity(session: Session, line: Line) -> None:
    """Kernel density estimate of one variable."""
    from ssd.engine.graphics.plots import build, read_spec

    main, text = split_comma(line.text)
    options = Options(text)
    normal = options.flag("normal", 4)
    spec = read_spec(session, "kdensity", main, _everything(session))
    spec.options = Options(", ".join(str(item) for item in options.items))
    built = build(session, spec)
    rest = " ".join(str(item) for item in spec.options.items)
    kernel_words = " ".join(str(i) for i in options.items if str(i) not in {str(j) for j in spec.options.items})
    graph, left = parse_twoway(session, f"kdensity {main}, {kernel_words} {rest}", _everything(session))
    if graph.title is None:
        graph.title = Text("Kernel density estimate")
    if graph.note is None:
        graph.note = Text(built.note)
    if normal:
        x = session.data.numeric(spec.names[0])[spec.mask]
        x = x[x < 2.0**1023]
        sd = float(x.std(ddof=1))
        grid = built.layers[0].x
        y = np.exp(-0.5 * ((grid - x.mean()) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
        graph.panels[0].layers[0].label = "Kernel density estimate"
        graph.panels[0].layers.append(Layer("line", grid, y, label="Normal density", style=Style()))
    finish(session, graph, left)


@command(
    "graph",
    "*",
    minimum=2,
    stored="none",
    refused=f"graph play/query/rename/copy, asis bars of more than two over(); {REFUSED}",
)
def graph(session: Session, line: Line) -> None:
    """Graph subcommands: twoway, bar, hbar, box, hbox, dot, pie, matrix, combine, export, display, dir, drop."""
    from ssd.engine.commands.graph_categories import bars, boxes, matrix, pie

    text = line.text.strip()
    match = re.match(r"\w+", text)
    word = match.group() if match else ""
    rest = text[len(word) :]
    if word and "twoway".startswith(word) and len(word) >= 2:
        draw_twoway(session, rest)
    elif word in ("bar", "hbar", "dot"):
        bars(session, rest, word)
    elif word in ("box", "hbox"):
        boxes(session, rest, word)
    elif word == "pie":
        pie(session, rest)
    elif word == "matrix" or (len(word) >= 3 and "matrix".startswith(word)):
        matrix(session, rest)
    elif word == "combine" or (len(word) >= 4 and "combine".startswith(word)):
        _combine(session, rest)
    elif word == "export":
        _export(session, rest)
    elif word in ("display", "describe", "dir", "drop", "close"):
        _manage(session, word, rest)
    elif word in ("save", "use", "set"):
        {"save": _save, "use": _use, "set": _set}[word](session, rest)
    elif word in ("play", "query", "rename", "copy", "print"):
        raise unsupported(f"graph {word}")
    else:
        raise StataError(198, f"graph {word}: invalid subcommand" if word else "invalid syntax")


def _save(session: Session, text: str) -> None:
    """graph save [name] file[, replace]."""
    main, option_text = split_comma(text)
    options = Options(option_text)
    replace = options.flag("replace", 3)
    options.flag("asis", 4)
    options.finish()
    words = split_words(main)
    if len(words) not in (1, 2):
        raise invalid_syntax()
    save_graph(session, find(session, words[0] if len(words) == 2 else None), words[-1], replace=replace)


def _use(session: Session, text: str) -> None:
    """graph use file[, name(name, replace)]: bring a saved graph back."""
    main, option_text = split_comma(text)
    options = Options(option_text)
    named = options.take("name", 4)
    options.flag("nodraw", 6)
    scheme = options.take("scheme", 3)
    options.finish()
    words = split_words(main)
    if len(words) != 1:
        raise invalid_syntax()
    graph = _from_file(session, words[0])
    graph.scheme = scheme.strip() if scheme else graph.scheme
    name, _, rest = (named or "Graph").partition(",")
    remember(session, graph, name.strip(), named is None or rest.strip() == "replace")


def _from_file(session: Session, shown: str) -> Graph:
    shown = shown if shown.endswith(".gph") else f"{shown}.gph"
    return read_graph_file(session.path(shown), shown)


_TARGETS = ("window", "print", "eps", "ps", "svg", "pdf", "png")


def _set(session: Session, text: str) -> None:
    """graph set window fontface: the typeface of the graphs drawn from now on."""
    words = split_words(text)
    if words and words[0] in _TARGETS:
        words = words[1:]
    if len(words) < 2 or words[0] not in ("fontface", "fontfacesans", "fontfaceserif"):
        raise unsupported("graph set of anything but fontface")
    if words[0] == "fontface":
        chosen = " ".join(words[1:])
        session.state["graph_font"] = None if chosen == "default" else chosen


def _export(session: Session, text: str) -> None:
    from ssd.engine.graphics.draw import export

    main, option_text = split_comma(text)
    options = Options(option_text)
    words = split_words(main)
    if len(words) != 1:
        raise invalid_syntax()
    replace = options.flag("replace", 3)
    wanted = options.take("as", 2)
    width, height = options.number(session, "width", 3), options.number(session, "height", 3)
    name = options.take("name", 4)
    options.flag("nofontface", 6)
    options.take("fontface", 5)
    shown = words[0]
    suffix = f".{wanted.strip()}" if wanted else Path(shown).suffix.lower()
    suffix = _ALSO.get(suffix, suffix)
    if suffix not in KINDS:
        raise StataError(
            198, f"output type {suffix or 'unknown'} not supported by this engine; use svg, png, jpg, tif, pdf or eps"
        )
    quality = options.number(session, "quality", 4)
    if quality is not None and (suffix != ".jpg" or not 1 <= quality <= 100):
        raise StataError(198, "option quality() is for jpg, from 1 to 100")
    options.finish()
    path = session.output_path(shown)
    if path.exists() and not replace:
        raise StataError(602, f"file {shown} already exists")
    note = export(
        find(session, name.strip() if name else None),
        path,
        KINDS[suffix],
        int(width) if width else None,
        int(height) if height else None,
    )
    if note:
        session.log.line(note)
    session.log.line(f"file {shown} saved as {KINDS[suffix].upper()} format")


def _with_common_axis(children: list[Graph], letter: str) -> list[Graph]:
    """Copies of the graphs whose x (or y) axes cover the data of all of them."""
    own = deepcopy(children)
    panels = [panel for graph in own for panel in graph.panels]
    parts = [
        values
        for panel in panels
        for layer in panel.layers
        for values in ((layer.x,) if letter == "x" else (layer.y, layer.y2))
        if values is not None and len(values)
    ]
    if not parts:
        raise unsupported(f"{letter}common of graphs without two axes")
    seen = np.concatenate([np.asarray(values, dtype=np.float64) for values in parts])
    seen = seen[np.isfinite(seen) & (seen < MISSING)]
    for panel in panels:
        axis = panel.x if letter == "x" else panel.y
        axis.low, axis.high = float(seen.min()), float(seen.max())
    return own


def _combine(session: Session, text: str) -> None:
    main, option_text = split_comma(text)
    options = Options(option_text)
    names = [strip_quotes(w) for w in split_words(main)]
    children = [_from_file(session, name) if name.endswith(".gph") else find(session, name) for name in names]
    if not children:
        raise invalid_syntax("graph name required")
    combined = Graph(children=children)
    cols, rows = options.number(session, "cols", 1), options.number(session, "rows", 1)
    for letter in "xy":
        if options.flag(f"{letter}common", 4):
            combined.children = children = _with_common_axis(children, letter)
    for other in ("colfirst", "holes"):
        options.refuse(other, 4)
    room = options.take("imargin", 4)
    combined.space = margin_share(room) if room is not None else None
    scale = options.take("iscale", 2)
    shrink = options.flag("altshrink", 6)
    n = len(children)
    combined.columns = int(cols) if cols else -(-n // int(rows)) if rows else int(np.ceil(np.sqrt(n)))
    combined.width = max(5.5, 3.6 * combined.columns)
    combined.height = max(4.0, 2.8 * -(-n // combined.columns))
    if scale is not None or shrink:
        # Text keeps its size in points, so a larger sheet makes it smaller in relation to the graphs.
        factor = session.evaluate_number(scale.strip().lstrip("*")) if scale else 1 / np.sqrt(combined.columns)
        if not 0.05 <= factor <= 10:
            raise StataError(198, f"iscale({scale}) invalid")
        combined.width, combined.height = 5.5 / factor, 4.0 / factor
    read_graph(options, combined, session)
    finish(session, combined, options)


def _manage(session: Session, word: str, text: str) -> None:
    main, _ = split_comma(text)
    held = graphs(session)
    names = main.split()
    if word == "dir":
        session.log.line("  " + "  ".join(held) if held else "")
    elif word in ("drop", "close"):
        for name in list(held) if names == ["_all"] or not names else names:
            if name not in held:
                raise StataError(111, f"graph {name} not found")
            del held[name]
    else:
        found = find(session, names[0] if names else None)
        for name, kept in list(held.items()):
            if kept is found:
                held[name] = held.pop(name)
