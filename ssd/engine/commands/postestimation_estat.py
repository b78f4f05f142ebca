"""estat: the subcommands that follow estimation; vif, hettest, ovtest as commands of their own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, SessionSource, estimation_of, marked_sample, parse_varlist
from ssd.engine.commands.postestimation_bootstrap import estat_bootstrap
from ssd.engine.commands.postestimation_iv import endogenous, first_stage_statistics, overidentification
from ssd.engine.commands.postestimation_serial import (
    arch_lm,
    breusch_godfrey,
    durbin_alternative,
    durbin_watson,
)
from ssd.engine.commands.postestimation_tables import classification, goodness_of_fit, information_criteria
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.display import DisplayStyle
from ssd.engine.output.estimation import CoefficientTable, fixed, label_lines, number
from ssd.engine.output.matrices import MatrixTable, print_matrix_table
from ssd.engine.results import ResultSet
from ssd.engine.stats.arithmetic import quotient
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.linear import independent_columns, least_squares

if TYPE_CHECKING:
    from ssd.engine.session import Session

Handler = Callable[["Session", str, list[TypedOption]], None]


@command("estat", "[anything(everything)] [, *]", stored="depends on the subcommand",
         refused="esample, hettest mtest, imtest white detail beyond the table, szroeter")  # fmt: skip
def estat(session: Session, line: Line) -> None:
    """Postestimation statistics: vif, hettest, ovtest, imtest, ic, vce, summarize, firststage, …"""
    words = line.anything.split(None, 1)
    if not words:
        raise StataError(198, "subcommand expected")
    name = words[0]
    if session.e.macros.get("cmd") == "csdid":
        from ssd.engine.commands.causal_csdid import estat_csdid

        extra = line.options.get("*")
        estat_csdid(session, name, read_options(extra if isinstance(extra, str) else ""))
        return
    own = _own_subcommand(session, name)
    if own is not None:
        extra = line.options.get("*")
        own(session, words[1] if len(words) > 1 else "", read_options(extra if isinstance(extra, str) else ""))
        return
    found = next((key for key, least in _SUBCOMMANDS if key.startswith(name) and len(name) >= least), None)
    if found is None:
        raise StataError(321, f"invalid subcommand {name}")
    if "b" not in session.e.matrices:
        raise StataError(301, "last estimates not found")
    extra = line.options.get("*")
    options = read_options(extra if isinstance(extra, str) else "")
    _HANDLERS[found](session, words[1] if len(words) > 1 else "", options)


def _own_subcommand(session: Session, name: str) -> Handler | None:
    """The handler that the last command itself brings; four letters are enough."""
    last = session.e.hidden.get("estimation")
    own = last.predictions.get("estat") if isinstance(last, Estimation) else None
    if not isinstance(own, dict):
        return None
    return next((run for key, run in own.items() if key == name or (len(name) >= 4 and key.startswith(name))), None)


def _only(options: list[TypedOption], *allowed: str) -> dict[str, str]:
    """Typed options by full name. Raises r(198) for others."""
    values: dict[str, str] = {}
    for item in options:
        full = next((name for name in allowed if name.startswith(item.word)), None)
        if full is None:
            raise StataError(198, f"option {item.named} not allowed")
        values[full] = item.value or ""
    return values


def _linear_data(session: Session) -> tuple[Design, FloatArray, FloatArray, FloatArray | None]:
    """Design, X, y and weights of the last regress. Raises r(301) after other commands."""
    if session.e.macros.get("cmd") not in {"regress", "newey", "ivregress"}:
        raise StataError(321, "estat subcommand not valid after this command")
    estimation = estimation_of(session)
    rows = marked_sample(session)
    if int(rows.sum()) < 2:
        raise insufficient_observations()
    design = next(iter(estimation.designs.values()))
    source = SessionSource(session)
    y = session.evaluate_numbers(session.e.macros["depvar"])[rows]
    return design, design.matrix(source, rows), y, estimation.normalised


def _vif(session: Session, varlist: str, options: list[TypedOption]) -> None:
    """Variance inflation factors."""
    typed = _only(options, "uncentered")
    design, X, _, w = _linear_data(session)
    centred = "uncentered" not in typed
    names = [c.name for c in design.columns if c.active]
    values = []
    for j in range(X.shape[1]):
        others = np.delete(X, j, axis=1)
        if centred:
            fit = least_squares(others, X[:, j], w)
        else:
            fit = least_squares(np.column_stack([others, np.ones(len(X))]), X[:, j], w, constant=False)
        values.append(fit.tss / fit.rss if fit.rss > 0 else math.nan)
    order = sorted(range(len(values)), key=lambda j: -values[j])
    log = session.log
    log.line()
    log.line("    Variable |       VIF       1/VIF  ")
    log.line("-------------+----------------------")
    results = ResultSet()
    for rank, j in enumerate(order):
        label = names[j].replace("b.", ".")
        log.line(f"{label[:12]:>12} |{fixed(values[j], 2):>10}{fixed(1.0 / values[j], 6):>12}")
        results.scalars[f"vif_{rank + 1}"] = values[j]
        results.macros[f"name_{rank + 1}"] = names[j]
    log.line("-------------+----------------------")
    mean = float(np.mean(values)) if values else math.nan
    log.line(f"{'Mean VIF':>12} |{fixed(mean, 2):>10}")
    session.r = results


def _hettest(session: Session, varlist: str, options: list[TypedOption]) -> None:
    """Breusch–Pagan/Cook–Weisberg test for heteroskedasticity."""
    typed = _only(options, "rhs", "iid", "fstat", "normal")
    design, X, y, w = _linear_data(session)
    if w is not None:
        raise unsupported("estat hettest after weighted regression is")
    fit = least_squares(X, y, constant=design.constant)
    n = len(y)
    e2 = fit.residuals**2
    fitted = y - fit.residuals
    if "rhs" in typed:
        Z, variables = X, ", ".join(c.name for c in design.columns if c.active).replace(", ", " ")
    elif varlist.strip():
        source = SessionSource(session)
        terms = parse_varlist(session, [varlist])
        rows = marked_sample(session)
        from ssd.engine.stats.design import build

        extra = build(terms, source, rows)
        Z, variables = extra.matrix(source, rows), varlist.strip()
    else:
        Z, variables = fitted[:, None], f"Fitted values of {session.e.macros['depvar']}"
    Z = Z[:, independent_columns(Z)]
    df = Z.shape[1]
    auxiliary = least_squares(Z, e2 / (e2.sum() / n))
    log = session.log
    log.line()
    log.line("Breusch–Pagan/Cook–Weisberg test for heteroskedasticity ")
    kind = "i.i.d. error terms" if "iid" in typed or "fstat" in typed else "Normal error terms"
    log.line(f"Assumption: {kind}")
    log.line(f"Variable{'s' if df > 1 else ''}: {variables}")
    log.line()
    log.line("H0: Constant variance")
    log.line()
    if "fstat" in typed:
        F = ((auxiliary.tss - auxiliary.rss) / df) / (auxiliary.rss / (n - df - 1))
        p = f_tail(F, df, n - df - 1)
        log.line(f"{f'F({df}, {n - df - 1})':>12} = {fixed(F, 2):>6}")
        log.line(f"{'Prob > F':>12} = {fixed(p, 4):>6}")
        session.r = ResultSet(scalars={"F": F, "df_m": float(df), "df_r": float(n - df - 1), "p": p})
        return
    mss = auxiliary.tss - auxiliary.rss
    chi2 = n * mss / auxiliary.tss if "iid" in typed else mss / 2.0
    p = chi2_tail(chi2, df)
    log.line(f"{f'chi2({df})':>11} = {fixed(chi2, 2):>6}")
    log.line(f"{'Prob > chi2':>11} = {fixed(p, 4):>6}")
    session.r = ResultSet(scalars={"chi2": chi2, "df": float(df), "p": p})


def _ovtest(session: Session, _: str, options: list[TypedOption]) -> None:
    """Ramsey RESET with powers of the fitted values (or of the regressors, rhs)."""
    typed = _only(options, "rhs")
    design, X, y, w = _linear_data(session)
    fit = least_squares(X, y, w, constant=design.constant)
    if "rhs" in typed:
        bases = [c for c in range(X.shape[1]) if np.unique(X[:, c]).size > 2]
        powers = [X[:, c] ** power for power in (2, 3, 4) for c in bases]
        what = "powers of the independent variables"
    else:
        fitted = y - fit.residuals
        scaled = (fitted - fitted.min()) / max(float(fitted.max() - fitted.min()), 1e-300)
        powers = [scaled**power for power in (2, 3, 4)]
        what = f"powers of fitted values of {session.e.macros['depvar']}"
    larger = least_squares(np.column_stack([X, *powers]), y, w, constant=design.constant)
    df1 = larger.rank - fit.rank
    n = session.e.scalars["N"]
    df2 = n - larger.rank
    F = quotient(quotient(fit.rss - larger.rss, df1), quotient(larger.rss, df2))
    p = f_tail(F, df1, df2)
    log = session.log
    log.line()
    log.line("Ramsey RESET test for omitted variables")
    log.line(f"Omitted: {what[0].upper() + what[1:]}")
    log.line()
    log.line("H0: Model has no omitted variables")
    log.line()
    log.line(f"{f'F({df1}, {df2:.0f})':>10} = {fixed(F, 2):>6}")
    log.line(f"{'Prob > F':>10} = {fixed(p, 4):>6}")
    session.r = ResultSet(scalars={"p": p, "F": F, "df": float(df1), "df_r": df2})


def _white(X: FloatArray, e2: FloatArray) -> tuple[float, int]:
    """n R^2 of the squared residuals on levels, squares and cross products."""
    k = X.shape[1]
    columns = [X[:, j] for j in range(k)] + [X[:, i] * X[:, j] for i in range(k) for j in range(i, k)]
    Z = np.column_stack(columns)
    Z = Z[:, independent_columns(Z)]
    fit = least_squares(Z, e2)
    return len(e2) * (1.0 - fit.rss / fit.tss), Z.shape[1]


def _imtest(session: Session, _: str, options: list[TypedOption]) -> None:
    """Cameron and Trivedi's decomposition of the information-matrix test; White's test first with `white`."""
    typed = _only(options, "white", "preserve")
    design, X, y, w = _linear_data(session)
    if w is not None:
        raise unsupported("estat imtest after weighted regression is")
    fit = least_squares(X, y, constant=design.constant)
    n, k = len(y), X.shape[1]
    e = fit.residuals
    s2 = float(e @ e) / n
    het, het_df = _white(X, e**2)
    ones = np.ones((n, 1))
    third = least_squares(np.column_stack([X, ones]), e**3 - 3.0 * s2 * e, constant=False)
    target = e**3 - 3.0 * s2 * e
    skew, skew_df = n * (1.0 - third.rss / float(target @ target)), k
    fourth = e**4 - 6.0 * s2 * e**2 + 3.0 * s2**2
    kurt = n * (1.0 - float(((fourth - fourth.mean()) ** 2).sum()) / float(fourth @ fourth))
    log = session.log
    results = {}
    if "white" in typed:
        p = chi2_tail(het, het_df)
        log.line()
        log.line("White's test")
        log.line("H0: Homoskedasticity")
        log.line("Ha: Unrestricted heteroskedasticity")
        log.line()
        log.line(f"   {f'chi2({het_df})':>8} = {het:6.2f}")
        log.line(f"Prob > chi2 = {p:6.4f}")
    log.line()
    log.line("Cameron & Trivedi's decomposition of IM-test")
    log.line()
    log.line("--------------------------------------------------")
    log.line("              Source |       chi2     df         p")
    log.line("---------------------+----------------------------")
    total, total_df = het + skew + kurt, het_df + skew_df + 1
    rows = (("Heteroskedasticity", het, het_df), ("Skewness", skew, skew_df), ("Kurtosis", kurt, 1))
    for name, value, df in rows:
        log.line(f"{name:>20} |{value:11.2f}{df:7d}{chi2_tail(value, df):10.4f}")
    log.line("---------------------+----------------------------")
    log.line(f"{'Total':>20} |{total:11.2f}{total_df:7d}{chi2_tail(total, total_df):10.4f}")
    log.line("--------------------------------------------------")
    for key, value, df in (("h", het, het_df), ("s", skew, skew_df), ("k", kurt, 1), ("t", total, total_df)):
        results[f"chi2_{key}"] = value
        results[f"df_{key}"] = float(df)
    session.r = ResultSet(scalars=results)


def _vce(session: Session, _: str, options: list[TypedOption]) -> None:
    """The covariance (or, with correlation, correlation) matrix of the coefficients."""
    typed = _only(options, "correlation", "covariance", "format")
    V = session.e.matrices["V"]
    from ssd.engine.results import Matrix

    values = V.values
    if "correlation" in typed:
        d = np.sqrt(np.diag(values))
        safe = np.where(d > 0, d, 1.0)
        values = values / np.outer(safe, safe)
    log = session.log
    log.line()
    kind = "Correlation" if "correlation" in typed else "Covariance"
    log.line(f"{kind} matrix of coefficients of {session.e.macros.get('cmd', '')} model")
    shown = Matrix(values, list(V.rows), list(V.cols))
    look = MatrixTable(
        format=typed.get("format") or ("%10.0g" if kind == "Covariance" else "%8.4f"), row_title="e(V)",
        linesize=log.linesize,
    )  # fmt: skip
    print_matrix_table(log, shown, look)
    session.r = ResultSet(matrices={"V": Matrix(values, list(V.rows), list(V.cols))})


def _summarize(session: Session, _: str, options: list[TypedOption]) -> None:
    """Summary statistics over the estimation sample."""
    typed = _only(options, "labels", "noheader", "noweights")
    estimation = estimation_of(session)
    rows = marked_sample(session)
    source = SessionSource(session)
    entries = {name: session.evaluate_numbers(name) for name in session.e.macros["depvar"].split()}
    for design in estimation.designs.values():
        for column in design.columns:
            if column.status != "base":
                entries.setdefault(column.name, column.values(source))
    names = list(entries)
    table = CoefficientTable(
        names, np.zeros(len(names)), np.zeros((len(names), len(names))), data=session.data,
        style=DisplayStyle(squished=True),
    )  # fmt: skip
    lines = label_lines(table, range(len(names)))
    labels = [
        _label_of(session, text, None if j is None else names[j]) if "labels" in typed else "" for text, j in lines
    ]
    width = 54 + (max(6, *map(len, labels)) + 4 - 14 if "labels" in typed else 0)
    log = session.log
    log.line()
    if "noheader" not in typed:
        left = f"  Estimation sample {session.e.macros.get('cmd', '')}"
        right = f"Number of obs = {int(rows.sum()):>10,}"
        log.line(left + right.rjust(table.width + 3 + width - len(left)))
        log.line()
    rule = "  " + "-" * (table.width + 1 + width)
    log.line(rule)
    heading = "      Mean   Std. dev.     Min      Max   Label" if "labels" in typed else ""
    log.line(f"  {'Variable':>{table.width}} |" + (heading or "         Mean      Std. dev.         Min          Max"))
    log.line(f"  {'-' * (table.width + 1)}+{'-' * (width - 1)}")
    for (text, j), label in zip(lines, labels, strict=True):
        if j is None:
            log.line(f"  {text}" + (f"{'':39}   {label}" if label else ""))
            continue
        inside = entries[names[j]][rows]
        inside = inside[~is_missing(inside)]
        cells = [MISSING] * 4
        if inside.size:
            spread = float(inside.std(ddof=1)) if inside.size > 1 else 0.0
            cells = [float(inside.mean()), spread, float(inside.min()), float(inside.max())]
        if "labels" in typed:
            middle = f"{number(cells[0]):>10}{number(cells[1]):>11}"
            middle += "".join(f"{number(value, '%8.0g'):>9}" for value in cells[2:])
        else:
            middle = f"{number(cells[0]):>13}{number(cells[1]):>14}{number(cells[2]):>13}{number(cells[3]):>13}"
        log.line(f"  {text}{middle}   {label}".rstrip())
    log.line(rule)


def _label_of(session: Session, text: str, name: str | None) -> str:
    """Label of the variable a line is about; levels of a factor have that of the line above them."""
    variable = name if name is not None else text.rstrip(" |").strip()
    column = session.data.variables.get(variable)
    return column.label if column is not None else ""


_SUBCOMMANDS = (
    ("bootstrap", 4),
    ("vif", 3), ("hettest", 4), ("ovtest", 3), ("imtest", 3), ("ic", 2), ("vce", 3), ("summarize", 2), ("bgodfrey", 3),
    ("archlm", 5), ("durbinalt", 3),
    ("dwatson", 3), ("firststage", 5), ("overid", 5), ("endogenous", 5), ("classification", 4), ("gof", 3),
)  # fmt: skip
_HANDLERS: dict[str, Handler] = {
    "bootstrap": estat_bootstrap,
    "vif": _vif,
    "hettest": _hettest,
    "ovtest": _ovtest,
    "imtest": _imtest,
    "ic": lambda session, rest, options: information_criteria(session, _only(options, "n")),
    "vce": _vce,
    "summarize": _summarize,
    "archlm": lambda session, rest, options: arch_lm(session, _only(options, "lags", "force")),
    "bgodfrey": lambda session, rest, options: breusch_godfrey(
        session, _only(options, "lags", "nomiss0", "small", "force")
    ),
    "durbinalt": lambda session, rest, options: durbin_alternative(
        session, _only(options, "lags", "nomiss0", "robust", "small", "force")
    ),
    "dwatson": lambda session, rest, options: durbin_watson(session, *_only(options)),
    "firststage": lambda session, rest, options: first_stage_statistics(
        session, _only(options, "all", "forcenonrobust")
    ),
    "overid": lambda session, rest, options: overidentification(session, _only(options, "forcenonrobust", "lags")),
    "endogenous": lambda session, rest, options: endogenous(
        session, rest, _only(options, "forcenonrobust", "forceweights")
    ),
    "classification": lambda session, rest, options: classification(session, _only(options, "cutoff", "all")),
    "gof": lambda session, rest, options: goodness_of_fit(session, _only(options, "group", "table")),
}
