"""format, compress, recast."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.storage import (
    INTEGER_LIMITS,
    STORAGE,
    byte_width,
    default_format,
    narrow,
    smallest,
    widen,
)
from ssd.engine.errors import StataError, invalid_syntax, type_mismatch
from ssd.engine.missing import MISSING
from ssd.engine.output.counting import counted
from ssd.engine.output.formats import is_format, is_string_format
from ssd.engine.session import Session

_SIZE = {"byte": 1, "int": 2, "long": 4, "float": 4, "double": 8}


@command("format", "anything", minimum=3)
def format_command(session: Session, line: Line) -> None:
    """Set the display format of variables."""
    words = line.anything.split()
    styles = [word for word in words if word.startswith("%")]
    names = session.expand_varlist(" ".join(word for word in words if not word.startswith("%")))
    if not styles:
        _show(session, names)
        return
    if len(styles) != 1:
        raise invalid_syntax()
    style = styles[0]
    if not is_format(style):
        raise StataError(120, "invalid %format")
    if any(session.data.variables[name].is_string != is_string_format(style) for name in names):
        raise type_mismatch()
    for name in names:
        column = session.data.variables[name]
        column.format = "%td" + style[2:] if style.startswith("%d") and len(style) > 2 else style
    session.data.changed = True


def _show(session: Session, names: list[str]) -> None:
    width = max((len(name) for name in names), default=0)
    session.log.line(f"  {'variable name':<{max(width, 13)}}   display format")
    session.log.line("  " + "-" * (max(width, 13) + 17))
    for name in names:
        session.log.line(f"  {name:<{max(width, 13)}}   {session.data.variables[name].format}")


@command("compress", "[varlist] [, nocoalesce]")
def compress(session: Session, line: Line) -> None:
    """Compress data in memory."""
    data = session.data
    saved = 0
    for name in line.varlist:
        column = data.variables[name]
        old = column.type
        if column.is_string:
            if old == "strL":
                width = byte_width(column.values)
                new = f"str{max(1, width)}" if width <= 2045 else old
            else:
                new = f"str{max(1, byte_width(column.values))}"
        else:
            new = smallest(widen(column.values, old), old)
        if new == old:
            continue
        if column.is_string:
            if column.format == default_format(old):
                column.format = default_format(new)
            column.type = new
            saved += (int(old[3:]) if old != "strL" else 80) - int(new[3:])
        else:
            column.values = narrow(widen(column.values, old), new)
            column.type = new
            saved += _SIZE[old] - _SIZE[new]
        session.log.line(f"  variable {name} was {old} now {new}")
    total = max(saved, 0) * data.n_obs
    session.log.line(f"  ({total:,} byte{'' if total == 1 else 's'} saved)")


@command("recast", "anything [, force]")
def recast(session: Session, line: Line) -> None:
    """Change the storage type."""
    words = line.anything.split()
    if len(words) < 2:
        raise invalid_syntax()
    target = words[0]
    if target not in STORAGE and not (target == "strL" or (target[:3] == "str" and target[3:].isdigit())):
        raise StataError(198, f"{target} invalid type")
    names = session.expand_varlist(" ".join(words[1:]))
    if any(session.data.variables[name].is_string != target.startswith("str") for name in names):
        raise type_mismatch()
    for name in names:
        _recast(session, name, target, force=line.flag("force"))


def _recast(session: Session, name: str, target: str, *, force: bool) -> None:
    column = session.data.variables[name]
    if column.type == target:
        return
    if column.is_string:
        width = byte_width(column.values)
        lost = 0 if target == "strL" or width <= int(target[3:]) else sum(
            len(text.encode()) > int(target[3:]) for text in column.values.tolist()
        )  # fmt: skip
    else:
        wide = session.data.numeric(name)
        narrowed = widen(narrow(wide, target), target)
        lost = int(np.count_nonzero((narrowed != wide) & (wide < MISSING)))
        if target in INTEGER_LIMITS or target == "float":
            lost = int(np.count_nonzero(narrowed != wide))
    if lost and not force:
        session.log.line(f"{name}:  {counted(lost, 'value')} would be changed; not changed")
        return
    if lost:
        session.log.line(f"{name}:  {counted(lost, 'value')} changed")
    old_default = column.format == default_format(column.type)
    session.data.set_type(name, target)
    if column.is_string and old_default:
        column.format = default_format(target)
