"""rangestat (SSC): statistics of the observations whose key lies in an interval around each observation's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.groupstats import Cells, moment_ratio, percentile, statistic, variance
from ssd.engine.data.names import check_name
from ssd.engine.data.order import IndexArray, group_numbers
from ssd.engine.data.windows import Windows, interval_windows
from ssd.engine.errors import StataError, already_defined, type_mismatch, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray, from_nan
from ssd.engine.stats.window_regression import fit_windows

if TYPE_CHECKING:
    from ssd.engine.session import Session

_SIMPLE = (
    "obs", "count", "missing", "mean", "sum", "sd", "variance", "skewness", "kurtosis", "min", "median", "max",
    "first", "last", "firstnm", "lastnm",
)  # fmt: skip


@dataclass(frozen=True)
class _Request:
    statistic: str
    sources: list[str]
    targets: list[str]


@command(
    "rangestat",
    "anything [if] [in] , Interval(string) [BY(varlist) EXCLudeself CASEWise Describe LOCAL(name)]",
    refused="Mata functions as statistics",
)
def rangestat(session: Session, line: Line) -> None:
    """Generate statistics of observations within a range of a variable."""
    data = session.data
    requests = _requests(session, line.anything)
    created = [name for request in requests for name in request.targets]
    for i, name in enumerate(created):
        check_name(name)
        if name in data.variables or name in created[:i]:
            raise already_defined(name)
    windows, rows = _windows(session, line)
    by_name = {}
    for request in requests:
        for name, values in zip(request.targets, _compute(session, line, request, windows), strict=True):
            out = np.full(data.n_obs, MISSING)
            out[rows] = values[windows.window_of]
            by_name[name] = (out, request)
    for name, (values, request) in by_name.items():
        # double, as rangestat makes its variables, so that no result is rounded
        data.add(name, values, "double", label=_label(request, name))
    macro = line.text_option("local")
    if macro:
        session.locals[-1][macro] = " ".join(created)
    if line.flag("describe"):
        session.run(f"describe {' '.join(created)}")


def _requests(session: Session, text: str) -> list[_Request]:
    requests: list[_Request] = []
    current = "mean"
    pieces = re.findall(r"\([^)]*\)|[^\s()=]+\s*=\s*[^\s()]+|[^\s()]+", text)
    groups: list[tuple[str, list[tuple[str, str]]]] = []
    for piece in pieces:
        if piece.startswith("("):
            current = piece[1:-1].strip()
            if current not in (*_SIMPLE, "reg", "corr", "cov"):
                raise unsupported(f"the statistic {current} of rangestat is")
            groups.append((current, []))
            continue
        if not groups:
            groups.append((current, []))
        new, equals, source = (part.strip() for part in piece.partition("="))
        for name in session.expand_varlist(source if equals else new):
            if session.data.variables[name].is_string:
                raise type_mismatch()
            groups[-1][1].append((new if equals else "", name))
    for kind, items in groups:
        names = [name for _, name in items]
        if not names:
            raise StataError(198, f"no variable specified for ({kind})")
        if kind == "reg":
            slopes = [*names[1:], "cons"]
            targets = ["reg_nobs", "reg_r2", "reg_adj_r2", *(f"b_{x}" for x in slopes), *(f"se_{x}" for x in slopes)]
            requests.append(_Request(kind, names, targets))
        elif kind in {"corr", "cov"}:
            if len(names) != 2:
                raise StataError(198, f"({kind}) needs two variables")
            requests.append(_Request(kind, names, [f"{kind}_nobs", f"{kind}_x"]))
        else:
            requests.append(_Request(kind, names, [new or f"{name}_{kind}" for new, name in items]))
    return requests


def _windows(session: Session, line: Line) -> tuple[Windows, IndexArray]:
    words = (line.text_option("interval") or "").replace(",", " ").split()
    if len(words) != 3:
        raise StataError(198, "option interval() incorrectly specified")
    data = session.data
    key_name = session.variable_named(words[0])
    key = data.numeric(key_name)
    by = line.options.get("by")
    groups = [str(each) for each in by] if isinstance(by, list) else []
    rows = np.flatnonzero(line.sample(session) & (key < MISSING))
    if groups and rows.size:
        ids, _ = group_numbers([each[rows] for each in data.keys(groups)])
    else:
        ids = np.zeros(rows.size, dtype=np.intp)
    low, high = (_bound(session, word, key)[rows] for word in words[1:])
    return interval_windows(rows, ids, key[rows], low, high, merge=not line.flag("excludeself")), rows


def _bound(session: Session, word: str, key: FloatArray) -> FloatArray:
    """A bound over all observations: a variable, or a number added to the key; NaN where it is open."""
    if word == ".":
        return np.full(key.size, np.nan)
    try:
        return key + float(word)
    except ValueError:
        values = session.data.numeric(session.variable_named(word))
    return np.where(values < MISSING, values, np.nan)


def _compute(session: Session, line: Line, request: _Request, windows: Windows) -> list[FloatArray]:
    """One array over the windows for each target."""
    count = len(windows.first)
    out = [np.full(count, MISSING) for _ in request.targets]
    columns = [session.data.numeric(name) for name in request.sources]
    whole = np.ones(session.data.n_obs, dtype=np.bool_)
    for values in columns:
        whole &= values < MISSING
    # Without merged windows each window belongs to one asking row: the one it leaves out.
    askers = _askers(line, windows, session)
    for numbers, members, local in windows.chunks():
        own = members == askers[numbers][local] if askers is not None else np.zeros(members.size, dtype=np.bool_)
        if request.statistic in {"reg", "corr", "cov"}:
            parts = _joint(request, columns, whole, members, local, own, numbers.size)
        else:
            casewise = line.flag("casewise")
            parts = [
                _single(request.statistic, values, whole if casewise else None, members, local, own, numbers.size)
                for values in columns
            ]
        for target, part in zip(out, parts, strict=True):
            target[numbers] = part
    return out


def _askers(line: Line, windows: Windows, session: Session) -> IndexArray | None:
    if not line.flag("excludeself"):
        return None
    key = session.data.numeric(session.variable_named((line.text_option("interval") or "").split()[0]))
    return np.flatnonzero(line.sample(session) & (key < MISSING))


def _single(
    kind: str,
    values: FloatArray,
    whole: BoolArray | None,
    members: IndexArray,
    local: IndexArray,
    own: BoolArray,
    count: int,
) -> FloatArray:
    """A statistic of one variable in each window."""
    kept = np.ones(members.size, dtype=np.bool_)
    if whole is not None:
        kept = whole[members] & ~own
        own = np.zeros(members.size, dtype=np.bool_)
    x = np.where(own, MISSING, values[members])[kept]
    ids = local[kept]
    present = x < MISSING
    size = np.bincount(ids, minlength=count).astype(np.float64)
    if kind == "obs":
        return np.where(size > 0, size, MISSING)
    if kind in {"first", "last", "firstnm", "lastnm"}:
        at = np.flatnonzero(present) if kind.endswith("nm") else np.arange(x.size)
        at = at[::-1] if kind.startswith("first") else at
        out = np.full(count, MISSING)
        out[ids[at]] = x[at]
        return out
    c = Cells(x[present], ids[present], count)
    if kind == "missing":
        return np.where(size > 0, size - c.count, MISSING)
    if kind == "count":
        return np.where(size > 0, c.count, MISSING)
    if kind == "variance":
        return variance(c)
    if kind in {"skewness", "kurtosis"}:
        return moment_ratio(c, 3 if kind == "skewness" else 4)
    if kind == "median":
        return percentile(c, 50.0)
    compute = statistic(kind)
    assert compute is not None
    return np.where(c.count > 0, compute(c), MISSING)


def _joint(
    request: _Request,
    columns: list[FloatArray],
    whole: BoolArray,
    members: IndexArray,
    local: IndexArray,
    own: BoolArray,
    count: int,
) -> list[FloatArray]:
    """Regression, correlation or covariance of complete observations in each window."""
    kept = whole[members] & ~own
    rows, ids = members[kept], local[kept]
    if request.statistic == "reg":
        X = np.stack([each[rows] for each in columns[1:]], axis=1) if columns[1:] else np.zeros((rows.size, 0))
        fit = fit_windows(columns[0][rows], X, ids, count)
        return [from_nan(each) for each in (np.where(fit.n > 0, fit.n, np.nan), fit.r2, fit.adjusted, *fit.b.T,
                                            *fit.se.T)]  # fmt: skip
    n = np.bincount(ids, minlength=count).astype(np.float64)
    with np.errstate(all="ignore"):
        deviations = []
        for values in columns:
            x = values[rows]
            deviations.append(x - (np.bincount(ids, x, count) / n)[ids])
        a, b = deviations
        product, aa, bb = (np.bincount(ids, each, count) for each in (a * b, a * a, b * b))
        value = product / np.sqrt(aa * bb) if request.statistic == "corr" else product / (n - 1.0)
    value = np.where((n > 1) & np.isfinite(value), value, np.nan)
    return [np.where(n > 0, n, MISSING), from_nan(value)]


def _label(request: _Request, name: str) -> str:
    if request.statistic in {"reg", "corr", "cov"}:
        return ""
    source = request.sources[request.targets.index(name)]
    return f"{request.statistic} of {source}"
