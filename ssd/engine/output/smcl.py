"""The part of SMCL that `display` and messages use, rendered as plain text."""

from __future__ import annotations

import re
from typing import Final

_SILENT: Final = frozenset(
    """
    txt text res result err error inp input com cmd bf it sf ul hi reset smcl green yellow white red blue
    p_end pstd phang break txt_nobreak bind ttl title synoptset marker
    """.split()  # noqa: SIM905 - a list of names reads best as text
)
_CHARACTERS: Final = {
    "-": "-", "|": "|", "+": "+", "TT": "+", "BT": "+", "LT": "+", "RT": "+",
    "TLC": "+", "TRC": "+", "BLC": "+", "BRC": "+", "-(": "{", ")-": "}", "S|": "$", "'g": "`", "'": "'", "g": "`",
}  # fmt: skip
_HEAD: Final = re.compile(r"\s*([\w.\-]*)\s*", re.DOTALL)


def render(text: str, column: int, linesize: int) -> str:
    """Plain text of SMCL text that starts at 0-based `column`. Unknown directives stay as typed."""
    if "{" not in text:
        return text
    out: list[str] = []
    index = 0
    while index < len(text):
        if text[index] != "{":
            out.append(text[index])
            index += 1
            continue
        end = _closing_brace(text, index)
        if end < 0:
            out.append(text[index:])
            break
        position = _position("".join(out), column)
        piece = _directive(text[index + 1 : end], position, linesize)
        out.append(text[index : end + 1] if piece is None else piece)
        index = end + 1
    return "".join(out)


def _closing_brace(text: str, index: int) -> int:
    if text.startswith("{c ", index):
        return text.find("}", index)
    depth = 0
    for position in range(index, len(text)):
        depth += (text[position] == "{") - (text[position] == "}")
        if depth == 0:
            return position
    return -1


def _position(written: str, column: int) -> int:
    newline = written.rfind("\n")
    return column + len(written) if newline < 0 else len(written) - newline - 1


def _directive(body: str, column: int, linesize: int) -> str | None:
    """Replacement of one `{…}`; None when it is no directive known here."""
    head, colon, content = body.partition(":")
    match = _HEAD.match(head)
    name = match.group(1) if match else ""
    argument = head[match.end() :].strip() if match else ""
    if name in ("c", "char"):
        return _CHARACTERS.get(argument, _coded(argument))
    if name in ("hline", ".-") or body == "-":
        count = int(argument) if argument.isdigit() else max(linesize - column - 1, 0)
        return "-" * count
    if name in ("space", "s") and argument.isdigit():
        return " " * int(argument)
    if name == "col" and argument.isdigit():
        return " " * max(int(argument) - 1 - column, 0)
    if name == "dup" and colon and argument.isdigit():
        return render(content, 0, linesize) * int(argument)
    if name in ("ralign", "right", "lalign", "left", "center", "centre") and colon:
        return _aligned(name, argument, render(content, 0, linesize), linesize)
    if colon and name in _CONTENT:
        return render(content, column, linesize)
    if colon and name in ("help", "stata", "browse", "view", "search", "manhelp", "helpb", "matacmd"):
        return render(content, column, linesize)
    if name in ("help", "stata", "browse", "view", "opt", "cmdab", "helpb", "vieweralsosee"):
        return argument.strip('"')
    if name in _SILENT or name == "p":
        return "" if not colon else render(content, column, linesize)
    return None


_CONTENT: Final = _SILENT | {"opt", "cmdab", "p"}


def _coded(argument: str) -> str:
    code = int(argument, 16) if argument.lower().startswith("0x") else (int(argument) if argument.isdigit() else 0)
    return chr(code) if code else ""


def _aligned(name: str, argument: str, text: str, linesize: int) -> str:
    width = int(argument) if argument.isdigit() else linesize
    if name in ("ralign", "right"):
        return text.rjust(width)
    return text.ljust(width) if name in ("lalign", "left") else text.center(width)
