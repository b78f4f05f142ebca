"""Matrix expressions: joins, operators, functions, subscripts ([P] matrix define)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.matrix_algebra import (
    FUNCTIONS,
    Value,
    add,
    beside,
    conformability_error,
    default_names,
    divide,
    multiply,
    scalar,
    stack,
)
from ssd.engine.errors import StataError, invalid_syntax, name_not_found
from ssd.engine.missing import MISSING
from ssd.engine.results import Matrix

if TYPE_CHECKING:
    from ssd.engine.session import Session

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)|(?P<missing>\.[a-z]?(?![\w.]))|"
    r"(?P<dots>\.\.\.|\.\.)|(?P<string>\"[^\"]*\")|(?P<other>[-+*/#,\\()\[\]'=<>&|!^~]))"
)


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


class _Parser:
    """Recursive descent, from the loosest operator (row join) to the tightest (transpose)."""

    def __init__(self, session: Session, text: str) -> None:
        self.session = session
        self.text = text
        self.position = 0

    def parse(self) -> Value:
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

    def _row_join(self) -> Value:
        value = self._column_join()
        while self._accept("\\"):
            value = stack(value, self._column_join())
        return value

    def _column_join(self) -> Value:
        value = self._sum()
        while self._accept(","):
            value = beside(value, self._sum())
        return value

    def _sum(self) -> Value:
        value = self._product()
        while operator := self._accept("+", "-"):
            value = add(value, self._product(), 1.0 if operator == "+" else -1.0)
        return value

    def _product(self) -> Value:
        value = self._kronecker()
        while operator := self._accept("*", "/"):
            right = self._kronecker()
            value = multiply(value, right) if operator == "*" else divide(value, right)
        return value

    def _kronecker(self) -> Value:
        value = self._unary()
        while self._accept("#"):
            right = self._unary()
            value = Value(np.asarray(np.kron(value.values, right.values), dtype=np.float64))
        return value

    def _unary(self) -> Value:
        if self._accept("-"):
            value = self._unary()
            return Value(-value.values, value.rows, value.cols, value.scalar)
        self._accept("+")
        return self._power()

    def _power(self) -> Value:
        value = self._postfix()
        if self._accept("^"):
            right = self._unary()
            if value.values.size != 1 or right.values.size != 1:
                raise conformability_error()
            return scalar(float(value.values[0, 0] ** right.values[0, 0]))
        return value

    def _postfix(self) -> Value:
        value = self._primary()
        while self._peek() == "'":
            self._take()
            value = Value(value.values.T, value.cols, value.rows, value.scalar)
        return value

    def _primary(self) -> Value:
        match = _TOKEN.match(self.text, self.position)
        if match is None:
            raise invalid_syntax()
        if match["number"] is not None:
            self._take()
            return scalar(float(match["number"]))
        if match["missing"] is not None:
            self._take()
            return scalar(MISSING)
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
        value = Value(matrix.values, matrix.rows, matrix.cols)
        if following == "[":
            return self._subscripts(value)
        return value

    def _scalar_name(self, name: str, following: str) -> Value:
        if following == "[":
            end = self._closing("[", "]")
            text = name + self.text[self.position : end + 1]
            self.position = end + 1
            if name not in {"_b", "_se", "_coef"}:
                raise name_not_found(name)
            return scalar(self.session.evaluate_number(text))
        value = self.session.scalars.get(name)
        if value is None:
            if name.startswith("_") or name.startswith("c"):
                return scalar(self.session.evaluate_number(name))
            raise name_not_found(name)
        if isinstance(value, str):
            raise StataError(109, "type mismatch")
        return scalar(value)

    def _closing(self, opening: str, closing: str) -> int:
        depth = 0
        for index in range(self.position, len(self.text)):
            depth += (self.text[index] == opening) - (self.text[index] == closing)
            if depth == 0:
                return index
        raise invalid_syntax("parentheses unbalanced")

    def _call(self, name: str) -> Value:
        end = self._closing("(", ")")
        inner = self.text[self.position + 1 : end]
        start = self.position
        self.position = end + 1
        if name in {"e", "r"}:
            return self._result(name, inner.strip())
        if name == "nullmat":
            matrix = self.session.matrices.get(inner.strip())
            return Value(np.zeros((0, 0))) if matrix is None else Value(matrix.values, matrix.rows, matrix.cols)
        function = FUNCTIONS.get(name)
        if function is not None:
            return function([_Parser(self.session, piece).parse() for piece in _arguments(inner)])
        if name == "get":
            return self._get(inner.strip())
        return scalar(self.session.evaluate_number(name + self.text[start : end + 1]))

    def _result(self, owner: str, name: str) -> Value:
        results = self.session.e if owner == "e" else self.session.r
        if name in results.matrices:
            matrix = results.matrices[name]
            value = Value(matrix.values, matrix.rows, matrix.cols)
            return self._subscripts(value) if self.text[self.position : self.position + 1] == "[" else value
        if owner == "e" and name in {"b", "V"}:
            raise StataError(301, "last estimates not found")
        return scalar(self.session.evaluate_number(f"{owner}({name})"))

    def _get(self, name: str) -> Value:
        matrix = stored(self.session, f"e({'b' if name == '_b' else 'V' if name == 'VCE' else name})")
        return Value(matrix.values, matrix.rows, matrix.cols)

    def _subscripts(self, value: Value) -> Value:
        end = self._closing("[", "]")
        inner = self.text[self.position + 1 : end]
        self.position = end + 1
        pieces = _arguments(inner)
        if len(pieces) != 2:
            raise invalid_syntax()
        n, m = value.values.shape
        row_names, col_names = default_names(value.rows, n, "r"), default_names(value.cols, m, "c")
        rows = self._span(pieces[0], row_names)
        cols = self._span(pieces[1], col_names)
        return Value(value.values[np.ix_(rows, cols)], [row_names[i] for i in rows], [col_names[j] for j in cols])

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
            raise conformability_error()
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
        raise conformability_error()
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
