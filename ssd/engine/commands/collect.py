"""collect: gather results, lay them out, label and format them, preview and export the table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ssd.engine.commands.collect_export import export_table
from ssd.engine.commands.collect_items import Collection, collect_results, headers, laid_out
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimates_labels import typed_number
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import closing, split_colon, split_comma, split_words, strip_quotes
from ssd.engine.output.documents import DocumentTable
from ssd.engine.output.formats import is_format
from ssd.engine.output.tables import display_width

if TYPE_CHECKING:
    from ssd.engine.session import Session


def current_collection(session: Session) -> Collection:
    """The collection that commands work on."""
    found: Collection = session.state.setdefault("collection", Collection())
    return found


def leave_table(session: Session, table: DocumentTable) -> None:
    """Make a finished table (of table or etable) the current collection, for collect export."""
    session.state["collection"] = Collection(fixed=table)


@command(
    "collect",
    "*",
    stored="none",
    refused="several collections, remap, recode, addtags, composite, query; style other than cell with nformat() and "
    "sformat(), and showbase; layouts with a third dimension",
)
def collect(session: Session, line: Line) -> None:
    """Gather results of commands and show them as a table."""
    text = line.text.strip()
    prefix = split_colon(text)
    word = (re.match(r"\w+", text) or [""])[0]
    rest = text[len(word) :].strip()
    if word == "clear":
        session.state.pop("collection", None)
    elif word in {"create", "set"}:
        session.state["collection"] = Collection()
    elif word == "layout":
        _layout(session, rest)
    elif word in {"preview", "export"}:
        table = laid_out(session, current_collection(session))
        if word == "preview":
            print_table(session, table)
        else:
            export_table(session, rest, table)
    elif word == "label":
        _label(session, rest)
    elif word == "style":
        _style(session, rest)
    elif word in {"title", "notes"}:
        _texts(session, word, rest)
    elif word == "stars":
        _stars(session, rest)
    elif word == "dims":
        _dims(session)
    elif word == "levelsof":
        _levels(session, rest)
    elif word == "get":
        _get(session, rest)
    elif prefix is not None:
        _prefix(session, *prefix)
    else:
        raise unsupported(f"collect {word} is")


def _prefix(session: Session, head: str, body: str) -> None:
    main, option_text = split_comma(head)
    tags = _tags(option_text or "")
    session.run(body)
    collection = current_collection(session)
    wanted = main.split()
    collect_results(session, collection, tags, set(wanted))
    collection.automatic += [name for name in wanted if name not in collection.automatic]


def _get(session: Session, text: str) -> None:
    main, option_text = split_comma(text)
    collection = current_collection(session)
    tags = _tags(option_text or "")
    expressions = re.findall(r"(\w+)\s*=\s*(\((?:[^()]|\([^()]*\))*\)|\S+)", main)
    words = set(main.split()) if main.strip() and not expressions else set()
    if not expressions:
        count = collect_results(session, collection, tags, {re.sub(r"^[er]\((\w+)\)$", r"\1", w) for w in words})
        session.log.line(f"({count} values collected)")
        return
    collection.commands += 1
    for name, expression in expressions:
        value = session.evaluate_scalar(expression)
        collection.items.append(({"cmdset": str(collection.commands), **tags, "result": name}, value))


def _tags(option_text: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    for item in read_options(option_text):
        if item.word not in {"tags", "tag"} or item.value is None:
            raise unsupported(f"option {item.named} of collect is")
        for name, level in re.findall(r"(\w+)\[([^\]]*)\]", item.value):
            tags[name] = strip_quotes(level.strip())
    return tags


def _layout(session: Session, text: str) -> None:
    collection = current_collection(session)
    parts = []
    rest = text.strip()
    while rest.startswith("("):
        end = closing(rest, 0)
        parts.append(rest[1:end])
        rest = rest[end + 1 :].strip()
    if rest or not parts:
        raise invalid_syntax()
    if len(parts) > 2 and parts[2].strip():
        raise unsupported("collect layout with a third dimension is")
    for part in parts[:2]:
        headers(collection, part)
    collection.layout = tuple(parts[:2])
    print_table(session, laid_out(session, collection))


def _label(session: Session, text: str) -> None:
    words = split_words(split_comma(text)[0])
    collection = current_collection(session)
    if len(words) >= 4 and words[0] in {"levels", "values"}:
        for level, label in zip(words[2::2], words[3::2], strict=False):
            collection.level_labels[words[1], level] = label
        return
    if words[:1] == ["dim"]:
        raise unsupported("collect label dim is")
    raise invalid_syntax()


def _style(session: Session, text: str) -> None:
    collection = current_collection(session)
    main, option_text = split_comma(text)
    words = main.split()
    if words[:1] == ["showbase"]:
        if words[1:] not in (["off"], ["all"], ["factor"]):
            raise invalid_syntax()
        collection.base_levels = words[1] != "off"
        return
    if words[:1] != ["cell"]:
        raise unsupported(f"collect style {words[0] if words else ''} is")
    conditions = {
        name: set(levels.split()) for name, levels in re.findall(r"(\w+)(?:\[([^\]]*)\])?", main.partition("cell")[2])
    }
    nformat = sformat = ""
    for item in read_options(option_text or ""):
        if item.word == "nformat" and item.value is not None:
            nformat = strip_quotes(item.value.strip())
            if not is_format(nformat):
                raise StataError(120, f"invalid %format: {nformat}")
        elif item.word == "sformat" and item.value is not None:
            sformat = strip_quotes(item.value.strip())
        else:
            raise unsupported(f"collect style cell, {item.named} is")
    collection.formats.append((conditions, nformat, sformat))


def _texts(session: Session, word: str, text: str) -> None:
    collection = current_collection(session)
    shown = strip_quotes(text.strip())
    if word == "title":
        collection.title = shown
    else:
        collection.notes.append(shown)
    if collection.fixed is not None:
        collection.fixed.title = collection.title or collection.fixed.title
        collection.fixed.notes += [shown] if word == "notes" else []


def _stars(session: Session, text: str) -> None:
    main, option_text = split_comma(text)
    words = split_words(main)
    if len(words) < 3 or words[0] != "_r_p" or len(words) % 2 == 0:
        raise invalid_syntax('collect stars _r_p level "mark" … is the form that is known')
    for item in read_options(option_text or ""):
        if not (item.word == "attach" and (item.value or "").strip() == "_r_b") and item.word != "shownote":
            raise unsupported(f"option {item.named} of collect stars is")
    collection = current_collection(session)
    collection.stars = [(typed_number(words[i]), words[i + 1].rstrip()) for i in range(1, len(words), 2)]
    if "shownote" in (option_text or ""):
        pairs = [f"{mark} p<{level:g}" for level, mark in sorted(collection.stars) if mark]
        collection.notes.append(", ".join(pairs))


def _dims(session: Session) -> None:
    collection = current_collection(session)
    log = session.log
    log.line()
    log.line("Collection dimensions")
    log.line("-" * 41)
    log.line("                   Dimension   No. levels")
    log.line("-" * 41)
    for name in collection.dimensions():
        log.line(f"{name:>28}   {len(collection.levels(name)):>10}")
    log.line("-" * 41)


def _levels(session: Session, text: str) -> None:
    name = text.strip()
    collection = current_collection(session)
    if name not in collection.dimensions():
        raise StataError(111, f"dimension {name} not found")
    session.log.line()
    session.log.line(f" Dimension: {name}")
    session.log.line(f"    Levels: {' '.join(collection.levels(name))}")


def print_table(session: Session, table: DocumentTable) -> None:
    """Stubs left of a vertical line, numbers to the right, rules around head and body."""
    rows = table.padded()
    stub = max(display_width(row[0]) for row in rows) + 1
    widths = [max(display_width(row[j]) for row in rows) + 2 for j in range(1, table.columns)]
    log = session.log
    log.line()
    if table.title:
        log.line(table.title)
    log.line("-" * (stub + 2 + sum(widths)))
    for position, row in enumerate(rows):
        cells = "".join(" " * (width - display_width(cell)) + cell for cell, width in zip(row[1:], widths, strict=True))
        log.line(f"{row[0]}{' ' * (stub - display_width(row[0]))}|{cells}")
        if position == table.head - 1:
            log.line("-" * stub + "+" + "-" * (sum(widths) + 1))
    log.line("-" * (stub + 2 + sum(widths)))
    for note in table.notes:
        log.line(note)
