"""frlink, frget and the rows of another frame: data looked up across frames."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.language_frames import frame_data
from ssd.engine.data.columns import empty_column, key_codes
from ssd.engine.data.dataset import Dataset
from ssd.engine.data.names import check_name, match_variables
from ssd.engine.data.order import IndexArray
from ssd.engine.data.storage import smallest
from ssd.engine.errors import StataError, already_defined, invalid_syntax, type_mismatch, unsupported
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.options import match_options
from ssd.engine.lang.quoting import split_comma
from ssd.engine.missing import MISSING
from ssd.engine.output.counting import counted
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

_FRAME, _KIND, _KEYS, _OTHER = "frlink_frame", "frlink_type", "frlink_keys", "frlink_otherkeys"


@command("frlink", "*", stored="r(unmatched)", refused="frlink dir, describe, rebuild")
def frlink(session: Session, line: Line) -> None:
    """Link each observation to the observation of another frame with the same key."""
    word, _, rest = line.text.strip().partition(" ")
    if word not in {"1:1", "m:1"}:
        if word in {"dir", "describe", "rebuild"}:
            raise unsupported(f"frlink {word}")
        raise invalid_syntax()
    main, option_text = split_comma(rest)
    values, _, _ = match_options(option_text, compile_grammar(", FRame(string) [GENerate(name)]"), session)
    keys = session.expand_varlist(main)
    words = str(values["frame"]).split()
    if not keys or not words:
        raise StataError(100, "varlist required")
    name = words[0]
    other = frame_data(session, name)
    theirs = words[1:] or keys
    if len(theirs) != len(keys):
        raise StataError(198, "the number of match variables differs between the frames")
    target = str(values["generate"] or name)
    check_name(target)
    if target in session.data.variables:
        raise already_defined(target)
    place = _matches(session.data, keys, other, theirs, name, unique=word == "1:1")
    found = place >= 0
    link = np.where(found, place + 1.0, MISSING)
    column = session.data.add(target, link, smallest(link, "double") if found.any() else "byte")
    column.chars |= {_FRAME: name, _KIND: word, _KEYS: " ".join(keys), _OTHER: " ".join(theirs)}
    unmatched = int((~found).sum())
    current = str(session.state.get("frame", "default"))
    if unmatched:
        session.log.line(f"  ({counted(unmatched, 'observation')} in frame {current} unmatched)")
    else:
        session.log.line(f"  (all observations in frame {current} matched)")
    session.r = ResultSet(scalars={"unmatched": float(unmatched)})


def _matches(
    data: Dataset, keys: list[str], other: Dataset, theirs: list[str], frame: str, *, unique: bool
) -> IndexArray:
    """Row of the other frame for each observation, -1 where there is none. Raises r(459) for repeated keys."""
    for key, their in zip(keys, theirs, strict=True):
        if their not in other.variables:
            raise StataError(111, f"variable {their} not found in frame {frame}")
        if data.variables[key].is_string != other.variables[their].is_string:
            raise type_mismatch()
    renamed = Dataset({key: replace(other.variables[their], name=key)
                       for key, their in zip(keys, theirs, strict=True)}, other.n_obs)  # fmt: skip
    ours, codes, count = key_codes(data, renamed, keys)
    if np.bincount(codes, minlength=count).max(initial=0) > 1:
        raise StataError(459, f"invalid match variables for {'1:1' if unique else 'm:1'} match\n"
                         f"The variable{'s' if len(theirs) > 1 else ''} you specified for matching, {' '.join(theirs)},"
                         f" do not uniquely identify the observations in frame {frame}.")  # fmt: skip
    if unique and np.bincount(ours, minlength=count).max(initial=0) > 1:
        raise StataError(459, "invalid match variables for 1:1 match\nThe match variables do not uniquely identify "
                         "the observations in the current frame.")  # fmt: skip
    row = np.full(count, -1, dtype=np.intp)
    row[codes] = np.arange(other.n_obs)
    return row[ours]


def linked_rows(session: Session, link: str) -> tuple[Dataset, IndexArray]:
    """The linked frame's data and its row for each observation (-1: unmatched). Raises r(198) for other variables."""
    column = session.data.variable(link)
    if _FRAME not in column.chars:
        raise StataError(198, f"variable {link} not a link variable")
    other = frame_data(session, column.chars[_FRAME])
    values = session.data.numeric(link)
    known = (values < MISSING) & (values <= other.n_obs)
    return other, np.where(known, np.where(known, values, 1.0) - 1.0, -1.0).astype(np.intp)


def looked_up(session: Session, link: str, name: str) -> np.ndarray[Any, Any]:
    """Storage values of a variable of the linked frame, one for each observation."""
    other, rows = linked_rows(session, link)
    names = match_variables(other.variables, name)
    if len(names) != 1:
        raise StataError(111, f"variable {name} not found")
    column = other.variables[names[0]]
    values = empty_column(column, len(rows)).values
    values[rows >= 0] = column.values[rows[rows >= 0]]
    return values


@command(
    "frget", "*", stored="r(k) r(newlist) r(srclist)", refused="wildcards in newvar = varname"
)  # fmt: skip
def frget(session: Session, line: Line) -> None:
    """Copy variables from a linked frame."""
    main, option_text = split_comma(line.text)
    grammar = compile_grammar(", FROM(name) [PREfix(string) SUFfix(string) EXclude(string)]")
    values, _, _ = match_options(option_text, grammar, session)
    link = session.variable_named(str(values["from"]))
    other, rows = linked_rows(session, link)
    chars = session.data.variables[link].chars
    pairs = _wanted(main, other, values, chars, session)
    for new, _ in pairs:
        check_name(new)
        if new in session.data.variables:
            raise already_defined(new)
    for new, old in pairs:
        column = other.variables[old]
        made = empty_column(column, len(rows))
        made.values[rows >= 0] = column.values[rows[rows >= 0]]
        made.name = new
        session.data.limits.check_variables(len(session.data.variables) + 1)
        session.data.variables[new] = made
        label = column.value_label
        if label and label in other.value_labels:
            session.data.value_labels.setdefault(label, dict(other.value_labels[label]))
    session.data.changed = True
    session.log.line(f"  ({counted(len(pairs), 'variable')} copied from linked frame)")
    session.r = ResultSet(
        scalars={"k": float(len(pairs))},
        macros={"newlist": " ".join(new for new, _ in pairs), "srclist": " ".join(old for _, old in pairs)},
    )


def _wanted(
    main: str, other: Dataset, options: dict[str, Any], chars: dict[str, str], session: Session
) -> list[tuple[str, str]]:
    """(new name, name in the linked frame): `new = old`, or a varlist without the match variables."""
    prefix, suffix = str(options["prefix"] or ""), str(options["suffix"] or "")
    new, equals, old = main.partition("=")
    if equals:
        names = match_variables(other.variables, old.strip())
        if len(names) != 1 or not new.strip():
            raise invalid_syntax()
        return [(new.strip(), names[0])]
    keys = chars[_OTHER].split()
    left_out = str(options["exclude"] or "").split()
    chosen: list[str] = []
    for word in main.split():
        typed = word in other.variables
        for name in match_variables(other.variables, word):
            skipped = any(fnmatchcase(name, pattern) for pattern in left_out)
            if name not in chosen and not skipped and (typed or name not in keys):
                chosen.append(name)
    if not chosen:
        raise StataError(100, "varlist required")
    patterns = [word for word in main.replace("_all", "*").split() if word not in other.variables]
    dropped = [key for key in keys if any(fnmatchcase(key, pattern) for pattern in patterns)]
    if dropped:
        noun = "variable" if len(dropped) == 1 else "variables"
        session.log.line(f"  ({noun} not copied from linked frame: {' '.join(dropped)})")
    return [(f"{prefix}{name}{suffix}", name) for name in chosen]
