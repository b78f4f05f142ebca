"""egen: extensions to generate. The functions stand in data_egen_groups and data_egen_rows."""

from __future__ import annotations

import re

import numpy as np

from ssd.engine.commands.data_egen_call import Call
from ssd.engine.commands.data_egen_groups import GROUP_FUNCTIONS
from ssd.engine.commands.data_egen_more import MORE_FUNCTIONS
from ssd.engine.commands.data_egen_rows import ROW_FUNCTIONS
from ssd.engine.commands.data_generate import is_type, masked, report_missing, selection
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.names import check_name
from ssd.engine.data.order import group_numbers
from ssd.engine.errors import StataError, already_defined, invalid_syntax
from ssd.engine.lang.options import read_options
from ssd.engine.missing import MISSING
from ssd.engine.session import Session


@command(
    "egen", "anything(id=newvar) =exp [if] [in] [, BY(varlist) *]", by="vector",
    refused="of egenmore: axis, bom, density, eom, ewma, filter, outside, repeat, ridit and other rare ones",
)  # fmt: skip
def egen(session: Session, line: Line) -> None:
    """Extensions to generate."""
    words = line.anything.split()
    type_name = words.pop(0) if len(words) > 1 and is_type(words[0]) else None
    if len(words) != 1:
        raise invalid_syntax()
    name = words[0]
    check_name(name)
    if name in session.data.variables:
        raise already_defined(name)
    found = re.fullmatch(r"\s*(\w+)\s*\((.*)\)\s*", line.expression or "", re.DOTALL)
    if not found:
        raise invalid_syntax()
    call = _call(session, line, name, found[2])
    function = GROUP_FUNCTIONS.get(found[1]) or ROW_FUNCTIONS.get(found[1]) or MORE_FUNCTIONS.get(found[1])
    if function is None:
        raise StataError(133, f"unknown egen function {found[1]}()")
    values, wanted = function(call)
    call.refuse_rest()
    values = masked(values, call.mask if not call.whole else None)
    if values.dtype == object:
        type_name = type_name if type_name and type_name.startswith("str") else None
    else:
        type_name = type_name or wanted or session.settings.get("type", "float")
        present = values[values < MISSING]
        if type_name == "float" and present.size and np.abs(present).max() > 16_777_216 and wanted is None and (
            np.array_equal(present, np.trunc(present)) and found[1] == "group"
        ):  # fmt: skip
            type_name = "long"
    session.data.add(name, values, type_name, label=call.label, value_label=call.value_label)
    report_missing(session, name)


def _call(session: Session, line: Line, name: str, argument: str) -> Call:
    named = line.options.get("by")
    by = [str(name) for name in named] if isinstance(named, list) else []
    n = session.data.n_obs
    mask = selection(session, line)
    full = np.ones(n, dtype=np.bool_) if mask is None else mask
    if line.groups is not None:
        ids, count = line.groups.ids, len(line.groups.starts)
    elif by:
        ids, count = group_numbers(session.data.keys(by))
    else:
        ids, count = np.zeros(n, dtype=np.intp), 1
    rest = line.options.get("*")
    options = read_options(rest if isinstance(rest, str) else "")
    grouped = line.groups is not None or bool(by)
    return Call(session, name, argument.strip(), full, ids, count, list(options), line.groups, grouped, mask is None)
