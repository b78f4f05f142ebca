"""xttobit, xtintreg, xtologit and xtoprobit: limited and ordered outcomes with a normal random intercept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource, eform_heading, outcome_and_terms, replay
from ssd.engine.commands.maximum import ML_OPTIONS, MlResult, finish, iteration_log
from ssd.engine.commands.panel import panel_variable
from ssd.engine.commands.panel_ordered_predictions import ordered_predictor, ordered_statistics
from ssd.engine.commands.panel_quadrature import (
    GroupedData,
    assemble,
    fit_random_intercept,
    grid_start,
    heading,
    quadrature,
    random_result,
    refuse_features,
)
from ssd.engine.commands.panel_quadrature_models import QUADRATURE, REFUSED, STORED, VARLIST
from ssd.engine.commands.panel_random_report import Row, Variance, chibar_line, panel_header, print_rows
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, Entry
from ssd.engine.results import Matrix
from ssd.engine.stats.censored import Tobit
from ssd.engine.stats.distributions import critical, normal_density, normal_quantile
from ssd.engine.stats.likelihood import Equation, Model, maximize
from ssd.engine.stats.linear import least_squares
from ssd.engine.stats.ordered import Ordered
from ssd.engine.stats.selection import Interval

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "xttobit",
    VARLIST + "LL(string) UL(string) TOBIT " + QUADRATURE + ML_OPTIONS + "]",
    minimum=7,
    by="recall",
    stored=STORED + " e(N_unc) e(N_lc) e(N_rc) e(sigma_e)",
    refused=REFUSED + ", vce(robust), ll(varname), ul(varname)",
)
def xttobit(session: Session, line: Line) -> None:
    """Random-effects tobit for panel data."""
    if replay(session, line, "xttobit"):
        return
    outcome, terms = outcome_and_terms(session, line.varlist)
    data = _read(session, line, outcome, terms, True)
    low, high = _limit(session, line, "ll"), _limit(session, line, "ul")
    if low is not None and high is not None and low >= high:
        raise StataError(198, "ll() must be less than ul()")
    y = data.y
    left = y <= low if low is not None else np.zeros(len(y), dtype=np.bool_)
    right = y >= high if high is not None else np.zeros(len(y), dtype=np.bool_)
    censored = np.where(left, -np.inf if low is None else low, np.where(right, np.inf if high is None else high, y))
    counts = {"Uncensored": ~(left | right), "Left-censored": left, "Right-censored": right}
    result = _fit_continuous(
        session, data, Tobit(censored, left, right), y, "xttobit", "Random-effects tobit regression", "tobit"
    )
    result.scalars.update(N_unc=float(counts["Uncensored"].sum()), N_lc=float(left.sum()), N_rc=float(right.sum()))
    result.macros.update(llopt="" if low is None else f"{low:g}", ulopt="" if high is None else f"{high:g}")
    limits = ["", "Limits: Lower = " + ("-inf" if low is None else f"{low:g}"),
              "        Upper = " + ("+inf" if high is None else f"{high:g}"), ""]  # fmt: skip
    entries = [Entry(f"{name:>16}", f"{int(flags.sum()):,}") for name, flags in counts.items()]
    result.header_left = [*limits, *result.header_left]
    result.header_extra = [*entries, Entry("", ""), *result.header_extra]
    finish(session, line, result, data.level)


@command(
    "xtintreg",
    VARLIST + "INTREG " + QUADRATURE + ML_OPTIONS + "]",
    minimum=8,
    by="recall",
    stored=STORED + " e(N_unc) e(N_lc) e(N_rc) e(N_int) e(sigma_e)",
    refused=REFUSED + ", vce(robust)",
)
def xtintreg(session: Session, line: Line) -> None:
    """Random-effects interval regression for panel data."""
    if replay(session, line, "xtintreg"):
        return
    if len(line.varlist) < 2:
        raise StataError(102, "too few variables specified")
    lower, terms = outcome_and_terms(session, [line.varlist[0], *line.varlist[2:]])
    upper, _ = outcome_and_terms(session, [line.varlist[1]])
    source = SessionSource(session)
    first, second = source.get(lower.variable, lower.operator), source.get(upper.variable, upper.operator)
    known = ~(is_missing(first) & is_missing(second))
    masked = Line(**{**line.__dict__, "by_mask": known if line.by_mask is None else known & line.by_mask})
    data = _read(session, masked, lower, terms, False)
    low = np.where(is_missing(first), -np.inf, first)[data.sample.rows][data.order]
    high = np.where(is_missing(second), np.inf, second)[data.sample.rows][data.order]
    if np.any(low > high):
        raise StataError(498, f"{line.varlist[0]} must be less than or equal to {line.varlist[1]}")
    middle = np.where(np.isfinite(low) & np.isfinite(high), (low + high) / 2.0, np.where(np.isfinite(low), low, high))
    point, left, right = low == high, np.isinf(low), np.isinf(high)
    counts = {"N_unc": point, "N_lc": left, "N_rc": right, "N_int": ~(point | left | right)}
    result = _fit_continuous(
        session, data, Interval(low, high), middle, "xtintreg", "Random-effects interval regression", "intreg"
    )
    result.scalars.update({name: float(flags.sum()) for name, flags in counts.items()})
    result.macros["depvar"] = f"{line.varlist[0]} {line.varlist[1]}"
    labels = ("Uncensored", "Left-censored", "Right-censored", "Interval-cens.")
    entries = [
        Entry(f"{label:>16}", f"{int(flags.sum()):,}") for label, flags in zip(labels, counts.values(), strict=True)
    ]
    result.header_left = ["", "", "", "", "", *result.header_left]
    result.header_extra = [*entries, Entry("", ""), *result.header_extra]
    finish(session, line, result, data.level)


def _read(session: Session, line: Line, outcome: object, terms: object, complete: bool) -> GroupedData:
    _refuse_averaged(line)
    refuse_features(line)
    quadrature(line)
    ivar = panel_variable(session, line.text_option("i"))
    data = GroupedData.read(session, line, ivar, outcome, terms, complete_outcome=complete)  # type: ignore[arg-type]
    if data.vce.is_robust:
        raise StataError(198, f"vcetype {line.text_option('vce') or 'robust'} not allowed")
    return data


def _refuse_averaged(line: Line) -> None:
    """corr() and force belong to population-averaged models, which these commands have not."""
    for name in ("corr", "force"):
        if name in line.typed:
            raise StataError(198, f"option {name} not allowed")


def _limit(session: Session, line: Line, name: str) -> float | None:
    typed = line.text_option(name)
    if typed is None:
        return None
    if typed.strip() in session.data.variables:
        raise unsupported(f"{name}(varname) with {line.command} is")
    value = session.evaluate_scalar(typed)
    if not isinstance(value, float) or value >= 8.9e307:
        raise StataError(198, f"option {name}() incorrectly specified")
    return value


def _fit_continuous(
    session: Session, data: GroupedData, model: Model, y: FloatArray, name: str, title: str, pooled_option: str
) -> MlResult:
    """A censored linear model with sigma_u and sigma_e; the last parameters reported are these two."""
    method, points = quadrature(data.line)
    ols = least_squares(data.X, y, None, constant=False)
    scale = 0.5 * math.log(max(ols.rss / len(y), 1e-12))
    equations = [data.equation, Equation(None)]
    pooled = maximize(model, equations, np.append(ols.coefficients, scale), np.ones(len(y)))
    compare = data.line.flag(pooled_option)
    if compare:
        heading(data, "Fitting comparison model:")
        iteration_log(session, data.line, pooled, data.vce, spaced=False)
    heading(data, "Fitting full model:")
    log_e = float(pooled.coefficients[-1]) - 0.5 * math.log(2.0)
    start = np.concatenate([pooled.coefficients[:-1], [log_e, 2.0 * log_e]])
    _, fit = fit_random_intercept(data, model, equations, start)
    sigma_e, sigma_u = math.exp(float(fit.coefficients[-2])), math.exp(0.5 * float(fit.coefficients[-1]))
    # The likelihood's order is ln sigma_e, ln sigma_u^2; the table's is sigma_u, sigma_e.
    swap = [*range(len(fit.coefficients) - 2), len(fit.coefficients) - 1, len(fit.coefficients) - 2]
    assembly = assemble(
        data, data.depvar, ["sigma_u", "sigma_e"], fit.coefficients[swap], fit.covariance[np.ix_(swap, swap)],
        np.array([sigma_u, sigma_e]), np.array([0.5 * sigma_u, sigma_e]),
    )  # fmt: skip
    result = random_result(data, name, title, assembly, fit.log_likelihood)
    panel_header(data, result, "Gaussian", str(points), method)
    rho = sigma_u**2 / (sigma_u**2 + sigma_e**2)
    slopes = 2.0 * rho * (1.0 - rho) * np.array([1.0 / sigma_u, -1.0 / sigma_e])
    # A variance on the boundary has no standard error, and rho has none either.
    rho_se = math.sqrt(float(slopes @ assembly.V[-2:, -2:] @ slopes)) if assembly.V[-2, -2] > 0.0 else 0.0
    chi2_c = max(2.0 * (fit.log_likelihood - pooled.log_likelihood), 0.0)
    result.scalars.update(sigma_u=sigma_u, sigma_e=sigma_e, rho=rho, n_quad=float(points), k_aux=2.0, k_eq=3.0,
                          ll_c=pooled.log_likelihood, chi2_c=chi2_c)  # fmt: skip
    result.macros.update(intmethod=method, distrib="Gaussian", chi2_ct="LR")
    result.predictions["statistics"] = Statistics({}, "xb", "(option xb assumed; fitted values)", data.depvar)

    def footer(table: CoefficientTable) -> None:
        z = critical(table.level, None)
        sigmas = []
        for label, value, variance in zip(("/sigma_u", "/sigma_e"), (sigma_u, sigma_e), np.diag(assembly.V)[-2:],
                                          strict=True):  # fmt: skip
            se = math.sqrt(float(variance))
            sigmas.append(Row(label, value, se, value - z * se, value + z * se, True))
        print_rows(session.log.line, table, [sigmas, [Row("rho", rho, rho_se, *_probit_interval(rho, rho_se, z))]])
        if compare:
            session.log.line(chibar_line("LR test of sigma_u=0", chi2_c, 3))

    result.footer = footer
    return result


def _probit_interval(share: float, se: float, z: float) -> tuple[float, float]:
    """An interval for a share that is symmetric on the scale of the normal quantile."""
    from ssd.engine.stats.distributions import normal_cumulative

    if not 0.0 < share < 1.0:
        return math.nan, math.nan
    middle = normal_quantile(share)
    width = z * se / float(normal_density(np.array([middle]))[0])
    low, high = normal_cumulative(np.array([middle - width, middle + width]))
    return float(low), float(high)


_ORDERED = VARLIST + QUADRATURE + ML_OPTIONS


@command("xtologit", _ORDERED + " OR]", minimum=6, by="recall", stored=STORED + " e(cat) e(k_cat)", refused=REFUSED)
def xtologit(session: Session, line: Line) -> None:
    """Random-effects ordered logit for panel data."""
    _ordered(session, line, "xtologit", "Random-effects ordered logistic regression", "logit")


@command("xtoprobit", _ORDERED + "]", minimum=7, by="recall", stored=STORED + " e(cat) e(k_cat)", refused=REFUSED)
def xtoprobit(session: Session, line: Line) -> None:
    """Random-effects ordered probit for panel data."""
    _ordered(session, line, "xtoprobit", "Random-effects ordered probit regression", "probit")


def _ordered(session: Session, line: Line, name: str, title: str, link: Literal["logit", "probit"]) -> None:
    if replay(session, line, name):
        return
    _refuse_averaged(line)
    refuse_features(line)
    if line.flag("noconstant"):
        raise StataError(198, "option noconstant not allowed")
    method, points = quadrature(line)
    ivar = panel_variable(session, line.text_option("i"))
    outcome, terms = outcome_and_terms(session, line.varlist)
    data = GroupedData.read(session, line, ivar, outcome, terms, constant=True)
    # Cut points stand for the constant, against which regressors were checked for collinearity.
    data.design.constant = data.constant = False
    data.X = data.X[:, :-1]
    if data.X.shape[1] == 0:
        raise unsupported(f"{name} without regressors is")
    categories, index = np.unique(data.y, return_inverse=True)
    J = len(categories)
    if J < 2:
        raise StataError(148, f"{outcome.variable} has only one category")
    shares = np.cumsum(np.bincount(index.reshape(-1)))[:-1] / len(data.y)
    cuts = np.array([math.log(s / (1 - s)) if link == "logit" else normal_quantile(float(s)) for s in shares])
    model = Ordered(index.reshape(-1).astype(np.intp), J, link)
    equations = [data.equation, *(Equation(None) for _ in range(J - 1))]
    pooled = maximize(model, equations, np.append(np.zeros(data.X.shape[1]), cuts), np.ones(len(data.y)))
    heading(data, "Fitting comparison model:")
    iteration_log(session, line, pooled, data.vce, spaced=False)
    heading(data, "Fitting full model:")
    log_variance = grid_start(data, model, equations, pooled.coefficients, points, pooled.log_likelihood)
    _, fit = fit_random_intercept(data, model, equations, np.append(pooled.coefficients, log_variance))
    V = data.covariance(fit.covariance, fit.scores)
    sigma2 = math.exp(float(fit.coefficients[-1]))
    extra = [*(f"cut{j + 1}" for j in range(J - 1)), "sigma2_u"]
    assembly = assemble(
        data, data.depvar, extra, fit.coefficients, V, np.append(fit.coefficients[-J:-1], sigma2),
        np.append(np.ones(J - 1), sigma2),
    )  # fmt: skip
    result = random_result(data, name, title, assembly, fit.log_likelihood)
    panel_header(data, result, "Gaussian", str(points), method)
    variance = Variance(float(fit.coefficients[-1]), math.sqrt(max(float(V[-1, -1]), 0.0)))
    chi2_c = max(2.0 * (fit.log_likelihood - pooled.log_likelihood), 0.0)
    result.scalars.update(sigma_u=math.sqrt(sigma2), n_quad=float(points), k_aux=float(J), k_eq=float(J + 1),
                          k_cat=float(J))  # fmt: skip
    result.scalars["rho"] = variance.rho(math.pi**2 / 3.0 if link == "logit" else 1.0)
    if not data.vce.is_robust:
        result.scalars.update(ll_c=pooled.log_likelihood, chi2_c=chi2_c)
        result.macros["chi2_ct"] = "LR"
    result.macros.update(intmethod=method, distrib="Gaussian")
    result.matrices["cat"] = Matrix(categories.reshape(1, -1), ["r1"], [f"c{j + 1}" for j in range(J)])
    result.predictions.update(
        statistics=ordered_statistics(link, data.depvar, categories),
        predictor=ordered_predictor(link, categories),
    )

    def footer(table: CoefficientTable) -> None:
        z = critical(table.level, None)
        rows = []
        for j in range(J - 1):
            place = len(assembly.b) - J + j
            value, se = float(assembly.b[place]), math.sqrt(float(assembly.V[place, place]))
            rows.append(Row(f"/cut{j + 1}", value, se, value - z * se, value + z * se))
        print_rows(session.log.line, table, [rows, [variance.variance_row(table.level, "/sigma2_u")]])
        if table.eform:
            session.log.line("Note: Estimates are transformed only in the first equation to odds ratios.")
        if not data.vce.is_robust:
            session.log.line(chibar_line(f"LR test vs. {name[2:]} model", chi2_c, 4))

    result.footer = footer
    odds = "or" in line.options and line.flag("or")
    finish(session, line, result, data.level, eform_heading("or") if odds else None)
