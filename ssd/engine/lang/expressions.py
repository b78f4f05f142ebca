"""Finding where an expression ends when a command follows it (`if exp command`, `while exp {`)."""

from __future__ import annotations

import re
from typing import Final

from ssd.engine.lang.quoting import closing, skip_quoted

_OPERAND: Final = re.compile(r"\.[a-z]?(?![\w.])|(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?|[^\W\d]\w*(?:\.[^\W\d]\w*)?")
_OPERATOR: Final = re.compile(r"==|!=|~=|>=|<=|[-+*/^<>&|]")
_SPACE: Final = re.compile(r"\s*")


def split_expression(text: str) -> tuple[str, str]:
    """`expression, rest`: the expression ends where an operand is followed by no operator."""
    position = _blank(text, 0)
    while position < len(text):
        position = _operand(text, position)
        end = position
        position = _blank(text, position)
        operator = _OPERATOR.match(text, position)
        if operator is None:
            return text[:end].strip(), text[position:].strip()
        position = _blank(text, operator.end())
    return text.strip(), ""


def _blank(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _operand(text: str, position: int) -> int:
    """Index past one operand with its signs, subscripts and arguments."""
    while position < len(text) and text[position] in "!~-+":
        position = _blank(text, position + 1)
    if position >= len(text):
        return position
    after = skip_quoted(text, position)
    if after > position:
        return after
    if text[position] in "([":
        return _trailing(text, closing(text, position) + 1)
    match = _OPERAND.match(text, position)
    if match is None:
        return position + 1
    return _trailing(text, match.end())


def _trailing(text: str, position: int) -> int:
    while position < len(text) and text[position] in "([":
        position = closing(text, position) + 1
    if position < len(text) and (text.startswith("_b", position) or text.startswith("_se", position)):
        match = re.compile(r"_b|_se").match(text, position)
        if match is not None:
            return _trailing(text, match.end())
    return position
