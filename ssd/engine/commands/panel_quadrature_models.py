"""xtprobit, xtcloglog and the normal random-effects estimators of xtlogit and xtpoisson."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import eform_heading, outcome_and_terms, replay
from ssd.engine.commands.maximum import ML_OPTIONS, finish, iteration_log
from ssd.engine.commands.panel import panel_variable
from ssd.engine.commands.panel_gee import fit_population_averaged
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
from ssd.engine.commands.panel_random_predictions import random_predictor, random_statistics
from ssd.engine.commands.panel_random_report import Variance, chibar_line, panel_header, print_rows
from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable
from ssd.engine.stats.binary import Cloglog, Logit, Probit
from ssd.engine.stats.counts import Poisson
from ssd.engine.stats.likelihood import Model, maximize

if TYPE_CHECKING:
    from ssd.engine.session import Session

VARLIST = "[varlist(numeric fv ts default=none)] [if] [in] [fweight iweight pweight] [, "
QUADRATURE = "I(varname) OFFset(varname) INTMethod(string) INTPoints(integer 12) LRMODEL Corr(string) FORCE "
STORED = (
    "e(N) e(N_g) e(k) e(k_aux) e(df_m) e(ll) e(ll_c) e(chi2) e(chi2_c) e(p) e(rho) e(sigma_u) e(n_quad) e(g_min) "
    "e(g_avg) e(g_max) e(N_clust) e(rank) e(cmd) e(depvar) e(ivar) e(model) e(distrib) e(intmethod) e(offset) e(vce) "
    "e(b) e(V) r(table)"
)
REFUSED = "weights, constraints(), lrmodel, vce(bootstrap)"


@dataclass(frozen=True)
class Kind:
    """One outcome model with a normal random intercept."""

    command: str
    title: str
    link: str
    model: Callable[[FloatArray], Model]
    within: float | None
    """Latent variance within groups, for rho; None where there is none."""
    symbol: str
    """What the search for a starting value calls the share."""
    eform: str
    note: str
    test: str
    binary: bool = True


LOGIT = Kind("xtlogit", "Random-effects logistic regression", "logit", Logit, math.pi**2 / 3.0, "tau", "or",
             "baseline odds", "LR test of rho=0")  # fmt: skip
PROBIT = Kind("xtprobit", "Random-effects probit regression", "probit", Probit, 1.0, "rho", "", "", "LR test of rho=0")
CLOGLOG = Kind("xtcloglog", "Random-effects complementary log-log model", "cloglog", Cloglog, math.pi**2 / 6.0, "tau",
               "eform", "", "LR test of rho=0")  # fmt: skip
POISSON = Kind("xtpoisson", "Random-effects Poisson regression", "log", Poisson, None, "tau", "irr",
               "baseline incidence rate", "LR test of sigma_u=0", binary=False)  # fmt: skip

_BINARY_NAMES = {
    "pr": ("marginal", "Pr({depvar}=1)"), "pu0": ("fixed", "Pr({depvar}=1 assuming u_i=0)"),
    "xb": ("xb", "Linear prediction"),
}  # fmt: skip
_COUNT_NAMES = {
    "n": ("marginal", "Predicted number of events"), "nu0": ("fixed", "Predicted number of events (assuming u_i=0)"),
    "iru0": ("rate", "Predicted incidence rate (assuming u_i=0)"), "xb": ("xb", "Linear prediction"),
}  # fmt: skip


@command("xtprobit", VARLIST + "RE PA ASIS " + QUADRATURE + ML_OPTIONS + "]", minimum=6, by="recall",
         stored=STORED, refused=REFUSED)  # fmt: skip
def xtprobit(session: Session, line: Line) -> None:
    """Random-effects probit for panel data."""
    if replay(session, line, "xtprobit"):
        return
    if chosen_model(line, ("re", "pa")) == "pa":
        fit_population_averaged(session, line, "xtprobit", "binomial", "probit", _eform(line, PROBIT))
    else:
        fit_normal(session, line, PROBIT)


@command("xtcloglog", VARLIST + "RE PA ASIS EForm " + QUADRATURE + ML_OPTIONS + "]", minimum=5,
         by="recall", stored=STORED, refused=REFUSED)  # fmt: skip
def xtcloglog(session: Session, line: Line) -> None:
    """Random-effects complementary log-log model for panel data."""
    if replay(session, line, "xtcloglog"):
        return
    if chosen_model(line, ("re", "pa")) == "pa":
        fit_population_averaged(session, line, "xtcloglog", "binomial", "cloglog", _eform(line, CLOGLOG))
    else:
        fit_normal(session, line, CLOGLOG)


def chosen_model(line: Line, offered: tuple[str, ...]) -> str:
    """The estimator among fe, re and pa that was typed; re by default. Raises r(198) for two of them."""
    chosen = [name for name in offered if line.flag(name)]
    if len(chosen) > 1:
        raise StataError(198, f"choose only one of {', '.join(offered[:-1])}, or {offered[-1]}")
    model = chosen[0] if chosen else "re"
    if model != "pa":
        for name in ("corr", "force"):
            if name in line.typed:
                raise StataError(198, f"option {name} not allowed")
    return model


def fit_normal(session: Session, line: Line, kind: Kind) -> None:
    """Fit, store and show a model with a normal random intercept per panel."""
    refuse_features(line)
    method, points = quadrature(line)
    ivar = panel_variable(session, line.text_option("i"))
    outcome, terms = outcome_and_terms(session, line.varlist)
    data = GroupedData.read(session, line, ivar, outcome, terms, binary=kind.binary)
    if not kind.binary and np.any(data.y < 0.0):
        raise StataError(459, f"{data.depvar} must be greater than or equal to zero")
    model = kind.model(data.y)
    equations = [data.equation]
    start = np.zeros(data.X.shape[1])
    if data.constant:
        start[-1] = _constant_start(kind, data)
    pooled = maximize(model, equations, start, np.ones(len(data.y)))
    heading(data, "Fitting comparison model:")
    iteration_log(session, line, pooled, data.vce, spaced=False)
    heading(data, "Fitting full model:")
    log_variance = grid_start(data, model, equations, pooled.coefficients, points, pooled.log_likelihood, kind.symbol)
    _, fit = fit_random_intercept(data, model, equations, np.append(pooled.coefficients, log_variance))
    V = data.covariance(fit.covariance, fit.scores)
    assembly = assemble(data, data.depvar, ["lnsig2u"], fit.coefficients, V)
    result = random_result(data, kind.command, kind.title, assembly, fit.log_likelihood)
    panel_header(data, result, "Gaussian", str(points), method)
    variance = Variance(float(fit.coefficients[-1]), math.sqrt(max(float(V[-1, -1]), 0.0)))
    result.scalars.update(sigma_u=variance.sigma, n_quad=float(points), k_aux=1.0, k_eq=2.0)
    if kind.within is not None:
        result.scalars["rho"] = variance.rho(kind.within)
    chi2_c = max(2.0 * (fit.log_likelihood - pooled.log_likelihood), 0.0)
    if not data.vce.is_robust:
        result.scalars.update(ll_c=pooled.log_likelihood, chi2_c=chi2_c)
        result.macros["chi2_ct"] = "LR"
    result.macros.update(intmethod=method, distrib="Gaussian")
    names = _BINARY_NAMES if kind.binary else _COUNT_NAMES
    result.predictions.update(
        statistics=random_statistics(kind.link, "/:lnsig2u", names, data.depvar),
        predictor=random_predictor(kind.link, "/:lnsig2u", names, "pr" if kind.binary else "n"),
    )

    def footer(table: CoefficientTable) -> None:
        level = table.level
        derived = [variance.sigma_row(level)]
        if kind.within is not None:
            derived.append(variance.rho_row(level, kind.within))
        print_rows(session.log.line, table, [[variance.log_row(level)], derived])
        if table.eform and kind.note:
            ratios = "odds ratios" if kind.eform == "or" else "incidence-rate ratios"
            session.log.line(f"Note: Estimates are transformed only in the first equation to {ratios}.")
            if data.constant:
                session.log.line(f"Note: _cons estimates {kind.note} (conditional on zero random effects).")
        if not data.vce.is_robust:
            session.log.line(chibar_line(kind.test, chi2_c, 3))

    result.footer = footer
    finish(session, line, result, data.level, _eform(line, kind))


def _constant_start(kind: Kind, data: GroupedData) -> float:
    from ssd.engine.stats.distributions import normal_quantile

    if kind.link == "log":
        exposure = np.ones(len(data.y)) if data.offset is None else np.exp(data.offset)
        return math.log(max(float(data.y.sum()), 1e-300) / float(exposure.sum()))
    share = float(data.y.mean())
    if kind.link == "probit":
        return normal_quantile(share)
    return math.log(-math.log1p(-share)) if kind.link == "cloglog" else math.log(share / (1.0 - share))


def _eform(line: Line, kind: Kind) -> str | None:
    if not kind.eform or not line.flag(kind.eform):
        return None
    return "exp(b)" if kind.eform == "eform" else eform_heading(kind.eform)
