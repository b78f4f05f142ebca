"""Plots of one panel: points, lines, areas, bars and spikes, drawn on matplotlib axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ssd.engine.graphics import colors
from ssd.engine.graphics.model import Layer
from ssd.engine.graphics.schemes import Scheme


def draw_layer(axes: Any, layer: Layer, look: Scheme, position: int) -> Any:
    style = layer.style
    base = (look.palette[position % len(look.palette)], 1.0)
    line = _given(style.line_color or style.color, base)
    fill = _given(style.fill_color or style.color, base)
    mark = _given(style.marker_color or style.color or style.line_color, base)
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
        if kind in ("bar", "histogram", "rbar"):
            _bar_labels(axes, layer)
        else:
            for px, py, text in zip(x, y, layer.marker_labels, strict=True):
                axes.annotate(text, (px, py), xytext=(4, 0), textcoords="offset points", fontsize=7.5, va="center")
    return handle


def _given(chosen: tuple[str, float] | None, base: tuple[str, float]) -> tuple[str, float]:
    """The colour chosen; only its opacity where the colour was left to the scheme."""
    return base if chosen is None else (chosen[0] or base[0], chosen[1])


def _bar_labels(axes: Any, layer: Layer) -> None:
    """Texts at the ends, in the middle or at the base of bars."""
    bottom = layer.y if layer.kind == "rbar" else np.full_like(layer.y, layer.base)
    top = layer.y2 if layer.kind == "rbar" and layer.y2 is not None else layer.y
    place = layer.label_place
    at = {"center": (bottom + top) / 2, "base": bottom}.get(place, top)
    along = {"outside": 2, "inside": -2, "base": 2}.get(place, 0)
    side = {"outside": ("left", "bottom"), "inside": ("right", "top"), "base": ("left", "bottom")}.get(
        place, ("center", "center")
    )
    for where, value, text in zip(layer.x, at, layer.marker_labels or [], strict=True):
        if layer.horizontal:
            axes.annotate(text, (value, where), xytext=(along, 0), textcoords="offset points", fontsize=7.5,
                          ha=side[0], va="center")  # fmt: skip
        else:
            axes.annotate(text, (where, value), xytext=(0, along), textcoords="offset points", fontsize=7.5,
                          ha="center", va=side[1])  # fmt: skip


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
        _given(style.line_color, ("#ffffff", 1.0))[0]
        if layer.kind == "histogram"
        else _given(style.line_color, (fill[0], 1.0))[0]
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
