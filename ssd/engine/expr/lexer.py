"""Tokens of a Stata expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.missing import EXTENDED

Kind = Literal["number", "text", "name", "operated", "estimate", "literal", "sign", "end"]


@dataclass(frozen=True)
class Token:
    kind: Kind
    text: str
    value: float = 0.0
    extra: str = ""


_SPACE: Final = re.compile(r"\s+")
_HEX: Final = re.compile(r"(\d\.?[0-9a-fA-F]*)[xX]([+-][0-9a-fA-F]+)")
_NUMBER: Final = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?(?![\w.])")
_FACTOR: Final = re.compile(r"(\d+b?n?)\.([^\W\d]\w*)")
_MISSING: Final = re.compile(r"\.([a-z])?(?!\w)")
_OPERATED: Final = re.compile(r"((?:[LFDSlfds]\d*)+(?:\.(?:[LFDSlfds]\d*)+(?=\.))*)\.([^\W\d]\w*)")
"""`L2D.gnp`; `L2.D.gnp` is the same."""
_NAME: Final = re.compile(r"[^\W\d]\w*")
_ESTIMATE: Final = re.compile(r"(?:\[([^\[\]]+)\]\s*)?(_b|_coef|_se)\s*\[\s*((?:[^\[\]]|\[[^\[\]]*\])*?)\s*\]")
_EQUATION: Final = re.compile(r"\[\s*([^\[\]]+?)\s*\]\s*([^\W\d][\w.#]*)")
_SIGN: Final = re.compile(r"==|!=|~=|>=|<=|[-+*/^()\[\],<>&|!~=:]")
_DATE_LITERAL: Final = re.compile(
    r"(td|tc|tC|tw|tm|tq|th|ty|d|w|m|q|h|y)\(\s*([0-9][^()]*|[a-zA-Z]{3}[^()]*\d[^()]*)\)"
)
_OPENERS: Final = frozenset("([,")


def tokenize(source: str) -> list[Token]:
    """Tokens of an expression, ended by one of kind `end`.

    Raises r(132) for unclosed quotes and r(198) for a character that starts no token.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(source):
        space = _SPACE.match(source, position)
        if space:
            position = space.end()
            continue
        token, position = _next(source, position, tokens)
        tokens.append(token)
    tokens.append(Token("end", ""))
    return tokens


def _next(source: str, position: int, before: list[Token]) -> tuple[Token, int]:
    first = source[position]
    if first in '"`':
        return _string(source, position)
    if first.isdigit() or first == ".":
        return _numeric(source, position)
    for pattern, kind in ((_ESTIMATE, "estimate"), (_DATE_LITERAL, "literal"), (_OPERATED, "operated")):
        match = pattern.match(source, position)
        if match is None:
            continue
        if kind == "estimate":
            what = "se" if match[2] == "_se" else "b"
            return Token("estimate", match[3], extra=f"{what}\t{(match[1] or '').strip()}"), match.end()
        if kind == "literal":
            return Token("literal", match[1], extra=match[2].strip()), match.end()
        return Token("operated", match[2], extra=match[1].upper().replace(".", "")), match.end()
    if first == "[" and not _is_operand(before):
        match = _EQUATION.match(source, position)
        if match:
            return Token("estimate", match[2], extra=f"b\t{match[1]}"), match.end()
    match = _NAME.match(source, position)
    if match:
        return Token("name", match[0]), match.end()
    match = _SIGN.match(source, position)
    if match:
        return Token("sign", match[0]), match.end()
    raise invalid_syntax() if first.isspace() or not first.isprintable() else StataError(198, f"{first} invalid name")


def _is_operand(before: list[Token]) -> bool:
    if not before:
        return False
    last = before[-1]
    return last.kind != "sign" or last.text in (")", "]")


def _numeric(source: str, position: int) -> tuple[Token, int]:
    match = _HEX.match(source, position)
    if match:
        digits = match[1]
        return Token("number", match[0], value=float.fromhex(f"0x{digits}p{int(match[2], 16)}")), match.end()
    match = _NUMBER.match(source, position)
    if match:
        return Token("number", match[0], value=_value(match[0])), match.end()
    match = _FACTOR.match(source, position)
    if match:
        return Token("operated", match[2], extra=match[1]), match.end()
    match = _MISSING.match(source, position)
    if match:
        return Token("number", match[0], value=EXTENDED[ord(match[1]) - 96 if match[1] else 0]), match.end()
    word = re.match(r"[\w.]+", source[position:])
    raise StataError(198, f"{word[0] if word else source[position]} invalid name")


def _value(text: str) -> float:
    number = float(text.lower().replace("d", "e"))
    return number if abs(number) < EXTENDED[0] else EXTENDED[0]


def _string(source: str, position: int) -> tuple[Token, int]:
    if source.startswith('`"', position):
        depth, here = 1, position + 2
        while here < len(source):
            if source.startswith('`"', here):
                depth, here = depth + 1, here + 2
            elif source.startswith("\"'", here):
                depth, here = depth - 1, here + 2
                if depth == 0:
                    return Token("text", source[position + 2 : here - 2]), here
            else:
                here += 1
        raise StataError(132, "too few quotes")
    if source[position] == "`":
        word = re.match(r"`\S*", source[position:])
        raise StataError(198, f"{word[0] if word else '`'} invalid name")
    end = source.find('"', position + 1)
    if end < 0:
        raise StataError(132, "too few quotes")
    return Token("text", source[position + 1 : end]), end + 1
