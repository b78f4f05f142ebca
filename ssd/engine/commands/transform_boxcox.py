"""boxcox: Box–Cox regression models."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    build_regressors,
    level_of,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    replay,
    require_numeric,
    store,
    take_sample,
)
from ssd.engine.errors import StataError
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    chi2_entry,
    count,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.output.tables import abbreviate
from ssd.engine.stats.box_cox import MODELS, BoxCox, BoxCoxFit, invert, maximize, transform
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

_PARAMETERS = {"lhsonly": ["theta"], "rhsonly": ["lambda"], "lambda": ["lambda"], "theta": ["lambda", "theta"]}


@command(
    "boxcox",
    "[varlist(numeric ts fv default=none)] [if] [in] [fweight iweight] [, noCONStant Model(string) NOTRans(string) "
    "LRTEST noLOg noLOGLR Level(cilevel)]",
    by="recall",
    stored="e(N) e(ll) e(chi2) e(df_m) e(ll0) e(df_r) e(ll_t1) e(chi2_t1) e(p_t1) e(ll_tm1) e(chi2_tm1) e(p_tm1) "
    "e(ll_t0) e(chi2_t0) e(p_t0) e(rank) e(cmd) e(depvar) e(model) e(ntrans) e(b) e(V) e(pm) e(df) e(chi2m) r(table)",
    refused="maximize options",
)
def boxcox(session: Session, line: Line) -> None:
    """Box–Cox regression: power transformations of the outcome, the regressors or both."""
    if replay(session, line, "boxcox"):
        return
    model = _model(line)
    level = level_of(session, line)
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    fixed_terms = parse_varlist(session, split_words(line.text_option("notrans") or ""))
    require_numeric(session, fixed_terms)
    moved_terms = [] if model == "lhsonly" else terms
    still_terms = [*terms, *fixed_terms] if model == "lhsonly" else fixed_terms
    if model != "lhsonly" and not moved_terms:
        raise StataError(102, "no regressors to transform")
    sample = take_sample(session, line, source, [(outcome,), *terms, *fixed_terms])
    constant = not line.flag("noconstant")
    moved = build_regressors(session, source, moved_terms, sample, constant=False)
    still = build_regressors(session, source, still_terms, sample, constant=constant)
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    depvar = operated_name(outcome)
    if model != "rhsonly" and np.any(y <= 0.0):
        raise StataError(411, f"{depvar} contains observations that are not strictly positive")
    for column, name in zip(moved.X.T, [c.name for c in moved.design.columns if c.active], strict=True):
        if np.any(column <= 0.0):
            raise StataError(411, f"{name} contains observations that are not strictly positive")
    data = BoxCox(model, y, moved.X, still.X, sample.w, constant)
    log = session.log
    shown = not line.flag("nolog")
    ll_0 = _comparison(data)
    if shown:
        log.line("Fitting comparison model")
        log.line()
        log.line("Fitting full model")
        log.line()
    fit = maximize(data.log_likelihood, data.count)
    if shown:
        for index, value in enumerate(fit.iterations):
            log.line(f"{f'Iteration {index}:':<13} Log likelihood = {number(value, '%10.0g'):>10}")
    ls = data.regression(fit.parameters)
    n = sample.n
    sigma = math.sqrt(ls.rss / n)
    labels = _PARAMETERS[model]
    coefficients = _coefficients(data, ls.coefficients, moved.design, still.design)
    k = len(coefficients)
    names = [*coefficients, *(f"/:{label}" for label in labels), "/:sigma"]
    b = np.array([*coefficients.values(), *fit.parameters, sigma])
    V = np.zeros((len(b), len(b)))
    V[k : k + len(labels), k : k + len(labels)] = fit.covariance
    df_m = int(moved.X.shape[1] + still.X.shape[1]) + int(model in {"rhsonly", "theta"})
    chi2 = 2.0 * (fit.log_likelihood - ll_0)
    tests = _tests(data, fit, model)
    table = CoefficientTable([f"/:{label}" for label in labels], fit.parameters, fit.covariance, depvar, None, level)
    ratios = _ratios(data, fit, moved.design, still.design, moved.X, still.X) if line.flag("lrtest") else {}

    def show() -> None:
        log.line()
        entries = [Entry("Number of obs", count(n)), *chi2_entry("LR", df_m, chi2)]
        entries[-1] = Entry("Prob > chi2", f"{chi2_tail(chi2, df_m):.3f}" if df_m else ".")
        left = ["", "", f"Log likelihood = {number(fit.log_likelihood, '%10.0g')}"]
        print_header(log, left, entries, label_width=15, value_width=10)
        log.line()
        print_coefficients(log, table)
        _scale_variant(session, coefficients, sigma, ratios)
        _test_table(session, tests, "theta" if model in {"lhsonly", "theta"} else "lambda", model)

    estimation = Estimation(
        {}, table, show, (sample.kind, line.weight.expression if line.weight else ""),
        {"predict": _predictor(depvar, data, fit, moved.design, still.design)}, sample.w,
    )  # fmt: skip
    scalars = {
        "N": n, "ll": fit.log_likelihood, "chi2": chi2, "df_m": float(df_m), "ll0": ll_0, "df_r": math.nan,
        "p": chi2_tail(chi2, df_m) if df_m else math.nan, "rank": float(len(labels)), "ic": float(len(fit.iterations)),
        **{f"{key}_{name}": value for name, row in tests.items() for key, value in row.items() if key != "at"},
    }  # fmt: skip
    del scalars["df_r"]
    macros = {
        "cmd": "boxcox", "depvar": depvar, "model": model, "ntrans": "yes" if still_terms else "", "chi2type": "LR",
        "predict": "boxcox_p", "lrtest": "lrtest" if ratios else "",
    }  # fmt: skip
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    # e(b) holds all parameters; only those of the transformation have a variance.
    from ssd.engine.results import Matrix

    session.e.matrices["b"] = Matrix(b.reshape(1, -1), ["y1"], list(names))
    session.e.matrices["V"] = Matrix(V, list(names), list(names))
    show()


def _model(line: Line) -> str:
    typed = (line.text_option("model") or "lhsonly").strip()
    least = {"lhsonly": 3, "rhsonly": 3, "lambda": 3, "theta": 5}
    found = next((name for name in MODELS if name.startswith(typed) and len(typed) >= least[name]), None)
    if found is None:
        raise StataError(198, f"model({typed}) not allowed")
    return found


def _comparison(data: BoxCox) -> float:
    """Log likelihood without regressors, the outcome transformed by its own best power."""
    kind = "rhsonly" if data.model == "rhsonly" else "lhsonly"
    nothing = np.zeros((len(data.y), 0))
    null = BoxCox(kind, data.y, nothing, nothing, data.w, data.constant)
    if not data.constant:
        # Without a constant nothing is left to explain the outcome.
        null = BoxCox(kind, data.y, nothing, nothing, data.w, constant=True)
    if kind == "rhsonly":
        return null.log_likelihood(np.ones(1))
    return maximize(null.log_likelihood, 1).log_likelihood


def _coefficients(data: BoxCox, b: FloatArray, moved: Design, still: Design) -> dict[str, float]:
    p = data.moved.shape[1]
    found = {}
    names = [c.name for c in moved.columns if c.active]
    found.update({f"Trans:{name}": float(value) for name, value in zip(names, b[:p], strict=True)})
    names = [c.name for c in still.columns if c.active] + (["_cons"] if data.constant else [])
    ordered = {f"Notrans:{name}": float(value) for name, value in zip(names, b[p:], strict=True)}
    return {**ordered, **found}


def _tests(data: BoxCox, fit: BoxCoxFit, model: str) -> dict[str, dict[str, float]]:
    """Likelihood-ratio tests of the power -1, 0 and 1 (of both powers in the theta model)."""
    found = {}
    for name, value in (("tm1", -1.0), ("t0", 0.0), ("t1", 1.0)):
        restricted = data.log_likelihood(np.full(data.count, value))
        chi2 = 2.0 * (fit.log_likelihood - restricted)
        found[name] = {"at": value, "ll": restricted, "chi2": chi2, "p": chi2_tail(chi2, data.count)}
    return found


def _ratios(
    data: BoxCox, fit: BoxCoxFit, moved: Design, still: Design, X: FloatArray, Z: FloatArray
) -> dict[str, tuple[float, int]]:
    """Per regressor the statistic of leaving it out and its degrees of freedom."""
    found = {}
    for owner, design, matrix in (("Trans", moved, X), ("Notrans", still, Z)):
        for j, name in enumerate(c.name for c in design.columns if c.active):
            rest = np.delete(matrix, j, axis=1)
            first, second = (rest, Z) if owner == "Trans" else (X, rest)
            model, df = data.model, 1
            if model in {"rhsonly", "theta"} and not first.shape[1]:
                # Without transformed regressors their power is gone too.
                df, model = 2, "lhsonly" if model == "theta" else model
                if model == "rhsonly":
                    smaller = BoxCox("lhsonly", data.y, first, second, data.w, data.constant)
                    ll = _linear_likelihood(smaller)
                    found[f"{owner}:{name}"] = (2.0 * (fit.log_likelihood - ll), df)
                    continue
            smaller = BoxCox(model, data.y, first, second, data.w, data.constant)
            ll = maximize(smaller.log_likelihood, smaller.count).log_likelihood
            found[f"{owner}:{name}"] = (2.0 * (fit.log_likelihood - ll), df)
    return found


def _linear_likelihood(data: BoxCox) -> float:
    """Of the untransformed regression."""
    total = float(len(data.y) if data.w is None else data.w.sum())
    rss = data.regression(np.ones(1)).rss
    return -0.5 * total * (math.log(2.0 * math.pi) + 1.0 + math.log(rss / total))


def _scale_variant(
    session: Session, coefficients: dict[str, float], sigma: float, ratios: dict[str, tuple[float, int]]
) -> None:
    log = session.log
    wide = bool(ratios)
    rule = "-" * (57 if wide else 28)
    middle = "-" * 13 + "+" + "-" * (len(rule) - 14)
    log.line()
    log.line("Estimates of scale-variant parameters")
    log.line(rule)
    log.line("             | Coefficient" + ("  chi2(df)  P>chi2(df)  df of chi2" if wide else ""))
    log.line(middle)
    previous = ""
    for name, value in coefficients.items():
        owner, _, bare = name.partition(":")
        if owner != previous:
            if previous:
                log.line(middle)
            log.line(f"{owner:<12} |")
            previous = owner
        text = f"{abbreviate(bare, 12):>12} |{number(value):>11}"
        if name in ratios:
            chi2, df = ratios[name]
            text += f"{chi2:>11.3f}{chi2_tail(chi2, df):>10.3f}{df:>10d}"
        log.line(text)
    log.line(middle)
    log.line(f"{'/sigma':>12} |{number(sigma):>11}")
    log.line(rule)


def _test_table(session: Session, tests: dict[str, dict[str, float]], label: str, model: str) -> None:
    log = session.log
    rule = "-" * 57
    log.line()
    log.line(rule)
    log.line("   Test         Restricted     LR statistic      P-value")
    log.line("    H0:       log likelihood       chi2       Prob > chi2")
    log.line(rule)
    for row in tests.values():
        name = f"{'theta=lambda' if model == 'theta' else label} = {row['at']:2.0f}"
        width = 12 if len(name) < 15 else 29 - len(name)
        log.line(f"{name:<14}{number(row['ll'], '%10.0g'):>{width}}{row['chi2']:>15.2f}{row['p']:>15.3f}")
    log.line(rule)


def _predictor(depvar: str, data: BoxCox, fit: BoxCoxFit, moved: Design, still: Design) -> object:
    """Fitted values by Duan's smearing, and their residuals."""
    theta, lam = data.powers(fit.parameters)
    ls = data.regression(fit.parameters)
    power = 1.0 if data.model == "rhsonly" else theta

    def predict(session: Session, line: Line, chosen: str) -> tuple[FloatArray, str, str]:
        if chosen not in {"", "yhat", "residuals"}:
            raise StataError(198, f"option {chosen} not allowed")
        source = SessionSource(session)
        n = session.data.n_obs
        known = np.ones(n, dtype=np.bool_)
        for design in (moved, still):
            for column in design.columns:
                for part in column.parts:
                    known &= ~is_missing(source.get(part.variable, part.operator))
        X, Z = moved.matrix(source, known), still.matrix(source, known)
        inside = np.all(X > 0.0, axis=1)
        safe = np.where(X > 0.0, X, 1.0)
        columns = [transform(column, lam) for column in safe.T] or [np.zeros((len(Z), 0))]
        index = with_constant(np.column_stack([*columns, Z]), data.constant) @ ls.coefficients
        fitted = np.empty(len(index))
        for start in range(0, len(index), 2000):
            piece = index[start : start + 2000, None] + ls.residuals[None, :]
            values = piece if data.model == "rhsonly" else invert(piece, power)
            fitted[start : start + 2000] = np.nanmean(values, axis=1)
        full = np.full(n, MISSING)
        full[known] = np.where(inside & np.isfinite(fitted), fitted, MISSING)
        if chosen != "residuals":
            return full, "Fitted values", "" if chosen else "(option yhat assumed; fitted values by smearing)"
        outcome = session.evaluate_numbers(depvar)
        good = ~is_missing(outcome) & ~is_missing(full)
        return np.where(good, outcome - full, MISSING), "Residuals", ""

    return predict
