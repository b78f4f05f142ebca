"""unab, tsunab, fvunab, fvexpand, tsrevar, fvrevar: varlists spelled out or turned into variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource, operated_name, parse_varlist, require_numeric
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.options import match_options
from ssd.engine.lang.quoting import split_colon, split_comma
from ssd.engine.lang.scratch import next_temporary_name
from ssd.engine.missing import MISSING
from ssd.engine.results import ResultSet
from ssd.engine.stats.design import Column, build, complete

if TYPE_CHECKING:
    from ssd.engine.session import Session


def _unabbreviate(session: Session, line: Line, *, fv: bool, ts: bool) -> None:
    parts = split_colon(line.text)
    if parts is None:
        raise invalid_syntax()
    macro = parts[0].strip()
    if not re.fullmatch(r"\w{1,31}", macro):
        raise StataError(198, f"{macro} invalid name" if macro else "invalid syntax")
    main, option_text = split_comma(parts[1])
    grammar = compile_grammar("[, MIN(integer 1) MAX(integer 120000) Name(string)]")
    values, _, _ = match_options(option_text, grammar, session)
    names = session.expand_varlist(main, fv=fv, ts=ts)
    least, most = values["min"], values["max"]
    label = str(values["name"] or "varlist")
    if isinstance(least, int) and len(names) < least:
        raise StataError(102, f"{label}: too few variables specified" if values["name"]
                         else "too few variables specified")  # fmt: skip
    if isinstance(most, int) and len(names) > most:
        raise StataError(103, f"{label}: too many variables specified" if values["name"]
                         else "too many variables specified")  # fmt: skip
    session.locals[-1][macro] = " ".join(names)


@command("unab", "*")
def unab(session: Session, line: Line) -> None:
    """Unabbreviate a varlist into a local macro."""
    _unabbreviate(session, line, fv=False, ts=False)


@command("tsunab", "*")
def tsunab(session: Session, line: Line) -> None:
    """Unabbreviate a varlist with time-series operators into a local macro."""
    _unabbreviate(session, line, fv=False, ts=True)


@command("fvunab", "*")
def fvunab(session: Session, line: Line) -> None:
    """Unabbreviate a varlist with factor-variable operators into a local macro."""
    _unabbreviate(session, line, fv=True, ts=True)


def _columns(session: Session, line: Line) -> list[Column]:
    """The columns of the varlist with levels taken from the selected observations."""
    terms = parse_varlist(session, line.varlist)
    require_numeric(session, terms)
    source = SessionSource(session)
    rows = complete(terms, source, line.sample(session))
    if not rows.any():
        raise StataError(2000, "no observations")
    return build(terms, source, rows).columns


@command("fvexpand", "varlist(fv ts) [if] [in]", stored="r(varlist) r(fvops) r(tsops)")
def fvexpand(session: Session, line: Line) -> None:
    """Expand factor variables into their levels."""
    columns = _columns(session, line)
    operated = any(part.operator for column in columns for part in column.parts)
    factors = any(part.level is not None for column in columns for part in column.parts)
    session.r = ResultSet(
        macros={"varlist": " ".join(column.name for column in columns)}
        | ({"fvops": "true"} if factors else {})
        | ({"tsops": "true"} if operated else {})
    )


def _add(session: Session, values: np.ndarray, stub: str, number: int) -> str:
    """A variable for one term, temporary unless a stub names it."""
    if stub:
        name = f"{stub}{number}"
    else:
        name = next_temporary_name(session)
        session.calls[-1].temporary.append(("var", name))
    session.data.add(name, values, "double")
    return name


def _plain_names(columns: list[Column]) -> list[str]:
    return list(dict.fromkeys(part.variable for column in columns for part in column.parts))


@command("tsrevar", "varlist(ts) [if] [in] [, SUBstitute LIST]", stored="r(varlist)")
def tsrevar(session: Session, line: Line) -> None:
    """Turn variables with time-series operators into temporary variables."""
    terms = parse_varlist(session, line.varlist)
    require_numeric(session, terms)
    rows = line.sample(session)
    source = SessionSource(session)
    names = []
    for term in terms:
        part = term[0]
        if line.flag("list") or not part.operator:
            names.append(part.variable)
        else:
            values = np.where(rows, source.get(part.variable, part.operator), MISSING)
            names.append(_add(session, values, "", 0))
            session.data.variables[names[-1]].label = operated_name(part)
    session.r = ResultSet(macros={"varlist": " ".join(dict.fromkeys(names) if line.flag("list") else names)})


@command("fvrevar", "varlist(fv ts) [if] [in] [, SUBstitute LIST STUB(name)]", stored="r(varlist)")
def fvrevar(session: Session, line: Line) -> None:
    """Turn the terms of a varlist with factor-variable operators into variables."""
    columns = _columns(session, line)
    if line.flag("list"):
        session.r = ResultSet(macros={"varlist": " ".join(_plain_names(columns))})
        return
    source = SessionSource(session)
    rows = line.sample(session)
    stub = line.text_option("stub") or ""
    names = []
    for number, column in enumerate(columns, start=1):
        only = column.parts[0]
        if len(column.parts) == 1 and only.level is None and not only.operator and not stub:
            names.append(only.variable)
            continue
        known = rows.copy()
        for part in column.parts:
            known &= source.get(part.variable, part.operator) < MISSING
        values = column.values(source) if column.active else np.zeros(session.data.n_obs)
        names.append(_add(session, np.where(known, values, MISSING), stub, number))
    session.r = ResultSet(macros={"varlist": " ".join(names)})
