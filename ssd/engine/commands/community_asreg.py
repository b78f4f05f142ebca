"""asreg and asgen (SSC): regressions and weighted means by group or in moving windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource, operated_name, parse_varlist, require_numeric
from ssd.engine.data.names import check_name
from ssd.engine.data.order import IndexArray, group_numbers
from ssd.engine.data.windows import Windows, interval_windows
from ssd.engine.errors import StataError, already_defined, invalid_syntax, no_observations, type_mismatch, unsupported
from ssd.engine.expr import evaluate_rows
from ssd.engine.expr.values import number
from ssd.engine.missing import MISSING, BoolArray, FloatArray, from_nan
from ssd.engine.stats.window_regression import WindowFit, fit_windows

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "asreg",
    "varlist(fv ts) [if] [in] [, Window(string) MINimum(integer 0) BY(varlist) FITted SE RMSE RECursive Robust "
    "NOConstant FMB NEWey(integer 0) SAVE(string) FIRST KEEP(string) EXclude(string)]",
    by="vector",
    refused="fmb, newey(), noconstant, exclude(), keep(), save(), first",
)
def asreg(session: Session, line: Line) -> None:
    """Regressions by group or in a moving window, their results as variables."""
    for name in ("fmb", "newey", "noconstant", "exclude", "keep", "save", "first"):
        if line.options.get(name):
            raise unsupported(f"option {name} of asreg is")
    terms = parse_varlist(session, line.varlist)
    if any(len(term) > 1 or term[0].kind == "i" for term in terms):
        raise unsupported("asreg with factor variables is")
    require_numeric(session, terms)
    source = SessionSource(session)
    columns = [source.get(term[0].variable, term[0].operator) for term in terms]
    names = [operated_name(term[0]).replace(".", "") for term in terms]
    targets = _targets(line, names)
    session.data.require_new(targets)
    sample = line.sample(session)
    complete = sample.copy()
    for values in columns:
        complete &= values < MISSING
    windows, rows = _windows(session, line, sample, complete)
    parts = _fit(line, columns, windows, rows, session.data.n_obs)
    if line.flag("fitted"):
        parts |= _fitted(columns, names, parts, complete)
    for target in targets:
        kind = "float" if target == "_Nobs" or target.startswith("_se_") else "double"
        session.data.add(target, parts[target], kind, label=_label(target, robust=line.flag("robust")))


def _targets(line: Line, names: list[str]) -> list[str]:
    slopes = [*names[1:], "cons"]
    targets = ["_rmse"] if line.flag("rmse") else []
    targets += ["_Nobs", "_R2", "_adjR2", *(f"_b_{name}" for name in slopes)]
    if line.flag("se") or line.flag("robust"):
        targets += [f"_se_{name}" for name in slopes]
    if line.flag("fitted"):
        targets += ["_fitted", "_residuals"]
    return targets


def _label(target: str, *, robust: bool) -> str:
    fixed = {
        "_rmse": "Root-mean-squared error", "_Nobs": "No of observatons", "_R2": "R-squared",
        "_adjR2": "Adjusted R-squared", "_b_cons": "Constant of the regression", "_fitted": "", "_residuals": "",
        "_se_cons": f"{'Robust' if robust else 'Standard'} Std. errors of constant",
    }  # fmt: skip
    if target in fixed:
        return fixed[target]
    if target.startswith("_b_"):
        return f"Coefficient of {target[3:]}"
    return f"{'Robust' if robust else 'Standard'} Std. errors of {target[4:]}"


def _windows(session: Session, line: Line, sample: BoolArray, complete: BoolArray) -> tuple[Windows, IndexArray]:
    """The windows of the sample's rows, each holding only complete observations."""
    data = session.data
    by = line.options.get("by")
    groups = [str(each) for each in by] if isinstance(by, list) else []
    typed = line.text_option("window")
    rows = np.flatnonzero(sample)
    if rows.size == 0:
        raise no_observations()
    if line.groups is not None:
        ids = line.groups.ids[rows]
    elif groups:
        ids, _ = group_numbers([each[rows] for each in data.keys(groups)])
    else:
        ids = np.zeros(rows.size, dtype=np.intp)
    if typed is None:
        if line.flag("recursive"):
            raise StataError(198, "option recursive requires window()")
        key = np.zeros(data.n_obs)
        low = high = np.full(rows.size, np.nan)
    else:
        key, back, ahead = _bounds(session, typed, recursive=line.flag("recursive"))
        kept = key[rows] < MISSING
        rows, ids = rows[kept], ids[kept]
        low, high = key[rows] + back, key[rows] + ahead
    windows = interval_windows(rows, ids, key[rows], low, high)
    return windows, rows


def _bounds(session: Session, typed: str, *, recursive: bool) -> tuple[FloatArray, float, float]:
    """The key and how far a window reaches back and ahead: window(year 10) is the year and the nine before it."""
    words = typed.replace(",", " ").split()
    if len(words) not in (2, 3):
        raise StataError(198, "option window() needs a variable and one or two numbers")
    key = session.data.numeric(session.variable_named(words[0]))
    try:
        numbers = [float(word) for word in words[1:]]
    except ValueError:
        raise StataError(7, f"'{words[-1]}' found where number expected") from None
    if len(numbers) == 2:
        if numbers[0] >= numbers[1]:
            raise StataError(198, "the lower bound of window() must be below the upper bound")
        back, ahead = numbers
        if ahead == 0.0:
            back += 1.0
    else:
        back, ahead = 1.0 - abs(numbers[0]), 0.0
    return key, np.nan if recursive else back, ahead


def _fit(
    line: Line, columns: list[FloatArray], windows: Windows, rows: IndexArray, n_obs: int
) -> dict[str, FloatArray]:
    """Results over all observations by the names of their variables."""
    k = len(columns) - 1
    count = len(windows.first)
    found: list[tuple[IndexArray, WindowFit]] = []
    for numbers, members, local in windows.chunks():
        kept = np.ones(members.size, dtype=np.bool_)
        for values in columns:
            kept &= values[members] < MISSING
        chosen = members[kept]
        X = np.stack([each[chosen] for each in columns[1:]], axis=1) if k else np.zeros((chosen.size, 0))
        fit = fit_windows(columns[0][chosen], X, local[kept], numbers.size, robust=line.flag("robust"))
        found.append((numbers, fit))
    least = line.options.get("minimum")
    minimum = float(least) if isinstance(least, int) else 0.0
    slopes = [*_names(line), "cons"]

    def spread(part: str, column: int | None = None) -> FloatArray:
        by_window = np.full(count, np.nan)
        for numbers, fit in found:
            values = getattr(fit, part)
            enough = (fit.n >= minimum) & (fit.n > k + 1)
            by_window[numbers] = np.where(enough, values if column is None else values[:, column], np.nan)
        out = np.full(n_obs, MISSING)
        out[rows] = from_nan(by_window[windows.window_of])
        return out

    results = {"_Nobs": spread("n"), "_R2": spread("r2"), "_adjR2": spread("adjusted"), "_rmse": spread("rmse")}
    for j, name in enumerate(slopes):
        results[f"_b_{name}"] = spread("b", j)
        results[f"_se_{name}"] = spread("se", j)
    return results


def _names(line: Line) -> list[str]:
    return [name.replace(".", "") for name in line.varlist[1:]]


def _fitted(
    columns: list[FloatArray], names: list[str], parts: dict[str, FloatArray], complete: BoolArray
) -> dict[str, FloatArray]:
    """Each observation's prediction from the coefficients of its own window."""
    known = complete & (parts["_b_cons"] < MISSING)
    total = np.where(known, parts["_b_cons"], 0.0)
    for name, values in zip(names[1:], columns[1:], strict=True):
        total = total + np.where(known, parts[f"_b_{name}"], 0.0) * np.where(known, values, 0.0)
    residual = np.where(known, columns[0], 0.0) - total
    return {"_fitted": np.where(known, total, MISSING), "_residuals": np.where(known, residual, MISSING)}


@command("asgen", "anything =exp [if] [in] [, Weight(varname) BY(varlist)]", by="vector")
def asgen(session: Session, line: Line) -> None:
    """Weighted mean of an expression, by group."""
    words = line.anything.split()
    if len(words) != 1:
        raise invalid_syntax()
    check_name(words[0])
    data = session.data
    if words[0] in data.variables:
        raise already_defined(words[0])
    values = evaluate_rows(line.expression or "", session, groups=line.groups)
    if values.dtype == object:
        raise type_mismatch()
    x = number(values)
    assert isinstance(x, np.ndarray)
    weight = line.text_option("weight")
    w = np.ones(data.n_obs) if weight is None else data.numeric(weight)
    by = line.options.get("by")
    groups = [str(each) for each in by] if isinstance(by, list) else []
    if line.groups is not None:
        ids, count = line.groups.ids, len(line.groups.starts)
    elif groups:
        ids, count = group_numbers(data.keys(groups))
    else:
        ids, count = np.zeros(data.n_obs, dtype=np.intp), 1
    sample = line.sample(session)
    used = sample & (x < MISSING) & (w < MISSING)
    with np.errstate(all="ignore"):
        mean = np.bincount(ids[used], (x * w)[used], count) / np.bincount(ids[used], w[used], count)
    data.add(words[0], np.where(sample, from_nan(mean)[ids], MISSING), "double")
