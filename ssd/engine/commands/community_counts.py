"""unique, distinct, mdesc and nmissing (SSC): how many values, and how many missing ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.names import check_name
from ssd.engine.data.order import group_numbers
from ssd.engine.data.storage import stored_missing
from ssd.engine.errors import StataError, already_defined, no_observations, unsupported
from ssd.engine.missing import MISSING, BoolArray
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session


def missing_values(session: Session, name: str) -> BoolArray:
    """Where a variable is missing, or empty for a string."""
    column = session.data.variables[name]
    if column.is_string:
        return np.asarray(column.values == "", dtype=np.bool_)
    return stored_missing(column.values, column.type)


def _complete(session: Session, line: Line, names: list[str]) -> BoolArray:
    rows = line.sample(session)
    for name in names:
        rows = rows & ~missing_values(session, name)
    return rows


def _distinct_rows(session: Session, names: list[str], rows: BoolArray) -> int:
    if not rows.any():
        return 0
    return group_numbers([key[rows] for key in session.data.keys(names)])[1]


@command("unique", "varlist [if] [in] [, GENerate(name) BY(varname) Detail]", stored="r(unique) r(N)", refused="detail")
def unique(session: Session, line: Line) -> None:
    """Report the number of unique values of the variables taken together."""
    if line.flag("detail"):
        raise unsupported("option detail of unique is")
    names = line.varlist
    rows = _complete(session, line, names)
    by = line.text_option("by")
    target = line.text_option("generate") or "_Unique"
    if by and line.text_option("generate"):
        check_name(target)
        if target in session.data.variables:
            raise already_defined(target)
    found = _distinct_rows(session, names, rows)
    listed = " ".join(names)
    session.log.line(f"Number of unique values of {listed} is  {found}")
    session.log.line(f"Number of records is  {int(rows.sum())}")
    session.r = ResultSet(scalars={"unique": float(found), "N": float(rows.sum())})
    if by:
        _unique_by(session, names, rows, by, target)
        session.log.line(f"variable {target} contains number of unique values of {listed} by {by}")
        session.run(f"list {by} {target} if {target}!=., noobs")


def _unique_by(session: Session, names: list[str], rows: BoolArray, by: str, target: str) -> None:
    """The count of a group stands in the first observation of the group, the data sorted by it."""
    data = session.data
    if not rows.size:
        raise no_observations()
    if target == "_Unique" and target in data.variables:
        data.drop([target])
    order = np.lexsort(tuple(reversed([*data.keys([by, *names]), rows])))
    rows = rows[order]
    data.take(order)
    data.sorted_by = [by, *names]
    ids, count = group_numbers(data.keys([by]))
    pairs, n_pairs = group_numbers(data.keys([by, *names]))
    first = np.zeros(n_pairs, dtype=np.intp)
    first[pairs[rows]] = 1
    owner = np.zeros(n_pairs, dtype=np.intp)
    owner[pairs] = ids
    totals = np.bincount(owner, first, count)
    starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    values = np.full(data.n_obs, MISSING)
    values[starts] = totals
    data.add(target, values)


@command(
    "distinct",
    "[varlist] [if] [in] [, MISSing Abbrev(integer -1) Joint MINimum(integer 0) MAXimum(integer -1)]",
    by="recall",
    stored="r(N) r(ndistinct)",
)
def distinct(session: Session, line: Line) -> None:
    """Report numbers of distinct values, or of distinct combinations with joint."""
    low, high = _bounds(session, line)
    log = session.log
    with_missing = line.flag("missing")
    log.line()
    if line.flag("joint"):
        log.line("        Observations")
        log.line("      total   distinct")
        rows = line.sample(session) if with_missing else _complete(session, line, line.varlist)
        total, found = int(rows.sum()), _distinct_rows(session, line.varlist, rows)
        if low <= found <= high:
            log.line(f"{format_value(float(total), '%11.0g'):>11}  {format_value(float(found), '%9.0g'):>9}")
    else:
        typed = line.options.get("abbrev")
        width = int(typed) if isinstance(typed, int) and typed != -1 else max(map(len, line.varlist), default=0)
        width = max(width, 5)
        log.line(" " * (width + 2) + "|        Observations")
        log.line(" " * (width + 2) + "|      total   distinct")
        log.line("-" * (width + 2) + "+" + "-" * 22)
        total = found = 0
        for name in line.varlist:
            rows = line.sample(session) if with_missing else _complete(session, line, [name])
            total, found = int(rows.sum()), _distinct_rows(session, [name], rows)
            if low <= found <= high:
                cells = "  ".join(f"{format_value(float(each), '%9.0g'):>9}" for each in (total, found))
                log.line(f" {abbreviate(name, width):>{width}} |  {cells}")
    session.r = ResultSet(scalars={"N": float(total), "ndistinct": float(found)})


def _bounds(session: Session, line: Line) -> tuple[float, float]:
    low, high = line.options.get("minimum"), line.options.get("maximum")
    least = float(low) if isinstance(low, int) else 0.0
    most = float(high) if isinstance(high, int) and high != -1 else float("inf")
    if least > most:
        session.log.line(f"min({least:.0f}) max({most:.0f}) interpreted as min({most:.0f}) max({least:.0f})")
        least, most = most, least
    return least, most


@command(
    "mdesc",
    "[varlist] [if] [in] [, ABbreviate(integer 12) ANY ALL NOne]",
    by="recall",
    stored="r(miss) r(total) r(percent) r(miss_vars) r(notmiss_vars)",
)
def mdesc(session: Session, line: Line) -> None:
    """Table of the number and share of missing values of each variable."""
    ways = [way for way in ("any", "all", "none") if line.flag(way)]
    if len(ways) > 1:
        raise StataError(198, "specify only the any option or the all option or the none")
    way = ways[0] if ways else ""
    log = session.log
    if way in {"any", "all"} and len(line.varlist) == 1:
        log.line(f"since only 1 variable was specified, the {way} option will be ignored")
        way = ""
    typed = line.options.get("abbreviate")
    width = min(int(typed) if isinstance(typed, int) else 12, 32)
    stub, right = (16, 47) if width <= 16 else (width + 1, width + 30)
    log.line()
    if way == "none":
        log.line(" " * stub + "|      None                        Percent              ")
        log.line(f"{'    Variable':<{stub}}|     Missing          Total     Not Missing")
    else:
        log.line(f"{'    Variable':<{stub}}|     Missing          Total     Percent Missing")
    log.line("-" * stub + "+" + "-" * right)
    rows = line.sample(session)
    total = int(rows.sum())
    gone = {name: missing_values(session, name) & rows for name in line.varlist}
    results = ResultSet()
    if way:
        stacked = np.array(list(gone.values()))
        hit = stacked.any(axis=0) if way == "any" else stacked.all(axis=0) if way == "all" else ~stacked.any(axis=0)
        counts = [({"any": "any vars", "all": "all vars", "none": "no vars"}[way], int((hit & rows).sum()))]
    else:
        counts = [(name, int(each.sum())) for name, each in gone.items()]
        results.macros["miss_vars"] = " ".join(name for name, count in counts if count)
        results.macros["notmiss_vars"] = " ".join(name for name, count in counts if not count)
    for name, count in counts:
        share = 100.0 * count / total if total else MISSING
        log.line(
            f"{abbreviate(name, width):>{stub - 1}} | {count:>11,}    {total:>11,}       "
            f"{format_value(share, '%8.2f'):>8}"
        )
        results.scalars = {"miss": float(count), "total": float(total), "percent": share}
    log.line("-" * stub + "+" + "-" * right)
    results.macros = {name: text for name, text in results.macros.items() if text}
    session.r = results
