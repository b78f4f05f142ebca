"""The parts of a Word document that putdocx builds: its state, options, sizes, runs of text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ssd.engine.commands.documents_putexcel import colour
from ssd.engine.commands.estimates_labels import typed_number
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import closing, strip_quotes
from ssd.engine.missing import MISSING, missing_name
from ssd.engine.output.formats import format_value

if TYPE_CHECKING:
    from docx.document import Document

    from ssd.engine.session import Session

_INCHES: Final = {"in": 1.0, "cm": 1 / 2.54, "pt": 1 / 72, "twip": 1 / 1440}

_ALIGNMENTS: Final = {"left": "LEFT", "center": "CENTER", "right": "RIGHT", "both": "JUSTIFY"}

RUN_OPTIONS: Final = {
    "bold": 4, "italic": 4, "underline": 5, "strikeout": 6, "smallcaps": 5, "allcaps": 7, "linebreak": 5, "font": 4,
    "nformat": 4, "script": 6,
}  # fmt: skip


@dataclass
class DocumentState:
    """The document between begin and save."""

    document: Document
    paragraph: Any = None
    """The open paragraph; python-docx's objects carry no types."""
    tables: dict[str, Any] = field(default_factory=dict)
    font: list[str] = field(default_factory=list)
    paragraph_font: list[str] = field(default_factory=list)


def document_options(text: str, allowed: dict[str, int], refused: tuple[str, ...] = ()) -> dict[str, str]:
    """Options by name; a flag has the empty text. Raises r(198)."""
    values: dict[str, str] = {}
    for item in read_options(text):
        full = next((name for name, least in allowed.items()
                     if name.startswith(item.word) and len(item.word) >= least), None)  # fmt: skip
        if full is None:
            if any(name.startswith(item.word) and len(item.word) >= 3 for name in refused):
                raise unsupported(f"option {item.word} of putdocx is")
            raise StataError(198, f"option {item.named} not allowed")
        values[full] = "" if item.value is None else strip_quotes(item.value.strip())
    return values


def inches(text: str) -> float:
    found = re.fullmatch(r"\s*([\d.]+)\s*(in|cm|pt|twip)?\s*", text)
    if found is None:
        raise StataError(198, f"{text}: invalid size")
    return float(found[1]) * _INCHES[found[2] or "in"]


def align(paragraph: Any, text: str) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    if text not in _ALIGNMENTS:
        raise StataError(198, f"halign({text}) invalid")
    paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, _ALIGNMENTS[text])


def style_run(run: Any, given: dict[str, str], fallback: list[str]) -> None:
    """Bold, font and the like of a run."""
    from docx.shared import Pt, RGBColor

    run.bold = True if "bold" in given else None
    run.italic = True if "italic" in given else None
    run.underline = True if "underline" in given else None
    run.font.strike = True if "strikeout" in given else None
    run.font.small_caps = True if "smallcaps" in given else None
    run.font.all_caps = True if "allcaps" in given else None
    if given.get("script") == "sub":
        run.font.subscript = True
    elif given.get("script") == "super":
        run.font.superscript = True
    words = [strip_quotes(word.strip()) for word in given["font"].split(",")] if given.get("font") else fallback
    if words and words[0]:
        run.font.name = words[0]
    if len(words) > 1 and words[1]:
        run.font.size = Pt(typed_number(words[1]))
    if len(words) > 2 and words[2]:
        run.font.color.rgb = RGBColor.from_string(colour(words[2])[1:].upper())


def shown_value(session: Session, text: str, fmt: str) -> str:
    """The value of `(expression)` or a quoted text as putdocx shows it."""
    body = text.strip()
    if body.startswith("(") and closing(body, 0) == len(body) - 1:
        body = body[1:-1].strip()
    value = session.evaluate_scalar(body)
    return value if isinstance(value, str) else shown_number(float(value), fmt)


def shown_number(value: float, fmt: str) -> str:
    if value >= MISSING:
        return missing_name(value)
    if not fmt:
        return format_value(value, "%10.0g").strip()
    return format_value(value, fmt if fmt.startswith("%") else f"%{fmt}").strip()


def picture_path(session: Session, name: str) -> Path:
    path = session.path(name)
    if not path.is_file():
        raise StataError(601, f"file {name} not found")
    if path.suffix.lower() not in {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff"}:
        raise unsupported(f"putdocx image with a {path.suffix} file is")
    return path
