"""matlist: a matrix as a ruled table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.matrix_expression import evaluate_matrix
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.output.formats import is_format, is_string_format
from ssd.engine.output.matrices import MatrixTable, print_matrix_table

if TYPE_CHECKING:
    from ssd.engine.session import Session

_LINES = ("oneline", "eq", "rowtotal", "coltotal", "rctotal", "rows", "columns", "cells", "none")
_SIDES = {
    "none": (), "all": ("top", "bottom", "left", "right"), "rows": ("top", "bottom"), "columns": ("left", "right"),
    "left": ("left",), "right": ("right",), "top": ("top",), "bottom": ("bottom",),
}  # fmt: skip
_ALIGNMENTS = {"ralign": ">", "lalign": "<", "center": "^"}


@command(
    "matlist",
    "[anything(everything equalok)] [, Lines(string) BORder BORder(string) Format(string) TWidth(integer 12) "
    "LEft(integer 0) RIght(integer 0) TItle(string) TINDent(integer 0) ROWTitle(string) NAMes(string) NONAMes "
    "ALIGNcolnames(string) noBlank noHAlf noDOTz Underscore LINESize(integer 0) CSPec(string) RSPec(string) "
    "SHOWCOLeq(string)]",
    refused="cspec() and rspec(), showcoleq() other than first, roweqonly, coleqonly, keepcoleq",
)
def matlist(session: Session, line: Line) -> None:
    """Show a matrix, or the value of a matrix expression, as a table with rules."""
    for name in ("cspec", "rspec"):
        if line.text_option(name):
            raise unsupported(f"option {name}() of matlist is")
    if line.text_option("showcoleq") not in (None, "first"):
        raise unsupported(f"showcoleq({line.text_option('showcoleq')}) of matlist is")
    if not line.anything.strip():
        raise StataError(100, "matrix expression required")
    fmt = (line.text_option("format") or "%9.0g").strip()
    if not is_format(fmt) or is_string_format(fmt):
        raise StataError(120, "invalid %format")
    border = "all" if line.options.get("border") is True else line.text_option("border") or "none"
    sides = [side for word in border.split() for side in _SIDES.get(word, ("?",))]
    lines = line.text_option("lines") or ""
    alignment = line.text_option("aligncolnames") or "ralign"
    if "?" in sides or (lines and lines not in _LINES) or alignment not in _ALIGNMENTS:
        raise invalid_syntax()
    names = "none" if line.flag("nonames") else line.text_option("names") or "all"
    if names not in {"none", "all", "rows", "columns"}:
        raise invalid_syntax("option names() invalid")
    size = line.options["linesize"]
    twidth, left, right, indent = (line.options[name] for name in ("twidth", "left", "right", "tindent"))
    assert isinstance(size, int) and isinstance(twidth, int) and isinstance(left, int)
    assert isinstance(right, int) and isinstance(indent, int)
    if min(size, left, right, indent) < 0 or not 5 <= twidth <= 32:
        raise invalid_syntax()
    look = MatrixTable(
        format=fmt, row_width=twidth, indent=left, lines=lines, borders=frozenset(sides),
        title=line.text_option("title") or "", title_indent=indent, row_title=line.text_option("rowtitle") or "",
        row_names=names in {"all", "rows"}, column_names=names in {"all", "columns"},
        alignment=_ALIGNMENTS[alignment], blank=not line.flag("noblank"), half=not line.flag("nohalf"),
        dots=not line.flag("nodotz"), underscores=not line.flag("underscore"),
        linesize=(size or session.log.linesize) - right,
    )  # fmt: skip
    print_matrix_table(session.log, evaluate_matrix(session, line.anything), look)
