"""The nodes of an expression."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Number:
    value: float


@dataclass(frozen=True)
class Text:
    value: str


@dataclass(frozen=True)
class Name:
    """A variable, scalar, or system variable (`_n`, `_N`, `_pi`, `_rc`)."""

    name: str


@dataclass(frozen=True)
class Operated:
    """A variable under time-series or factor operators, e.g. `L2D.gnp`, `3.rep78`."""

    operators: str
    name: str


@dataclass(frozen=True)
class Subscript:
    """`x[_n-1]`, or a matrix element `A[i, j]` (two subscripts)."""

    base: Node
    indices: tuple[Node, ...]


@dataclass(frozen=True)
class Estimate:
    """`[eq]_b[name]`, `_se[name]`: `kind` is b or se."""

    kind: str
    equation: str
    name: str


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Unary:
    operator: str
    operand: Node


@dataclass(frozen=True)
class Binary:
    operator: str
    left: Node
    right: Node


Node = Number | Text | Name | Operated | Subscript | Estimate | Call | Unary | Binary
