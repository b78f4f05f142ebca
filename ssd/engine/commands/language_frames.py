"""frame: several datasets in memory, one of them current."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.dataset import Dataset
from ssd.engine.errors import StataError, invalid_syntax, type_mismatch, unsupported
from ssd.engine.lang.quoting import closing, split_colon, split_comma
from ssd.engine.lang.syntax import split_line
from ssd.engine.lang.varlist import is_name
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session


def _others(session: Session) -> dict[str, Dataset]:
    """Frames that are not current, by name."""
    frames: dict[str, Dataset] = session.state.setdefault("frames", {})
    return frames


def _current(session: Session) -> str:
    return str(session.state.get("frame", "default"))


def _exists(session: Session, name: str) -> bool:
    return name == _current(session) or name in _others(session)


def _require(session: Session, name: str) -> None:
    if not _exists(session, name):
        raise StataError(111, f"frame {name} not found")


def _new_name(session: Session, name: str, *, replace: bool = False) -> None:
    if not is_name(name):
        raise StataError(198, f"{name} invalid name")
    if _exists(session, name) and not replace:
        raise StataError(110, f"frame {name} already exists")


def frame_data(session: Session, name: str) -> Dataset:
    """The data of a frame. Raises r(111)."""
    _require(session, name)
    return session.data if name == _current(session) else _others(session)[name]


def change_frame(session: Session, name: str) -> None:
    """Make another frame current. Raises r(111)."""
    _require(session, name)
    current = _current(session)
    if name == current:
        return
    frames = _others(session)
    frames[current] = session.data
    session.data = frames.pop(name)
    session.state["frame"] = name


def _create(session: Session, rest: str) -> None:
    name, _, variables = rest.strip().partition(" ")
    _new_name(session, name)
    data = Dataset()
    if variables.strip():
        from ssd.engine.lang.varlist import new_names

        names, types = new_names(variables, session, must_be_new=False)
        for variable, kind in zip(names, types, strict=True):
            _add_empty(data, variable, kind or session.settings.get("type", "float"))
    _others(session)[name] = data


def _add_empty(data: Dataset, name: str, kind: str) -> None:
    data.add(name, np.empty(0, dtype=object if kind.startswith("str") else np.float64), kind)


def _drop(session: Session, rest: str) -> None:
    for name in rest.split():
        _require(session, name)
        if name == _current(session):
            raise StataError(110, f"frame {name} is current frame; cannot drop")
        del _others(session)[name]


def _copy(session: Session, rest: str) -> None:
    main, options = split_comma(rest)
    words = main.split()
    if len(words) != 2 or (options or "").strip() not in ("", "replace"):
        raise invalid_syntax()
    _require(session, words[0])
    replace = bool((options or "").strip())
    _new_name(session, words[1], replace=replace)
    source = session.data if words[0] == _current(session) else _others(session)[words[0]]
    if words[1] == _current(session):
        session.data = source.copy()
    else:
        _others(session)[words[1]] = source.copy()


def _rename(session: Session, rest: str) -> None:
    words = rest.split()
    if len(words) != 2:
        raise invalid_syntax()
    _require(session, words[0])
    _new_name(session, words[1])
    if words[0] == _current(session):
        session.state["frame"] = words[1]
    else:
        _others(session)[words[1]] = _others(session).pop(words[0])


_INTO: Final = re.compile(r"(?P<what>.*?),\s*into\((?P<name>\w+)(?P<options>[^)]*)\)\s*", re.DOTALL)


def _put(session: Session, rest: str) -> None:
    """`frame put varlist, into(name)` and `frame put if exp, into(name)`."""
    match = _INTO.fullmatch(rest)
    if match is None:
        raise invalid_syntax()
    if match["options"].strip(" ,"):
        raise unsupported(f"frame put, into() with {match['options'].strip(' ,')}")
    name = match["name"]
    _new_name(session, name)
    parts = split_line(match["what"])
    picked = f"if {parts.condition} " if parts.condition else ""
    picked += f"in {parts.range}" if parts.range else ""
    if not picked and not parts.subject:
        raise invalid_syntax()
    kept = session.data
    session.data = kept.copy()
    try:
        if picked:
            session.run(f"keep {picked}", quiet=True)
        if parts.subject:
            session.run(f"keep {parts.subject}", quiet=True)
        _others(session)[name] = session.data
    finally:
        session.data = kept


def _post(session: Session, rest: str) -> None:
    """`frame post name (exp) (exp) …`: one more observation, its values in the order of the variables."""
    name, _, text = rest.strip().partition(" ")
    data = frame_data(session, name)
    expressions: list[str] = []
    text = text.strip()
    while text:
        if text[0] != "(":
            raise invalid_syntax()
        end = closing(text, 0)
        expressions.append(text[1:end])
        text = text[end + 1 :].strip()
    if len(expressions) != len(data.variables):
        few = len(expressions) < len(data.variables)
        raise StataError(198, f"too {'few' if few else 'many'} expressions specified")
    values = [session.evaluate_scalar(expression) for expression in expressions]
    for value, column in zip(values, data.variables.values(), strict=True):
        if isinstance(value, str) != column.is_string:
            raise type_mismatch()
    data.set_obs(data.n_obs + 1)
    last = np.zeros(data.n_obs, dtype=np.bool_)
    last[-1] = True
    for variable, value in zip(list(data.variables), values, strict=True):
        full = np.empty(data.n_obs, dtype=object if isinstance(value, str) else np.float64)
        full[:] = value
        data.replace(variable, full, last, promote=False)
    data.changed = True


def _list(session: Session, rest: str) -> None:
    frames = {**_others(session), _current(session): session.data}
    for name in sorted(frames):
        data = frames[name]
        star = "*" if data.changed else " "
        session.log.line(f"{star} {name:<12} {data.n_obs:,} x {len(data.variables):,}")
    session.r = ResultSet(macros={"frames": " ".join(sorted(frames))})


def _report(session: Session, rest: str) -> None:
    session.log.line(f"  (current frame is {_current(session)})")
    session.r = ResultSet(macros={"currentframe": _current(session)})


def _change(session: Session, rest: str) -> None:
    change_frame(session, rest.strip())


_ACTIONS: Final = {
    "create": _create,
    "change": _change,
    "drop": _drop,
    "copy": _copy,
    "rename": _rename,
    "put": _put,
    "post": _post,
    "list": _list,
    "dir": _list,
    "pwf": _report,
}


@command("frame", "*")
def frame(session: Session, line: Line) -> None:
    """Create, change, copy and drop frames, or run one command in another frame."""
    text = line.text.strip()
    prefixed = split_colon(text)
    word, _, rest = text.partition(" ")
    if prefixed is not None and is_name(prefixed[0].strip()):
        _run_in(session, prefixed[0].strip(), prefixed[1])
    elif word in _ACTIONS:
        _ACTIONS[word](session, rest)
    elif not word:
        _report(session, rest)
    else:
        raise invalid_syntax()


def _run_in(session: Session, name: str, text: str) -> None:
    with within_frame(session, name):
        session.run(text)


@contextmanager
def within_frame(session: Session, name: str) -> Iterator[None]:
    """Another frame is current inside the block (`frame name: …`, `frame name { … }`). Raises r(111)."""
    before = _current(session)
    change_frame(session, name)
    try:
        yield
    finally:
        change_frame(session, before)


@command("frames", "*", refused="frames save, frames use, frames describe")
def frames(session: Session, line: Line) -> None:
    """List, drop or reset frames."""
    text = line.text.strip()
    if text in ("", "dir", "list"):
        _list(session, "")
    elif text == "reset":
        _others(session).clear()
        session.state["frame"] = "default"
        session.data = Dataset()
    else:
        frame(session, line)


@command("cwf", "*")
def cwf(session: Session, line: Line) -> None:
    """Change the current frame."""
    change_frame(session, line.text.strip())


@command("pwf", "*")
def pwf(session: Session, line: Line) -> None:
    """Show the current frame."""
    _report(session, "")
