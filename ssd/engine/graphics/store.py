"""Graphs in memory, by name."""

from __future__ import annotations

from ssd.engine.errors import StataError
from ssd.engine.graphics.model import Graph
from ssd.engine.session import Session

KEY = "graphs"


def graphs(session: Session) -> dict[str, Graph]:
    """Graphs by name; the last one drawn is last."""
    found: dict[str, Graph] = session.state.setdefault(KEY, {})
    return found


def remember(session: Session, graph: Graph, name: str, replace: bool) -> None:
    """Keep a graph under its name. Raises r(110) when the name is taken and replace was not said."""
    held = graphs(session)
    if name in held and name != "Graph" and not replace:
        raise StataError(110, f"graph {name} already exists")
    held.pop(name, None)
    held[name] = graph


def find(session: Session, name: str | None) -> Graph:
    """The named graph, or the current one. Raises r(111) or r(601)."""
    held = graphs(session)
    if name is None:
        if not held:
            raise StataError(601, "no Graph window\nthere is no graph to export")
        return list(held.values())[-1]
    if name not in held:
        raise StataError(111, f"graph {name} not found")
    return held[name]
