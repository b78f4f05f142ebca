"""gtools and ftools (SSC): the fast versions of collapse, egen, levelsof and others, with what they add."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.data_collapse import collapse
from ssd.engine.commands.data_egen import egen
from ssd.engine.commands.data_quantiles import quantiles
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.columns import empty_column, key_codes
from ssd.engine.data.groupstats import Cells, percentile
from ssd.engine.data.names import check_name
from ssd.engine.data.order import group_numbers
from ssd.engine.errors import StataError, already_defined, invalid_syntax, no_observations, type_mismatch, unsupported
from ssd.engine.expr import evaluate_rows
from ssd.engine.expr.values import number
from ssd.engine.missing import MISSING, FloatArray

if TYPE_CHECKING:
    from ssd.engine.session import Session


def _collapse(session: Session, line: Line) -> None:
    """collapse, and with merge the statistics beside the data they come from."""
    frequency = line.text_option("freq")
    if not line.flag("merge") and not frequency:
        collapse(session, line)
        return
    before = session.data.copy()
    sample = session.e.sample
    keys = line.options.get("by")
    names = [str(each) for each in keys] if isinstance(keys, list) else []
    counts = _counts(session, line, names) if frequency else None
    try:
        collapse(session, line)
        if frequency:
            session.data.add(frequency, counts if counts is not None else np.empty(0), "long")
        if line.flag("merge"):
            _merge_back(session, line, before, names)
    except StataError:
        session.data = before
        raise
    finally:
        if line.flag("merge"):
            session.e.sample = sample


def _counts(session: Session, line: Line, names: list[str]) -> FloatArray:
    rows = line.sample(session)
    if not rows.any():
        raise no_observations()
    if not names:
        return np.array([float(rows.sum())])
    ids, count = group_numbers([key[rows] for key in session.data.keys(names)])
    return np.bincount(ids, minlength=count).astype(np.float64)


def _merge_back(session: Session, line: Line, before: object, names: list[str]) -> None:
    from ssd.engine.data.dataset import Dataset

    assert isinstance(before, Dataset)
    made = session.data
    if names:
        ours, theirs, count = key_codes(before, made, names)
        place = np.full(count, -1, dtype=np.intp)
        place[theirs] = np.arange(made.n_obs)
        rows = place[ours]
    else:
        rows = np.zeros(before.n_obs, dtype=np.intp)
    session.data = before
    selected = line.sample(session) & (rows >= 0)
    for name, column in made.variables.items():
        if name in names:
            continue
        if name in before.variables and not line.flag("replace"):
            raise already_defined(name)
        new = empty_column(column, before.n_obs)
        new.values[selected] = column.values[rows[selected]]
        before.variables[name] = new
    before.changed = True


_GCOLLAPSE = (
    "anything(id=varlist) [if] [in] [aweight fweight iweight pweight] "
    "[, BY(varlist) CW FAST MERGE REPLACE FREQ(name) Verbose]"
)


@command("gcollapse", _GCOLLAPSE, refused="statistics collapse has not (nunique, cv, skewness, …), labelformat(), wild")
def gcollapse(session: Session, line: Line) -> None:
    """collapse, optionally merging the statistics into the data."""
    _collapse(session, line)


@command("fcollapse", _GCOLLAPSE, refused="statistics collapse has not, pool(), register()")
def fcollapse(session: Session, line: Line) -> None:
    """collapse, optionally merging the statistics into the data."""
    _collapse(session, line)


_EGEN = "anything(id=newvar) =exp [if] [in] [, BY(varlist) *]"


@command("gegen", _EGEN, by="vector", refused="replace; functions egen has not")
def gegen(session: Session, line: Line) -> None:
    """egen."""
    egen(session, line)


@command("fegen", _EGEN, by="vector", refused="functions egen has not")
def fegen(session: Session, line: Line) -> None:
    """egen."""
    egen(session, line)


def _plainly(session: Session, name: str, line: Line) -> None:
    """Run the command of Stata itself on the same text."""
    session.run(f"{name} {line.text}".strip())


@command("gisid", "*", refused="exitmissing")
def gisid(session: Session, line: Line) -> None:
    """isid."""
    _plainly(session, "isid", line)


@command("fisid", "*")
def fisid(session: Session, line: Line) -> None:
    """isid."""
    _plainly(session, "isid", line)


@command("glevelsof", "*", stored="r(levels) r(N) r(r)", refused="several variables, gen(), numfmt()")
def glevelsof(session: Session, line: Line) -> None:
    """levelsof."""
    _plainly(session, "levelsof", line)


@command("flevelsof", "*", stored="r(levels) r(N) r(r)")
def flevelsof(session: Session, line: Line) -> None:
    """levelsof."""
    _plainly(session, "levelsof", line)


@command("gcontract", "*")
def gcontract(session: Session, line: Line) -> None:
    """contract."""
    _plainly(session, "contract", line)


@command("gduplicates", "*")
def gduplicates(session: Session, line: Line) -> None:
    """duplicates."""
    _plainly(session, "duplicates", line)


@command("gdistinct", "*", stored="r(N) r(ndistinct)", refused="sort(), the matrix r(distinct)")
def gdistinct(session: Session, line: Line) -> None:
    """distinct."""
    _plainly(session, "distinct", line)


@command("hashsort", "*", refused="generate(), stable and other options gsort has not")
def hashsort(session: Session, line: Line) -> None:
    """gsort."""
    _plainly(session, "gsort", line)


@command("fsort", "*")
def fsort(session: Session, line: Line) -> None:
    """sort."""
    _plainly(session, "sort", line)


@command("fmerge", "*", refused="what merge refuses")
def fmerge(session: Session, line: Line) -> None:
    """merge."""
    _plainly(session, "merge", line)


@command("gunique", "varlist [if] [in] [, GENerate(name) BY(varlist) Detail Missing]",
         stored="r(N) r(J) r(unique) r(minJ) r(maxJ)", refused="generate(), by(), detail")  # fmt: skip
def gunique(session: Session, line: Line) -> None:
    """Number of distinct combinations and the sizes of their groups."""
    from ssd.engine.commands.community_counts import missing_values
    from ssd.engine.results import ResultSet

    for name in ("generate", "by", "detail"):
        if line.options.get(name):
            raise unsupported(f"option {name} of gunique is")
    rows = line.sample(session)
    for name in line.varlist:
        rows = rows & ~missing_values(session, name)
    if not rows.any():
        raise no_observations()
    ids, count = group_numbers([key[rows] for key in session.data.keys(line.varlist)])
    sizes = np.bincount(ids, minlength=count)
    n = int(rows.sum())
    listed = " ".join(line.varlist)
    session.log.line(f"N = {n:,}; {count:,} {'balanced' if sizes.min() == sizes.max() else 'unbalanced'} groups of "
                     + (f"size {sizes.min():,}" if sizes.min() == sizes.max()
                        else f"sizes {sizes.min():,} to {sizes.max():,}"))  # fmt: skip
    session.r = ResultSet(
        scalars={"N": float(n), "J": float(count), "unique": float(count), "minJ": float(sizes.min()),
                 "maxJ": float(sizes.max())},
        macros={"byvars": listed},
    )  # fmt: skip


def _grouped_tiles(session: Session, line: Line, name: str, expression: str, percents: list[float]) -> None:
    """Quantile categories of an expression, within the groups of by()."""
    data = session.data
    check_name(name)
    if name in data.variables:
        raise already_defined(name)
    values = evaluate_rows(expression, session, groups=line.groups)
    if values.dtype == object:
        raise type_mismatch()
    x = number(values)
    assert isinstance(x, np.ndarray)
    weights = line.weights(session)
    rows = line.sample(session) & (x < MISSING)
    if weights is not None:
        rows &= (weights < MISSING) & (weights > 0)
    by = line.options.get("by")
    groups = [str(each) for each in by] if isinstance(by, list) else []
    if line.groups is not None:
        ids = line.groups.ids
    elif groups:
        ids, _ = group_numbers(data.keys(groups))
    else:
        ids = np.zeros(data.n_obs, dtype=np.intp)
    picked = np.flatnonzero(rows)
    if picked.size == 0:
        raise no_observations()
    out = np.full(data.n_obs, MISSING)
    if not line.flag("altdef"):
        count = int(ids.max()) + 1
        c = Cells(x[picked], ids[picked], count, None if weights is None else weights[picked])
        out[picked] = 1.0
        for percent in percents:
            out[picked] += x[picked] > percentile(c, percent)[ids[picked]]
    else:
        order = picked[np.argsort(ids[picked], kind="stable")]
        for members in np.split(order, np.flatnonzero(np.diff(ids[order])) + 1):
            w = None if weights is None else weights[members]
            points = quantiles(x[members], w, percents, alternative=True)
            out[members] = np.searchsorted(points, x[members], side="left") + 1.0
    data.add(name, out, "byte" if len(percents) < 100 else "int")


def _tiles(line: Line) -> list[float]:
    n = line.options.get("nquantiles")
    count = int(n) if isinstance(n, int) else 2
    if count < 2:
        raise StataError(198, "nquantiles() must be at least 2")
    return [100.0 * k / count for k in range(1, count)]


@command(
    "gquantiles",
    "anything =exp [if] [in] [aweight fweight pweight] [, XTILE PCTILE Nquantiles(integer 2) BY(varlist) ALTdef]",
    by="vector",
    refused="pctile, cutpoints(), quantiles(), genp() and other ways than xtile with nquantiles()",
)
def gquantiles(session: Session, line: Line) -> None:
    """Quantile categories, within groups if asked."""
    if line.flag("pctile") or not line.flag("xtile"):
        raise unsupported("gquantiles without xtile is")
    _grouped_tiles(session, line, _single(line), line.expression or "", _tiles(line))


@command(
    "fasterxtile",
    "anything =exp [if] [in] [aweight fweight pweight] [, Nquantiles(integer 2) BY(varlist) ALTdef]",
    by="vector",
    refused="cutpoints() and the other ways of gquantiles",
)
def fasterxtile(session: Session, line: Line) -> None:
    """Quantile categories, within groups if asked."""
    _grouped_tiles(session, line, _single(line), line.expression or "", _tiles(line))


@command("astile", "anything =exp [if] [in] [, NQuantiles(integer 2) BY(varlist) QC(string)]", by="vector",
         refused="qc()")  # fmt: skip
def astile(session: Session, line: Line) -> None:
    """Quantile categories, within groups if asked."""
    if line.options.get("qc"):
        raise unsupported("option qc() of astile is")
    _grouped_tiles(session, line, _single(line), line.expression or "", _tiles(line))


def _single(line: Line) -> str:
    words = line.anything.split()
    if len(words) != 1:
        raise invalid_syntax()
    return words[0]


@command("gstats", "*", refused="subcommands other than winsor; gstats winsor with weights")
def gstats(session: Session, line: Line) -> None:
    """gstats winsor: winsor2."""
    match = re.match(r"\s*winsor\b(.*)$", line.text, re.DOTALL)
    if match is None:
        raise unsupported(f"gstats {(line.text.split() or [''])[0]}")
    session.run(f"winsor2 {match[1].strip()}")
