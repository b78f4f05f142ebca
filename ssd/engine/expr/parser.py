"""Tokens to a tree, with Stata's precedence ([U] 13.2.5): `!`, `^`, negation, `* /`, `+ -`, comparisons, `&`, `|`."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.expr.lexer import Token, tokenize
from ssd.engine.expr.syntax import Binary, Call, Estimate, Name, Node, Number, Operated, Subscript, Text, Unary

_LEVELS: Final[dict[str, int]] = {
    "|": 1, "&": 2,
    "==": 3, "!=": 3, "~=": 3, ">": 3, "<": 3, ">=": 3, "<=": 3,
    "+": 4, "-": 4, "*": 5, "/": 5,
}  # fmt: skip
_POWER: Final = 7
_NEGATION: Final = 6
_MAX_DEPTH: Final = 200


@lru_cache(maxsize=4096)
def parse(source: str) -> Node:
    """The tree of an expression. Raises r(198) invalid syntax, r(132) unmatched parentheses or quotes."""
    parser = _Parser(tokenize(source))
    node = parser.expression(0)
    if parser.here.kind != "end":
        if parser.here.text in (")", "]"):
            raise unmatched()
        raise invalid_syntax()
    return node


def unmatched() -> StataError:
    return StataError(132, "too many ')' or ']'")


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0

    @property
    def here(self) -> Token:
        return self._tokens[self._position]

    def _advance(self) -> Token:
        token = self.here
        self._position += 1
        return token

    def _is_sign(self, text: str) -> bool:
        return self.here.kind == "sign" and self.here.text == text

    def _close(self, text: str) -> None:
        if not self._is_sign(text):
            raise StataError(132, "too few ')' or ']'") if self.here.kind == "end" else invalid_syntax()
        self._advance()

    def expression(self, level: int) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise StataError(130, "expression too long")
        left = self._prefix()
        while self.here.kind == "sign" and _LEVELS.get(self.here.text, 0) > level:
            operator = self._advance().text
            right = self.expression(_LEVELS[operator])
            left = Binary("!=" if operator == "~=" else operator, left, right)
        self._depth -= 1
        return left

    def _prefix(self) -> Node:
        token = self.here
        if token.kind == "sign" and token.text in ("-", "+"):
            self._advance()
            operand = self.expression(_NEGATION)
            return Unary("-", operand) if token.text == "-" else operand
        return self._power()

    def _power(self) -> Node:
        base = self._negated()
        while self._is_sign("^"):
            self._advance()
            exponent = self._signed()
            base = Binary("^", base, exponent)
        return base

    def _signed(self) -> Node:
        if self._is_sign("-"):
            self._advance()
            return Unary("-", self._signed())
        if self._is_sign("+"):
            self._advance()
            return self._signed()
        return self._negated()

    def _negated(self) -> Node:
        if self._is_sign("!") or self._is_sign("~"):
            self._advance()
            self._depth += 1
            if self._depth > _MAX_DEPTH:
                raise StataError(130, "expression too long")
            operand = self._signed()
            self._depth -= 1
            return Unary("!", operand)
        return self._operand()

    def _operand(self) -> Node:
        token = self._advance()
        node: Node
        if token.kind == "number":
            node = Number(token.value)
        elif token.kind == "text":
            node = Text(token.text)
        elif token.kind == "name":
            node = self._name(token.text)
        elif token.kind == "operated":
            node = Operated(token.extra, token.text)
        elif token.kind == "estimate":
            kind, _, equation = token.extra.partition("\t")
            node = _estimate(kind, equation, token.text)
        elif token.kind == "literal":
            node = Call(_LITERALS.get(token.text, token.text), (Text(token.extra),))
        elif token.kind == "sign" and token.text == "(":
            node = self.expression(0)
            self._close(")")
        else:
            raise invalid_syntax() if token.text != ")" else unmatched()
        while self._is_sign("["):
            self._advance()
            node = Subscript(node, self._arguments("]"))
        return node

    def _name(self, name: str) -> Node:
        if not self._is_sign("("):
            return Name(name)
        self._advance()
        if self._is_sign(")"):
            self._advance()
            return Call(name, ())
        return Call(name, self._arguments(")"))

    def _arguments(self, closer: str) -> tuple[Node, ...]:
        items = [self.expression(0)]
        while self._is_sign(","):
            self._advance()
            items.append(self.expression(0))
        self._close(closer)
        return tuple(items)


_LITERALS: Final = {"d": "td", "w": "tw", "m": "tm", "q": "tq", "h": "th", "y": "ty"}


def _estimate(kind: str, equation: str, name: str) -> Estimate:
    if not equation and ":" in name:
        equation, _, name = name.partition(":")
    return Estimate(kind, equation, name.replace(" ", ""))
