"""Macro functions: what stands after the colon in `` `:function' `` and `local x : function`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ssd.engine.errors import StataError, invalid_syntax, name_not_found
from ssd.engine.lang.lists import list_function
from ssd.engine.lang.numbertext import number_text
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes
from ssd.engine.missing import EXTENDED, MISSING

if TYPE_CHECKING:
    from ssd.engine.data.dataset import Variable
    from ssd.engine.results import Matrix, ResultSet
    from ssd.engine.session import Session

Function = Callable[["Session", str], str]


def extended_function(text: str, session: Session) -> str:
    """Value of a macro function, macros already expanded. Raises r(198) for one that is unknown."""
    match = re.match(r"\w+", text)
    if match is None:
        raise invalid_syntax()
    word, rest = match.group(), text[match.end() :]
    result = re.match(r"\s*\(\s*(scalars|macros|matrices|functions)\s*\)\s*$", rest)
    if word in ("e", "r", "s") and result is not None:
        return _result_names(session, word, result[1])
    function = _FUNCTIONS.get(word)
    if function is None:
        raise invalid_syntax()
    return function(session, rest.strip())


def _variable(session: Session, text: str) -> Variable:
    names = session.expand_varlist(text)
    if len(names) != 1:
        raise invalid_syntax()
    return session.data.variables[names[0]]


def _type(session: Session, text: str) -> str:
    return _variable(session, text).type


def _format(session: Session, text: str) -> str:
    return _variable(session, text).format


def _value(session: Session, text: str) -> str:
    """`value label varname`: the name of the value label."""
    return _variable(session, _after(text, "label", "lab", "labe")).value_label


def _variable_label(session: Session, text: str) -> str:
    return _variable(session, _after(text, "label", "lab", "labe")).label


def _after(text: str, *words: str) -> str:
    first, _, rest = text.partition(" ")
    if first not in words:
        raise invalid_syntax()
    return rest.strip()


def _data(session: Session, text: str) -> str:
    if text not in ("label", "lab"):
        raise invalid_syntax()
    return session.data.label


def _sorted_by(session: Session, text: str) -> str:
    return " ".join(session.data.sorted_by)


def _label(session: Session, text: str) -> str:
    """`label {valuelabelname | (varname)} {maxlength | # [#2]} [, strict]`."""
    main, options = split_comma(text)
    match = re.fullmatch(
        r"\s*(?:\(\s*(?P<var>\S+?)\s*\)|(?P<name>\w+))\s+(?P<value>\S+)(?:\s+(?P<width>\d+))?\s*", main
    )
    if match is None:
        raise invalid_syntax()
    name = _variable(session, match["var"]).value_label if match["var"] else match["name"]
    labels = session.data.value_labels.get(name, {})
    if match["value"] == "maxlength":
        return str(max((len(label) for label in labels.values()), default=0))
    value = session.evaluate_number(match["value"])
    found = labels.get(int(value)) if value < MISSING and value == int(value) else _missing_label(labels, value)
    if found is None:
        strict = (options or "").strip().startswith("str")
        found = "" if strict else (match["value"] if value >= MISSING else number_text(value))
    return found[: int(match["width"])] if match["width"] else found


def _missing_label(labels: dict[int, str], value: float) -> str | None:
    """Labels of extended missing values are kept under Stata's own long codes (2147483621 for `.`)."""
    for index, missing in enumerate(EXTENDED):
        if value == missing:
            return labels.get(2147483621 + index)
    return None


def _word(session: Session, text: str) -> str:
    count = re.match(r"count\b\s*(.*)", text, re.DOTALL)
    if count is not None:
        return str(len(split_words(_text_argument(count[1]))))
    match = re.match(r"(\S+)\s+of\b\s*(.*)", text, re.DOTALL)
    if match is None:
        raise invalid_syntax()
    number = int(session.evaluate_number(match[1]))
    words = split_words(_text_argument(match[2]))
    if number < 0:
        number += len(words) + 1
    return words[number - 1] if 1 <= number <= len(words) else ""


def _text_argument(text: str) -> str:
    """The string after `of`/`count`: compound or simple quotes around the whole are dropped."""
    stripped = text.strip()
    unquoted = strip_quotes(stripped)
    return unquoted if stripped.startswith('`"') else (unquoted if unquoted != stripped else stripped)


def _piece(session: Session, text: str) -> str:
    match = re.match(r"(\S+)\s+(\S+)\s+of\s+(.*)", text, re.DOTALL)
    if match is None:
        raise invalid_syntax()
    main, options = split_comma(match[3])
    wanted, width = int(session.evaluate_number(match[1])), int(session.evaluate_number(match[2]))
    nobreak = "nobreak" in (options or "")
    pieces: list[str] = []
    rest = strip_quotes(main.strip()).strip()
    while rest:
        cut = width if len(rest) > width else len(rest)
        if cut < len(rest) and rest[cut] != " " and " " in rest[:cut]:
            cut = rest.rfind(" ", 0, cut)
        elif cut < len(rest) and nobreak and " " not in rest[:cut]:
            space = rest.find(" ")
            cut = len(rest) if space < 0 else space
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return pieces[wanted - 1] if 1 <= wanted <= len(pieces) else ""


def _length(session: Session, text: str) -> str:
    """`strlen`, `ustrlen`, `udstrlen`: `{local|global} name`, counted in characters."""
    match = re.fullmatch(r"(local|global)\s+(\w+)", text)
    if match is None:
        raise invalid_syntax()
    table = session.locals[-1] if match[1] == "local" else session.globals
    return str(len(table.get(match[2], "")))


def _byte_length(session: Session, text: str) -> str:
    match = re.fullmatch(r"(local|global)\s+(\w+)", text)
    if match is None:
        return str(len(text.encode()))
    table = session.locals[-1] if match[1] == "local" else session.globals
    return str(len(table.get(match[2], "").encode()))


_SUBINSTR: Final = re.compile(
    r"(local|global)\s+(\w+)\s+(`\".*?\"'|\"[^\"]*\")\s+(`\".*?\"'|\"[^\"]*\")\s*(?:,\s*(.*))?", re.DOTALL
)


def _subinstr(session: Session, text: str) -> str:
    """`subinstr {local|global} name "from" "to" [, all word count({local|global} name)]`."""
    match = _SUBINSTR.fullmatch(text)
    if match is None:
        raise invalid_syntax()
    table = session.locals[-1] if match[1] == "local" else session.globals
    source, old, new = table.get(match[2], ""), strip_quotes(match[3]), strip_quotes(match[4])
    options = match[5] or ""
    everywhere = re.search(r"\ball\b", options) is not None
    pattern = re.escape(old)
    if re.search(r"\bword\b", options):
        pattern = rf"(?<!\S){pattern}(?!\S)"
    changed, count = re.subn(pattern, lambda _: new, source, count=0 if everywhere else 1) if old else (source, 0)
    counted = re.search(r"count\(\s*(local|global)\s+(\w+)\s*\)", options)
    if counted is not None:
        (session.locals[-1] if counted[1] == "local" else session.globals)[counted[2]] = str(count)
    return changed


def _char(session: Session, text: str) -> str:
    match = re.fullmatch(r"(\w+)\s*\[\s*(\S*?)\s*\]", text)
    if match is None:
        raise invalid_syntax()
    chars = session.data.chars if match[1] == "_dta" else _variable(session, match[1]).chars
    return chars.get(match[2], "") if match[2] else " ".join(chars)


def _permname(session: Session, text: str) -> str:
    main, options = split_comma(text)
    length = re.search(r"len\w*\((\d+)\)", options or "")
    width = int(length[1]) if length else 32
    base = re.sub(r"\W", "_", main.strip())[:width]
    name, number = base, 0
    while name in session.data.variables:
        number += 1
        name = base[: width - len(str(number))] + str(number)
    return name


def _display(session: Session, text: str) -> str:
    from ssd.engine.commands.language_display import display_text

    column, session.log.column = session.log.column, 0
    try:
        return display_text(session, text).text
    finally:
        session.log.column = column


def _dir(session: Session, text: str) -> str:
    """`dir "folder" {files|dirs|other} "pattern" [, nofail respectcase]`; names quoted, sorted."""
    main, options = split_comma(text)
    words = split_words(main)
    if len(words) < 2:
        raise invalid_syntax()
    folder = session.path(words[0])
    pattern = words[2] if len(words) > 2 else "*"
    if not folder.is_dir():
        raise StataError(601, f"directory {words[0]} not found")
    expression = re.compile(
        re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."),
        0 if "respectcase" in (options or "") else re.IGNORECASE,
    )
    wanted = {"files": "is_file", "file": "is_file", "dirs": "is_dir", "dir": "is_dir"}.get(words[1])
    if wanted is None:
        raise invalid_syntax()
    names = sorted(p.name for p in folder.iterdir() if getattr(p, wanted)() and expression.fullmatch(p.name))
    return " ".join(f'"{name}"' for name in names)


def _sysdir(session: Session, text: str) -> str:
    return os.environ.get(f"S_{text.strip().upper()}", f"{session.root or session.folder}{os.sep}")


def _environment(session: Session, text: str) -> str:
    return os.environ.get(strip_quotes(text.strip()), "")


def _matrix(session: Session, text: str) -> Matrix:
    name = text.strip()
    stored = re.fullmatch(r"([er])\((\w+)\)", name)
    table = session.matrices if stored is None else (session.e if stored[1] == "e" else session.r).matrices
    found = table.get(name if stored is None else stored[2])
    if found is None:
        raise name_not_found(f"matrix {name}")
    return found


def _names_of(*, rows: bool, part: str) -> Function:
    def function(session: Session, text: str) -> str:
        main, options = split_comma(text)
        matrix = _matrix(session, main)
        names = matrix.rows if rows else matrix.cols
        shown = [_part(name, part) for name in names]
        if (options or "").strip().startswith("q"):
            shown = [f'"{name}"' for name in shown]
        return " ".join(shown)

    return function


def _part(name: str, part: str) -> str:
    equation, colon, own = name.rpartition(":")
    if part == "full":
        return name
    if part == "eq":
        return equation if colon and equation else "_"
    return own


def _count_of(*, rows: bool) -> Function:
    def function(session: Session, text: str) -> str:
        matrix = _matrix(session, text)
        return str(len(matrix.rows if rows else matrix.cols))

    return function


def _all(session: Session, text: str) -> str:
    """`all {globals|scalars|matrices} ["pattern"]`, `all {numeric|string} scalars ["pattern"]`."""
    words = split_words(text)
    kind = ""
    if words and words[0] in ("numeric", "string"):
        kind = words.pop(0)
    if not words:
        raise invalid_syntax()
    names: list[str]
    if words[0] == "globals":
        names = list(session.globals)
    elif words[0] == "scalars":
        names = [
            name for name, value in session.scalars.items() if not kind or isinstance(value, str) == (kind == "string")
        ]
    elif words[0] == "matrices":
        names = list(session.matrices)
    else:
        raise invalid_syntax()
    pattern = re.compile(re.escape(words[1] if len(words) > 1 else "*").replace(r"\*", ".*").replace(r"\?", "."))
    return " ".join(name for name in names if pattern.fullmatch(name))


def _result_names(session: Session, which: str, kind: str) -> str:
    results: ResultSet = {"e": session.e, "r": session.r, "s": session.s}[which]
    if kind == "functions":
        return "sample" if results.sample is not None else ""
    if kind == "scalars":
        return " ".join(results.scalars)
    return " ".join(results.macros if kind == "macros" else results.matrices)


def _properties(session: Session, text: str) -> str:
    program = session.programs.get(text.strip())
    return program.properties if program is not None else ""


def _list(session: Session, text: str) -> str:
    return list_function(session, text)


def _constraint(session: Session, text: str) -> str:
    number = text.rsplit(maxsplit=1)[-1] if text.split() else ""
    defined = session.state.get("constraints", {})
    return str(defined.get(int(number), "")) if number.isdigit() else ""


def _ado_folder(session: Session, text: str) -> str:
    name = strip_quotes(text.strip())
    return name[0].lower() if name else ""


_FUNCTIONS: Final[dict[str, Function]] = {
    "type": _type,
    "format": _format,
    "value": _value,
    "val": _value,
    "variable": _variable_label,
    "var": _variable_label,
    "vari": _variable_label,
    "data": _data,
    "sortedby": _sorted_by,
    "label": _label,
    "lab": _label,
    "word": _word,
    "piece": _piece,
    "strlen": _byte_length,
    "length": _byte_length,
    "ustrlen": _length,
    "udstrlen": _length,
    "subinstr": _subinstr,
    "usubinstr": _subinstr,
    "char": _char,
    "permname": _permname,
    "display": _display,
    "di": _display,
    "dis": _display,
    "disp": _display,
    "dir": _dir,
    "sysdir": _sysdir,
    "adosubdir": _ado_folder,
    "environment": _environment,
    "env": _environment,
    "rownames": _names_of(rows=True, part="name"),
    "colnames": _names_of(rows=False, part="name"),
    "rowfullnames": _names_of(rows=True, part="full"),
    "colfullnames": _names_of(rows=False, part="full"),
    "roweq": _names_of(rows=True, part="eq"),
    "coleq": _names_of(rows=False, part="eq"),
    "rowsof": _count_of(rows=True),
    "colsof": _count_of(rows=False),
    "all": _all,
    "properties": _properties,
    "list": _list,
    "constraint": _constraint,
}
