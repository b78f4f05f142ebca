"""tpoisson, tnbreg, zip, zinb: counts with truncated or excess zeros."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_count import CountSetup, complete, print_rate_notes
from ssd.engine.commands.estimation import SessionSource, build_regressors, parse_varlist, replay
from ssd.engine.commands.maximum import ML_OPTIONS, MlResult, iteration_log, log_heading, ml_covariance
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, Entry, coefficient_row, count, exponential, number
from ssd.engine.stats.binary import Logit, Probit
from ssd.engine.stats.design import Design
from ssd.engine.stats.design import complete as complete_rows
from ssd.engine.stats.distributions import chi2_tail, critical
from ssd.engine.stats.likelihood import Equation, Maximum, Model, maximize
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.terms import Term, split_words
from ssd.engine.stats.zero_counts import FAMILIES, Truncated, ZeroInflated

if TYPE_CHECKING:
    from ssd.engine.commands.postestimation_predict import Request
    from ssd.engine.session import Session

_GRAMMAR = (
    "[varlist(numeric fv ts default=none)] [if] [in] [fweight iweight pweight] [, Exposure(varname) OFFset(varname) "
    "IRr " + ML_OPTIONS
)
_STORED = (
    "e(N) e(N_zero) e(k) e(k_eq) e(df_m) e(r2_p) e(ll) e(ll_0) e(N_clust) e(chi2) e(p) e(alpha) e(cmd) e(depvar) "
    "e(inflate) e(offset) e(vce) e(b) e(V) r(table)"
)
_TITLES = {
    "tpoisson": "Truncated Poisson regression",
    "tnbreg": "Truncated negative binomial regression",
    "zip": "Zero-inflated Poisson regression",
    "zinb": "Zero-inflated negative binomial regression",
}


@command("tpoisson", _GRAMMAR + " LL(string)]", minimum=5, by="recall", stored=_STORED,
         refused="ul(), constraints()")  # fmt: skip
def tpoisson(session: Session, line: Line) -> None:
    """Truncated Poisson regression."""
    _truncated(session, line, "tpoisson", "poisson")


@command("tnbreg", _GRAMMAR + " LL(string) Dispersion(string) NOLRtest]", by="recall",
         stored=_STORED + " e(ll_c) e(chi2_c) e(chi2_ct)",
         refused="dispersion(constant), constraints()")  # fmt: skip
def tnbreg(session: Session, line: Line) -> None:
    """Truncated negative binomial regression (mean dispersion)."""
    dispersion = line.text_option("dispersion") or "mean"
    if not "mean".startswith(dispersion):
        raise unsupported(f"dispersion({dispersion}) is")
    _truncated(session, line, "tnbreg", "nbreg")


@command("zip", _GRAMMAR + " INFlate(string) PROBit]", by="recall", stored=_STORED,
         refused="vuong, zip, forcevuong, constraints()")  # fmt: skip
def zip_(session: Session, line: Line) -> None:
    """Zero-inflated Poisson regression."""
    _inflated(session, line, "zip", "poisson")


@command("zinb", _GRAMMAR + " INFlate(string) PROBit]", by="recall", stored=_STORED,
         refused="vuong, zip, forcevuong, constraints()")  # fmt: skip
def zinb(session: Session, line: Line) -> None:
    """Zero-inflated negative binomial regression."""
    _inflated(session, line, "zinb", "nbreg")


def _limits(session: Session, line: Line, setup: CountSetup) -> tuple[FloatArray, str]:
    """Truncation points of the sample's observations and how the header names them."""
    typed = line.text_option("ll") or "0"
    limit = session.evaluate_numbers(typed)[setup.sample.rows]
    if np.any(is_missing(limit)) or np.any(limit < 0) or np.any(limit != np.floor(limit)):
        raise StataError(459, "ll() must be a nonnegative integer")
    return limit, typed


def _truncated(session: Session, line: Line, name: str, family: str) -> None:
    if replay(session, line, name):
        return
    _refuse(line)
    setup = CountSetup(session, line)
    limit, typed = _limits(session, line, setup)
    inside = setup.y > limit
    if not inside.all():
        raise StataError(459, f"{setup.depvar} must be greater than the truncation point {typed}")
    first = setup.fit_poisson()
    ones = np.ones((len(setup.y), 1))
    poisson = Truncated(setup.y, limit, "poisson")
    full = with_constant(setup.X, setup.constant)
    fit = maximize(poisson, [Equation(full, setup.offset)], first.coefficients, setup.w)
    null: Maximum | None = None
    if setup.constant:
        null = maximize(poisson, [Equation(ones, setup.offset)], np.array([setup.log_rate]), setup.w)
    ll_c = fit.log_likelihood
    if family == "nbreg":
        model = Truncated(setup.y, limit, "nbreg")
        if null is not None:
            start = np.append(null.coefficients, 0.0)
            null = maximize(model, [Equation(ones, setup.offset), Equation(None)], start, setup.w)
        equations = [Equation(full, setup.offset), Equation(None)]
        fit = maximize(model, equations, np.append(fit.coefficients, 0.0), setup.w)
    iteration_log(session, line, fit, setup.vce)
    result = _result(setup, name, family, fit, null, {setup.depvar: setup.design})
    result.header_left = [f"Limits: Lower = {typed}", "        Upper = +inf"]
    if family == "nbreg":
        result.header_left = ["", *result.header_left[:1], "Dispersion: mean"]
    result.macros["llopt"] = typed
    if family == "nbreg":
        compared = not (setup.vce.is_robust or line.flag("nolrtest"))
        if compared:
            result.scalars.update(ll_c=ll_c, chi2_c=max(2.0 * (fit.log_likelihood - ll_c), 0.0))
            result.macros["chi2_ct"] = "LR"
        result.footer = _alpha_footer(session, result)
    result.predictions["statistics"] = _statistics(setup.depvar, inflated=False)
    complete(session, line, setup, result, {})


def _refuse(line: Line) -> None:
    if line.options.get("constraints"):
        raise unsupported("option constraints() is")


def _result(
    setup: CountSetup, name: str, family: str, fit: Maximum, null: Maximum | None, designs: dict[str, Design]
) -> MlResult:
    active = np.concatenate([design.active for design in designs.values()])
    names = [f"{equation}:{each}" for equation, design in designs.items() for each in design.names]
    if family == "nbreg":
        active = np.append(active, True)
        names.append("/:lnalpha")
    b = np.zeros(len(names))
    b[active] = fit.coefficients
    V = np.zeros((len(names), len(names)))
    V[np.ix_(active, active)] = ml_covariance(fit, setup.sample, setup.vce)
    df_m = int(setup.design.active.sum()) - int(setup.constant)
    result = MlResult(
        _TITLES[name], name, setup.depvar, designs, names, b, V, fit.log_likelihood,
        None if null is None else null.log_likelihood, df_m, setup.sample, setup.vce, f"{name}_p",
    )  # fmt: skip
    if family == "nbreg":
        result.scalars.update(alpha=math.exp(float(b[-1])), k_aux=1.0)
        result.no_footer = True
    return result


def _alpha_footer(session: Session, result: MlResult) -> Callable[[CoefficientTable], None]:
    def footer(table: CoefficientTable) -> None:
        log = session.log
        lnalpha, se = float(result.b[-1]), math.sqrt(float(result.V[-1, -1]))
        alpha, width = exponential(lnalpha), critical(table.level, None) * se
        log.line("-" * (table.width + 1) + "+" + "-" * 64)
        row = coefficient_row(
            alpha, alpha * se, 0.0, 0.0, exponential(lnalpha - width), exponential(lnalpha + width), tests=False
        )
        log.line(f"{'alpha':>{table.width}} |{row}")
        log.line("-" * (table.width + 66))
        print_rate_notes(session, table, "_cons" in result.designs[result.depvar].names)
        if "chi2_c" in result.scalars:
            chi2_c = result.scalars["chi2_c"]
            p = 0.5 * chi2_tail(chi2_c, 1) if chi2_c > 0 else 1.0
            text = f"LR test of alpha=0: chibar2(01) = {number(chi2_c, '%8.2f')}"
            log.line(text + f"Prob >= chibar2 = {p:.3f}".rjust(78 - len(text)))

    return footer


def _inflated(session: Session, line: Line, name: str, family: str) -> None:
    if replay(session, line, name):
        return
    _refuse(line)
    typed = line.text_option("inflate")
    if not typed:
        raise StataError(198, "option inflate() required")
    inflate_offset, terms = _inflation_terms(session, typed)
    source = SessionSource(session)
    mask = complete_rows(terms, source, np.ones(session.data.n_obs, dtype=np.bool_))
    offset = None if inflate_offset is None else session.data.numeric(inflate_offset)
    if offset is not None:
        mask &= ~is_missing(offset)
    setup = CountSetup(session, replace(line, by_mask=mask if line.by_mask is None else line.by_mask & mask))
    sample = setup.sample
    inflation = build_regressors(session, source, terms, sample, constant=True)
    Z = with_constant(inflation.X, True)
    link: Literal["logit", "probit"] = "probit" if line.flag("probit") else "logit"
    model = ZeroInflated(setup.y, family, link)
    if not model.zeros.any():
        raise StataError(459, f"{setup.depvar} never equal to zero; use {family} instead")
    z_offset = None if offset is None else offset[sample.rows]
    null, fit = _fit_inflated(setup, model, Z, z_offset, family, link)
    if null is not None:
        log_heading(session, line, "Fitting constant-only model:")
        iteration_log(session, line, null, setup.vce)
        log_heading(session, line, "Fitting full model:")
    iteration_log(session, line, fit, setup.vce)
    designs = {setup.depvar: setup.design, "inflate": inflation.design}
    result = _result(setup, name, family, fit, null, designs)
    zeros = float(setup.w[model.zeros].sum()) if sample.kind == "fweight" else float(model.zeros.sum())
    result.header_left = [f"Inflation model: {link}"]
    result.header_extra = [
        Entry("Nonzero obs", count(sample.n - zeros)), Entry("Zero obs", count(zeros)), Entry("", ""),
    ]  # fmt: skip
    result.pseudo = False
    result.scalars.update(N_zero=zeros, k_eq=2.0 + (family == "nbreg"))
    result.untransformed = frozenset({"inflate"})
    result.macros.update(inflate=link, title=_TITLES[name])
    result.footer = _alpha_footer(session, result) if family == "nbreg" else None
    result.predictions["statistics"] = _statistics(setup.depvar, inflated=True, probit=link == "probit")
    complete(session, line, setup, result, {})


def _inflation_terms(session: Session, typed: str) -> tuple[str | None, list[Term]]:
    body, _, options = typed.partition(",")
    offset = None
    if options.strip():
        word = options.strip()
        if not word.startswith("off") or "(" not in word:
            raise StataError(198, f"option {word.split('(')[0]} not allowed")
        offset = session.variable_named(word.partition("(")[2].rstrip(") "))
    if body.strip() == "_cons":
        return offset, []
    return offset, list(parse_varlist(session, split_words(body)))


def _fit_inflated(
    setup: CountSetup, model: Model, Z: FloatArray, z_offset: FloatArray | None, family: str, link: str
) -> tuple[Maximum | None, Maximum]:
    """Constant-only count equation, then the full model, both from a two-part start."""
    y, w = setup.y, setup.w
    full = with_constant(setup.X, setup.constant)
    positive = w * (y > 0.0)
    extra = [] if family == "poisson" else [Equation(None)]
    inflation = Equation(Z, z_offset)

    def start(X: FloatArray, count_start: FloatArray) -> FloatArray:
        zero = (y == 0.0).astype(np.float64)
        share = (Logit if link == "logit" else Probit)(zero)
        gamma = maximize(share, [inflation], np.zeros(Z.shape[1]), w).coefficients
        gamma[-1] -= 1.0
        return np.concatenate([count_start, gamma, np.zeros(len(extra))])

    def count_start(X: FloatArray) -> FloatArray:
        mean = float(positive @ y / positive.sum())
        first = np.zeros(X.shape[1])
        first[-1] = math.log(mean)
        return maximize(FAMILIES["poisson"](y), [Equation(X, setup.offset)], first, positive).coefficients

    null = None
    if setup.constant:
        ones = np.ones((len(y), 1))
        equations = [Equation(ones, setup.offset), inflation, *extra]
        null = maximize(model, equations, start(ones, count_start(ones)), w)
    equations = [Equation(full, setup.offset), inflation, *extra]
    fit = maximize(model, equations, start(full, count_start(full)), w)
    return null, fit


def _statistics(depvar: str, *, inflated: bool, probit: bool = False) -> Statistics:
    def inflation(request: Request) -> FloatArray:
        from ssd.engine.commands.postestimation_predict import linear_prediction
        from ssd.engine.commands.postestimation_statistics import inverse_link

        linear = linear_prediction(request.session, request.estimation, request.rows, "inflate", offset=False)
        return inverse_link("probit" if probit else "logit", linear.xb(request.rows))

    def events(request: Request) -> FloatArray:
        mean = np.asarray(np.exp(request.xb), dtype=np.float64)
        return mean * (1.0 - inflation(request)) if inflated else mean

    functions: dict[str, Callable[[Request], FloatArray]] = {"n": events}
    if inflated:
        functions["pr"] = inflation
    return Statistics(functions, "n", "(option n assumed; predicted number of events)", depvar)
