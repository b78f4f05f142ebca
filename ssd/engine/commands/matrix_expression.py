"""Matrix expressions: joins, operators, functions, subscripts ([P] matrix define)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.errors import StataError, invalid_syntax, name_not_found
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.results import Matrix
from ssd.engine.stats.linear import symmetric_inverse

if TYPE_CHECKING:
    from ssd.engine.session import Session

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)|(?P<missing>\.[a-z]?(?![\w.]))|"
    r"(?P<dots>\.\.\.|\.\.)|(?P<string>\"[^\"]*\")|(?P<other>[-+*/#,\\()\[\]'=<>&|!^~]))"
)


@dataclass(frozen=True)
class _Value:
    """A matrix whose names may still be the default ones (None); a scalar is a nameless 1 x 1."""

    values: FloatArray
    rows: list[str] | None = None
    cols: list[str] | None = None
    scalar: bool = False


def evaluate_matrix(session: Session, text: str) -> Matrix:
    """Value of a matrix expression as a matrix.

    Raises r(111) for unknown names, r(503) for sizes that do not fit, r(198) for malformed text.
    """
    value = _Parser(session, text).parse()
    return Matrix.of(value.values.copy(), value.rows, value.cols)


def stored(session: Session, name: str) -> Matrix:
    """A matrix by name, `e(name)` or `r(name)`. Raises r(111)."""
    result = re.fullmatch(r"([er])\((\w+)\)", name.strip())
    if result:
        owner = session.e if result.group(1) == "e" else session.r
        if result.group(2) in owner.matrices:
            return owner.matrices[result.group(2)]
        if name.strip().startswith("e(") and result.group(2) == "b":
            raise StataError(301, "last estimates not found")
        raise StataError(111, f"matrix {name.strip()} not found")
    found = session.matrices.get(name.strip())
    if found is None:
        raise StataError(111, f"matrix {name.strip()} not found")
    return found


def _conformability() -> StataError:
    return StataError(503, "conformability error")


def _scalar(value: float) -> _Value:
    return _Value(np.array([[value]]), scalar=True)


def _default(names: list[str] | None, size: int, letter: str) -> list[str]:
    return names if names is not None else [f"{letter}{i + 1}" for i in range(size)]


class _Parser:
    """Recursive descent, from the loosest operator (row join) to the tightest (transpose)."""

    def __init__(self, session: Session, text: str) -> None:
        self.session = session
        self.text = text
        self.position = 0

    def parse(self) -> _Value:
        value = self._row_join()
        if self._peek():
            raise invalid_syntax()
        return value

    def _peek(self) -> str:
        match = _TOKEN.match(self.text, self.position)
        if match is None:
            if self.text[self.position :].strip():
                raise invalid_syntax()
            return ""
        return match.group().strip()

    def _take(self) -> str:
        match = _TOKEN.match(self.text, self.position)
        if match is None:
            raise invalid_syntax()
        self.position = match.end()
        return match.group().strip()

    def _accept(self, *tokens: str) -> str:
        if self._peek() in tokens:
            return self._take()
        return ""

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            raise invalid_syntax()

    def _row_join(self) -> _Value:
        value = self._column_join()
        while self._accept("\\"):
            value = _stack(value, self._column_join())
        return value

    def _column_join(self) -> _Value:
        value = self._sum()
        while self._accept(","):
            value = _beside(value, self._sum())
        return value

    def _sum(self) -> _Value:
        value = self._product()
        while operator := self._accept("+", "-"):
            value = _add(value, self._product(), 1.0 if operator == "+" else -1.0)
        return value

    def _product(self) -> _Value:
        value = self._kronecker()
        while operator := self._accept("*", "/"):
            right = self._kronecker()
            value = _multiply(value, right) if operator == "*" else _divide(value, right)
        return value

    def _kronecker(self) -> _Value:
        value = self._unary()
        while self._accept("#"):
            right = self._unary()
            value = _Value(np.asarray(np.kron(value.values, right.values), dtype=np.float64))
        return value

    def _unary(self) -> _Value:
        if self._accept("-"):
            value = self._unary()
            return _Value(-value.values, value.rows, value.cols, value.scalar)
        self._accept("+")
        return self._power()

    def _power(self) -> _Value:
        value = self._postfix()
        if self._accept("^"):
            right = self._unary()
            if value.values.size != 1 or right.values.size != 1:
                raise _conformability()
            return _scalar(float(value.values[0, 0] ** right.values[0, 0]))
        return value

    def _postfix(self) -> _Value:
        value = self._primary()
        while self._peek() == "'":
            self._take()
            value = _Value(value.values.T, value.cols, value.rows, value.scalar)
        return value

    def _primary(self) -> _Value:
        match = _TOKEN.match(self.text, self.position)
        if match is None:
            raise invalid_syntax()
        if match["number"] is not None:
            self._take()
            return _scalar(float(match["number"]))
        if match["missing"] is not None:
            self._take()
            return _scalar(MISSING)
        if match["other"] == "(":
            self._take()
            value = self._row_join()
            self._expect(")")
            return value
        if match["name"] is None:
            raise invalid_syntax()
        name = self._take()
        following = self.text[self.position : self.position + 1]
        if following == "(":
            return self._call(name)
        if name in {"_b", "_se", "_coef"} or name not in self.session.matrices:
            return self._scalar_name(name, following)
        matrix = self.session.matrices[name]
        value = _Value(matrix.values, matrix.rows, matrix.cols)
        if following == "[":
            return self._subscripts(value)
        return value

    def _scalar_name(self, name: str, following: str) -> _Value:
        if following == "[":
            end = self._closing("[", "]")
            text = name + self.text[self.position : end + 1]
            self.position = end + 1
            if name not in {"_b", "_se", "_coef"}:
                raise name_not_found(name)
            return _scalar(self.session.evaluate_number(text))
        value = self.session.scalars.get(name)
        if value is None:
            if name.startswith("_") or name.startswith("c"):
                return _scalar(self.session.evaluate_number(name))
            raise name_not_found(name)
        if isinstance(value, str):
            raise StataError(109, "type mismatch")
        return _scalar(value)

    def _closing(self, opening: str, closing: str) -> int:
        depth = 0
        for index in range(self.position, len(self.text)):
            depth += (self.text[index] == opening) - (self.text[index] == closing)
            if depth == 0:
                return index
        raise invalid_syntax("parentheses unbalanced")

    def _call(self, name: str) -> _Value:
        end = self._closing("(", ")")
        inner = self.text[self.position + 1 : end]
        start = self.position
        self.position = end + 1
        if name in {"e", "r"}:
            return self._result(name, inner.strip())
        if name == "nullmat":
            matrix = self.session.matrices.get(inner.strip())
            return _Value(np.zeros((0, 0))) if matrix is None else _Value(matrix.values, matrix.rows, matrix.cols)
        function = _FUNCTIONS.get(name)
        if function is not None:
            return function([_Parser(self.session, piece).parse() for piece in _arguments(inner)])
        if name == "get":
            return self._get(inner.strip())
        return _scalar(self.session.evaluate_number(name + self.text[start : end + 1]))

    def _result(self, owner: str, name: str) -> _Value:
        results = self.session.e if owner == "e" else self.session.r
        if name in results.matrices:
            matrix = results.matrices[name]
            value = _Value(matrix.values, matrix.rows, matrix.cols)
            return self._subscripts(value) if self.text[self.position : self.position + 1] == "[" else value
        if owner == "e" and name in {"b", "V"}:
            raise StataError(301, "last estimates not found")
        return _scalar(self.session.evaluate_number(f"{owner}({name})"))

    def _get(self, name: str) -> _Value:
        matrix = stored(self.session, f"e({'b' if name == '_b' else 'V' if name == 'VCE' else name})")
        return _Value(matrix.values, matrix.rows, matrix.cols)

    def _subscripts(self, value: _Value) -> _Value:
        end = self._closing("[", "]")
        inner = self.text[self.position + 1 : end]
        self.position = end + 1
        pieces = _arguments(inner)
        if len(pieces) != 2:
            raise invalid_syntax()
        n, m = value.values.shape
        row_names, col_names = _default(value.rows, n, "r"), _default(value.cols, m, "c")
        rows = self._span(pieces[0], row_names)
        cols = self._span(pieces[1], col_names)
        return _Value(value.values[np.ix_(rows, cols)], [row_names[i] for i in rows], [col_names[j] for j in cols])

    def _span(self, text: str, names: list[str]) -> list[int]:
        piece = text.strip()
        if piece.startswith('"'):
            return positions_by_name(names, piece.strip('"'))
        parts = re.split(r"\.\.\.?", piece)
        first = self._index(parts[0], names)
        if len(parts) == 1:
            last = first
        elif parts[1].strip():
            last = self._index(parts[1], names)
        else:
            last = len(names) - 1
        if not (0 <= first <= last < len(names)):
            raise _conformability()
        return list(range(first, last + 1))

    def _index(self, text: str, names: list[str]) -> int:
        piece = text.strip()
        if piece.startswith('"'):
            return positions_by_name(names, piece.strip('"'))[0]
        return int(self.session.evaluate_number(piece)) - 1


def positions_by_name(names: list[str], wanted: str) -> list[int]:
    """Rows or columns of a name: `eq:name`, `eq:` (the whole equation) or a bare name. Raises r(503)."""
    if wanted.endswith(":"):
        found = [i for i, name in enumerate(names) if name.rpartition(":")[0] == wanted[:-1]]
    elif wanted in names:
        found = [names.index(wanted)]
    else:
        found = [i for i, name in enumerate(names) if name.rpartition(":")[2] == wanted][:1]
    if not found:
        raise _conformability()
    return found


def _arguments(text: str) -> list[str]:
    """Split at commas outside parentheses and brackets."""
    pieces, depth, current = [], 0, ""
    for char in text:
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            pieces.append(current)
            current = ""
        else:
            current += char
    return [*pieces, current]


# --- operators ---


def _stack(top: _Value, bottom: _Value) -> _Value:
    if top.values.size == 0:
        return bottom
    if bottom.values.size == 0:
        return top
    if top.values.shape[1] != bottom.values.shape[1]:
        raise _conformability()
    rows = None
    if top.rows is not None or bottom.rows is not None:
        rows = _default(top.rows, len(top.values), "r") + _default(bottom.rows, len(bottom.values), "r")
    return _Value(np.vstack([top.values, bottom.values]), rows, top.cols or bottom.cols)


def _beside(left: _Value, right: _Value) -> _Value:
    if left.values.size == 0:
        return right
    if right.values.size == 0:
        return left
    if left.values.shape[0] != right.values.shape[0]:
        raise _conformability()
    cols = None
    if left.cols is not None or right.cols is not None:
        cols = _default(left.cols, left.values.shape[1], "c") + _default(right.cols, right.values.shape[1], "c")
    return _Value(np.hstack([left.values, right.values]), left.rows or right.rows, cols)


def _settle(values: FloatArray, *operands: FloatArray) -> FloatArray:
    """Element-wise results with missing elements kept missing."""
    bad = ~(np.abs(values) < MISSING)
    for operand in operands:
        bad = bad | ~(np.abs(operand) < MISSING)
    return np.where(bad, MISSING, values)


def _add(left: _Value, right: _Value, sign: float) -> _Value:
    if left.values.shape != right.values.shape:
        raise _conformability()
    values = _settle(left.values + sign * right.values, left.values, right.values)
    return _Value(values, left.rows or right.rows, left.cols or right.cols, left.scalar and right.scalar)


def _multiply(left: _Value, right: _Value) -> _Value:
    if left.scalar or right.scalar:
        named = right if left.scalar else left
        values = _settle(left.values * right.values, np.broadcast_to(left.values, named.values.shape))
        return _Value(values, named.rows, named.cols, left.scalar and right.scalar)
    if left.values.shape[1] != right.values.shape[0]:
        if left.values.size == 1 or right.values.size == 1:
            named = right if left.values.size == 1 else left
            return _Value(left.values * right.values, named.rows, named.cols)
        raise _conformability()
    return _Value(left.values @ right.values, left.rows, right.cols)


def _divide(left: _Value, right: _Value) -> _Value:
    if right.values.size != 1:
        raise _conformability()
    divisor = float(right.values[0, 0])
    values = np.full_like(left.values, MISSING) if divisor == 0.0 else _settle(left.values / divisor)
    return _Value(values, left.rows, left.cols, left.scalar)


# --- functions ---


def _number(value: _Value) -> float:
    if value.values.size != 1:
        raise _conformability()
    return float(value.values[0, 0])


def _square(value: _Value) -> _Value:
    if value.values.shape[0] != value.values.shape[1]:
        raise StataError(505, "matrix not square")
    return value


def _symmetric(value: _Value) -> _Value:
    _square(value)
    A = value.values
    if not np.allclose(A, A.T, rtol=1e-8, atol=1e-8 * max(float(np.abs(A).max(initial=0.0)), 1e-300)):
        raise StataError(505, "matrix not symmetric")
    return value


def _known(value: _Value) -> _Value:
    if bool(np.any(is_missing(value.values))):
        raise StataError(504, "matrix has missing values")
    return value


def _inverse(args: list[_Value]) -> _Value:
    value = _known(_square(args[0]))
    try:
        inverse = np.asarray(np.linalg.inv(value.values), dtype=np.float64)
    except np.linalg.LinAlgError:
        inverse = np.full_like(value.values, MISSING)
    return _Value(inverse, value.cols, value.rows)


def _invsym(args: list[_Value]) -> _Value:
    value = _symmetric(_known(args[0]))
    return _Value(symmetric_inverse(value.values), value.cols, value.rows)


def _cholesky(args: list[_Value]) -> _Value:
    value = _symmetric(_known(args[0]))
    try:
        factor = np.asarray(np.linalg.cholesky(value.values), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise StataError(506, "matrix not positive definite") from None
    return _Value(factor, value.rows, value.cols)


def _diag(args: list[_Value]) -> _Value:
    value = args[0]
    if 1 not in value.values.shape:
        raise _conformability()
    names = value.cols if value.values.shape[0] == 1 else value.rows
    return _Value(np.diag(value.values.ravel()), names, names)


def _vecdiag(args: list[_Value]) -> _Value:
    value = _square(args[0])
    return _Value(np.diag(value.values).reshape(1, -1).copy(), None, value.cols)


def _vec(args: list[_Value]) -> _Value:
    value = args[0]
    n, m = value.values.shape
    rows, cols = _default(value.rows, n, "r"), _default(value.cols, m, "c")
    return _Value(value.values.T.reshape(-1, 1), [f"{c}:{r}" for c in cols for r in rows])


def _corr(args: list[_Value]) -> _Value:
    value = _symmetric(args[0])
    d = np.sqrt(np.diag(value.values))
    return _Value(value.values / np.outer(d, d), value.rows, value.cols)


def _fill(args: list[_Value]) -> _Value:
    if len(args) != 3:
        raise invalid_syntax()
    n, m = int(_number(args[0])), int(_number(args[1]))
    if n < 0 or m < 0:
        raise StataError(498, "argument out of range")
    return _Value(np.full((n, m), _number(args[2])))


def _hadamard(args: list[_Value]) -> _Value:
    if args[0].values.shape != args[1].values.shape:
        raise _conformability()
    return _Value(args[0].values * args[1].values, args[0].rows, args[0].cols)


def _sweep(args: list[_Value]) -> _Value:
    value = _square(args[0])
    A = value.values.copy()
    k = int(_number(args[1])) - 1
    d = A[k, k]
    if abs(d) < 1e-300:
        A[k, :] = 0.0
        A[:, k] = 0.0
        return _Value(A, value.rows, value.cols)
    row, column = A[k, :] / d, A[:, k].copy()
    A -= np.outer(column, row)
    A[k, :] = row
    A[:, k] = -column / d
    A[k, k] = 1.0 / d
    return _Value(A, value.rows, value.cols)


def _of_scalar(function: Callable[[FloatArray], float]) -> Callable[[list[_Value]], _Value]:
    return lambda args: _scalar(function(args[0].values))


_FUNCTIONS: dict[str, Callable[[list[_Value]], _Value]] = {
    "inv": _inverse,
    "invsym": _invsym,
    "syminv": _invsym,
    "cholesky": _cholesky,
    "diag": _diag,
    "vecdiag": _vecdiag,
    "vec": _vec,
    "corr": _corr,
    "J": _fill,
    "I": lambda args: _Value(np.eye(int(_number(args[0])))),
    "hadamard": _hadamard,
    "sweep": _sweep,
    "det": lambda args: _scalar(float(np.linalg.det(_square(args[0]).values))),
    "trace": lambda args: _scalar(float(np.trace(_square(args[0]).values))),
    "rowsof": _of_scalar(lambda A: float(A.shape[0])),
    "colsof": _of_scalar(lambda A: float(A.shape[1])),
    "issymmetric": _of_scalar(lambda A: float(A.shape[0] == A.shape[1] and np.array_equal(A, A.T))),
    "diag0cnt": _of_scalar(lambda A: float(np.count_nonzero(np.diag(A) == 0.0))),
    "matmissing": _of_scalar(lambda A: float(not np.all(np.abs(A) < MISSING))),
}
