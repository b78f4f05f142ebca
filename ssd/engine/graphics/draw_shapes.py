"""Pies and box plots."""

from __future__ import annotations

from typing import Any

import numpy as np

from ssd.engine.graphics.model import Panel
from ssd.engine.graphics.schemes import Scheme


def draw_pie(axes: Any, panel: Panel, look: Scheme) -> list[tuple[int, Any, str]]:
    slices = panel.pie or []
    wedges, *_ = axes.pie(
        [value for _, value in slices],
        startangle=90,
        counterclock=False,
        colors=[panel.slice_colors.get(i, look.palette[i % len(look.palette)]) for i in range(len(slices))],
        explode=[0.1 if i in panel.exploded else 0.0 for i in range(len(slices))],
        wedgeprops={"linewidth": 0.8, "edgecolor": "white"},
        labels=list(_slice_labels(panel)) if _slice_labels(panel) else None,
        textprops={"fontsize": 9},
    )
    axes.set_aspect("equal")
    return [(i + 1, wedge, label) for i, (wedge, (label, _)) in enumerate(zip(wedges, slices, strict=True))]


def _slice_labels(panel: Panel) -> list[str]:
    return panel.x.ticks.texts


def draw_boxes(axes: Any, panel: Panel, look: Scheme) -> list[tuple[int, Any, str]]:
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
        colour = panel.slice_colors.get(shade) or look.palette[shade % len(look.palette)]
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
