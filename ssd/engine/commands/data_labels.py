"""label: of the data, of variables, of values."""

from __future__ import annotations

import re
from collections.abc import Callable

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.storage import cut_bytes
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes
from ssd.engine.missing import EXTENDED, MISSING, missing_name
from ssd.engine.results import ResultSet
from ssd.engine.session import Session

_FIRST_CODE = 2147483621
"""Where `.`, `.a` … stand among the codes of a value label."""


def label_value(text: str) -> int | None:
    """The code a word of `label define` names; None when it is none."""
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    found = re.fullmatch(r"\.([a-z]?)", text)
    if found:
        return _FIRST_CODE + (ord(found[1]) - 96 if found[1] else 0)
    return None


def label_text(labels: dict[int, str], value: float) -> str | None:
    """The label of a value, extended missing values included."""
    if not value < MISSING:
        code = _FIRST_CODE + (EXTENDED.index(value) if value in EXTENDED else 0)
        return labels.get(code)
    return labels.get(int(value)) if value == int(value) else None


def code_name(code: int) -> str:
    return missing_name(EXTENDED[code - _FIRST_CODE]) if code >= _FIRST_CODE else str(code)


@command(
    "label", "*", minimum=2, stored="r(names)",
    refused="label language; multiple languages",
)  # fmt: skip
def label(session: Session, line: Line) -> None:
    """Label data, variables and values."""
    word, _, rest = line.text.strip().partition(" ")
    for name, minimum, run in _SUBCOMMANDS:
        if len(word) >= minimum and name.startswith(word):
            run(session, rest.strip())
            return
    if word.startswith("lang"):
        raise unsupported("label language")
    raise invalid_syntax()


def _data(session: Session, text: str) -> None:
    session.data.label = strip_quotes(text)[:80]
    session.data.changed = True


def _variable(session: Session, text: str) -> None:
    word, _, rest = text.partition(" ")
    names = session.expand_varlist(word)
    if len(names) != 1:
        raise StataError(103, "too many variables specified")
    session.data.variables[names[0]].label = cut_bytes(strip_quotes(rest.strip())[:80], 320)
    session.data.changed = True


def _define(session: Session, text: str) -> None:
    main, options_text = split_comma(text)
    options = (options_text or "").split()
    for option in options:
        if option not in ("add", "modify", "replace", "nofix"):
            raise StataError(198, f"option {option} not allowed")
    words = split_words(main, keep_quotes=True)
    if not words:
        raise invalid_syntax()
    name, pairs = words[0], words[1:]
    if len(pairs) % 2 or (not pairs and not options):
        raise invalid_syntax()
    new: dict[int, str] = {}
    for code_text, label_word in zip(pairs[::2], pairs[1::2], strict=True):
        code = label_value(code_text)
        if code is None or not -2147483647 <= code < _FIRST_CODE + 27 or code_text == ".":
            raise invalid_syntax()
        new[code] = strip_quotes(label_word)
    session.data.value_labels[name] = _combined(session.data.value_labels.get(name), new, name, options)
    session.data.changed = True


def _combined(old: dict[int, str] | None, new: dict[int, str], name: str, options: list[str]) -> dict[int, str]:
    if old is None or "replace" in options:
        return {code: text for code, text in new.items() if text}
    if "modify" in options:
        merged = {**old, **new}
        return {code: text for code, text in merged.items() if text}
    if "add" in options:
        clash = next((code for code in new if code in old), None)
        if clash is not None:
            raise StataError(180, f"invalid attempt to modify label\nlabel {name} already defined for {clash}")
        return {**old, **new}
    raise StataError(110, f"label {name} already defined")


def _values(session: Session, text: str) -> None:
    main, options_text = split_comma(text)
    if options_text and options_text.strip() != "nofix":
        raise StataError(198, f"option {options_text.strip()} not allowed")
    words = main.split()
    if not words:
        raise invalid_syntax()
    attached = words[-1]
    names = words[:-1]
    if not names:
        names, attached = words, "."
    for name in session.expand_varlist(" ".join(names)):
        column = session.data.variables[name]
        if column.is_string:
            raise StataError(181, "may not label strings")
        column.value_label = "" if attached == "." else attached
    session.data.changed = True


def _list(session: Session, text: str) -> None:
    names = text.split() or list(session.data.value_labels)
    for name in names:
        labels = session.data.value_labels.get(name)
        if labels is None:
            raise StataError(111, f"value label {name} not found")
        session.log.line(f"{name}:")
        for code in sorted(labels):
            session.log.line(f"{code_name(code):>12} {labels[code]}")


def _dir(session: Session, _: str) -> None:
    for name in session.data.value_labels:
        session.log.line(name)
    session.r = ResultSet(macros={"names": " ".join(session.data.value_labels)})


def _drop(session: Session, text: str) -> None:
    names = list(session.data.value_labels) if text.strip() == "_all" else text.split()
    for name in names:
        if name not in session.data.value_labels:
            raise StataError(111, f"value label {name} not found")
        del session.data.value_labels[name]


def _copy(session: Session, text: str) -> None:
    main, options = split_comma(text)
    words = main.split()
    if len(words) != 2:
        raise invalid_syntax()
    labels = session.data.value_labels
    if words[0] not in labels:
        raise StataError(111, f"value label {words[0]} not found")
    if words[1] in labels and "replace" not in (options or ""):
        raise StataError(110, f"label {words[1]} already defined")
    labels[words[1]] = dict(labels[words[0]])


def _save(session: Session, text: str) -> None:
    """Write the labels as a do-file."""
    main, options = split_comma(text)
    before, _, path_text = main.rpartition("using")
    name = strip_quotes(path_text.strip())
    if not name:
        raise invalid_syntax()
    if "." not in name.rpartition("/")[2]:
        name += ".do"
    path = session.output_path(name)
    if path.exists() and "replace" not in (options or ""):
        raise StataError(602, f"file {name} already exists")
    lines = []
    for label_name in before.split() or list(session.data.value_labels):
        for code in sorted(session.data.value_labels[label_name]):
            text_of = session.data.value_labels[label_name][code]
            lines.append(f'label define {label_name} {code_name(code)} `"{text_of}"\', modify')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


_SUBCOMMANDS: tuple[tuple[str, int, Callable[[Session, str], None]], ...] = (
    ("data", 2, _data), ("variable", 3, _variable), ("define", 3, _define), ("values", 3, _values),
    ("list", 1, _list), ("dir", 3, _dir), ("drop", 4, _drop), ("copy", 4, _copy), ("save", 4, _save),
)  # fmt: skip
