"""irf graph, irf cgraph and irf ograph: pictures of responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from ssd.engine.commands.timeseries_irf_results import IrfResult, IrfSet, Pair, active_set, select
from ssd.engine.stats.distributions import critical

if TYPE_CHECKING:
    from ssd.engine.graphics.model import Graph, Panel
    from ssd.engine.session import Session

_LABELS: Final = {
    "irf": "Impulse–response function (IRF)", "oirf": "Orthogonalized IRF", "cirf": "Cumulative IRF",
    "coirf": "Cumulative orthogonalized IRF", "fevd": "Fraction of MSE due to impulse", "sirf": "Structural IRF",
    "sfevd": "(Structural) fraction of MSE due to impulse",
}  # fmt: skip


def graph_responses(
    session: Session, names: list[str], statistics: list[str], impulses: list[str] | None,
    wanted: list[str] | None, option_text: str, *, level: float = 95.0, bands: bool = True,
    steps: tuple[int, int | None] = (0, None),
) -> None:  # fmt: skip
    """One panel per irfname, impulse and response, with confidence bands."""
    irf_set = active_set(session)
    panels = []
    for pair in select(irf_set, names, impulses, wanted):
        panel = _new_panel(f"{pair.irfname}, {pair.impulse}, {pair.response}")
        for statistic in statistics:
            _draw(panel, irf_set.get(pair.irfname), pair, statistic, level, bands=bands, steps=steps)
        panels.append(panel)
    graph = _grid(panels)
    graph.common_y = len(statistics) == 1 and len(panels) > 1 and statistics[0] in {"fevd", "sfevd"}
    _note(graph, "Graphs by irfname, impulse variable, and response variable")
    _finish(session, graph, option_text)


def combined_graph(
    session: Session, entries: Sequence[tuple[Pair, str]], option_text: str, *, level: float, bands: bool
) -> None:
    """A panel for each pair and statistic."""
    irf_set = active_set(session)
    panels = []
    for pair, statistic in entries:
        panel = _new_panel(f"{pair.irfname}: {pair.impulse} -> {pair.response}")
        _draw(panel, irf_set.get(pair.irfname), pair, statistic, level, bands=bands)
        panels.append(panel)
    graph = _grid(panels)
    graph.common_y = False
    graph.legend.position = 6
    _finish(session, graph, option_text)


def overlaid_graph(
    session: Session, entries: Sequence[tuple[Pair, str]], option_text: str, *, level: float, bands: bool
) -> None:
    """All pairs and statistics in one plot region."""
    irf_set = active_set(session)
    panel = _new_panel("")
    for index, (pair, statistic) in enumerate(entries):
        label = f"{pair.irfname}: {statistic} of {pair.impulse} -> {pair.response}"
        _draw(
            panel, irf_set.get(pair.irfname), pair, statistic, level, bands=bands, color=index, label=label
        )  # fmt: skip
    graph = _grid([panel])
    graph.legend.position, graph.legend.cols = 6, 1
    _finish(session, graph, option_text)


def _new_panel(title: str) -> Panel:
    from ssd.engine.graphics.model import Panel, Text

    panel = Panel(title=title)
    panel.x.title = Text("Step")
    return panel


def _draw(
    panel: Panel, result: IrfResult, pair: Pair, statistic: str, level: float, *, bands: bool,
    steps: tuple[int, int | None] = (0, None), color: int | None = None, label: str = "",
) -> None:  # fmt: skip
    from ssd.engine.graphics.model import Layer

    index = len([layer for layer in panel.layers if layer.kind == "line"]) if color is None else color
    last = result.steps if steps[1] is None else min(steps[1], result.steps)
    part = slice(steps[0], last + 1)
    x = np.arange(result.steps + 1, dtype=np.float64)[part]
    values, errors = result.column(statistic, pair.impulse, pair.response)
    if bands and errors is not None:
        half = critical(level, None) * errors[part]
        layer = Layer("rarea", x, values[part] - half, values[part] + half, label=f"{level:g}% CI", color_index=index)
        layer.style.opacity = 0.3
        panel.layers.append(layer)
    panel.layers.append(Layer("line", x, values[part], label=label or _LABELS[statistic], color_index=index))


def _grid(panels: list[Panel]) -> Graph:
    from ssd.engine.graphics.model import Graph

    graph = Graph(panels=panels, columns=int(np.ceil(np.sqrt(len(panels)))))
    graph.legend.shown = True
    graph.width = max(5.5, 3.4 * graph.columns)
    graph.height = max(4.0, 2.3 * -(-len(panels) // graph.columns))
    return graph


def _note(graph: Graph, text: str) -> None:
    from ssd.engine.graphics.model import Text

    graph.note = Text(text)


def _finish(session: Session, graph: Graph, option_text: str) -> None:
    from ssd.engine.graphics.options import Options, read_graph
    from ssd.engine.graphics.twoway import finish

    options = Options(option_text)
    read_graph(options, graph, session)
    finish(session, graph, options)


def entries_exist(irf_set: IrfSet, entries: Sequence[tuple[Pair, str]]) -> None:
    """Raises r(111) or r(198) for pairs and statistics that the set has not."""
    for pair, statistic in entries:
        select(irf_set, [pair.irfname], [pair.impulse], [pair.response])
        irf_set.get(pair.irfname).column(statistic, pair.impulse, pair.response)
