"""generate and replace."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.dataset import Dataset
from ssd.engine.data.names import check_name
from ssd.engine.data.storage import STORAGE, ObjectArray, stored_missing
from ssd.engine.errors import StataError, already_defined, invalid_syntax, type_mismatch, variable_not_found
from ssd.engine.expr import evaluate_rows
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.output.counting import counted
from ssd.engine.session import Session

_STRING_TYPE: Final = re.compile(r"strL|str\d*")


def is_type(word: str) -> bool:
    """Whether a word names a storage type."""
    return word in STORAGE or _STRING_TYPE.fullmatch(word) is not None


def masked(values: FloatArray | ObjectArray, mask: BoolArray | None) -> FloatArray | ObjectArray:
    """Values outside `mask` become missing."""
    if mask is None:
        return values
    gap: float | str = "" if values.dtype == object else MISSING
    out = np.where(mask, values, gap)
    return out.astype(object) if values.dtype == object else out


def selection(session: Session, line: Line) -> BoolArray | None:
    """The sample of the line; None when it is all observations."""
    if line.condition is None and line.range is None and line.by_mask is None:
        return None
    return line.sample(session)


def report_missing(session: Session, name: str) -> None:
    """`(74 missing values generated)`."""
    column = session.data.variables[name]
    gone = column.values == "" if column.is_string else stored_missing(column.values, column.type)
    missing = int(np.count_nonzero(gone))
    if missing:
        session.log.line(f"({counted(missing, 'missing value')} generated)")


def place(data: Dataset, names: list[str], *, before: str | None = None, after: str | None = None) -> None:
    """Move variables next to another one."""
    rest = [name for name in data.variables if name not in names]
    anchor = before or after
    if anchor is None or anchor not in rest:
        raise variable_not_found(anchor or "")
    at = rest.index(anchor) + (0 if before else 1)
    data.reorder(rest[:at] + names + rest[at:])


def _target(text: str) -> tuple[str | None, str, str]:
    """Type, name and value label of `byte x:lbl`."""
    words = text.replace(":", " : ").split()
    type_name = words.pop(0) if len(words) > 1 and is_type(words[0]) else None
    label = ""
    if len(words) == 3 and words[1] == ":":
        label = words[2]
        words = words[:1]
    if len(words) != 1:
        raise invalid_syntax() if words and is_type(words[0]) else StataError(
            198, f"{words[0]} invalid name" if len(words) > 1 and not words[0].isidentifier() else "invalid syntax"
        )  # fmt: skip
    return type_name, words[0], label


@command(
    "generate", "anything(id=newvar) =exp [if] [in] [, Before(varname) After(varname)]", minimum=1, by="vector",
)  # fmt: skip
def generate(session: Session, line: Line) -> None:
    """Create a variable."""
    type_name, name, label = _target(line.anything)
    check_name(name)
    if name in session.data.variables:
        raise already_defined(name)
    before, after = line.text_option("before"), line.text_option("after")
    if before and after:
        raise StataError(198, "options before() and after() may not be combined")
    mask = selection(session, line)
    values = evaluate_rows(line.expression or "", session, groups=line.groups, mask=mask)
    values = masked(values, mask)
    if type_name is None and values.dtype != object:
        chosen = session.settings.get("type", "float")
        type_name = chosen if chosen in STORAGE else "float"
    session.data.add(name, values, type_name, value_label=label, fresh=values.dtype != object)
    if before or after:
        place(session.data, [name], before=before, after=after)
    report_missing(session, name)


@command("replace", "anything(id=varname) =exp [if] [in] [, noPROMOTE]", by="vector")
def replace(session: Session, line: Line) -> None:
    """Replace contents of a variable."""
    names = session.expand_varlist(line.anything)
    if len(names) != 1:
        raise invalid_syntax()
    name = names[0]
    data = session.data
    column = data.variables[name]
    mask, values = _replacement(session, line, name)
    if column.is_string != (values.dtype == object):
        raise type_mismatch()
    old_type = column.type
    # Doubles under a condition are replaced by a new array, which leaves the old one as it was.
    kept = column.type == "double" and mask is not None
    before = column.values if kept else column.values.copy() if column.is_string else data.numeric(name)
    changes = data.replace(name, values, mask, promote=not line.flag("nopromote"))
    column = data.variables[name]
    if column.type != old_type:
        session.log.line(f"variable {name} was {old_type} now {column.type}")
    to_missing = 0
    if changes and not column.is_string:
        to_missing = _turned_missing(before, column.values if kept else data.numeric(name))
    tail = f", {to_missing:,} to missing" if to_missing else ""
    session.log.line(f"({counted(changes, 'real change')} made{tail})")


def _replacement(session: Session, line: Line, name: str) -> tuple[BoolArray | None, FloatArray | ObjectArray]:
    """Where to replace and by what; observation by observation when the expression looks at others."""
    from ssd.engine.expr.sequential import refers_to_others, replaced_in_turn

    texts = [text for text in (line.expression, line.condition) if text]
    marks = ("[", ".")
    if any(mark in text for text in texts for mark in marks) and any(
        refers_to_others(text, name, session) for text in texts
    ):
        base = np.ones(session.data.n_obs, dtype=np.bool_)
        if line.range is not None:
            base[:] = False
            base[line.range[0] : line.range[1]] = True
        values, chosen = replaced_in_turn(
            line.expression or "", line.condition, name, base, session, groups=line.groups
        )  # fmt: skip
        return chosen, values
    mask = selection(session, line)
    return mask, evaluate_rows(line.expression or "", session, groups=line.groups, mask=mask)


def _turned_missing(before: FloatArray | ObjectArray, after: FloatArray) -> int:
    if after.size == 0 or after.max() < MISSING:
        return 0
    return int(np.count_nonzero((after >= MISSING) & (before != after)))
