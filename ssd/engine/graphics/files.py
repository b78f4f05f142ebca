"""Graphs kept in files (.gph) in a form of the engine's own: the parts of the graph as JSON."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.graphics import model
from ssd.engine.graphics.model import Graph

_MARK: Final = "ssd-engine graph 1"
_CLASSES: Final = {
    kind.__name__: kind
    for kind in (
        model.Text, model.Style, model.Layer, model.RefLine, model.Ticks, model.Axis, model.PlacedText, model.Legend,
        model.Panel, model.Graph,
    )
}  # fmt: skip


def write_graph(graph: Graph, path: Path) -> None:
    """Write a graph with its data; the same graph gives the same bytes."""
    path.write_text(json.dumps({"format": _MARK, "graph": _plain(graph)}), encoding="utf-8")


def read_graph_file(path: Path, shown: str) -> Graph:
    """The graph of a file written by `write_graph`. Raises r(601) when there is none, r(610) for other files."""
    if not path.is_file():
        raise StataError(601, f"file {shown} not found")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise StataError(610, f"file {shown} not written by this engine's graph save") from error
    if not isinstance(content, dict) or content.get("format") != _MARK:
        raise StataError(610, f"file {shown} not written by this engine's graph save")
    graph = _object(content["graph"])
    assert isinstance(graph, Graph)
    return graph


def _plain(value: Any) -> Any:
    """Objects, arrays, tuples and dictionaries as what JSON has."""
    if dataclasses.is_dataclass(value):
        fields = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"object": type(value).__name__, "fields": fields}
    if isinstance(value, np.ndarray):
        return {"array": value.astype(np.float64).tobytes().hex()}
    if isinstance(value, tuple):
        return {"tuple": [_plain(each) for each in value]}
    if isinstance(value, dict):
        return {"pairs": [[_plain(key), _plain(each)] for key, each in value.items()]}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _object(value: Any) -> Any:
    """The inverse of `_plain`."""
    if isinstance(value, list):
        return [_object(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return np.frombuffer(bytes.fromhex(value["array"]), dtype=np.float64).copy()
    if "tuple" in value:
        return tuple(_object(each) for each in value["tuple"])
    if "pairs" in value:
        return {_object(key): _object(each) for key, each in value["pairs"]}
    return _CLASSES[value["object"]](**{name: _object(each) for name, each in value["fields"].items()})
