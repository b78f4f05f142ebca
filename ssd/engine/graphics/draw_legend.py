"""The legend: which keys, with which words, where."""

from __future__ import annotations

from typing import Any

from ssd.engine.graphics.model import Graph, Legend
from ssd.engine.graphics.schemes import Scheme

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


def draw_legend(figure: Any, axes: Any, graph: Graph, look: Scheme, handles: list[tuple[int, Any, str]]) -> None:
    legend = graph.legend
    entries = _entries(legend, handles)
    shown = legend.shown if legend.shown is not None else len(handles) > 1 or legend.order is not None
    if not shown or not entries:
        return
    arguments: dict[str, Any] = {
        "fontsize": legend.size or 9,
        "frameon": legend.edge is not None or legend.fill is not None,
        "edgecolor": legend.edge or "none",
        "facecolor": legend.fill or "none",
        "title": legend.title or None,
        "handlelength": 1.8 * (legend.key_width if legend.key_width is not None else 1.0),
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
