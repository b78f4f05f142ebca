"""Drawing a graph with matplotlib: figures, panels and titles; the parts of a panel are in the modules beside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ssd.engine.graphics.draw_axes import draw_axis, draw_reference
from ssd.engine.graphics.draw_layers import draw_layer
from ssd.engine.graphics.draw_legend import draw_legend
from ssd.engine.graphics.draw_shapes import draw_boxes, draw_pie
from ssd.engine.graphics.fonts import cjk_family, needs_cjk
from ssd.engine.graphics.model import Graph, Panel
from ssd.engine.graphics.schemes import Scheme, scheme


def export(graph: Graph, path: Path, kind: str, width: int | None, height: int | None) -> str:
    """Write the graph as svg, png, jpg, tif, pdf or eps; returns a note when words cannot be drawn, else an empty text.

    The same graph gives the same bytes: SVG ids come from a fixed salt and no date is written.
    `width` and `height` are pixels of a png, jpg or tif.
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
    if graph.font is not None:
        from matplotlib import font_manager

        if graph.font in font_manager.get_font_names():
            settings["font.family"] = [graph.font, *settings["font.family"]]
        else:
            note = note or f"note: font {graph.font} is not installed; DejaVu Sans is used"
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # A character without a glyph is reported in the note above, not through the warnings machinery.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = plt.figure(figsize=(graph.width, graph.height), layout="constrained")
        if graph.pad is not None:
            inches = 0.04 + graph.pad * graph.height
            layout: Any = figure.get_layout_engine()
            layout.set(w_pad=inches, h_pad=inches)
        try:
            _graph(figure, graph)
            options: dict[str, Any] = {"facecolor": figure.get_facecolor(), "format": kind}
            if kind in ("png", "jpg", "tif"):
                wide = width or (round(height * graph.width / graph.height) if height else 1650)
                options |= {"dpi": wide / graph.width, "metadata": {"Software": None} if kind == "png" else None}
            elif kind == "eps":
                options["metadata"] = {"Creator": "ssd-engine"}
            elif kind == "svg":
                options["metadata"] = {"Date": None, "Creator": "ssd-engine"}
            else:
                options["metadata"] = {"CreationDate": None, "Creator": "ssd-engine", "Producer": None}
            figure.savefig(path, **options)
            if kind == "eps":
                lines = path.read_bytes().split(b"\n")
                path.write_bytes(b"\n".join(line for line in lines if not line.startswith(b"%%CreationDate")))
        finally:
            plt.close(figure)
    return note


def _graph(figure: Any, graph: Graph) -> None:
    look = scheme(graph.scheme)
    figure.set_facecolor(graph.background or look.background)
    if graph.edge is not None:
        figure.patch.set(edgecolor=graph.edge, linewidth=1.5)
    _titles(figure, graph)
    if graph.children is not None:
        rows = -(-len(graph.children) // graph.columns)
        room = {} if graph.space is None else {"wspace": graph.space, "hspace": graph.space}
        parts = np.atleast_1d(figure.subfigures(rows, graph.columns, **room)).ravel()
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
    draw_legend(figure, cells[0], graph, look, handles)


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
        return draw_pie(axes, panel, look)
    for side in ("top", "right"):
        axes.spines[side].set_visible(look.box)
    axes.set_axisbelow(True)
    if graph.tight or graph.plot_margin is not None:
        axes.margins(0.0 if graph.tight else graph.plot_margin)
    if graph.plot_edge is not None:
        for spine in axes.spines.values():
            spine.set_visible(True)
            spine.set_color(graph.plot_edge)
    second = axes.twinx() if any(layer.second_axis for layer in panel.layers) else None
    if second is not None:
        second.spines["top"].set_visible(False)
        if panel.second_title is not None:
            second.set_ylabel(panel.second_title.text)
    handles: list[tuple[int, Any, str]] = []
    if panel.boxes is not None:
        handles = draw_boxes(axes, panel, look)
    for position, layer in enumerate(panel.layers):
        target = second if layer.second_axis and second is not None else axes
        handle = draw_layer(target, layer, look, layer.color_index if layer.color_index is not None else position)
        if layer.keyed:
            handles.append((position + 1, handle, layer.label))
    draw_axis(axes, panel.x, "x", look)
    draw_axis(axes, panel.y, "y", look)
    for lines, draw in ((panel.x.lines, axes.axvline), (panel.y.lines, axes.axhline)):
        for line in lines:
            draw_reference(draw, line)
    for note in panel.notes:
        frame = {"boxstyle": "square", "facecolor": note.fill or "none", "edgecolor": "#000000", "linewidth": 0.6}
        axes.text(
            note.x, note.y, note.text, fontsize=note.size or 9, color=note.color or "#000000", rotation=note.angle,
            ha=note.horizontal, va=note.vertical, bbox=frame if note.boxed else None, zorder=5,
        )  # fmt: skip
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
