"""reshape: wide to long and back. The definition is kept in the characteristics of the data, as Stata does."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.columns import empty_column, joined_types
from ssd.engine.data.dataset import Dataset, Variable, make_variable
from ssd.engine.data.order import IndexArray, group_numbers
from ssd.engine.data.storage import INTEGER_LIMITS, narrow, stored_missing, widen
from ssd.engine.errors import StataError, invalid_syntax, variable_not_found
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import split_comma
from ssd.engine.session import Session


@dataclass(frozen=True)
class Definition:
    """`stubs` may hold `@` where the j value stands; `values` limits j when given."""

    stubs: list[str]
    i: list[str]
    j: str
    string: bool
    values: list[str]


def _part(stub: str, value: str) -> str:
    return stub.replace("@", value) if "@" in stub else stub + value


def _long_name(stub: str) -> str:
    return stub.replace("@", "")


@command("reshape", "*", refused="reshape query, i, j, xij (old syntax); atwl()")
def reshape(session: Session, line: Line) -> None:
    """Convert data from wide to long form and vice versa."""
    main, options = split_comma(line.text.strip())
    words = main.split()
    if not words:
        raise invalid_syntax()
    way = words[0]
    if way in ("clear",):
        for key in [key for key in session.data.chars if key.startswith("ReS_")]:
            del session.data.chars[key]
        return
    if way == "error":
        return
    if way not in ("long", "wide"):
        raise StataError(198, f"reshape {way} invalid")
    definition = _definition(session, way, words[1:], options)
    if way == "long":
        _to_long(session, definition)
    else:
        _to_wide(session, definition)


def _definition(session: Session, way: str, stubs: list[str], options: str | None) -> Definition:
    chars = session.data.chars
    i: list[str] = []
    j, string, values = "_j", False, []
    for option in read_options(options or ""):
        if option.word == "i" and option.value is not None:
            i = session.expand_varlist(option.value)
        elif option.word == "j" and option.value is not None:
            parts = option.value.split()
            if not parts:
                raise invalid_syntax("option j() incorrectly specified")
            j, values = parts[0], parts[1:]
        elif len(option.word) >= 1 and "string".startswith(option.word) and option.value is None:
            string = True
        else:
            raise StataError(198, f"option {option.named} not allowed")
    if not stubs and not i:
        if "ReS_i" not in chars:
            raise StataError(198, "data have not been reshaped yet")
        return Definition(chars["ReS_Xij"].split(), chars["ReS_i"].split(), chars["ReS_j"],
                          chars.get("ReS_str") == "1", [])  # fmt: skip
    if not i:
        raise StataError(198, "option i() required")
    if way == "wide" and j not in session.data.variables:
        found = session.expand_varlist(j)
        j = found[0]
    if way == "wide":
        stubs = [name for stub in stubs for name in _wide_stubs(session, stub)]
    return Definition(stubs, i, j, string, values)


def _wide_stubs(session: Session, stub: str) -> list[str]:
    return [stub] if "@" in stub else session.expand_varlist(stub)


def _remember(data: Dataset, definition: Definition, values: list[str]) -> None:
    data.chars.update({
        "ReS_i": " ".join(definition.i), "ReS_j": definition.j, "ReS_Xij": " ".join(definition.stubs),
        "ReS_str": "1" if definition.string else "0", "ReS_jv": " ".join(values), "ReS_ver": "v.2",
    })  # fmt: skip


def _values_in_names(data: Dataset, definition: Definition) -> list[str]:
    """Values of j found in variable names, numbers in numeric order."""
    found: dict[str, None] = {}
    for stub in definition.stubs:
        before, _, after = stub.partition("@")
        pattern = re.compile(re.escape(before) + (r"(.+)" if definition.string else r"(\d+)") + re.escape(after))
        for name in data.variables:
            match = pattern.fullmatch(name)
            if match and name not in definition.i:
                plain = definition.string or match[1] == str(int(match[1]))
                if plain:
                    found[match[1]] = None
    values = list(found)
    return sorted(values) if definition.string else sorted(values, key=int)


def _to_long(session: Session, definition: Definition) -> None:
    data = session.data
    values = definition.values or _values_in_names(data, definition)
    sources = {_part(stub, value) for stub in definition.stubs for value in values} & set(data.variables)
    if not sources:
        raise StataError(111, f"variable {_part(definition.stubs[0], '')}* not found" if definition.string else
                         "no xij variables found")  # fmt: skip
    for new in [definition.j, *map(_long_name, definition.stubs)]:
        if new in data.variables and new not in sources:
            raise StataError(110, f"variable {new} already defined")
    _, groups = group_numbers(data.keys(definition.i))
    if groups != data.n_obs:
        plural = "variables" if len(definition.i) > 1 else "variable"
        verb = "do" if len(definition.i) > 1 else "does"
        raise StataError(
            9, f"{plural} {' '.join(definition.i)} {verb} not uniquely identify the observations\n    Your data are "
            "currently wide.  You are performing a reshape long.  You\n    specified i("
            + " ".join(definition.i) + f") and j({definition.j}).  In the current wide form, variable\n    "
            f"{' '.join(definition.i)} should uniquely identify the observations.",
        )  # fmt: skip
    n, m = data.n_obs, len(values)
    out = Dataset(n_obs=n * m, label=data.label, value_labels=data.value_labels, chars=data.chars,
                  filename=data.filename, changed=True)  # fmt: skip
    rows = np.repeat(np.arange(n, dtype=np.intp), m)
    for name in definition.i:
        out.variables[name] = _repeated(data.variables[name], rows)
    out.variables[definition.j] = _j_column(definition, values, n)
    stubs = {_part(stub, value): stub for stub in definition.stubs for value in values}
    for name, column in data.variables.items():
        if name in definition.i:
            continue
        stub = stubs.get(name)
        if stub is None:
            out.variables[name] = _repeated(column, rows)
        elif _long_name(stub) not in out.variables:
            out.variables[_long_name(stub)] = _interleaved(data, stub, values)
    for stub in definition.stubs:
        if _long_name(stub) not in out.variables:
            out.variables[_long_name(stub)] = make_variable(_long_name(stub), np.full(n * m, 2.0**1023), "byte")
    _remember(out, definition, values)
    session.data = out
    session.e.sample = None
    out.sort([*definition.i, definition.j])
    _report_long(session, definition, values, data)


def _repeated(column: Variable, rows: IndexArray) -> Variable:
    return replace(column, values=column.values[rows])


def _j_column(definition: Definition, values: list[str], n: int) -> Variable:
    if definition.string:
        texts = np.empty(len(values), dtype=object)
        texts[:] = values
        return make_variable(definition.j, np.tile(texts, n))
    numbers = np.array([float(value) for value in values])
    kind = next((k for k, (low, high) in INTEGER_LIMITS.items() if low <= numbers.min() and numbers.max() <= high),
                "double")  # fmt: skip
    return make_variable(definition.j, np.tile(numbers, n), kind)


def _interleaved(data: Dataset, stub: str, values: list[str]) -> Variable:
    """The long column of one stub: rows are observation by observation, j by j."""
    present = [data.variables[_part(stub, value)] for value in values if _part(stub, value) in data.variables]
    first = present[0]
    kind = first.type
    for other in present[1:]:
        if other.is_string != first.is_string:
            raise StataError(198, f"{first.name} type mismatch with other {_long_name(stub)} variables")
        kind = joined_types(replace(first, type=kind), other)
    blank = empty_column(replace(first, type=kind, values=narrow(np.empty(0), kind) if not first.is_string
                                 else first.values[:0]), data.n_obs).values  # fmt: skip
    blocks = []
    for value in values:
        column = data.variables.get(_part(stub, value))
        if column is None:
            blocks.append(blank)
        elif column.is_string or column.type == kind:
            blocks.append(column.values)
        else:
            blocks.append(narrow(widen(column.values, column.type), kind))
    stacked = np.stack(blocks, axis=1).ravel()
    labels = {c.label for c in present}
    label = present[0].label if len(labels) == 1 else ""
    return replace(first, name=_long_name(stub), type=kind, values=stacked, label=label, chars={})


def _to_wide(session: Session, definition: Definition) -> None:
    data = session.data
    j = data.variables.get(definition.j)
    if j is None:
        raise variable_not_found(definition.j)
    if j.is_string and not definition.string:
        raise StataError(109, f"variable {definition.j} is string; specify string option")
    definition = replace(definition, string=j.is_string)
    if not j.is_string and stored_missing(j.values, j.type).any():
        raise StataError(498, f"variable {definition.j} contains missing values")
    if j.is_string and (j.values == "").any():
        raise StataError(498, f"variable {definition.j} contains missing values")
    j_ids, n_levels = group_numbers(data.keys([definition.j]))
    first_of = np.zeros(n_levels, dtype=np.intp)
    first_of[j_ids[::-1]] = np.arange(j_ids.size - 1, -1, -1)
    levels = [str(v) if j.is_string else f"{float(v):.16g}" for v in j.values[first_of].tolist()]
    ids, n = group_numbers(data.keys(definition.i))
    cell = ids * n_levels + j_ids
    if np.bincount(cell, minlength=1).max(initial=0) > 1:
        raise StataError(
            9, f"values of variable {definition.j} not unique within {' '.join(definition.i)}\n"
            "    Your data are currently long.  You are performing a reshape wide.  You\n    specified i("
            f"{' '.join(definition.i)}) and j({definition.j}).  There are observations within\n    "
            f"i({' '.join(definition.i)}) with the same value of j({definition.j}).",
        )  # fmt: skip
    owner = np.zeros(n, dtype=np.intp)
    owner[ids[::-1]] = np.arange(ids.size - 1, -1, -1)
    measured = [_long_name(stub) for stub in definition.stubs]
    others = [name for name in data.variables if name not in (*definition.i, definition.j, *measured)]
    for name in others:
        values = data.variables[name].values
        if (values != values[owner[ids]]).any():
            raise StataError(9, f"variable {name} not constant within {' '.join(definition.i)}")
    out = Dataset(n_obs=n, label=data.label, value_labels=data.value_labels, chars=data.chars,
                  filename=data.filename, changed=True)  # fmt: skip
    for name in definition.i:
        out.variables[name] = _repeated(data.variables[name], owner)
    for level, value in enumerate(levels):
        rows = np.flatnonzero(j_ids == level)
        for stub, source_name in zip(definition.stubs, measured, strict=True):
            source = data.variable(source_name)
            new = empty_column(source, n)
            new.values[ids[rows]] = source.values[rows]
            new.name = _part(stub, value.replace("-", "_").replace(".", "_") if not definition.string else value)
            new.label = f"{value} {source.label or source_name}"[:80] if source.label else f"{value} {source_name}"
            from ssd.engine.data.names import check_name

            check_name(new.name)
            if new.name in out.variables or new.name in others:
                raise StataError(110, f"variable {new.name} already defined")
            out.variables[new.name] = new
    for name in others:
        out.variables[name] = _repeated(data.variables[name], owner)
    _remember(out, definition, levels)
    out.sorted_by = list(definition.i)
    session.data = out
    session.e.sample = None
    _report_wide(session, definition, levels, data)


_RULE = "-" * 77


def _row(left: str, right: str) -> str:
    return f"{left:>39}   ->   {right}".rstrip()


def _counted(text: str, before: int, after: int) -> str:
    return f"{text}{before:>{39 - len(text)},}   ->   {after:<12,}".rstrip()


def _shown(stub: str, values: list[str]) -> str:
    names = [_part(stub, value) for value in values]
    return " ".join(names) if len(names) <= 3 else f"{names[0]} {names[1]} ... {names[-1]}"


def _report_long(session: Session, definition: Definition, values: list[str], before: Dataset) -> None:
    log = session.log
    log.line(f"(j = {' '.join(values)})")
    log.line()
    log.line(_row("Data" + "Wide".rjust(35), "Long"))
    log.line(_RULE)
    log.line(_counted("Number of observations", before.n_obs, session.data.n_obs))
    log.line(_counted("Number of variables", len(before.variables), len(session.data.variables)))
    left = f"j variable ({len(values)} value{'s' if len(values) != 1 else ''})"
    log.line(f"{left:<39}   ->   {definition.j}")
    log.line("xij variables:")
    for stub in definition.stubs:
        log.line(_row(_shown(stub, values), _long_name(stub)))
    log.line(_RULE)


def _report_wide(session: Session, definition: Definition, values: list[str], before: Dataset) -> None:
    log = session.log
    log.line(f"(j = {' '.join(values)})")
    log.line()
    log.line(_row("Data" + "Long".rjust(35), "Wide"))
    log.line(_RULE)
    log.line(_counted("Number of observations", before.n_obs, session.data.n_obs))
    log.line(_counted("Number of variables", len(before.variables), len(session.data.variables)))
    left = f"j variable ({len(values)} value{'s' if len(values) != 1 else ''})"
    log.line(f"{left}{definition.j:>{39 - len(left)}}   ->   (dropped)")
    log.line("xij variables:")
    for stub in definition.stubs:
        log.line(_row(_long_name(stub), _shown(stub, values)))
    log.line(_RULE)
