"""Drawing a graph with matplotlib: the only place that imports it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ssd.engine.graphics import colors
from ssd.engine.graphics.fonts import cjk_family, needs_cjk
from ssd.engine.graphics.model import Axis, Graph, Layer, Legend, Panel, RefLine
from ssd.engine.graphics.schemes import Scheme, scheme
from ssd.engine.output.formats import format_value

LEGEND_PLACES = {
    1: "upper right",
    2: "upper right",
    3: "center right",
    4: "lower right",
    5: "lower right",
    6: "lower center",
    7: "lower left",
    8: "lower left",
    9: "center left",
    10: "upper left",
    11: "upper left",
    12: "upper center",
}


def export(graph: Graph, path: Path, kind: str, width: int | None, height: int | None) -> str:
    """Write the graph as svg, png or pdf; returns a note when words cannot be drawn, else an empty text.

    The same graph gives the same bytes: SVG ids come from a fixed salt and no date is written.
    `width` and `height` are pixels of a png.
    """
    import matplotlib

    matplotlib.use("Agg")
    import warnings

    import matplotlib.pyplot as plt

    note = ""
    settings: Any = {
        "svg.hashsalt": "ssd-engine",
        "font.family": ["DejaVu Sans"],
        "font.size": 10.0,
        "axes.unicode_minus": True,
        "pdf.fonttype": 42,
        "axes.linewidth": 0.8,
        "figure.dpi": 100,
        "svg.fonttype": "path",
    }
    if needs_cjk(graph.texts()):
        family = cjk_family()
        if family is None:
            settings["svg.fonttype"] = "none"
            note = "note: no font with Chinese characters is installed; svg keeps the text for the viewer's fonts"
        else:
            settings["font.family"] = [family, "DejaVu Sans"]
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # A character without a glyph is reported in the note above, not through the warnings machinery.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = plt.figure(figsize=(graph.width, graph.height), layout="constrained")
        try:
            _graph(figure, graph)
            options: dict[str, Any] = {"facecolor": figure.get_facecolor(), "format": kind}
            if kind == "png":
                wide = width or (round(height * graph.width / graph.height) if height else 1650)
                options |= {"dpi": wide / graph.width, "metadata": {"Software": None}}
            elif kind == "svg":
                options["metadata"] = {"Date": None, "Creator": "ssd-engine"}
            else:
                options["metadata"] = {"CreationDate": None, "Creator": "ssd-engine", "Producer": None}
            figure.savefig(path, **options)
        finally:
            plt.close(figure)
    return note


def _graph(figure: Any, graph: Graph) -> None:
    look = scheme(graph.scheme)
    figure.set_facecolor(graph.background or look.background)
    _titles(figure, graph)
    if graph.children is not None:
        rows = -(-len(graph.children) // graph.columns)
        parts = np.atleast_1d(figure.subfigures(rows, graph.columns)).ravel()
        for part, child in zip(parts, graph.children, strict=False):
            _graph(part, child)
        for part in parts[len(graph.children) :]:
            part.set_facecolor(graph.background or look.background)
        return
    rows = -(-len(graph.panels) // graph.columns)
    several = len(graph.panels) > 1
    grid = figure.subplots(
        rows,
        graph.columns,
        squeeze=False,
        sharex=several and graph.common_x,
        sharey=several and graph.common_y,
    )
    cells = grid.ravel()
    handles: list[tuple[int, Any, str]] = []
    filled = 0
    for position, (axes, panel) in enumerate(zip(cells, graph.panels, strict=False)):
        found = _panel(axes, panel, look, graph)
        if position == 0 or _filled(panel) > filled:
            handles, filled = found, _filled(panel)
        if several:
            last_row = position + graph.columns >= len(graph.panels)
            axes.tick_params(labelbottom=last_row or not graph.common_x)
            if panel.x.title is not None and not last_row:
                axes.set_xlabel("")
            if position % graph.columns and panel.y.title is not None:
                axes.set_ylabel("")
    for axes in cells[len(graph.panels) :]:
        axes.set_axis_off()
    _legend(figure, cells[0], graph, look, handles)


def _filled(panel: Panel) -> int:
    """Plots that have something to show; the legend is taken from the panel with most of them."""
    return sum(layer.x.size > 0 for layer in panel.layers)


def _titles(figure: Any, graph: Graph) -> None:
    title, subtitle = graph.title, graph.subtitle
    if title is not None and subtitle is not None:
        figure.suptitle(
            f"{title.text}\n{subtitle.text}",
            fontsize=title.size or 12,
            color=title.color or "#000000",
        )
    elif title is not None or subtitle is not None:
        text = title if title is not None else subtitle
        assert text is not None
        figure.suptitle(
            text.text,
            fontsize=text.size or (12.5 if title is not None else 10.5),
            color=text.color or "#000000",
        )
    below = [t for t in (graph.note, graph.caption) if t is not None]
    if below:
        figure.supxlabel(
            "\n".join(t.text for t in below),
            x=0.015,
            ha="left",
            fontsize=below[0].size or 8,
            color=below[0].color or "#333333",
        )


def _panel(axes: Any, panel: Panel, look: Scheme, graph: Graph) -> list[tuple[int, Any, str]]:
    axes.set_facecolor(graph.plot_background or look.plot_region)
    if panel.pie is not None:
        return _pie(axes, panel, look)
    for side in ("top", "right"):
        axes.spines[side].set_visible(look.box)
    axes.set_axisbelow(True)
    second = axes.twinx() if any(layer.second_axis for layer in panel.layers) else None
    if second is not None:
        second.spines["top"].set_visible(False)
        if panel.second_title is not None:
            second.set_ylabel(panel.second_title.text)
    handles: list[tuple[int, Any, str]] = []
    if panel.boxes is not None:
        handles = _boxes(axes, panel, look)
    for position, layer in enumerate(panel.layers):
        target = second if layer.second_axis and second is not None else axes
        handle = _layer(target, layer, look, layer.color_index if layer.color_index is not None else position)
        if layer.keyed:
            handles.append((position + 1, handle, layer.label))
    _axis(axes, panel.x, "x", look)
    _axis(axes, panel.y, "y", look)
    for lines, draw in ((panel.x.lines, axes.axvline), (panel.y.lines, axes.axhline)):
        for line in lines:
            _reference(draw, line)
    if panel.centre_text:
        axes.text(
            0.5, 0.5, panel.centre_text, transform=axes.transAxes, ha="center", va="center", fontsize=10, wrap=True
        )
        for side in ("top", "right", "bottom", "left"):
            axes.spines[side].set_visible(True)
            axes.spines[side].set_color("#bbbbbb")
    if panel.title:
        axes.set_title(panel.title, fontsize=10, pad=5)
    if graph.aspect is not None:
        axes.set_box_aspect(graph.aspect)
    return handles


def _reference(draw: Any, line: RefLine) -> None:
    style = line.style
    shade, alpha = style.line_color or style.color or ("#7f7f7f", 1.0)
    draw(
        line.value,
        color=shade,
        alpha=alpha,
        linewidth=style.width or 0.9,
        linestyle=style.pattern or "-",
        zorder=1.5,
    )


def _layer(axes: Any, layer: Layer, look: Scheme, position: int) -> Any:
    style = layer.style
    base = (look.palette[position % len(look.palette)], 1.0)
    line = style.line_color or style.color or base
    fill = style.fill_color or style.color or base
    mark = style.marker_color or style.color or style.line_color or base
    width = style.width if style.width is not None else 1.5
    pattern = (
        style.pattern if style.pattern is not None else colors.pattern(look.patterns[position % len(look.patterns)])
    )
    x, y = (
        (layer.y, layer.x)
        if layer.horizontal and layer.kind in ("scatter", "connected", "line")
        else (layer.x, layer.y)
    )
    kind = layer.kind
    if kind in ("scatter", "dot"):
        handle = _markers(axes, x, y, layer, look, position, mark)
    elif kind in ("line", "step"):
        handle = axes.plot(
            x,
            y,
            color=line[0],
            alpha=line[1],
            linewidth=width,
            linestyle=pattern,
            drawstyle="steps-post" if style.step else "default",
            zorder=3,
        )[0]
    elif kind == "connected":
        marker, filled = style.marker or ("o", True)
        handle = axes.plot(
            x,
            y,
            color=line[0],
            alpha=line[1],
            linewidth=width,
            linestyle=pattern,
            marker=marker,
            markersize=style.marker_size or 4.6,
            markerfacecolor=mark[0] if filled else "none",
            markeredgecolor=mark[0],
            zorder=3,
        )[0]
    elif kind == "area":
        handle = axes.fill_between(
            x,
            y,
            layer.base,
            color=fill[0],
            alpha=fill[1] * (style.opacity or 0.75),
            linewidth=0.5,
            zorder=2,
        )
    elif kind == "rarea":
        alpha = (
            fill[1] if style.opacity is None and fill[1] < 1 else style.opacity if style.opacity is not None else 0.35
        )
        handle = axes.fill_between(x, y, layer.y2, color=fill[0], alpha=alpha, linewidth=0, zorder=1.8)
    elif kind in ("bar", "histogram", "rbar"):
        handle = _bars(axes, layer, look, fill, line)
    elif kind in ("rcap", "rspike", "spike", "dropline"):
        handle = _spikes(axes, layer, line, width, mark)
    elif kind == "rline":
        handle = axes.plot(x, y, color=line[0], linewidth=width, linestyle=pattern, zorder=3)[0]
        axes.plot(x, layer.y2, color=line[0], linewidth=width, linestyle=pattern, zorder=3)
    else:
        raise ValueError(f"no way to draw {kind}")
    if layer.marker_labels is not None:
        for px, py, text in zip(x, y, layer.marker_labels, strict=True):
            axes.annotate(
                text,
                (px, py),
                xytext=(0, 2) if kind == "histogram" else (4, 0),
                textcoords="offset points",
                fontsize=7.5,
                va="bottom" if kind == "histogram" else "center",
                ha="center" if kind == "histogram" else "left",
            )
    return handle


def _markers(axes: Any, x: Any, y: Any, layer: Layer, look: Scheme, position: int, mark: tuple[str, float]) -> Any:
    style = layer.style
    marker, filled = style.marker or colors.symbol(look.symbols[position % len(look.symbols)])
    size = style.marker_size or (4.2 if x.size < 400 else 3.0)
    area = size**2 * (8 * layer.y2 + 0.3) if layer.y2 is not None else size**2
    hollow = layer.y2 is not None or not filled
    if marker in ("x", "+"):
        return axes.scatter(
            x, y, s=area, c=mark[0], marker=marker, alpha=mark[1], linewidths=style.width or 0.9, zorder=3
        )
    return axes.scatter(
        x,
        y,
        s=area,
        facecolors="none" if hollow else mark[0],
        edgecolors=mark[0],
        marker=marker,
        alpha=mark[1],
        linewidths=style.width or (0.9 if hollow else 0.3),
        zorder=3,
    )


def _bars(axes: Any, layer: Layer, look: Scheme, fill: tuple[str, float], line: tuple[str, float]) -> Any:
    style = layer.style
    edge = (
        (style.line_color or ("#ffffff", 1.0))[0]
        if layer.kind == "histogram"
        else (style.line_color or (fill[0], 1.0))[0]
    )
    width = style.bar_width if style.bar_width is not None else 0.8
    if layer.kind == "bar" and style.bar_width is None and layer.x.size > 1:
        width = 0.8 * float(np.min(np.diff(np.unique(layer.x)))) if np.unique(layer.x).size > 1 else 0.8
    bottom = layer.y if layer.kind == "rbar" else layer.base
    top = layer.y2 if layer.kind == "rbar" and layer.y2 is not None else layer.y
    arguments = {
        "color": fill[0],
        "alpha": fill[1] * (style.opacity or look.fill),
        "edgecolor": edge,
        "zorder": 2,
        "linewidth": style.width if style.width is not None else 0.7,
    }
    if layer.horizontal:
        return axes.barh(layer.x, top - bottom, height=width, left=bottom, **arguments)
    return axes.bar(layer.x, top - bottom, width=width, bottom=bottom, **arguments)


def _spikes(axes: Any, layer: Layer, line: tuple[str, float], width: float, mark: tuple[str, float]) -> Any:
    low = layer.y if layer.y2 is not None else np.full_like(layer.y, layer.base)
    high = layer.y2 if layer.y2 is not None else layer.y
    middle, half = (low + high) / 2, np.abs(high - low) / 2
    arguments = {
        "ecolor": line[0],
        "elinewidth": width * 0.85,
        "capsize": 3.5 if layer.kind == "rcap" else 0,
        "fmt": "none",
        "alpha": line[1],
        "zorder": 2.8,
    }
    if layer.horizontal:
        return axes.errorbar(middle, layer.x, xerr=half, **arguments)
    handle = axes.errorbar(layer.x, middle, yerr=half, **arguments)
    if layer.kind == "dropline":
        axes.scatter(layer.x, layer.y, s=20, color=mark[0], zorder=3)
    return handle


def _axis(axes: Any, axis: Axis, letter: str, look: Scheme) -> None:
    setter = axes.set_xlabel if letter == "x" else axes.set_ylabel
    if axis.title is not None:
        setter(axis.title.text, fontsize=axis.title.size or 10, color=axis.title.color or "#000000", labelpad=6)
    scale = axes.xaxis if letter == "x" else axes.yaxis
    if axis.log:
        (axes.set_xscale if letter == "x" else axes.set_yscale)("log")
    ticks = axis.ticks
    fmt = ticks.fmt or axis.fmt
    if ticks.none:
        scale.set_ticks([])
    elif ticks.positions:
        texts = [text or _number(value, fmt) for value, text in zip(ticks.positions, ticks.texts, strict=True)]
        scale.set_ticks(ticks.positions, texts)
    else:
        _automatic(scale, axis, fmt)
    grid = ticks.grid if ticks.grid is not None else (letter == "y" or look.grid_x)
    if grid and not ticks.none:
        scale.grid(True, color=look.grid, linewidth=0.7)
    limits = axes.get_xlim() if letter == "x" else axes.get_ylim()
    low, high = min(limits), max(limits)
    spread = [
        *ticks.positions,
        *(line.value for line in axis.lines),
        *(v for v in (axis.low, axis.high) if v is not None),
    ]
    if spread:
        margin = 0.02 * (max(high, *spread) - min(low, *spread))
        low, high = (
            min(low, min(spread) - (margin if min(spread) < low else 0)),
            max(high, max(spread) + (margin if max(spread) > high else 0)),
        )
        (axes.set_xlim if letter == "x" else axes.set_ylim)(low, high)
    if axis.reverse:
        (axes.invert_xaxis if letter == "x" else axes.invert_yaxis)()
    axes.tick_params(axis=letter, labelsize=ticks.size or 9, width=0.8, length=3.5)
    for label in axes.get_xticklabels() if letter == "x" else axes.get_yticklabels():
        label.set_rotation(ticks.angle)
        if letter == "x" and 0 < ticks.angle < 90:
            label.set_ha("right")
            label.set_rotation_mode("anchor")
    if axis.hidden:
        scale.set_visible(False)
        axes.spines["bottom" if letter == "x" else "left"].set_visible(False)


def _automatic(scale: Any, axis: Axis, fmt: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    if not axis.log:
        scale.set_major_locator(MaxNLocator(nbins=axis.ticks.about or 6, steps=[1, 2, 2.5, 5, 10]))
    if fmt:
        scale.set_major_formatter(FuncFormatter(lambda value, _: _number(value, fmt)))


def _number(value: float, fmt: str) -> str:
    """Dates and explicit formats as Stata writes them; plain numbers without padding and with a leading zero."""
    shown = format_value(float(value), fmt or "%9.0g").strip()
    if fmt.startswith("%t"):
        return shown
    if shown.startswith("."):
        return "0" + shown if shown != "." else ""
    return "-0" + shown[1:] if shown.startswith("-.") else shown


def _pie(axes: Any, panel: Panel, look: Scheme) -> list[tuple[int, Any, str]]:
    slices = panel.pie or []
    wedges, *_ = axes.pie(
        [value for _, value in slices],
        startangle=90,
        counterclock=False,
        colors=[look.palette[i % len(look.palette)] for i in range(len(slices))],
        wedgeprops={"linewidth": 0.8, "edgecolor": "white"},
        labels=list(_slice_labels(panel)) if _slice_labels(panel) else None,
        textprops={"fontsize": 9},
    )
    axes.set_aspect("equal")
    return [(i + 1, wedge, label) for i, (wedge, (label, _)) in enumerate(zip(wedges, slices, strict=True))]


def _slice_labels(panel: Panel) -> list[str]:
    return panel.x.ticks.texts


def _boxes(axes: Any, panel: Panel, look: Scheme) -> list[tuple[int, Any, str]]:
    """Box plots with Stata's adjacent values: the most extreme data within 1.5 times the interquartile range."""
    from ssd.engine.stats.moments import percentiles

    handles: list[tuple[int, Any, str]] = []
    vertical = not panel.horizontal_boxes
    categories_axis = panel.x if vertical else panel.y
    seen: dict[int, Any] = {}
    for position, (_, shade, values) in enumerate(panel.boxes or []):
        q1, middle, q3 = (float(v) for v in percentiles(values, np.array([25.0, 50.0, 75.0])))
        inside = values[(values >= q1 - 1.5 * (q3 - q1)) & (values <= q3 + 1.5 * (q3 - q1))]
        outside = values[(values < inside.min()) | (values > inside.max())]
        stats = {
            "med": middle,
            "q1": q1,
            "q3": q3,
            "whislo": float(inside.min()),
            "whishi": float(inside.max()),
            "fliers": outside,
        }
        colour = look.palette[shade % len(look.palette)]
        drawn = axes.bxp(
            [stats],
            positions=[position + 1],
            widths=0.6,
            orientation="vertical" if vertical else "horizontal",
            patch_artist=True,
            manage_ticks=False,
            boxprops={"facecolor": colour, "edgecolor": colour, "alpha": 0.85},
            medianprops={"color": "white", "linewidth": 1.6},
            whiskerprops={"color": colour},
            capprops={"color": colour},
            flierprops={
                "marker": "o",
                "markersize": 3.2,
                "markerfacecolor": colour,
                "markeredgecolor": colour,
            },
        )
        seen.setdefault(shade, drawn["boxes"][0])
    for shade, handle in seen.items():
        texts = categories_axis.ticks.fmt.split("\n") if categories_axis.ticks.fmt else []
        handles.append((shade + 1, handle, texts[shade] if shade < len(texts) else ""))
    categories_axis.ticks.fmt = ""
    return handles


def _legend(figure: Any, axes: Any, graph: Graph, look: Scheme, handles: list[tuple[int, Any, str]]) -> None:
    legend = graph.legend
    entries = _entries(legend, handles)
    shown = legend.shown if legend.shown is not None else len(handles) > 1 or legend.order is not None
    if not shown or not entries:
        return
    arguments: dict[str, Any] = {
        "fontsize": legend.size or 9,
        "frameon": False,
        "title": legend.title or None,
        "handlelength": 1.8,
    }
    labels, drawn = [text for _, text in entries], [handle for handle, _ in entries]
    if legend.ring == 0:
        axes.legend(
            drawn,
            labels,
            loc=LEGEND_PLACES.get(legend.position or 1, "best"),
            ncols=_columns(legend, len(entries), 1),
            **arguments,
        )
        return
    position = (
        legend.position
        if legend.position is not None
        else (3 if look.legend_right and legend.rows is None and legend.cols is None else 6)
    )
    outside = {
        12: "outside upper center",
        11: "outside upper left",
        1: "outside upper right",
        6: "outside lower center",
        5: "outside lower right",
        7: "outside lower left",
        3: "outside right center",
        2: "outside right upper",
        4: "outside right lower",
        9: "outside left center",
        10: "outside left upper",
        8: "outside left lower",
    }
    across = 1 if position in (2, 3, 4, 8, 9, 10) else min(len(entries), 3 if max(len(t) for t in labels) < 22 else 2)
    figure.legend(drawn, labels, loc=outside[position], ncols=_columns(legend, len(entries), across), **arguments)


def _columns(legend: Legend, n: int, default: int) -> int:
    if legend.cols:
        return legend.cols
    if legend.rows:
        return -(-n // legend.rows)
    return default


def _entries(legend: Legend, handles: list[tuple[int, Any, str]]) -> list[tuple[Any, str]]:
    by_number = {number: (handle, legend.labels.get(number, label)) for number, handle, label in handles}
    if legend.order is None:
        return list(by_number.values())
    chosen = []
    for number, text in legend.order:
        if number in by_number:
            handle, label = by_number[number]
            chosen.append((handle, text if text is not None else label))
    return chosen
