"""syntax, marksample, mark, markout: how a program reads its command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError, invalid_syntax, variable_not_found
from ssd.engine.lang.grammar import Grammar, Option, compile_grammar
from ssd.engine.lang.numbertext import number_text
from ssd.engine.lang.options import OptionValue
from ssd.engine.lang.syntax import Parts, fill_line, parse_range, split_line
from ssd.engine.missing import BoolArray, is_missing

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("syntax", "*")
def syntax(session: Session, line: Line) -> None:
    """Parse the local macro 0 by the program's own grammar into local macros."""
    grammar = compile_grammar(" ".join(line.text.split()))
    table = session.locals[-1]
    text = table.get("0", "")
    everything = grammar.subject is not None and grammar.subject.everything
    parts = _everything(text) if everything else split_line(text, equals=grammar.expression != "no")
    parsed = Line("syntax", text)
    fill_line(parsed, parts, grammar, session)
    _subject_macros(session, table, parsed, grammar)
    _clause_macros(table, parsed, parts, grammar)
    for option in grammar.options:
        _set(table, option.macro, _option_text(option, parsed.options.get(option.name), session))
    if grammar.any_option:
        _set(table, "options", str(parsed.options.get("*") or ""))


def _everything(text: str) -> Parts:
    from ssd.engine.lang.quoting import split_comma

    main, options = split_comma(text)
    return Parts(subject=main.strip(), options=options)


def _set(table: dict[str, str], name: str, text: str) -> None:
    if text:
        table[name] = text
    else:
        table.pop(name, None)


def _subject_macros(session: Session, table: dict[str, str], parsed: Line, grammar: Grammar) -> None:
    subject = grammar.subject
    if subject is None:
        return
    if subject.kind == "anything":
        _set(table, subject.name or "anything", parsed.anything)
        return
    names = list(parsed.varlist)
    if subject.kind in ("newvarlist", "newvarname"):
        kinds = [kind or session.settings.get("type", "float") for kind in parsed.types]
        _set(table, "typlist", " ".join(kinds))
    own = {"varname": "varlist", "newvarname": "varlist", "newvarlist": "varlist", "name": "namelist"}
    _set(table, subject.name or own.get(subject.kind, subject.kind), " ".join(names))


def _clause_macros(table: dict[str, str], parsed: Line, parts: Parts, grammar: Grammar) -> None:
    if grammar.condition != "no":
        text = parsed.condition or ""
        _set(table, "if", text if grammar.condition_bare or not text else f"if {text}")
    if grammar.range != "no":
        text = parts.range or ""
        _set(table, "in", text if grammar.range_bare or not text else f"in {text}")
    if grammar.using != "no":
        text = parsed.using or ""
        _set(table, "using", text if grammar.using_bare or not text else f'using "{text}"')
    if grammar.expression != "no":
        text = parsed.expression or ""
        _set(table, "exp", text if grammar.expression_bare or not text else f"= {text}")
    if grammar.weights:
        _set(table, "weight", parsed.weight.kind if parsed.weight else "")
        text = parsed.weight.expression if parsed.weight else ""
        _set(table, "exp", text if grammar.weights_bare or not text else f"= {text}")


def _option_text(option: Option, value: OptionValue, session: Session) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return option.name
    if isinstance(value, list):
        return " ".join(item if isinstance(item, str) else number_text(float(item)) for item in value)
    if isinstance(value, str):
        return value
    return number_text(float(value))


@command("marksample", "*", minimum=5)
def marksample(session: Session, line: Line) -> None:
    """Create a 0/1 variable for the observations the parsed command line selects."""
    main, flags = _name_and_flags(line.text, ("novarlist", "strok", "zeroweight", "noby"))
    name = main.strip()
    if not re.fullmatch(r"\w{1,31}", name):
        raise invalid_syntax()
    from ssd.engine.lang.scratch import next_temporary_name

    table = session.locals[-1]
    variable = next_temporary_name(session)
    session.calls[-1].temporary.append(("var", variable))
    table[name] = variable
    mask = selected(session, table, zero_weight="zeroweight" in flags)
    call = session.calls[-1]
    if call.by is not None and "noby" not in flags:
        mask &= call.by.mask
    if "novarlist" not in flags:
        mask &= complete(session, table.get("varlist", "").split(), strings_ok="strok" in flags)
    _add_mark(session, variable, mask)


def _add_mark(session: Session, name: str, mask: BoolArray) -> None:
    changed = session.data.changed
    session.data.add(name, mask.astype(np.float64), "byte")
    session.data.changed = changed


def _name_and_flags(text: str, allowed: tuple[str, ...]) -> tuple[str, set[str]]:
    from ssd.engine.lang.options import read_options
    from ssd.engine.lang.quoting import split_comma

    main, options = split_comma(text)
    flags: set[str] = set()
    for option in read_options(options or ""):
        full = next((flag for flag in allowed if flag.startswith(option.word) and len(option.word) >= 3), None)
        if full is None or option.value is not None:
            raise StataError(198, f"option {option.named} not allowed")
        flags.add(full)
    return main, flags


def selected(session: Session, table: dict[str, str], *, zero_weight: bool) -> BoolArray:
    """Observations chosen by the macros if, in, weight and exp, shape (n_obs,)."""
    data = session.data
    mask = np.ones(data.n_obs, dtype=np.bool_)
    condition = table.get("if", "").strip()
    if condition:
        mask &= session.evaluate_condition(re.sub(r"^if\b", "", condition))
    within = table.get("in", "").strip()
    if within:
        start, stop = parse_range(re.sub(r"^in\b", "", within), data.n_obs)
        inside = np.zeros(data.n_obs, dtype=np.bool_)
        inside[start:stop] = True
        mask &= inside
    weight, expression = table.get("weight", ""), table.get("exp", "").strip().removeprefix("=").strip()
    if weight and expression:
        from ssd.engine.lang.syntax import parse_weight

        parsed = parse_weight(weight, expression, ("fweight", "aweight", "pweight", "iweight"), session)
        values = session.evaluate_weights(parsed)
        mask &= ~is_missing(values)
        if not zero_weight:
            mask &= values != 0
    return mask


def complete(session: Session, terms: list[str], *, strings_ok: bool, extended_ok: bool = False) -> BoolArray:
    """Observations where no variable of the varlist is missing; strings count as missing unless `strings_ok`."""
    mask = np.ones(session.data.n_obs, dtype=np.bool_)
    for term in terms:
        for name in _variables_of(session, term):
            column = session.data.variables.get(name)
            if column is not None and column.is_string:
                mask &= session.data.strings(name) != "" if strings_ok else False
            elif column is not None:
                values = session.data.numeric(name)
                mask &= ~is_missing(values) if not extended_ok else ~(values == 2.0**1023)
            else:
                mask &= ~is_missing(session.evaluate_numbers(term))
    return mask


_IN_TERM: Final = re.compile(r"[^\W\d]\w*(?![\w.(])")


def _variables_of(session: Session, term: str) -> list[str]:
    """Variables inside a term; a term with time-series operators stands for itself."""
    if term in session.data.variables:
        return [term]
    if re.match(r"[LFDSlfds]\d*\.", term) and "#" not in term:
        return [term]
    return [name for name in _IN_TERM.findall(term) if name in session.data.variables]


@command("mark", "newvarname [if] [in] [fweight aweight pweight iweight] [, ZEROweight NOBY]")
def mark(session: Session, line: Line) -> None:
    """Create a 0/1 variable for the selected observations."""
    mask = line.sample(session)
    weights = line.weights(session)
    if weights is not None:
        mask &= ~is_missing(weights)
        if not line.flag("zeroweight"):
            mask &= weights != 0
    call = session.calls[-1]
    if call.by is not None and not line.flag("noby"):
        mask &= call.by.mask
    _add_mark(session, line.varlist[0], mask)


@command("markout", "anything [, STRok SYSMISSok]")
def markout(session: Session, line: Line) -> None:
    """Set a mark to 0 where any of the variables is missing."""
    name, _, rest = line.anything.partition(" ")
    if name not in session.data.variables:
        raise variable_not_found(name)
    if not rest.strip():
        return
    terms = session.expand_varlist(rest, fv=True, ts=True)
    keep = complete(session, terms, strings_ok=line.flag("strok"), extended_ok=line.flag("sysmissok"))
    current = session.data.numeric(name)
    changed = session.data.changed
    session.data.replace(name, np.where(keep, current, 0.0))
    session.data.changed = changed
