"""The pieces of Stata's text tables: rules, abbreviations, centred titles, wrapped stubs."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import east_asian_width

from ssd.engine.output.formats import format_value


def display_width(text: str) -> int:
    """Columns a text takes on a terminal: East Asian wide characters take two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def right(text: str, width: int) -> str:
    """Right-aligned to `width` display columns."""
    return " " * max(0, width - display_width(text)) + text


def left(text: str, width: int) -> str:
    """Left-aligned to `width` display columns."""
    return text + " " * max(0, width - display_width(text))


def centre(text: str, width: int) -> str:
    """Centred, the odd space to the right, without trailing blanks."""
    return " " * max(0, (width - display_width(text)) // 2) + text


def clip(text: str, width: int) -> str:
    """The first `width` display columns of a text."""
    taken, columns = [], 0
    for letter in text:
        columns += 2 if east_asian_width(letter) in "WF" else 1
        if columns > width:
            break
        taken.append(letter)
    return "".join(taken)


def abbreviate(name: str, width: int) -> str:
    """A name cut to `width` as Stata's `abbrev()` does: start, `~`, last character."""
    if display_width(name) <= width:
        return name
    return clip(name, width - 2) + "~" + name[-1]


def rule(*segments: int, joint: str = "+") -> str:
    """A horizontal rule made of dashes in segments of the given lengths."""
    return joint.join("-" * length for length in segments)


def wrap_stub(text: str, width: int) -> list[str]:
    """Words of a stub heading in lines of at most `width` columns; a longer word is broken."""
    lines: list[str] = []
    current = ""
    for word in text.split():
        piece = word
        while display_width(piece) > width:
            if current:
                lines.append(current)
                current = ""
            head = clip(piece, width)
            lines.append(head)
            piece = piece[len(head) :]
        joined = f"{current} {piece}" if current else piece
        if display_width(joined) <= width:
            current = joined
        else:
            lines.append(current)
            current = piece
    if current or not lines:
        lines.append(current)
    return lines


def key_box(contents: Sequence[str]) -> list[str]:
    """The box that explains what the lines of a two-way cell hold."""
    inner = max(len(text) for text in contents) + 2
    lines = [f"+{'-' * inner}+", f"| {'Key':<{inner - 1}}|", f"|{'-' * inner}|"]
    for text in contents:
        before = (inner - len(text)) // 2
        lines.append(f"|{' ' * before}{text}{' ' * (inner - before - len(text))}|")
    lines.append(lines[0])
    return lines


def variable_header(name: str, label: str, width: int = 80) -> list[str]:
    """The ruled header of one variable: the name left, its label right."""
    shown = label or "(unlabeled)"
    gap = max(1, width - display_width(name) - display_width(shown))
    return ["-" * width, name + " " * gap + shown, "-" * width]


def number(value: float, fmt: str = "%9.0g") -> str:
    """A number in a display format, without padding."""
    return format_value(value, fmt).strip()


def count(value: float) -> str:
    """A number of observations with thousands separators; weighted counts keep their decimals."""
    if value == round(value):
        return f"{value:,.0f}"
    return number(value, "%10.0g")
