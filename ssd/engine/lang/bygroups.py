"""`by` and `bysort`: groups of the sorted data, one call per group or one call for all."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Command, Groups
from ssd.engine.errors import StataError
from ssd.engine.lang.calls import ByState, Call, Program
from ssd.engine.lang.numbertext import number_text
from ssd.engine.lang.prefixes import By
from ssd.engine.lang.programs import call_program
from ssd.engine.lang.syntax import parse_command
from ssd.engine.missing import BoolArray

if TYPE_CHECKING:
    from ssd.engine.lang.interpreter import Interpreter
    from ssd.engine.session import Session


def sorted_groups(session: Session, by: By) -> Groups:
    """The groups of a by prefix, the data sorted first when it asks for that. Raises r(5) when not sorted."""
    names = session.expand_varlist(by.names) if by.names else []
    order = session.expand_varlist(by.order) if by.order else []
    keys = names + order
    if by.sort:
        if session.data.sorted_by[: len(keys)] != keys:
            session.data.sort(keys)
    elif session.data.sorted_by[: len(keys)] != keys:
        raise StataError(5, "not sorted")
    return groups_of(session, names)


def groups_of(session: Session, names: list[str]) -> Groups:
    """Groups of equal values of `names` in data sorted by them."""
    n = session.data.n_obs
    change = np.zeros(n, dtype=np.bool_)
    if n:
        change[0] = True
    for name in names:
        column = session.data.variables[name]
        values = session.data.strings(name) if column.is_string else session.data.numeric(name)
        change[1:] |= values[1:] != values[:-1]
    starts = np.flatnonzero(change).astype(np.intp)
    sizes = np.diff(np.append(starts, n)).astype(np.intp)
    ids = (np.cumsum(change) - 1).astype(np.intp)
    return Groups(names, ids, starts, sizes)


def run_builtin(interpreter: Interpreter, command: Command, rest: str, by: By) -> None:
    """A built-in command under by."""
    session = interpreter.session
    if command.by == "no":
        raise StataError(190, f"{command.name} may not be combined with by")
    groups = sorted_groups(session, by)
    if command.by == "vector":
        line = parse_command(command, rest, session)
        line.groups = groups
        if line.range is not None:
            raise StataError(190, "in may not be combined with by")
        command.run(session, line)
        return
    for index in range(groups.starts.size):
        mask = _mask(groups, index)
        _header(session, groups, index)
        line = parse_command(command, rest, session)
        if line.range is not None:
            raise StataError(190, "in may not be combined with by")
        line.by_mask = mask
        _one_group(partial(command.run, session, line), session, by)


def run_program(interpreter: Interpreter, program: Program, rest: str, by: By | None) -> None:
    """A user program, once or once per by-group."""
    session = interpreter.session
    if by is None:
        call_program(interpreter, program, rest, Call("program", program.name, program.file))
        return
    if program.byable == "no":
        raise StataError(190, f"{program.name} may not be combined with by")
    groups = sorted_groups(session, by)
    if program.byable == "onecall":
        everyone = np.ones(session.data.n_obs, dtype=np.bool_)
        state = ByState(groups.names, 1, 1, everyone)
        call_program(interpreter, program, rest, Call("program", program.name, program.file, by=state))
        return
    for index in range(groups.starts.size):
        _header(session, groups, index)
        state = ByState(groups.names, index + 1, groups.starts.size, _mask(groups, index))
        call = Call("program", program.name, program.file, by=state)
        _one_group(partial(call_program, interpreter, program, rest, call), session, by)


def _one_group(action: Callable[[], None], session: Session, by: By) -> None:
    try:
        action()
    except StataError as error:
        if not by.rc0:
            raise
        if error.message:
            session.log.error_line(error.message)
        session.log.error_line(f"r({error.rc});")


def _mask(groups: Groups, index: int) -> BoolArray:
    mask = np.zeros(groups.ids.size, dtype=np.bool_)
    start = groups.starts[index]
    mask[start : start + groups.sizes[index]] = True
    return mask


def _header(session: Session, groups: Groups, index: int) -> None:
    log = session.log
    start = int(groups.starts[index])
    shown = ", ".join(f"{name} = {_shown_value(session, name, start)}" for name in groups.names)
    log.line()
    log.line("-" * (log.linesize - 1))
    log.line(f"-> {shown}")


def _shown_value(session: Session, name: str, row: int) -> str:
    column = session.data.variables[name]
    if column.is_string:
        return str(session.data.strings(name)[row])
    value = float(session.data.numeric(name)[row])
    labels = session.data.value_labels.get(column.value_label, {}) if column.value_label else {}
    if value == int(value) and int(value) in labels:
        return labels[int(value)]
    if re.search(r"%-?t", column.format) or "c" in column.format:
        from ssd.engine.output.formats import format_value

        return format_value(value, column.format).strip()
    return number_text(value)
