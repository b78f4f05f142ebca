"""center, tuples, nmissing, npresent, xtpatternvar and labmask (SSC): small tools of data work."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.community_counts import missing_values
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.groupstats import Cells, mean, sd
from ssd.engine.data.names import check_name
from ssd.engine.data.order import group_numbers
from ssd.engine.data.storage import object_array
from ssd.engine.data.timeseries import time_settings
from ssd.engine.errors import StataError, already_defined, no_observations, type_mismatch, unsupported
from ssd.engine.lang.quoting import split_comma, split_words
from ssd.engine.missing import MISSING
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "center",
    "varlist(numeric) [if] [in] [aweight fweight] [, PREfix(name) noLabel Addtolabel(string) Replace Double "
    "Standardize Casewise THeta(string) Generate(name) Inplace MEANsave MEANsave(string) SDsave SDsave(string)]",
    by="vector",
    refused="theta(), meansave, sdsave, pweights and iweights",
)
def center(session: Session, line: Line) -> None:
    """Center variables at their means, or standardize them."""
    for option in ("theta", "meansave", "sdsave"):
        if line.options.get(option):
            raise unsupported(f"option {option} of center is")
    data = session.data
    inplace, generate, prefix = line.flag("inplace"), line.text_option("generate"), line.text_option("prefix")
    if inplace and (prefix or generate):
        raise StataError(198, f"{'prefix' if prefix else 'generate'}() not allowed with inplace")
    if generate and prefix:
        raise StataError(198, "prefix() not allowed if generate() is specified")
    if generate and len(line.varlist) > 1:
        raise StataError(103, "too many variables specified")
    targets = {name: name if inplace else generate or f"{prefix or 'c_'}{name}" for name in line.varlist}
    for name, target in targets.items():
        if not inplace:
            check_name(target)
        if target in data.variables and not inplace and not line.flag("replace"):
            raise StataError(110, f"{target} already defined or invalid name")
        if data.variables[name].is_string:
            raise type_mismatch()
    rows = line.sample(session)
    if line.flag("casewise"):
        for name in line.varlist:
            rows = rows & (data.numeric(name) < MISSING)
    weights = line.weights(session)
    kind = line.weight.kind if line.weight is not None else ""
    ids = line.groups.ids if line.groups is not None else np.zeros(data.n_obs, dtype=np.intp)
    count = len(line.groups.starts) if line.groups is not None else 1
    standardize = line.flag("standardize")
    ending = line.text_option("addtolabel")
    for name, target in targets.items():
        x = data.numeric(name)
        used = rows & (x < MISSING)
        if weights is not None:
            used &= (weights < MISSING) & (weights > 0)
        c = Cells(x[used], ids[used], count, None if weights is None else weights[used], kind)
        middle, spread = mean(c)[ids], sd(c)[ids] if standardize else np.ones(data.n_obs)
        known = used & (middle < MISSING) & (spread < MISSING) & (spread > 0)
        deviation = np.where(known, x, 0.0) - np.where(known, middle, 0.0)
        values = np.where(known, deviation / np.where(known, spread, 1.0), MISSING)
        text = ending if ending is not None else " (standardized)" if standardize else " (centered)"
        label = "" if line.flag("nolabel") else f"{(data.variables[name].label or name)[: 80 - len(text)]}{text}"
        if inplace:
            data.replace(name, np.where(rows, values, x))
            data.variables[name].label = label or data.variables[name].label
            continue
        if target in data.variables:
            data.drop([target])
        data.add(target, values, "double" if line.flag("double") else "float", label=label)
    verb = "modified" if inplace else "generated"
    session.log.line(f"({verb} variables: {' '.join(targets.values())})")


@command(
    "tuples",
    "*",
    stored="the local macros tuple1, tuple2, … and ntuples",
    refused="conditionals(); the options that choose between methods change nothing and are not taken",
)
def tuples(session: Session, line: Line) -> None:
    """All selections from a list, as local macros."""
    from ssd.engine.lang.grammar import compile_grammar
    from ssd.engine.lang.options import match_options

    main, option_text = split_comma(line.text)
    grammar = compile_grammar("[, ASIS VARlist MAX(integer 0) MIN(integer 1) CONDitionals(string) DIsplay]")
    values, _, _ = match_options(option_text, grammar, session)
    if values["conditionals"]:
        raise unsupported("option conditionals() of tuples is")
    if values["asis"] is True and values["varlist"] is True:
        raise StataError(198, "asis and varlist may not be combined")
    items = split_words(main)
    if values["asis"] is not True:
        try:
            items = session.expand_varlist(main)
        except StataError:
            if values["varlist"] is True:
                raise
    least, most = values["min"], values["max"]
    low = int(least) if isinstance(least, int) else 1
    high = int(most) if isinstance(most, int) and most > 0 else len(items)
    table = session.locals[-1]
    number = 0
    for size in range(low, min(high, len(items)) + 1):
        for chosen in reversed(list(itertools.combinations(items, size))):
            number += 1
            table[f"tuple{number}"] = " ".join(f'"{each}"' if " " in each else each for each in chosen)
            if values["display"] is True:
                session.log.line(f"tuple{number}: {table[f'tuple{number}']}")
    table["ntuples"] = str(number)


def _count_by_missing(session: Session, line: Line, *, present: bool) -> None:
    if line.flag("obs") or line.flag("piasm") or line.flag("trim"):
        raise unsupported(f"options obs, piasm and trim of {line.command} are")
    rows = line.sample(session)
    if not rows.any():
        raise no_observations()
    typed = line.text_option("min")
    everything = {"all", "_all", "*", "_N"}
    least = 1.0 if not typed else float(rows.sum()) if typed in everything else max(session.evaluate_number(typed), 0.0)
    found = []
    for name in line.varlist:
        hit = missing_values(session, name)
        count = int(((~hit if present else hit) & rows).sum())
        if count >= least:
            found.append((name, count))
    if found:
        session.log.line()
    for name, count in found:
        session.log.line(f"{abbreviate(name, 12):<15}{format_value(float(count), '%6.0f'):>6}")
    session.r = ResultSet(macros={"varlist": " ".join(name for name, _ in found)})


@command("nmissing", "[varlist] [if] [in] [, Min(string) Obs Piasm Trim]", by="recall", stored="r(varlist)",
         refused="obs, piasm, trim")  # fmt: skip
def nmissing(session: Session, line: Line) -> None:
    """Number of missing values of the variables that have any."""
    _count_by_missing(session, line, present=False)


@command("npresent", "[varlist] [if] [in] [, Min(string) Obs Piasm Trim]", by="recall", stored="r(varlist)",
         refused="obs, piasm, trim")  # fmt: skip
def npresent(session: Session, line: Line) -> None:
    """Number of values that are not missing."""
    _count_by_missing(session, line, present=True)


@command("xtpatternvar", "[if] [in] , GENerate(name)")
def xtpatternvar(session: Session, line: Line) -> None:
    """Pattern of the periods in which each panel is observed, such as 11.1, as a string variable."""
    data = session.data
    target = line.text_option("generate") or ""
    check_name(target)
    if target in data.variables:
        raise already_defined(target)
    settings = time_settings(data)
    if settings is None or not settings.panel or not settings.time:
        raise StataError(459, "panel variable not set; use xtset varname ...")
    time, panel = data.numeric(settings.time), data.numeric(settings.panel)
    rows = line.sample(session) & (time < MISSING) & (panel < MISSING)
    if not rows.any():
        raise no_observations()
    first = time[rows].min()
    width = int(time[rows].max() - first) + 1
    if width > 244:
        raise StataError(498, "no go; patterns too long for str244")
    ids, count = group_numbers([panel[rows]])
    seen = np.full((count, width), ".", dtype="U1")
    seen[ids, (time[rows] - first).astype(np.intp)] = "1"
    patterns = ["".join(row) for row in seen.tolist()]
    out = object_array([""] * data.n_obs)
    out[rows] = object_array([patterns[i] for i in ids.tolist()])
    data.add(target, out)


@command("labmask", "varname [if] [in] , VALues(varname) [LBLname(name) DECode]")
def labmask(session: Session, line: Line) -> None:
    """Make the values of one variable the value labels of another."""
    data = session.data
    name, source = line.varlist[0], line.text_option("values") or ""
    if data.variables[name].is_string:
        raise type_mismatch()
    x = data.numeric(name)
    rows = line.sample(session) & (x < MISSING)
    if np.any(x[rows] != np.trunc(x[rows])):
        raise StataError(198, "may not label noninteger values")
    column = data.variables[source]
    if column.is_string:
        texts = [str(each) for each in column.values[rows].tolist()]
    else:
        labels = data.labels_of(source) if line.flag("decode") else {}
        texts = [
            labels.get(int(v), "") if line.flag("decode") else "" if v >= MISSING else f"{v:.9g}"
            for v in data.numeric(source)[rows].tolist()
        ]
    found: dict[int, str] = {}
    for value, text in zip(x[rows].tolist(), texts, strict=True):
        if found.setdefault(int(value), text) != text:
            raise StataError(198, f"{source} not constant within groups of {name}")
    label_name = line.text_option("lblname") or name
    data.value_labels[label_name] = {**data.value_labels.get(label_name, {}), **{k: v for k, v in found.items() if v}}
    data.variables[name].value_label = label_name
    data.changed = True
