"""local, global, macro, temporary names, and the commands that take strings apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.macro_functions import extended_function
from ssd.engine.lang.numbertext import number_text, value_text
from ssd.engine.lang.options import match_options
from ssd.engine.lang.programs import positional
from ssd.engine.lang.quoting import skip_quoted, split_comma, split_words, strip_quotes
from ssd.engine.lang.scratch import next_temporary_file, next_temporary_name
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

_ASSIGNMENT: Final = re.compile(r"\s*(?P<step>\+\+|--)?\s*(?P<name>[\w.]+)(?P<rest>.*)", re.DOTALL)


def assigned_value(session: Session, rest: str) -> str:
    """Contents for `name rest`: `= exp`, `: function`, or text with its outer quotes removed."""
    stripped = rest.strip()
    if stripped.startswith("="):
        expression = stripped[1:].strip()
        if not expression:
            raise invalid_syntax()
        return value_text(session.evaluate_scalar(expression))
    if stripped.startswith(":"):
        return extended_function(stripped[1:].strip(), session)
    return strip_quotes(stripped)


def _assign(session: Session, table: dict[str, str], text: str, *, limit: int) -> None:
    match = _ASSIGNMENT.fullmatch(text)
    if match is None:
        if not text.strip():
            raise invalid_syntax()
        raise StataError(198, f"{text.split(maxsplit=1)[0]} invalid name")
    name, rest = match["name"], match["rest"]
    if len(name) > limit or "." in name:
        raise StataError(198, f"{name} invalid name")
    if match["step"]:
        step = 1 if match["step"] == "++" else -1
        table[name] = number_text(session.evaluate_number(table.get(name, "") or ".") + step)
        return
    if rest and rest[0] not in ' \t=:"`':
        raise StataError(198, f"{text.split(maxsplit=1)[0]} invalid name")
    value = assigned_value(session, rest)
    if value:
        table[name] = value
    else:
        table.pop(name, None)


@command("local", "*", minimum=3)
def local(session: Session, line: Line) -> None:
    """Define a local macro."""
    _assign(session, session.locals[-1], line.text, limit=31)


@command("global", "*", minimum=2)
def global_(session: Session, line: Line) -> None:
    """Define a global macro."""
    _assign(session, session.globals, line.text, limit=32)


@command("macro", "*", minimum=2)
def macro(session: Session, line: Line) -> None:
    """Drop, list or shift macros."""
    words = line.text.split()
    if not words:
        raise invalid_syntax("invalid syntax\nsubcommand required")
    subcommand, names = words[0], words[1:]
    if subcommand in ("drop", "dro"):
        _drop(session, names)
    elif subcommand in ("dir", "list", "di", "l", "li", "lis"):
        _list(session, names)
    elif subcommand == "shift":
        _shift(session, int(names[0]) if names else 1)
    elif subcommand in ("define", "def"):
        _assign(session, session.globals, line.text.split(None, 1)[1], limit=32)
    else:
        raise StataError(198, f"macro {subcommand} unrecognized")


def _drop(session: Session, names: list[str]) -> None:
    for name in names:
        table, key = (
            (session.locals[-1], name[1:]) if name.startswith("_") and name != "_all" else (session.globals, name)
        )
        if name == "_all":
            session.globals.clear()
        elif "*" in key or "?" in key:
            pattern = re.compile(re.escape(key).replace(r"\*", ".*").replace(r"\?", "."))
            for found in [each for each in table if pattern.fullmatch(each)]:
                del table[found]
        else:
            table.pop(key, None)


def _list(session: Session, names: list[str]) -> None:
    shown = dict(session.globals)
    shown.update({f"_{name}": text for name, text in session.locals[-1].items()})
    for name, text in shown.items():
        if not names or name in names or "_all" in names:
            session.log.line(f"{name + ':':<16}{text}")


def _shift(session: Session, by: int) -> None:
    table = session.locals[-1]
    count = 0
    while str(count + 1) in table:
        count += 1
    words = [table[str(index)] for index in range(1, count + 1)]
    left = words[by:]
    for index in range(1, count + 1):
        table.pop(str(index))
    for index, word in enumerate(left, start=1):
        table[str(index)] = word
    table["*"] = " ".join(left)


def _temporary(session: Session, line: Line, kind: str) -> None:
    call = session.calls[-1]
    names = line.text.split()
    if not names:
        raise invalid_syntax()
    for name in names:
        if not re.fullmatch(r"\w{1,31}", name):
            raise StataError(198, f"{name} invalid name")
        made = next_temporary_file(session) if kind == "file" else next_temporary_name(session)
        call.temporary.append((kind, made))
        session.locals[-1][name] = made


@command("tempvar", "*")
def tempvar(session: Session, line: Line) -> None:
    """Assign names to temporary variables."""
    _temporary(session, line, "var")


@command("tempname", "*")
def tempname(session: Session, line: Line) -> None:
    """Assign names to temporary scalars and matrices."""
    _temporary(session, line, "name")


@command("tempfile", "*")
def tempfile(session: Session, line: Line) -> None:
    """Assign names to temporary files."""
    _temporary(session, line, "file")


@command("args", "*")
def args(session: Session, line: Line) -> None:
    """Give the arguments of a program names."""
    table = session.locals[-1]
    for index, name in enumerate(line.text.split(), start=1):
        value = table.get(str(index), "")
        if value:
            table[name] = value
        else:
            table.pop(name, None)


@command("tokenize", "*", minimum=6)
def tokenize(session: Session, line: Line) -> None:
    """Divide a string into the macros 1, 2, …"""
    main, option_text = split_comma(line.text)
    values, _, _ = match_options(option_text, compile_grammar("[, Parse(string asis)]"), session)
    table = session.locals[-1]
    index = 1
    while str(index) in table:
        del table[str(index)]
        index += 1
    text = strip_quotes(main.strip())
    parse = values["parse"]
    words = split_words(text) if parse is None else list(_tokens(text, strip_quotes(str(parse))))
    table.update({key: value for key, value in positional("", words).items() if key != "0"})


def _tokens(text: str, separators: str) -> list[str]:
    """Tokens cut at the separators, which are tokens themselves; blanks separate only when among them."""
    tokens = []
    rest = text
    while rest:
        token, rest = next_token(rest, separators)
        if token:
            tokens.append(token)
    return tokens


def next_token(text: str, separators: str, *, quotes: bool = False, bind: bool = False) -> tuple[str, str]:
    """The first token of `text` and what follows it, by the rules of `gettoken`."""
    start = 0
    skips = " \t" if " " in separators else ""
    while start < len(text) and text[start] in skips:
        start += 1
    if start >= len(text):
        return "", ""
    after = skip_quoted(text, start)
    if after > start:
        token = text[start:after]
        return (token if quotes else strip_quotes(token)), text[after:]
    if text[start] in separators:
        return text[start], text[start + 1 :]
    index = start
    depth = 0
    while index < len(text):
        char = text[index]
        if bind and char in "([":
            depth += 1
        elif bind and char in ")]":
            depth -= 1
        elif depth == 0 and (char in separators or (char == '"' and index > start)):
            break
        index += 1
    return text[start:index], text[index:]


_GETTOKEN: Final = re.compile(
    r"\s*(?P<first>\(?\s*(?:global|local)?\s*\)?\s*\w+)\s*(?P<second>\(?\s*(?:global|local)?\s*\)?\s*\w+)?\s*:\s*"
    r"(?P<from>\(?\s*(?:global|local)?\s*\)?\s*\w+)\s*(?:,(?P<options>.*))?",
    re.DOTALL,
)


@command("gettoken", "*")
def gettoken(session: Session, line: Line) -> None:
    """Take the first token from a macro."""
    match = _GETTOKEN.fullmatch(line.text)
    if match is None:
        raise invalid_syntax()
    grammar = compile_grammar("[, Parse(string asis) Quotes QED(name) MATCH(name) BIND]")
    values, _, _ = match_options(match["options"], grammar, session)
    table, name = _macro_place(session, match["from"])
    text = table.get(name, "")
    separators = " " if values["parse"] is None else strip_quotes(str(values["parse"]))
    matching = values["match"]
    stripped = text.lstrip(" ")
    if matching is not None and stripped.startswith("("):
        from ssd.engine.lang.quoting import closing

        end = closing(stripped, 0)
        token, rest = stripped[1:end], stripped[end + 1 :]
        session.locals[-1][str(matching)] = "("
    else:
        token, rest = next_token(text, separators, quotes=values["quotes"] is True, bind=values["bind"] is True)
        if matching is not None:
            session.locals[-1].pop(str(matching), None)
    if values["qed"] is not None:
        session.locals[-1][str(values["qed"])] = "1" if stripped.startswith(('"', '`"')) else "0"
    _store(session, match["first"], token)
    if match["second"]:
        _store(session, match["second"], rest)


def _macro_place(session: Session, text: str) -> tuple[dict[str, str], str]:
    name = re.sub(r"\(\s*(global|local)\s*\)", "", text).strip()
    table = session.globals if "(global" in text.replace(" ", "") else session.locals[-1]
    return table, name


def _store(session: Session, place: str, value: str) -> None:
    table, name = _macro_place(session, place)
    if value:
        table[name] = value
    else:
        table.pop(name, None)


@command("numlist", "*", stored="r(numlist)")
def numlist(session: Session, line: Line) -> None:
    """Expand a numeric list."""
    main, option_text = split_comma(line.text)
    grammar = compile_grammar(
        "[, Ascending Descending Integer MISSingokay SORT MIN(integer -1) MAX(integer -1) Range(string)]"
    )
    values, _, _ = match_options(option_text, grammar, session)
    detail = [word for word in ("ascending", "descending", "integer", "missingokay", "sort") if values[word] is True]
    detail.extend(f"{bound}={values[bound]}" for bound in ("min", "max") if values[bound] != -1)
    if values["range"] is not None:
        detail.append(str(values["range"]))
    typed = f"numlist({strip_quotes(main.strip())})"
    compiled = compile_grammar(f", numlist(numlist {' '.join(detail)})")
    found, _, _ = match_options(typed, compiled, session)
    numbers = found["numlist"]
    assert isinstance(numbers, list)
    session.r = ResultSet(macros={"numlist": " ".join(number_text(float(value)) for value in numbers)})
