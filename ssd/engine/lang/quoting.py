"""Quotes, brackets and words: the lowest level of reading a command line."""

from __future__ import annotations

from collections.abc import Iterator

from ssd.engine.errors import StataError, invalid_syntax

_CLOSE = {"(": ")", "[": "]", "{": "}"}


def skip_quoted(text: str, position: int) -> int:
    """Index just past the quoted string that starts at `position`, or `position` when none starts there.

    An unclosed quote runs to the end of the text.
    """
    if text.startswith('`"', position):
        depth = 0
        while position < len(text):
            if text.startswith('`"', position):
                depth += 1
                position += 2
            elif text.startswith("\"'", position):
                depth -= 1
                position += 2
                if depth == 0:
                    return position
            else:
                position += 1
        return len(text)
    if text.startswith('"', position):
        end = text.find('"', position + 1)
        return len(text) if end < 0 else end + 1
    return position


def strip_quotes(text: str) -> str:
    """`text` without the one pair of quotes (simple or compound) that encloses all of it, if any."""
    stripped = text.strip()
    if stripped.startswith('`"') and stripped.endswith("\"'") and skip_quoted(stripped, 0) == len(stripped):
        return stripped[2:-2]
    if len(stripped) > 1 and stripped[0] == '"' and skip_quoted(stripped, 0) == len(stripped) and stripped[-1] == '"':
        return stripped[1:-1]
    return text


def is_quoted(text: str) -> bool:
    """Whether one pair of quotes encloses the whole text."""
    stripped = text.strip()
    return strip_quotes(stripped) != stripped


def closing(text: str, position: int) -> int:
    """Index of the bracket that closes the one at `position`, quotes respected. Raises r(198) if none does."""
    opening = text[position]
    stack = [_CLOSE[opening]]
    index = position + 1
    while index < len(text):
        after = skip_quoted(text, index)
        if after > index:
            index = after
            continue
        char = text[index]
        if char in _CLOSE and (char != "{" or opening == "{"):
            stack.append(_CLOSE[char])
        elif char == stack[-1]:
            stack.pop()
            if not stack:
                return index
        index += 1
    if opening == "(":
        raise StataError(132, "too few ')' or ']'")
    raise invalid_syntax()


def top_level(text: str) -> Iterator[tuple[int, str]]:
    """Positions and characters of `text` outside quotes, parentheses and brackets.

    Opening brackets themselves are yielded, what they enclose is not. An unbalanced opening bracket
    is passed over: the expression that contains it reports the error.
    """
    index = 0
    while index < len(text):
        after = skip_quoted(text, index)
        if after > index:
            index = after
            continue
        char = text[index]
        yield index, char
        if char in "([":
            try:
                index = closing(text, index)
            except StataError:
                index += 1
                continue
        index += 1


def find_top_level(text: str, wanted: str) -> int:
    """Position of the first of the characters in `wanted` outside quotes and brackets, or -1."""
    for position, char in top_level(text):
        if char in wanted:
            return position
    return -1


def split_words(text: str, *, keep_quotes: bool = False) -> list[str]:
    """Blank-separated words; a quoted string is one word, its quotes removed unless `keep_quotes`.

    As in Stata, a quote that opens inside a word does not end the word's reach at blanks within it.
    """
    words = []
    index = 0
    while index < len(text):
        if text[index] in " \t":
            index += 1
            continue
        start = index
        after = skip_quoted(text, index)
        if after > index and (after == len(text) or text[after] in " \t"):
            word = text[start:after]
            words.append(word if keep_quotes else strip_quotes(word))
            index = after
            continue
        while index < len(text) and text[index] not in " \t":
            after = skip_quoted(text, index)
            index = after if after > index else index + 1
        words.append(text[start:index])
    return words


def split_terms(text: str) -> list[str]:
    """Blank-separated words where parentheses, brackets and quotes hold together (`i.(a b)`, `L(1/3).x`)."""
    terms = []
    start: int | None = None
    for position, char in _with_quotes(text):
        if char in " \t":
            if start is not None:
                terms.append(text[start:position])
                start = None
        elif start is None:
            start = position
    if start is not None:
        terms.append(text[start:])
    return terms


def _with_quotes(text: str) -> Iterator[tuple[int, str]]:
    """As `top_level`, but the first character of a quoted string is yielded too."""
    previous = -1
    for position, char in top_level(text):
        gap = previous + 1
        if gap < position and text[gap] in '"`':
            yield gap, text[gap]
        yield position, char
        previous = position
        if char in "([":
            try:
                previous = closing(text, position)
            except StataError:
                previous = position
        if previous + 1 < len(text) and skip_quoted(text, previous + 1) > previous + 1:
            yield previous + 1, text[previous + 1]
            previous = skip_quoted(text, previous + 1) - 1


def split_comma(text: str) -> tuple[str, str | None]:
    """`main, options` at the first top-level comma; None when there is no comma."""
    position = find_top_level(text, ",")
    if position < 0:
        return text, None
    return text[:position], text[position + 1 :]


def split_colon(text: str) -> tuple[str, str] | None:
    """`prefix arguments : command` at the first top-level colon, or None (for prefix commands)."""
    position = find_top_level(text, ":")
    if position < 0:
        return None
    return text[:position], text[position + 1 :].strip()
