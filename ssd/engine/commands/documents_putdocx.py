"""putdocx: paragraphs, tables, pictures and breaks of a Word document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.documents_putdocx_runs import (
    RUN_OPTIONS,
    DocumentState,
    align,
    document_options,
    inches,
    picture_path,
    shown_value,
    style_run,
)
from ssd.engine.commands.documents_putdocx_tables import word_table_command
from ssd.engine.commands.estimates_labels import typed_number
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes
from ssd.engine.output.documents import new_word_document, read_word_document, word_bytes

if TYPE_CHECKING:
    from docx.document import Document

    from ssd.engine.session import Session


@command(
    "putdocx",
    "*",
    stored="none",
    refused="textblock, textfile, sectionbreak, header(), footer(), pagenumber, describe; addrows(), drop() and "
    "memtable of tables; append of several files into one",
)
def putdocx(session: Session, line: Line) -> None:
    """Write a Word document: paragraphs, text, tables, images and page breaks."""
    text = line.text.strip()
    word = (re.match(r"\w*", text) or [""])[0]
    rest = text[len(word) :].strip()
    if word == "begin":
        _begin(session, rest)
    elif word == "clear":
        session.state.pop("putdocx", None)
    elif word in {"save", "sa"}:
        _save(session, rest)
    elif word in {"paragraph", "para"}:
        _paragraph(_state(session), rest)
    elif word == "text":
        _text(session, _state(session), rest)
    elif word in {"image", "picture"}:
        _image(session, _state(session), rest)
    elif word in {"table", "tab"}:
        word_table_command(session, _state(session), rest)
    elif word == "pagebreak":
        _state(session).document.add_paragraph().add_run().add_break(_page_break())
        _state(session).paragraph = None
    else:
        raise unsupported(f"putdocx {word} is")


def _page_break() -> Any:
    from docx.enum.text import WD_BREAK

    return WD_BREAK.PAGE


def _state(session: Session) -> DocumentState:
    found = session.state.get("putdocx")
    if not isinstance(found, DocumentState):
        raise StataError(198, "document not created; use putdocx begin to create one")
    return found


def _begin(session: Session, text: str) -> None:
    if isinstance(session.state.get("putdocx"), DocumentState):
        raise StataError(198, "document already created; use putdocx save or putdocx clear first")
    given = document_options(
        text.lstrip(","),
        {"pagesize": 5, "landscape": 4, "font": 4, "margin": 6},
        ("header", "footer", "pagenum", "pgborder", "stylesrc"),
    )
    state = DocumentState(new_word_document())
    section = state.document.sections[0]
    from docx.shared import Inches

    sizes = {"letter": (8.5, 11.0), "legal": (8.5, 14.0), "a3": (11.69, 16.54), "a4": (8.27, 11.69), "a5": (5.83, 8.27)}
    width, height = sizes.get(given.get("pagesize", "letter").lower(), (0.0, 0.0))
    if not width:
        raise StataError(198, f"pagesize({given['pagesize']}) invalid")
    if "landscape" in given:
        from docx.enum.section import WD_ORIENT

        width, height = height, width
        section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Inches(width), Inches(height)
    if "margin" in given:
        words = [word.strip() for word in given["margin"].split(",")]
        edges = ("left", "right", "top", "bottom") if words[0] == "all" else (words[0],)
        for edge in edges:
            setattr(section, f"{edge}_margin", Inches(inches(words[1])))
    if "font" in given:
        state.font = [strip_quotes(word.strip()) for word in given["font"].split(",")]
    session.state["putdocx"] = state


def _save(session: Session, text: str) -> None:
    state = _state(session)
    main, option_text = split_comma(text)
    words = split_words(main)
    if len(words) != 1:
        raise invalid_syntax("filename required")
    name = words[0] if words[0].lower().endswith(".docx") else f"{words[0]}.docx"
    typed = [item.word for item in read_options(option_text or "")]
    for word in typed:
        if word not in {"replace", "append", "nomsg"}:
            raise StataError(198, f"option {word} not allowed")
    path = session.output_path(name)
    if path.exists() and not set(typed) & {"replace", "append"}:
        raise StataError(602, f"file {name} already exists")
    document = state.document
    if "append" in typed and path.exists():
        document = _appended(read_word_document(path.read_bytes()), state.document)
    path.write_bytes(word_bytes(document))
    del session.state["putdocx"]
    session.log.line(f'successfully {"created" if "append" not in typed else "appended to"} "{name}"')


def _appended(earlier: Document, later: Document) -> Document:
    """The paragraphs and tables of one document after those of another."""
    from copy import deepcopy

    if later.inline_shapes:
        raise unsupported("putdocx save, append of a document with images is")
    end = earlier.element.body.sectPr
    for element in later.element.body.iterchildren():
        if element.tag.endswith("}sectPr"):
            continue
        end.addprevious(deepcopy(element))
    return earlier


_STYLES: Final = {"title": "Title", "subtitle": "Subtitle", **{f"heading{i}": f"Heading {i}" for i in range(1, 10)}}


def _paragraph(state: DocumentState, text: str) -> None:
    given = document_options(
        text.lstrip(","),
        {"style": 5, "font": 4, "halign": 6, "spacing": 7, "indent": 6},
        ("valign", "shading", "toheader", "tofooter", "paranumber"),
    )
    paragraph = state.document.add_paragraph()
    if "style" in given:
        style = _STYLES.get(given["style"].lower())
        if style is None:
            raise StataError(198, f"style({given['style']}) invalid")
        paragraph.style = state.document.styles[style]
    if "halign" in given:
        align(paragraph, given["halign"])
    from docx.shared import Inches

    if "indent" in given:
        words = [word.strip() for word in given["indent"].split(",")]
        names = {"left": "left_indent", "right": "right_indent", "para": "first_line_indent"}
        if words[0] not in names or len(words) < 2:
            raise unsupported(f"indent({given['indent']}) is")
        setattr(paragraph.paragraph_format, names[words[0]], Inches(inches(words[1])))
    if "spacing" in given:
        words = [word.strip() for word in given["spacing"].split(",")]
        names = {"before": "space_before", "after": "space_after", "line": "line_spacing"}
        if words[0] not in names or len(words) < 2:
            raise unsupported(f"spacing({given['spacing']}) is")
        setattr(paragraph.paragraph_format, names[words[0]], Inches(inches(words[1])))
    state.paragraph = paragraph
    state.paragraph_font = [strip_quotes(word.strip()) for word in given.get("font", "").split(",") if word.strip()]


def _text(session: Session, state: DocumentState, text: str) -> None:
    if state.paragraph is None:
        raise StataError(198, "no active paragraph; use putdocx paragraph first")
    main, option_text = split_comma(text)
    given = document_options(option_text or "", RUN_OPTIONS, ("shading", "hyperlink", "bookmark"))
    run = state.paragraph.add_run(shown_value(session, main, given.get("nformat", "")))
    style_run(run, given, state.paragraph_font or state.font)
    for _ in range(int(typed_number(given["linebreak"] or "1")) if "linebreak" in given else 0):
        run.add_break()


def _image(session: Session, state: DocumentState, text: str) -> None:
    from docx.shared import Inches

    main, option_text = split_comma(text)
    given = document_options(option_text or "", {"width": 5, "height": 6, "linebreak": 5}, ("link",))
    path = picture_path(session, strip_quotes(main.strip()))
    if state.paragraph is None:
        state.paragraph = state.document.add_paragraph()
    run = state.paragraph.add_run()
    sizes = {name: Inches(inches(given[name])) for name in ("width", "height") if name in given}
    run.add_picture(str(path), **sizes)
    for _ in range(int(typed_number(given["linebreak"] or "1")) if "linebreak" in given else 0):
        run.add_break()


@command("putpdf", "*", refused="everything: putdocx writes Word documents")
def putpdf(session: Session, line: Line) -> None:
    """Refused: PDF documents are not written."""
    raise unsupported("putpdf is")
