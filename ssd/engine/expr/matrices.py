"""Matrices inside scalar expressions: elements, sizes, trace, determinant."""

from __future__ import annotations

import numpy as np

from ssd.engine.errors import StataError, invalid_syntax, name_not_found, type_mismatch
from ssd.engine.expr.context import Context
from ssd.engine.expr.registry import Table, entry
from ssd.engine.expr.syntax import Call, Name, Node
from ssd.engine.expr.values import Operand
from ssd.engine.missing import MISSING
from ssd.engine.results import Matrix


def stored_matrix(node: Node, context: Context) -> Matrix:
    """The matrix a node names: `A`, `r(name)`, `e(name)`. Raises r(111) when there is none."""
    session = context.session
    if isinstance(node, Name):
        matrix = session.matrices.get(node.name)
        label = node.name
    elif isinstance(node, Call) and node.function in ("r", "e") and len(node.arguments) == 1:
        inner = node.arguments[0]
        if not isinstance(inner, Name):
            raise invalid_syntax()
        results = session.r if node.function == "r" else session.e
        matrix = results.matrices.get(inner.name)
        label = f"{node.function}({inner.name})"
    else:
        raise type_mismatch()
    if matrix is None:
        raise name_not_found(label)
    return matrix


def name_position(names: list[str], wanted: str) -> int | None:
    """0-based position of a row or column by full or bare name."""
    if wanted in names:
        return names.index(wanted)
    bare = [name.rpartition(":")[2] for name in names]
    return bare.index(wanted) if wanted in bare else None


def matrix_element(matrix: Matrix, row: Operand, column: Operand) -> Operand:
    """`A[i, j]`; `.` outside the matrix. Row and column may be names or columns of numbers."""
    i = _index(row, matrix.rows)
    j = _index(column, matrix.cols)
    n, m = matrix.values.shape
    if isinstance(i, float) and isinstance(j, float):
        if 1 <= i < n + 1 and 1 <= j < m + 1:
            return float(matrix.values[int(i) - 1, int(j) - 1])
        return MISSING
    rows, cols = np.broadcast_arrays(np.asarray(i), np.asarray(j))
    inside = (rows >= 1) & (rows < n + 1) & (cols >= 1) & (cols < m + 1)
    at = np.where(inside, rows, 1).astype(np.intp) - 1, np.where(inside, cols, 1).astype(np.intp) - 1
    return np.where(inside, matrix.values[at], MISSING)


def _index(value: Operand, names: list[str]) -> float | np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    if isinstance(value, str):
        position = name_position(names, value)
        if position is None:
            raise StataError(111, f"{value} not found")
        return float(position + 1)
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            raise type_mismatch()
        return value.astype(np.float64)
    return float(value)


def _square(matrix: Matrix) -> Matrix:
    if matrix.values.shape[0] != matrix.values.shape[1]:
        raise StataError(505, "matrix not square")
    return matrix


def _determinant(context: Context, node: Node) -> float:
    return float(np.linalg.det(_square(stored_matrix(node, context)).values))


def _number_of(side: str) -> object:
    def run(context: Context, node: Node, name: str) -> float:
        matrix = stored_matrix(node, context)
        position = name_position(matrix.rows if side == "row" else matrix.cols, name)
        return MISSING if position is None else float(position + 1)

    return run


def _mreldif(context: Context, first: Node, second: Node) -> float:
    a, b = stored_matrix(first, context).values, stored_matrix(second, context).values
    if a.shape != b.shape:
        raise StataError(503, "conformability error")
    return float(np.max(np.abs(a - b) / (np.abs(b) + 1.0)))


def matrix_functions() -> Table:
    table: Table = {}
    entry(table, "rowsof", "x", lambda c, a: float(stored_matrix(a, c).values.shape[0]), context=True)
    entry(table, "colsof", "x", lambda c, a: float(stored_matrix(a, c).values.shape[1]), context=True)
    entry(table, "el", "xnn", lambda c, a, i, j: matrix_element(stored_matrix(a, c), i, j), context=True)
    entry(table, "trace", "x", lambda c, a: float(np.trace(_square(stored_matrix(a, c)).values)), context=True)
    entry(table, "det", "x", _determinant, context=True)
    entry(table, "rownumb", "xs", _number_of("row"), context=True)  # type: ignore[arg-type]
    entry(table, "colnumb", "xs", _number_of("col"), context=True)  # type: ignore[arg-type]
    entry(table, "mreldif", "xx", _mreldif, context=True)
    entry(
        table, "issymmetric", "x",
        lambda c, a: float(np.array_equal(stored_matrix(a, c).values, stored_matrix(a, c).values.T)), context=True,
    )  # fmt: skip
    entry(
        table, "matmissing", "x",
        lambda c, a: float(not np.all(np.abs(stored_matrix(a, c).values) < MISSING)), context=True,
    )  # fmt: skip
    entry(
        table, "diag0cnt", "x",
        lambda c, a: float(np.sum(np.diag(_square(stored_matrix(a, c)).values) == 0.0)), context=True,
    )  # fmt: skip
    return table
