"""The lines of an estout table: fixed or delimited columns, headings that may span, stubs, rules and gaps.

A table is written row by row between a `begin`, a `delimiter` and an `end`; `@`-words in the texts around it
stand for its dimensions (help estout, "Remarks on using @-variables").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ssd.engine.output.tables import abbreviate, clip, display_width

Border = Literal["", "top", "bottom"]

_TWIPS: Final = 120
"""Width of one character in the cells of a Rich Text table."""
_RTF_STARS: Final = 3


@dataclass(frozen=True)
class Column:
    """One column of numbers: whose model, which equation (when equations stand side by side), which cell."""

    model: int
    equation: int
    part: int
    star: bool


@dataclass(frozen=True)
class LabelStyle:
    """Suboptions of mlabels(), eqlabels(), collabels(), mgroups(), varlabels() and stats(, labels())."""

    texts: tuple[str, ...] = ()
    prefix: str = ""
    suffix: str = ""
    begin: tuple[str, ...] = ()
    end: tuple[str, ...] = ()
    span: bool = False
    replace: bool = False
    first: bool = True
    last: bool = True
    none: bool = False
    merge: bool = False
    left: str = ""
    repeat: str = ""
    before: tuple[str, ...] = ()
    """blist(): pairs of a name and the text to print before its row."""
    after: tuple[str, ...] = ()
    pattern: tuple[str, ...] = ()
    titles: bool = False
    depvars: bool = False
    numbers: bool = False


@dataclass
class Layout:
    """Everything about the page that does not depend on the numbers."""

    columns: list[Column]
    begin: str = ""
    delimiter: str = " "
    end: str = ""
    stub: int = 12
    widths: tuple[int, ...] = (12,)
    """Widths of the columns, recycled; 0 lets a column take what its text needs."""
    stars: int = 0
    """Width of the longest mark of significance."""
    detached: bool = False
    """Stars stand in columns of their own."""
    abbreviated: bool = True
    hline: str = "-"
    words: dict[str, str] = field(default_factory=dict)
    """Values of @title, @note, @starlegend and their kin."""
    models: int = 1

    def __post_init__(self) -> None:
        self.rich = "@rtfrowdef" in self.begin
        if self.rich:
            self._cell_ends = self._rtf_ends()
            self.stub, self.widths, self.stars = 0, (0,), 0
        self.bordered = "@rtfrowdefbrdr" in self.begin

    # --- dimensions ---
    def width_of(self, index: int) -> int:
        return self.widths[index % len(self.widths)]

    @property
    def span(self) -> int:
        detached = sum(column.star for column in self.columns) if self.detached else 0
        return len(self.columns) + 1 + detached

    @property
    def total(self) -> int:
        """Characters of a line."""
        gap = display_width(self.delimiter)
        total = self.stub
        for index, column in enumerate(self.columns):
            total += gap + self.width_of(index)
            if column.star:
                total += self.stars + (gap if self.detached else 0)
        return total

    def _rtf_ends(self) -> list[int]:
        graph = int(found[1]) if (found := re.search(r"\\trgaph(-?\d+)", self.begin)) else 0
        left = int(found[1]) if (found := re.search(r"\\trleft(-?\d+)", self.begin)) else 0
        position = (self.stub or 12) * _TWIPS + 2 * graph + left
        ends = [position]
        for index, column in enumerate(self.columns):
            position += (self.width_of(index) or 12) * _TWIPS + 2 * graph
            if column.star:
                position += _RTF_STARS * _TWIPS
            ends.append(position)
        return ends

    def _rtf_row(self, border: Border) -> str:
        edge = {"": "", "top": r"\clbrdrt\brdrw10\brdrs", "bottom": r"\clbrdrb\brdrw10\brdrs"}[border]
        return "".join(rf"{edge}\cellx{end}" for end in self._cell_ends)

    # --- texts ---
    def fill(self, text: str, span: int | str | None = None) -> str:
        """`@`-words replaced. The longer words come first: @rtfrowdefbrdrt holds @rtfrowdef."""
        values = {
            "span": str(self.span if span is None else span),
            "width": str(self.total),
            "hline": self.hline * min(self.total, 400),
            "M": str(self.models),
            "E": str(len({(column.model, column.equation) for column in self.columns})),
        }
        if span is None:
            values |= self.words
        if self.rich:
            values |= {
                "rtfrowdefbrdrt": self._rtf_row("top"),
                "rtfrowdefbrdrb": self._rtf_row("bottom"),
                "rtfrowdef": self._rtf_row(""),
                "rtfemptyrow": self._rtf_row("") + r"\pard\intbl\ql\cell" * len(self._cell_ends),
            }
        for name in sorted(values, key=len, reverse=True):
            text = text.replace(f"@{name}", values[name])
        return text

    def abbreviation(self, text: str, width: int) -> str:
        if not self.abbreviated or width <= 0:
            return text
        return clip(text, width) if width > 32 else abbreviate(text, width)

    def start(self, border: Border = "") -> str:
        if not self.rich:
            return self.begin
        if self.bordered:
            return self.begin.replace("@rtfrowdefbrdr", self._rtf_row(border))
        return self.begin.replace("@rtfrowdef", self._rtf_row(""))

    def stub_text(self, text: str, style: LabelStyle | None = None) -> str:
        shown = self.abbreviation(text, self.stub)
        if style is not None:
            shown = style.prefix + shown + style.suffix
        return pad_left(shown, self.stub)

    def cell(self, index: int, text: str) -> str:
        """A right-aligned cell without stars, with the blanks where stars would stand."""
        column = self.columns[index]
        return self.delimiter + pad_right(text, self.width_of(index)) + (self._star_blank() if column.star else "")

    def _star_blank(self) -> str:
        return (self.delimiter if self.detached else "") + " " * self.stars

    def number(self, index: int, text: str, stars: str) -> str:
        """A cell of the body with its stars."""
        column, width = self.columns[index], self.width_of(index)
        if not column.star:
            return self.delimiter + pad_right(text, width)
        if self.detached:
            return self.delimiter + pad_right(text, width) + self.delimiter + pad_left(stars, self.stars)
        padded = text + pad_left(stars, self.stars)
        return self.delimiter + (pad_right(padded, width + self.stars) if width or self.stars else padded)


def pad_left(text: str, width: int) -> str:
    """Left-aligned."""
    return text + " " * max(0, width - display_width(text))


def pad_right(text: str, width: int) -> str:
    """Right-aligned."""
    return " " * max(0, width - display_width(text)) + text


def framed(layout: Layout, style: LabelStyle, body: str, border: Border, *, first: bool = True, last: bool = True,
           span: int | str | None = None, repeats: str = "", ) -> list[str]:  # fmt: skip
    """A row between its begin and end, with the lines the label suboptions put around it."""
    before = [layout.fill(text, layout.span) for text in style.begin] if first else []
    after = [layout.fill(text, layout.span) for text in style.end] if last else []
    opening = "" if style.replace and before else layout.start(border)
    closing = "" if style.replace and after else layout.end
    lines = [*before[:-1], (before[-1] if before else "") + opening + body] if before else [opening + body]
    tail = [*after, *([repeats] if repeats else [])]
    lines[-1] += closing + (tail[0] if tail else "")
    return lines + tail[1:]


def heading(
    layout: Layout,
    style: LabelStyle,
    texts: Sequence[str],
    number: Callable[[Column], int],
    same: Callable[[Column, Column], bool],
    border: Border = "",
) -> list[str]:
    """A row of headings. `number` gives the 0-based text of a column; neighbours that are the `same` share it
    when the style spans, otherwise the first shows it."""
    columns = layout.columns
    body = layout.stub_text(style.left)
    repeats = ""
    if not style.span:
        for index, column in enumerate(columns):
            shown = ""
            if index == 0 or not same(columns[index - 1], column):
                shown = layout.abbreviation(_text(texts, number(column)), layout.width_of(index))
                shown = layout.fill(style.prefix + shown + style.suffix, 1)
            body += layout.cell(index, shown)
    else:
        gap = display_width(layout.delimiter) if any(layout.widths) else 0
        start, cells, width = 2, 0, -gap
        for index, column in enumerate(columns):
            cells += 1
            width += layout.width_of(index) + gap
            if column.star:
                width += layout.stars
                cells += layout.detached
                width += gap if layout.detached else 0
            if index + 1 < len(columns) and same(column, columns[index + 1]):
                continue
            shown = layout.abbreviation(_text(texts, number(column)), width)
            shown = layout.fill(style.prefix + shown + style.suffix, cells)
            body += layout.delimiter + pad_left(shown, width)
            repeats += layout.fill(style.repeat, f"{start}-{start + cells - 1}")
            start, cells, width = start + cells, 0, -gap
    return framed(layout, style, body, border, repeats=repeats)


def _text(texts: Sequence[str], index: int) -> str:
    return texts[index] if 0 <= index < len(texts) else ""


def equation_row(layout: Layout, style: LabelStyle, text: str, border: Border, *, first: bool, last: bool) -> list[str]:
    """The name of an equation above its coefficients."""
    if style.span:
        shown = layout.abbreviation(text, layout.total) if layout.stub else text
        body = pad_left(
            layout.fill(style.prefix + shown + style.suffix, layout.span), layout.total if layout.stub else 0
        )
    else:
        body = layout.fill(layout.stub_text(text, style), 1)
        body += "".join(layout.cell(index, "") for index in range(len(layout.columns)))
    return framed(layout, style, body, border, first=first, last=last)


def markdown_rule(layout: Layout) -> str:
    """The line below the head of a Markdown table."""
    cells = ["-" * max(layout.stub, 1)]
    for index, column in enumerate(layout.columns):
        width = max(layout.width_of(index) - 2, 1) + (max(layout.stars, 1) if column.star else 0)
        cells.append(":" + "-" * width + ":")
    return "| " + " | ".join(cells) + " |"
