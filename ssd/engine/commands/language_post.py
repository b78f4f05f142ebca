"""postfile, post, postclose: a dataset written row by row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.data_files import save_data
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.dataset import Dataset
from ssd.engine.errors import StataError, invalid_syntax, type_mismatch
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.options import match_options
from ssd.engine.lang.quoting import closing, split_comma, strip_quotes
from ssd.engine.lang.varlist import new_names

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass
class Posting:
    """A postfile that is open: its columns and the rows posted so far."""

    file: str
    names: list[str]
    types: list[str]
    replace: bool
    columns: list[list[float | str]] = field(default_factory=list)


def _open_files(session: Session) -> dict[str, Posting]:
    postings: dict[str, Posting] = session.state.setdefault("postfiles", {})
    return postings


@command("postfile", "*", minimum=5)
def postfile(session: Session, line: Line) -> None:
    """Declare the variables and the file of a dataset to be posted."""
    main, option_text = split_comma(line.text)
    values, _, _ = match_options(option_text, compile_grammar("[, REPLACE EVery(integer 0) DOUBLE]"), session)
    before, using, after = main.partition(" using ")
    handle, _, variables = before.strip().partition(" ")
    if not using or not variables.strip():
        raise invalid_syntax()
    if handle in _open_files(session):
        raise StataError(110, f"post {handle} already exists")
    name = strip_quotes(after.strip())
    session.output_path(name)
    names, types = new_names(variables, session, must_be_new=False)
    default = "double" if values["double"] is True else session.settings.get("type", "float")
    posting = Posting(name, names, [kind or default for kind in types], values["replace"] is True)
    target = session.path(name if name.endswith(".dta") or "." in name.rsplit("/", 1)[-1] else name + ".dta")
    if target.exists() and not posting.replace:
        raise StataError(602, f"file {name} already exists")
    posting.columns = [[] for _ in names]
    _open_files(session)[handle] = posting


@command("post", "*")
def post(session: Session, line: Line) -> None:
    """Add an observation to a postfile."""
    text = line.text.strip()
    handle, _, rest = text.partition(" ")
    posting = _open_files(session).get(handle)
    if posting is None:
        raise StataError(111, f"post {handle} not found")
    expressions: list[str] = []
    rest = rest.strip()
    while rest:
        if rest[0] != "(":
            raise invalid_syntax()
        end = closing(rest, 0)
        expressions.append(rest[1:end])
        rest = rest[end + 1 :].strip()
    if len(expressions) != len(posting.names):
        raise StataError(198, "too few or too many expressions posted")
    values = [session.evaluate_scalar(expression) for expression in expressions]
    for value, kind in zip(values, posting.types, strict=True):
        if isinstance(value, str) != kind.startswith("str"):
            raise type_mismatch()
    for column, value in zip(posting.columns, values, strict=True):
        column.append(value)


@command("postclose", "*", minimum=5)
def postclose(session: Session, line: Line) -> None:
    """Write the posted dataset and end the posting."""
    handle = line.text.strip()
    posting = _open_files(session).pop(handle, None)
    if posting is None:
        raise StataError(111, f"post {handle} not found")
    data = Dataset()
    data.n_obs = len(posting.columns[0])
    for name, kind, column in zip(posting.names, posting.types, posting.columns, strict=True):
        if kind.startswith("str"):
            limit = int(kind[3:]) if kind[3:].isdigit() else None
            texts = np.array([str(value)[:limit] for value in column], dtype=object)
            data.add(name, texts, kind if limit else None)
        else:
            data.add(name, np.array(column, dtype=np.float64), kind)
    with session.log.silence():
        save_data(session, data, posting.file, replace=posting.replace)


@command("postutil", "*")
def postutil(session: Session, line: Line) -> None:
    """List or close all postfiles."""
    word = line.text.strip()
    if word == "clear":
        _open_files(session).clear()
    elif word in ("dir", ""):
        for handle, posting in _open_files(session).items():
            session.log.line(f"{handle:>12}  {posting.file}")
    else:
        raise invalid_syntax()
