"""Axes: titles, labels, grids, limits and reference lines."""

from __future__ import annotations

from typing import Any

from ssd.engine.graphics.model import Axis, RefLine
from ssd.engine.graphics.schemes import Scheme
from ssd.engine.output.formats import format_value


def draw_axis(axes: Any, axis: Axis, letter: str, look: Scheme) -> None:
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
    _minor(scale, axis, letter, axes, fmt)
    grid = ticks.grid if ticks.grid is not None else (letter == "y" or look.grid_x)
    if grid and not ticks.none:
        scale.grid(True, color=look.grid, linewidth=0.7)
    limits = axes.get_xlim() if letter == "x" else axes.get_ylim()
    low, high = min(limits), max(limits)
    spread = [
        *ticks.positions,
        *(line.value for line in axis.lines),
        *axis.minor,
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
    axes.tick_params(axis=letter, labelsize=ticks.size or 9, width=0.8, length=3.5 if ticks.marks else 0.0)
    if ticks.color is not None:
        axes.tick_params(axis=letter, labelcolor=ticks.color)
    if not axis.line:
        axes.spines["bottom" if letter == "x" else "left"].set_visible(False)
    for label in axes.get_xticklabels() if letter == "x" else axes.get_yticklabels():
        label.set_rotation(ticks.angle)
        if letter == "x" and 0 < ticks.angle < 90:
            label.set_ha("right")
            label.set_rotation_mode("anchor")
    if axis.hidden:
        scale.set_visible(False)
        axes.spines["bottom" if letter == "x" else "left"].set_visible(False)


def _minor(scale: Any, axis: Axis, letter: str, axes: Any, fmt: str) -> None:
    from matplotlib.ticker import AutoMinorLocator, FixedLocator, FuncFormatter

    if axis.minor:
        scale.set_minor_locator(FixedLocator(axis.minor))
    elif axis.minor_parts:
        scale.set_minor_locator(AutoMinorLocator(axis.minor_parts))
    if axis.minor_labels:
        scale.set_minor_formatter(FuncFormatter(lambda value, _: _number(value, fmt)))
        axes.tick_params(axis=letter, which="minor", labelsize=axis.minor_size or 7)


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


def draw_reference(draw: Any, line: RefLine) -> None:
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
