"""psgraph: histogram of the propensity score by treatment and support after psmatch2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.graph import REFUSED
from ssd.engine.commands.graph_diagnostics import show_panel
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.graphics.model import Graph, Layer, Panel, RefLine, Style, Text
from ssd.engine.graphics.options import Options
from ssd.engine.graphics.smooth import histogram_bins
from ssd.engine.lang.syntax import split_line
from ssd.engine.missing import is_missing

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("psgraph", "*", refused=REFUSED + "; if and in")
def psgraph(session: Session, line: Line) -> None:
    """Histogram of the propensity score by treatment and support after psmatch2."""
    parts = split_line(line.text)
    if parts.subject.strip():
        raise StataError(101, "varlist not allowed")
    if parts.condition is not None or parts.range is not None:
        raise unsupported("if and in of psgraph are")
    options = Options(parts.options)
    data = session.data
    treated_name = options.take("treated", 1) or "_treated"
    support_name = options.take("support", 3) or "_support"
    score_name = options.take("pscore", 1) or "_pscore"
    bins = options.number(session, "bin", 3) or 20
    for name in (treated_name, score_name):
        if name not in data.variables:
            raise StataError(111, f"variable {name} not found")
    treated, score = data.numeric(treated_name), data.numeric(score_name)
    support = data.numeric(support_name) if support_name in data.variables else np.ones(data.n_obs)
    known = ~is_missing(score) & ((treated == 0.0) | (treated == 1.0))
    if not known.any():
        raise no_observations()
    edges, _ = histogram_bins(score[known], int(bins), None, None)
    if not edges[-1] > edges[0]:
        raise StataError(498, "the propensity score does not vary")
    groups = [("Untreated", (treated == 0.0) & (support == 1.0), -1.0), ("Treated", (treated == 1.0), 1.0)]
    if np.any(known & (treated == 1.0) & (support == 0.0)):
        groups = [groups[0], ("Treated: On support", (treated == 1.0) & (support == 1.0), 1.0),
                  ("Treated: Off support", (treated == 1.0) & (support == 0.0), 1.0)]  # fmt: skip
    if np.any(known & (treated == 0.0) & (support == 0.0)):
        groups[0] = ("Untreated: On support", *groups[0][1:])
        groups.insert(0, ("Untreated: Off support", (treated == 0.0) & (support == 0.0), -1.0))
    panel = Panel()
    centres = (edges[1:] + edges[:-1]) / 2.0
    bases = {1.0: np.zeros(len(centres)), -1.0: np.zeros(len(centres))}
    for label, rows, sign in groups:
        inside = known & rows
        side = known & (treated == (1.0 if sign > 0.0 else 0.0))
        share = np.histogram(score[inside], bins=edges)[0] / max(int(side.sum()), 1)
        low = bases[sign]
        bases[sign] = low + sign * share
        # Off-support parts lie beyond those on support, so each bar is drawn from where the last one ended.
        panel.layers.append(
            Layer("bar", centres, bases[sign], y2=None, label=label, style=Style(bar_width=float(edges[1] - edges[0])))
        )
    panel.layers.reverse()
    panel.x.title = Text("Propensity Score")
    panel.y.title = Text("")
    panel.y.ticks.none = True
    panel.y.lines.append(RefLine(0.0))
    graph = Graph()
    graph.legend.shown = True
    show_panel(session, panel, options, graph)
