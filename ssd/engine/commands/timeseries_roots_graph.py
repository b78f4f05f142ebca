"""The picture of eigenvalues in the unit circle: estat aroots, varstable and vecstable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ssd.engine.session import Session


def graph_roots(
    session: Session, groups: Sequence[tuple[str, Sequence[complex]]], title: str, note: str = "", options: str = ""
) -> None:
    """The unit circle with the eigenvalues of each labelled group."""
    from ssd.engine.graphics.model import Graph, Layer, Panel, Text
    from ssd.engine.graphics.options import Options, read_graph
    from ssd.engine.graphics.twoway import finish

    panel = Panel()
    angle = np.linspace(0.0, 2.0 * np.pi, 361)
    panel.layers.append(Layer("line", np.cos(angle), np.sin(angle), keyed=False, color_index=0))
    for index, (label, roots) in enumerate(groups, start=1):
        real = np.array([root.real for root in roots])
        imaginary = np.array([root.imag for root in roots])
        panel.layers.append(Layer("scatter", real, imaginary, label=label, color_index=index))
    panel.x.title, panel.y.title = Text("Real"), Text("Imaginary")
    graph = Graph(panels=[panel])
    graph.width = graph.height = 4.5
    graph.title = Text(title)
    if note:
        graph.note = Text(note)
    graph.legend.shown = len(groups) > 1
    graph.legend.position = 6
    read = Options(options)
    read_graph(read, graph, session)
    finish(session, graph, read)
