"""Matrices as tables: names of columns over several lines, the ruled table of `matlist`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.missing import EXTENDED
from ssd.engine.output.formats import format_value, format_width
from ssd.engine.output.tables import abbreviate

if TYPE_CHECKING:
    from ssd.engine.output.log import Log
    from ssd.engine.results import Matrix


def name_lines(name: str) -> list[str]:
    """A column name over several lines: `1.` over `foreign`, `1.foreign#` over `c.mpg`."""
    pieces = name.split("#")
    if len(pieces) > 1:
        return [f"{piece}#" for piece in pieces[:-1]] + [pieces[-1]]
    operator, dot, variable = name.partition(".")
    return [f"{operator}.", variable] if dot and operator and variable else [name]


def heading_lines(names: Sequence[str]) -> list[list[str]]:
    """The lines of all column names, aligned at the bottom: one list of cells per line."""
    split = [name_lines(name) for name in names]
    height = max((len(lines) for lines in split), default=1)
    padded = [[""] * (height - len(lines)) + lines for lines in split]
    return [[lines[i] for lines in padded] for i in range(height)]


def split_equation(name: str) -> tuple[str, str]:
    """Equation and name of a row or column; no equation is an empty text."""
    equation, _, bare = name.rpartition(":")
    return ("" if equation == "_" else equation), bare


@dataclass(frozen=True)
class MatrixTable:
    """How `matlist` draws a matrix."""

    format: str = "%9.0g"
    row_width: int = 12
    indent: int = 0
    lines: str = ""
    """oneline, eq, rowtotal, coltotal, rctotal, rows, columns, cells or none; empty for the default."""
    borders: frozenset[str] = frozenset()
    """Of top, bottom, left and right."""
    title: str = ""
    title_indent: int = 0
    row_title: str = ""
    row_names: bool = True
    column_names: bool = True
    alignment: str = ">"
    """Of the column names: `>`, `<` or `^`."""
    blank: bool = True
    half: bool = True
    """Show the lower half of a symmetric matrix."""
    dots: bool = True
    """Show the missing value .z; otherwise it is blank."""
    underscores: bool = True
    """Show underscores of names; otherwise they are blanks."""
    linesize: int = 80


def print_matrix_table(log: Log, matrix: Matrix, look: MatrixTable) -> None:
    """The ruled table of a matrix, in as many blocks of columns as the line takes."""
    _Drawing(log, matrix, look).draw()


class _Drawing:
    def __init__(self, log: Log, matrix: Matrix, look: MatrixTable) -> None:
        self.log, self.matrix, self.look = log, matrix, look
        self.rows = [split_equation(self._shown(name)) for name in matrix.rows]
        self.columns = [split_equation(self._shown(name)) for name in matrix.cols]
        self.equations = any(eq for eq, _ in [*self.rows, *self.columns])
        self.lines = look.lines or ("eq" if self.equations else "oneline")
        self.width = format_width(look.format)
        values = matrix.values
        self.symmetric = (
            look.half and values.shape[0] == values.shape[1] > 1 and bool(np.array_equal(values, values.T))
        )  # fmt: skip

    def _shown(self, name: str) -> str:
        return name if self.look.underscores else name.replace("_", " ")

    def draw(self) -> None:
        look = self.look
        if look.blank:
            self.log.line()
        if look.title:
            self.log.line(" " * look.title_indent + look.title)
            self.log.line()
        count = len(self.columns)
        room = look.linesize - look.indent - (look.row_width + 2 if look.row_names else 0)
        per_block = max(1, room // (self.width + 2))
        for start in range(0, max(count, 1), per_block):
            if start:
                self.log.line()
            self._block(range(start, min(start + per_block, count)))

    def _block(self, columns: range) -> None:
        look = self.look
        spans = self._spans(columns)
        cells = [list(range(a, b)) for a, b in spans]
        if "top" in look.borders:
            self._rule(cells, "-")
        if look.column_names:
            if any(eq for eq, _ in self.columns):
                self._line("", [f" {self.columns[group[0]][0]}" for group in cells], cells)
            headings = heading_lines([abbreviated(self.columns[j][1], self.width) for j in columns])
            for position, line in enumerate(headings):
                stub = look.row_title if position == len(headings) - 1 else ""
                named = dict(zip(columns, line, strict=True))
                texts = ["".join(f" {named[j]:{look.alignment}{self.width}} " for j in group) for group in cells]
                self._line(stub, texts, cells)
            if self.lines != "none":
                self._rule(cells)
        self._body(columns, cells)
        if "bottom" in look.borders:
            self._rule(cells, "-")

    def _body(self, columns: range, cells: list[list[int]]) -> None:
        last = len(self.rows) - 1
        previous: str | None = None
        for i, (equation, name) in enumerate(self.rows):
            if self.symmetric and not any(j <= i for j in columns):
                continue
            new = equation != previous
            total = i == last and self.lines in {"rowtotal", "rctotal"}
            if previous is not None and (
                (self.lines == "eq" and new) or self.lines in {"rows", "cells"} or (total and last > 0)
            ):
                self._rule(cells)
            if equation and new and self.look.row_names:
                self._line(f"{abbreviate(equation, self.look.row_width):<{self.look.row_width}}", [], cells)
            previous = equation
            *above, bottom = self._stub_lines(name)
            for line in above:
                self._line(line, [], cells)
            texts = ["".join(self._cell(i, j) for j in group) for group in cells]
            self._line(bottom, texts, cells)

    def _stub_lines(self, name: str) -> list[str]:
        width = self.look.row_width
        pieces = name_lines(name) if len(name) > width and "#" in name else [name]
        return [abbreviate(piece, width) if not piece.endswith("#") else f"{piece:>{width + 1}}" for piece in pieces]

    def _cell(self, i: int, j: int) -> str:
        if self.symmetric and j > i:
            return " " * (self.width + 2)
        value = float(self.matrix.values[i, j])
        if not self.look.dots and value == EXTENDED[26]:
            return " " * (self.width + 2)
        return f" {format_value(value, self.look.format).strip():>{self.width}} "

    def _spans(self, columns: range) -> list[tuple[int, int]]:
        """Runs of columns between which a vertical line is drawn."""
        if self.lines in {"columns", "cells"}:
            return [(j, j + 1) for j in columns]
        if self.lines == "eq":
            groups = [list(group) for _, group in groupby(columns, key=lambda j: self.columns[j][0])]
            return [(group[0], group[-1] + 1) for group in groups]
        last = len(self.columns) - 1
        if self.lines in {"coltotal", "rctotal"} and last in columns and len(columns) > 1:
            return [(columns.start, last), (last, last + 1)]
        return [(columns.start, columns.stop)]

    def _line(self, stub: str, texts: Sequence[str], cells: list[list[int]]) -> None:
        padded = [*texts, *([""] * (len(cells) - len(texts)))]
        bar = " " if self.lines == "none" else "|"
        parts = [f"{text:<{len(group) * (self.width + 2)}}" for text, group in zip(padded, cells, strict=True)]
        body = bar.join(parts)
        if self.look.row_names:
            width = self.look.row_width
            joint = f"{stub:>{width + 1}}" if len(stub) > width else f"{stub:>{width}} "
            body = f"{joint}{bar}{body}"
        left = "|" if "left" in self.look.borders else ""
        right = "|" if "right" in self.look.borders else ""
        self.log.line(" " * self.look.indent + left + body + right)

    def _rule(self, cells: list[list[int]], joint: str = "+") -> None:
        joint = "-" if self.lines == "none" else joint
        parts = ["-" * (len(group) * (self.width + 2)) for group in cells]
        stub = ["-" * (self.look.row_width + 1)] if self.look.row_names else []
        left = "+" if "left" in self.look.borders else ""
        right = "+" if "right" in self.look.borders else ""
        self.log.line(" " * self.look.indent + left + joint.join([*stub, *parts]) + right)


def abbreviated(name: str, width: int) -> str:
    """A name whose every line fits the column."""
    if max(len(line) for line in name_lines(name)) <= width:
        return name
    operator, dot, variable = name.rpartition(".")
    return f"{operator}{dot}{abbreviate(variable, width)}" if "#" not in name else abbreviate(name, width)
