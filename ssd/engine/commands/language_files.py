"""file: text files line by line; and the working folder: cd, pwd, mkdir, dir, erase, copy, type."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.language_display import display_text
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import closing, skip_quoted, split_comma, split_words, strip_quotes
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass
class OpenFile:
    """A file handle of the `file` command."""

    name: str
    mode: str
    stream: TextIO
    column: int = 0


def _handles(session: Session) -> dict[str, OpenFile]:
    handles: dict[str, OpenFile] = session.state.setdefault("files", {})
    return handles


@command("file", "*", stored="r(eof) r(status) r(N)", refused="binary files")
def file(session: Session, line: Line) -> None:
    """Open, read, write and close text files."""
    match = re.fullmatch(r"\s*(\w+)\s*(.*)", line.text, re.DOTALL)
    if match is None:
        raise invalid_syntax()
    word, rest = match[1], match[2]
    action = _ACTIONS.get(word)
    if action is None:
        raise invalid_syntax()
    action(session, rest)


def _open(session: Session, rest: str) -> None:
    match = re.fullmatch(r"(\w+)\s+using\s+(.*)", rest, re.DOTALL)
    if match is None:
        raise invalid_syntax()
    handle = match[1]
    main, option_text = split_comma(match[2])
    name = strip_quotes(main.strip())
    options = [option.named for option in read_options(option_text or "")]
    modes = [option for option in options if option in ("read", "write")]
    unknown = set(options) - {"read", "write", "text", "binary", "replace", "append", "all"}
    if unknown:
        raise StataError(198, f"option {sorted(unknown)[0]} not allowed")
    if "binary" in options:
        raise unsupported("file open, binary")
    if len(modes) != 1:
        raise StataError(198, "must specify read or write")
    if handle in _handles(session):
        raise StataError(110, f"file handle {handle} already exists")
    _handles(session)[handle] = OpenFile(name, modes[0], _stream(session, name, modes[0], options))


def _stream(session: Session, name: str, mode: str, options: list[str]) -> TextIO:
    if mode == "read":
        path = session.path(name)
        if not path.is_file():
            raise StataError(601, f"file {name} not found")
        return path.open(encoding="utf-8", errors="replace", newline=None)
    path = session.output_path(name)
    if path.exists() and "replace" not in options and "append" not in options:
        raise StataError(602, f"file {name} already exists")
    if not path.parent.is_dir():
        raise StataError(603, f"file {name} could not be opened")
    return path.open("a" if "append" in options else "w", encoding="utf-8", newline="")


def _handle(session: Session, name: str, mode: str = "") -> OpenFile:
    found = _handles(session).get(name)
    if found is None:
        raise StataError(111, f"file handle {name} not found")
    if mode and found.mode != mode:
        raise StataError(608 if mode == "write" else 198, f"file {found.name} is not open for {mode}")
    return found


def _write(session: Session, rest: str) -> None:
    """Items: strings, (exp), %fmt (exp), _n, _tab, _col(#), _skip(#), _dup(#), _char(#)."""
    match = re.match(r"\w+", rest)
    if match is None:
        raise invalid_syntax()
    target = _handle(session, match.group(), "write")
    log = session.log
    column, log.column = log.column, target.column
    try:
        text = display_text(session, _bare_items(rest[match.end() :]), raw=True).text
    finally:
        log.column = column
    target.stream.write(text)
    newline = text.rfind("\n")
    target.column = target.column + len(text) if newline < 0 else len(text) - newline - 1


def _bare_items(text: str) -> str:
    """`_tab` becomes the character display knows; what is not quoted, in parentheses or a directive is refused."""
    out = []
    index = 0
    while index < len(text):
        after = skip_quoted(text, index)
        if after > index:
            out.append(f" {text[index:after]}")
            index = after
        elif text[index] == "(":
            end = closing(text, index)
            out.append(text[index : end + 1])
            index = end + 1
        elif text[index] in " \t":
            out.append(" ")
            index += 1
        else:
            word = re.match(r"_\w+(\([^)]*\))?|%\S+?(?=[\s(])", text[index:])
            if word is None:
                raise invalid_syntax()
            out.append(" _char(9) " if word.group() in ("_tab", "_t", "_ta") else f" {word.group()} ")
            index += word.end()
    return "".join(out)


def _read(session: Session, rest: str) -> None:
    words = rest.split()
    if len(words) != 2:
        raise unsupported("file read with a format")
    target = _handle(session, words[0], "read")
    text = target.stream.readline()
    results = ResultSet()
    table = session.locals[-1]
    if text == "":
        results.scalars["eof"] = 1.0
        results.macros["status"] = "eof"
        table.pop(words[1], None)
    else:
        results.scalars["eof"] = 0.0
        results.macros["status"] = "nl"
        value = text.rstrip("\n")
        if value:
            table[words[1]] = value
        else:
            table.pop(words[1], None)
    session.r = results


def _close(session: Session, rest: str) -> None:
    name = rest.strip()
    handles = _handles(session)
    for handle in list(handles) if name == "_all" else [name]:
        _handle(session, handle).stream.close()
        del handles[handle]


def _seek(session: Session, rest: str) -> None:
    words = rest.split()
    if len(words) != 2:
        raise invalid_syntax()
    stream = _handle(session, words[0]).stream
    if words[1] == "tof":
        stream.seek(0)
    elif words[1] == "eof":
        stream.seek(0, os.SEEK_END)
    elif words[1].isdigit():
        stream.seek(int(words[1]))
    elif words[1] != "query":
        raise invalid_syntax()
    session.r = ResultSet(scalars={"loc": float(stream.tell())})


def _query(session: Session, rest: str) -> None:
    for handle, opened in _handles(session).items():
        session.log.line(f"{handle:>12}  {opened.mode:<6} {opened.name}")
    session.r = ResultSet(scalars={"N": float(len(_handles(session)))})


_ACTIONS: Final = {
    "open": _open,
    "write": _write,
    "read": _read,
    "close": _close,
    "seek": _seek,
    "query": _query,
}


@command("cd", "*")
def cd(session: Session, line: Line) -> None:
    """Change the working folder, to one below that the run started in."""
    name = strip_quotes(line.text.strip())
    if name:
        path = session.path(name)
        if not path.is_dir():
            raise StataError(170, f"unable to change to {name}")
        if session.root is None or not path.is_relative_to(session.root):
            raise StataError(170, f"unable to change to {name}\nonly folders below the starting folder are open")
        session.folder = path
    session.log.line(str(session.folder))


@command("pwd", "*")
def pwd(session: Session, line: Line) -> None:
    """Show the working folder."""
    session.log.line(str(session.folder))


@command("mkdir", "*", minimum=3)
def mkdir(session: Session, line: Line) -> None:
    """Make a folder."""
    main, options = split_comma(line.text)
    if (options or "").strip() not in ("", "public", "pub"):
        raise StataError(198, f"option {(options or '').strip()} not allowed")
    name = strip_quotes(main.strip())
    path = session.output_path(name)
    if path.exists() or not path.parent.is_dir():
        raise StataError(693, f"could not create directory {name}")
    path.mkdir()


@command("rmdir", "*")
def rmdir(session: Session, line: Line) -> None:
    """Remove an empty folder."""
    name = strip_quotes(line.text.strip())
    path = session.output_path(name)
    if not path.is_dir() or any(path.iterdir()):
        raise StataError(693, f"could not remove directory {name}")
    path.rmdir()


@command("erase", "*")
def erase(session: Session, line: Line) -> None:
    """Delete a file."""
    _erase(session, line)


@command("rm", "*")
def rm(session: Session, line: Line) -> None:
    """Delete a file."""
    _erase(session, line)


def _erase(session: Session, line: Line) -> None:
    name = strip_quotes(line.text.strip())
    path = session.output_path(name)
    if not path.is_file():
        raise StataError(601, f"file {name} not found")
    path.unlink()


@command("copy", "*", refused="copying from web addresses")
def copy(session: Session, line: Line) -> None:
    """Copy a file."""
    main, option_text = split_comma(line.text)
    words = split_words(main)
    if len(words) != 2:
        raise invalid_syntax()
    if "://" in words[0]:
        raise unsupported("copying from web addresses")
    options = {option.named for option in read_options(option_text or "")}
    if options - {"replace", "public", "text"}:
        raise StataError(198, f"option {sorted(options - {'replace', 'public', 'text'})[0]} not allowed")
    source, target = session.path(words[0]), session.output_path(words[1])
    if not source.is_file():
        raise StataError(601, f"file {words[0]} not found")
    if target.is_dir():
        target = target / source.name
    if target.exists() and "replace" not in options:
        raise StataError(602, f"file {words[1]} already exists")
    shutil.copyfile(source, target)


def _listing(session: Session, line: Line) -> None:
    pattern = strip_quotes(line.text.strip()) or "*"
    folder = session.path(pattern)
    names = sorted(folder.iterdir()) if folder.is_dir() else sorted(folder.parent.glob(folder.name))
    if not names:
        raise StataError(601, f"file {pattern} not found")
    for path in names:
        size = "<dir>" if path.is_dir() else f"{path.stat().st_size:,}"
        session.log.line(f"{size:>14}  {path.name}")


@command("dir", "*")
def dir_(session: Session, line: Line) -> None:
    """List files."""
    _listing(session, line)


@command("ls", "*")
def ls(session: Session, line: Line) -> None:
    """List files."""
    _listing(session, line)


@command("type", "*", minimum=2)
def type_(session: Session, line: Line) -> None:
    """Show a text file."""
    main, options = split_comma(line.text)
    if (options or "").strip() not in ("", "asis"):
        raise StataError(198, f"option {(options or '').strip()} not allowed")
    name = strip_quotes(main.strip())
    path = session.path(name)
    if not path.is_file():
        raise StataError(601, f"file {name} not found")
    session.log.write(path.read_text(encoding="utf-8", errors="replace"))
