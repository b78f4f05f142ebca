"""frontier: stochastic production and cost frontiers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_binary import refuse_technique
from ssd.engine.commands.estimation import (
    Sample,
    SessionSource,
    build_regressors,
    level_of,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    parse_vce,
    replay,
    require_numeric,
    take_sample,
)
from ssd.engine.commands.linear import gaussian_ll
from ssd.engine.commands.maximum import ML_OPTIONS, MlResult, finish, iteration_log, ml_covariance, model_test
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, coefficient_row, exponential
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail, critical
from ssd.engine.stats.frontier import (
    Exponential,
    HalfNormal,
    expected_inefficiency,
    modal_inefficiency,
    technical_efficiency,
)
from ssd.engine.stats.likelihood import Equation, Maximum, maximize
from ssd.engine.stats.linear import LeastSquares, least_squares, with_constant
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.commands.postestimation_predict import Request
    from ssd.engine.session import Session

_TITLES = {
    "hnormal": "Stoc. frontier normal/half-normal model",
    "exponential": "Stoc. frontier normal/exponential model",
}


@dataclass
class _Variance:
    """One log variance: a constant alone, or a linear index of uhet() or vhet()."""

    name: str
    design: Design | None
    X: FloatArray | None

    @property
    def labels(self) -> list[str]:
        return [f"/:{self.name}"] if self.design is None else [f"{self.name}:{each}" for each in self.design.names]

    @property
    def active(self) -> list[bool]:
        return [True] if self.design is None else [bool(flag) for flag in self.design.active]


@command(
    "frontier",
    "[varlist(numeric fv ts default=none)] [if] [in] [fweight iweight pweight] [, Distribution(string) UFRom(name) "
    "UHet(string) VHet(string) CM(string) COST " + ML_OPTIONS + "]",
    by="recall",
    stored="e(N) e(k) e(k_eq) e(df_m) e(ll) e(ll_c) e(z) e(chi2) e(p) e(chi2_c) e(p_z) e(sigma_u) e(sigma_v) e(rank) "
    "e(N_clust) e(cmd) e(depvar) e(function) e(dist) e(het) e(u_hetvar) e(v_hetvar) e(vce) e(b) e(V) r(table)",
    refused="distribution(tnormal), cm(), ufrom(), constraints()",
)
def frontier(session: Session, line: Line) -> None:
    """Stochastic frontier models: normal noise with half-normal or exponential inefficiency."""
    if replay(session, line, "frontier"):
        return
    refuse_technique(line)
    for name in ("constraints", "cm", "ufrom"):
        if line.options.get(name):
            raise unsupported(f"option {name}() is")
    distribution = _distribution(line)
    level = level_of(session, line)
    vce = parse_vce(session, line, ("oim", "robust", "cluster", "opg"), "oim")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    het = {name: parse_varlist(session, split_words(line.text_option(name) or "")) for name in ("vhet", "uhet")}
    for each in het.values():
        require_numeric(session, each)
    sample = take_sample(session, line, source, [(outcome,), *terms, *het["vhet"], *het["uhet"]], vce)
    constant = not line.flag("noconstant")
    main = build_regressors(session, source, terms, sample, constant=constant)
    variances = []
    for option, name in (("vhet", "lnsig2v"), ("uhet", "lnsig2u")):
        if het[option]:
            built = build_regressors(session, source, het[option], sample)
            variances.append(_Variance(name, built.design, with_constant(built.X)))
        else:
            variances.append(_Variance(name, None, None))
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    w = sample.likelihood_weights
    sign = -1.0 if line.flag("cost") else 1.0
    model = HalfNormal(y, sign) if distribution == "hnormal" else Exponential(y, sign)
    ols = least_squares(main.X, y, w, constant=constant)
    if ols.rss <= 0.0:
        raise StataError(1400, "initial values not feasible")
    equations = [Equation(with_constant(main.X, constant)), *(Equation(each.X) for each in variances)]
    fit = _fit(model, equations, ols, variances, w, sign, distribution, constant)
    iteration_log(session, line, fit, vce)
    depvar = operated_name(outcome)
    names = [f"{depvar}:{each}" for each in main.design.names] + [label for v in variances for label in v.labels]
    active = np.array([*main.design.active, *variances[0].active, *variances[1].active], dtype=np.bool_)
    b, V = np.zeros(len(names)), np.zeros((len(names), len(names)))
    b[active] = fit.coefficients
    V[np.ix_(active, active)] = ml_covariance(fit, sample, vce)
    slopes = [j for j, name in enumerate(names) if active[j] and name.startswith(f"{depvar}:") and
              not name.endswith(":_cons")]  # fmt: skip
    designs = {depvar: main.design, **{v.name: v.design for v in variances if v.design is not None}}
    result = MlResult(_TITLES[distribution], "frontier", depvar, designs, names, b, V, fit.log_likelihood, None,
                      len(slopes), sample, vce, "fronti_p")  # fmt: skip
    model_test(result, slopes, likelihood_ratio=False)
    result.pseudo = False
    ll_c = gaussian_ll(ols.rss, float(w.sum()))
    z, p_z = _skewness_test(ols.residuals, w, sign)
    result.scalars.update(ll_c=ll_c, z=z, p_z=p_z, k_aux=float(sum(v.design is None for v in variances)))
    result.macros.update(
        function="cost" if sign < 0.0 else "production", dist=distribution,
        het=" ".join(name for name, option in (("u", "uhet"), ("v", "vhet")) if het[option]),
        u_hetvar=line.text_option("uhet") or "", v_hetvar=line.text_option("vhet") or "",
    )  # fmt: skip
    if all(each.design is None for each in variances):
        _ancillary(session, result, fit, ll_c, sample)
    result.predictions["statistics"] = _statistics(distribution, sign, depvar)
    finish(session, line, result, level)


def _distribution(line: Line) -> str:
    typed = (line.text_option("distribution") or "hnormal").strip()
    if "hnormal".startswith(typed):
        return "hnormal"
    if "exponential".startswith(typed):
        return "exponential"
    if "tnormal".startswith(typed):
        raise unsupported("distribution(tnormal) of frontier is")
    raise StataError(198, f"distribution({typed}) not allowed")


def _fit(
    model: HalfNormal | Exponential, equations: list[Equation], ols: LeastSquares, variances: list[_Variance],
    w: FloatArray, sign: float, distribution: str, constant: bool,
) -> Maximum:  # fmt: skip
    """The better maximum of two starts: the moments of the residuals, and an even split of their variance."""
    total = float(w.sum())
    m2, m3 = ols.rss / total, sign * float(w @ ols.residuals**3) / total
    skew = max(-m3, 1e-3 * m2**1.5)
    if distribution == "hnormal":
        u2 = (skew / (math.sqrt(2.0 / math.pi) * (4.0 / math.pi - 1.0))) ** (2.0 / 3.0)
        share, mean = 1.0 - 2.0 / math.pi, math.sqrt(2.0 / math.pi)
    else:
        u2, share, mean = (skew / 2.0) ** (2.0 / 3.0), 1.0, 1.0
    best: Maximum | None = None
    problem: StataError | None = None
    for candidate in (min(u2, 0.95 * m2 / share), 0.5 * m2 / share):
        start = [ols.coefficients.copy()]
        if constant:
            start[0][-1] += sign * mean * math.sqrt(candidate)
        for each, value in zip(variances, (max(m2 - share * candidate, 0.05 * m2), candidate), strict=True):
            size = 1 if each.X is None else each.X.shape[1]
            start.append(np.append(np.zeros(size - 1), math.log(value)))
        try:
            found = maximize(model, equations, np.concatenate(start), w)
        except StataError as error:
            problem = error
            continue
        if best is None or found.log_likelihood > best.log_likelihood + 1e-7:
            best = found
    if best is None:
        raise problem or StataError(430, "convergence not achieved")
    return best


def _skewness_test(e: FloatArray, w: FloatArray, sign: float) -> tuple[float, float]:
    """Coelli's (1995) test of negative (for cost positive) skewness of the least-squares residuals."""
    from ssd.engine.stats.distributions import normal_cumulative

    n = float(w.sum())
    m2, m3 = float(w @ e**2) / n, float(w @ e**3) / n
    z = m3 / math.sqrt(6.0 * m2**3 / n)
    return z, float(normal_cumulative(np.array([sign * z]))[0])


def _ancillary(session: Session, result: MlResult, fit: Maximum, ll_c: float, sample: Sample) -> None:
    """sigma_v, sigma_u, sigma2 and lambda below the table, and the test of no inefficiency."""
    b, V = result.b[-2:], result.V[-2:, -2:]
    sv, su = math.exp(0.5 * float(b[0])), math.exp(0.5 * float(b[1]))
    result.scalars.update(sigma_v=sv, sigma_u=su)
    ratio = su / sv
    gradients = (
        ("sigma_v", sv, np.array([0.5 * sv, 0.0]), True),
        ("sigma_u", su, np.array([0.0, 0.5 * su]), True),
        ("sigma2", sv**2 + su**2, np.array([sv**2, su**2]), False),
        ("lambda", ratio, np.array([-0.5 * ratio, 0.5 * ratio]), False),
    )
    robust = result.vce.is_robust
    lr = max(2.0 * (fit.log_likelihood - ll_c), 0.0)
    if not robust:
        result.scalars.update(chi2_c=lr, p_c=0.5 * chi2_tail(lr, 1) if lr > 0.0 else 1.0)
    result.no_footer = True

    def footer(table: CoefficientTable) -> None:
        log, z = session.log, critical(table.level, None)
        log.line("-" * (table.width + 1) + "+" + "-" * 64)
        for name, value, slope, positive in gradients:
            se = math.sqrt(float(slope @ V @ slope))
            low, high = value - z * se, value + z * se
            if positive:
                # The interval of a standard deviation is that of its logarithm.
                low, high = value * exponential(-z * se / value), value * exponential(z * se / value)
            row = coefficient_row(value, se, 0.0, 0.0, low, high, tests=False)
            log.line(f"{name:>{table.width}} |{row}")
        log.line("-" * (table.width + 66))
        if not robust:
            text = f"LR test of sigma_u=0: chibar2(01) = {lr:.2f}"
            p = 0.5 * chi2_tail(lr, 1) if lr > 0.0 else 1.0
            log.line(f"{text:<55}Prob >= chibar2 = {p:.3f}")

    result.footer = footer


def _statistics(distribution: str, sign: float, depvar: str) -> Statistics:
    def conditional(request: Request) -> tuple[FloatArray, FloatArray]:
        from ssd.engine.commands.postestimation_predict import linear_prediction

        columns = [request.xb]
        b = request.session.e.matrices["b"]
        for name in ("lnsig2v", "lnsig2u"):
            if name in request.estimation.designs:
                linear = linear_prediction(request.session, request.estimation, request.rows, name)
                values = np.full(int(request.rows.sum()), math.nan)
                values[linear.defined[request.rows]] = linear.xb(linear.defined)
                columns.append(values)
            else:
                columns.append(np.full(len(columns[0]), b.values[0, b.cols.index(f"/:{name}")]))
        y = np.where(is_missing(request.y), math.nan, request.y)
        model = (HalfNormal if distribution == "hnormal" else Exponential)(y, sign)
        return model.conditional(np.column_stack(columns))

    functions: dict[str, Callable[[Request], FloatArray]] = {
        "u": lambda r: expected_inefficiency(*conditional(r)),
        "m": lambda r: modal_inefficiency(conditional(r)[0]),
        "te": lambda r: technical_efficiency(*conditional(r), sign),
    }
    return Statistics(functions, "xb", "(option xb assumed; fitted values)", depvar)
