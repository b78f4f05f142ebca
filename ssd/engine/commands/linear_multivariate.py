"""mvreg: multivariate regression ([MV] mvreg)."""

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
    weight_note,
)
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, insufficient_observations
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable, number, print_coefficients
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import Matrix
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.linear import least_squares
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.commands.postestimation_predict import Request
    from ssd.engine.session import Session


@command(
    "mvreg",
    "[anything(everything equalok)] [if] [in] [aweight fweight] [, noCONStant CORr noHEader noTABle Level(cilevel) "
    "BASElevels]",
    by="recall",
    stored="e(N) e(k) e(k_eq) e(df_r) e(chi2) e(df_chi2) e(cmd) e(eqnames) e(r2) e(rmse) e(F) e(p_F) e(depvar) e(b) "
    "e(V) e(Sigma) r(table)",
)
def mvreg(session: Session, line: Line) -> None:
    """Multivariate regression: several outcomes on the same regressors."""
    if replay(session, line, "mvreg"):
        return
    left, equal, right = line.anything.partition("=")
    if not equal:
        raise StataError(198, "equal sign required between the dependent and the independent variables")
    level = level_of(session, line)
    source = SessionSource(session)
    outcomes = [
        outcome_and_terms(session, [word])[0] for text in split_words(left) for word in _expanded(session, text)
    ]
    if not outcomes:
        raise StataError(100, "varlist required")
    terms = parse_varlist(session, split_words(right))
    require_numeric(session, terms)
    sample = take_sample(session, line, source, [*((outcome,) for outcome in outcomes), *terms])
    weight_note(session, sample, line)
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    design, n = regressors.design, sample.n
    w = np.ones(sample.count) if sample.w is None else sample.w
    fits = [
        least_squares(regressors.X, source.get(each.variable, each.operator)[sample.rows], sample.w, constant=constant)
        for each in outcomes
    ]
    rank = fits[0].rank
    df_r = n - rank
    if df_r <= 0:
        raise insufficient_observations()
    E = np.column_stack([fit.residuals for fit in fits])
    cross = E.T @ (E * w[:, None])
    V = np.asarray(np.kron(cross / df_r, design.expand(fits[0].inverse)), dtype=np.float64)
    equations = [operated_name(each) for each in outcomes]
    if len(set(equations)) < len(equations):
        raise StataError(198, "a dependent variable appears twice")
    names = [f"{equation}:{name}" for equation in equations for name in design.names]
    b = np.concatenate([design.expand(fit.coefficients) for fit in fits])
    table = CoefficientTable(
        names, b, V, "", df_r, level, base_levels=line.flag("baselevels"), data=session.data, equation_headings=True,
    )  # fmt: skip
    df_m = rank - int(constant)
    r2 = [1.0 - fit.rss / fit.tss if fit.tss > 0.0 else math.nan for fit in fits]
    rmse = [math.sqrt(fit.rss / df_r) for fit in fits]
    F = [(fit.tss - fit.rss) / df_m / (fit.rss / df_r) if df_m and fit.rss > 0.0 else math.nan for fit in fits]
    p = [f_tail(value, df_m, df_r) for value in F]
    scale = np.sqrt(np.diag(cross))
    safe = np.where(scale > 0.0, scale, 1.0)
    correlation = cross / np.outer(safe, safe)
    df_chi2 = len(fits) * (len(fits) - 1) // 2
    chi2 = n * float(np.sum(np.tril(correlation, -1) ** 2))

    def show() -> None:
        log = session.log
        if not line.flag("noheader"):
            log.line()
            log.line('Equation             Obs   Parms        RMSE    "R-sq"          F       P>F')
            log.line("-" * 74)
            for equation, sd, share, value, tail in zip(equations, rmse, r2, F, p, strict=True):
                log.line(
                    f"{abbreviate(equation, 12):<16}{n:>8,.0f}{rank:>8d}{number(sd, '%9.0g'):>12}{share:>10.4f}"
                    f"{number(value, '%9.0g'):>11}{tail:>10.4f}"
                )
            log.line()
        if not line.flag("notable"):
            print_coefficients(log, table)
        if line.flag("corr"):
            _print_correlation(session, equations, correlation, chi2, df_chi2)

    estimation = Estimation(
        dict.fromkeys(equations, design), table, show, (sample.kind, line.weight.expression if line.weight else ""),
        {"statistics": _statistics(equations)}, sample.w,
    )  # fmt: skip
    scalars = {"N": n, "k": float(rank), "k_eq": float(len(fits)), "df_r": df_r, "rank": float(rank * len(fits))}
    if line.flag("corr"):
        scalars.update(chi2=chi2, df_chi2=float(df_chi2))
    macros = {
        "cmd": "mvreg", "eqnames": " ".join(equations), "depvar": " ".join(equations), "predict": "mvreg_p",
        "r2": " ".join(f"{value:.4f}" for value in r2), "rmse": " ".join(number(value) for value in rmse),
        "F": " ".join(number(value) for value in F), "p_F": " ".join(f"{value:.4g}" for value in p),
        "estat_cmd": "mvreg_estat", "marginsok": "XB default",
    }  # fmt: skip
    matrices = {"Sigma": Matrix(cross / df_r, list(equations), list(equations))}
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros, matrices=matrices)
    show()


def _expanded(session: Session, text: str) -> list[str]:
    return [text] if "." in text else session.expand_varlist(text)


def _statistics(equations: list[str]) -> Statistics:
    def residuals(request: Request) -> FloatArray:
        from ssd.engine.commands.postestimation_predict import _equation_name

        name = _equation_name(request.estimation, request.line.text_option("equation")) or equations[0]
        return request.session.evaluate_numbers(name)[request.rows] - request.xb

    return Statistics({"residuals": residuals}, "xb", "(option xb assumed; fitted values)", equations[0])


def _print_correlation(session: Session, equations: list[str], correlation: FloatArray, chi2: float, df: int) -> None:
    log = session.log
    log.line()
    log.line("Correlation matrix of residuals:")
    log.line()
    log.line(" " * 12 + "".join(f"{abbreviate(name, 12):>14}" for name in equations))
    for i, name in enumerate(equations):
        log.line(f"{abbreviate(name, 12):>12}" + "".join(f"{correlation[i, j]:>14.4f}" for j in range(i + 1)))
    log.line()
    log.line(f"Breusch–Pagan test of independence: chi2({df}) = {chi2:9.3f}, Pr = {chi2_tail(chi2, df):.4f}")
