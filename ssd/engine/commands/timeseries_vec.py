"""vec: vector error-correction models."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, SessionSource, level_of, operated_name, replay, store
from ssd.engine.commands.timeseries_sample import has_gaps, one_panel, sample_span
from ssd.engine.commands.timeseries_var import components, lagged_part
from ssd.engine.commands.timeseries_vec_results import VecResult, vec_predictor
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, insufficient_observations, no_observations
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable, Entry, number, print_coefficients, print_header
from ssd.engine.results import Matrix
from ssd.engine.stats.cointegration import Trend
from ssd.engine.stats.design import Column, Design, Part, complete
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.error_correction import ErrorCorrection, criteria_of, fit_error_correction
from ssd.engine.stats.terms import Component
from ssd.engine.stats.vector_autoregression import block_wald

if TYPE_CHECKING:
    from ssd.engine.session import Session

TRENDS = ("none", "rconstant", "constant", "rtrend", "trend")


def read_trend(text: str | None) -> Trend:
    """trend(), abbreviated to at least one letter. Raises r(198)."""
    typed = (text or "constant").strip().lower()
    least = {"none": 1, "rconstant": 2, "constant": 1, "rtrend": 2, "trend": 1}
    chosen = next((name for name in TRENDS if name.startswith(typed) and len(typed) >= least[name]), None)
    if chosen is None:
        raise StataError(198, f"trend({typed}) invalid")
    return cast("Trend", chosen)


def _fit(session: Session, line: Line, variables: list[Component], lags: int, trend: Trend, rank: int) -> VecResult:
    settings = require_time(session.data)
    source = SessionSource(session)
    needed = [lagged_part(part, lag) for part in variables for lag in range(lags + 1)]
    rows = complete([(part,) for part in needed], source, line.sample(session))
    if not rows.any():
        raise no_observations()
    one_panel(settings, source, rows)
    if has_gaps(settings, source, rows):
        raise StataError(498, "gaps in sample not allowed")
    levels = [
        np.column_stack([source.get(p.variable, p.operator)[rows] for p in (lagged_part(q, lag) for q in variables)])
        for lag in range(lags + 1)
    ]
    n, k = levels[0].shape
    if n <= k * lags + rank + 2:
        raise insufficient_observations()
    changes = [levels[lag] - levels[lag + 1] for lag in range(lags)]
    lagged = np.column_stack([changes[lag][:, v] for v in range(k) for lag in range(1, lags)] or [np.empty((n, 0))])
    times = source.get(settings.time)[rows]
    start = float(times.min())
    fit = fit_error_correction(changes[0], levels[1], lagged, trend, (times - start) / settings.delta + 1.0, rank)
    return VecResult(variables, lags, rows, start, fit)


def _design(result: VecResult) -> Design:
    """Names of the regressors of every equation, in the order of X."""
    columns = [Column((Part(name, "L"),)) for name in result.cointegrating]
    for part in result.variables:
        for lag in range(1, result.lags):
            prefix = f"L{lag if lag > 1 else ''}D"
            columns.append(Column((Part(part.variable, prefix + part.operator),)))
    trend = result.fit.trend
    if trend == "trend":
        columns.append(Column((Part("_trend"),)))
    return Design(columns, trend in {"constant", "rtrend", "trend"})


def _equation_tests(result: VecResult) -> list[dict[str, float]]:
    """Per equation: parameters, RMSE, R-squared about zero, and the test of all its coefficients."""
    fit = result.fit
    m, k = fit.coefficients.shape
    found = []
    for i in range(k):
        rss = float(fit.residuals[:, i] @ fit.residuals[:, i])
        index = np.arange(i * m, (i + 1) * m)
        chi2, rank = block_wald(fit.coefficients[:, i], fit.variance[np.ix_(index, index)])
        found.append({
            "k": float(m), "rmse": math.sqrt(rss / (fit.n - m)), "r2": 1.0 - rss / float(fit.total[i]),
            "df_m": float(rank), "chi2": chi2,
        })  # fmt: skip
    return found


def _beta(result: VecResult) -> tuple[list[str], FloatArray, FloatArray]:
    """The table of the cointegrating equations with constants and trends that have no standard error."""
    fit = result.fit
    rows = [operated_name(part) for part in result.variables]
    rows += {"rconstant": ["_cons"], "rtrend": ["_trend"]}.get(fit.trend, [])
    n1 = fit.beta.shape[0]
    extra = {"constant": 1, "rtrend": 1, "trend": 2}.get(fit.trend, 0)
    size = n1 + extra
    names, values = [], []
    V = np.zeros((fit.rank * size, fit.rank * size))
    for i, equation in enumerate(result.cointegrating):
        more = {"constant": ["_cons"], "rtrend": ["_cons"], "trend": ["_trend", "_cons"]}.get(fit.trend, [])
        names += [f"{equation}:{name}" for name in [*rows, *more]]
        tail = {"constant": [fit.mu[i]], "rtrend": [fit.mu[i]], "trend": [fit.rho[i], fit.mu[i]]}.get(fit.trend, [])
        values += [*fit.beta[:, i], *tail]
        for j in range(fit.rank):
            V[i * size : i * size + n1, j * size : j * size + n1] = fit.beta_variance[
                i * n1 : (i + 1) * n1, j * n1 : (j + 1) * n1
            ]
    return names, np.array(values), V


def _ce_tests(fit: ErrorCorrection) -> list[tuple[int, float]]:
    n1, found = fit.beta.shape[0], []
    for i in range(fit.rank):
        index = np.arange(i * n1 + fit.rank, (i + 1) * n1)
        if not len(index):
            found.append((0, math.nan))
            continue
        chi2, df = block_wald(fit.beta[fit.rank :, i], fit.beta_variance[np.ix_(index, index)])
        found.append((df, chi2))
    return found


def _alpha_table(result: VecResult, level: float) -> CoefficientTable:
    fit = result.fit
    m, k = fit.coefficients.shape
    index = np.array([i * m + j for i in range(k) for j in range(fit.rank)], dtype=np.intp)
    names = [f"{equation}:L.{ce}" for equation in result.equations for ce in result.cointegrating]
    return CoefficientTable(
        names, fit.alpha.ravel(), fit.variance[np.ix_(index, index)], "alpha", None, level, equation_headings=True
    )


def _print_header(session: Session, result: VecResult, tests: list[dict[str, float]]) -> None:
    fit, log = result.fit, session.log
    first, last = sample_span(session, result.rows)
    log.line()
    log.line("Vector error-correction model")
    log.line()
    left = [f"Sample: {first} thru {last}", ""]
    for label, value in (("Log likelihood", fit.log_likelihood), ("Det(Sigma_ml)", float(np.linalg.det(fit.omega)))):
        left.append(f"{label:<14} = {number(value, '%9.0g'):>10}")
    entries = [Entry("Number of obs", f"{fit.n}")]
    entries += [
        Entry(label, number(value, "%9.0g"))
        for label, value in zip(("AIC", "HQIC", "SBIC"), criteria_of(fit), strict=True)
    ]
    print_header(log, left, entries, label_width=17, value_width=10)
    log.line()
    log.line("Equation           Parms      RMSE     R-sq      chi2     P>chi2")
    log.line("-" * 64)
    for name, test in zip(result.equations, tests, strict=True):
        shown = name if len(name) <= 16 else name[:14] + "~" + name[-1]
        log.line(
            f"{shown:<16}{test['k']:>7.0f}{number(test['rmse'], '%8.0g'):>12}{test['r2']:>9.4f}"
            f"{number(test['chi2'], '%9.0g'):>11}{chi2_tail(test['chi2'], int(test['df_m'])):>9.4f}"
        )
    log.line("-" * 64)


def _print_cointegration(session: Session, result: VecResult, table: CoefficientTable) -> None:
    log = session.log
    log.line()
    log.line("Cointegrating equations")
    log.line()
    log.line("Equation           Parms    chi2     P>chi2")
    log.line("-" * 43)
    for name, (df, chi2) in zip(result.cointegrating, _ce_tests(result.fit), strict=True):
        p = f"{chi2_tail(chi2, df):.4f}" if df else "."
        log.line(f"{name:<16}{df:>7}{number(chi2, '%9.0g'):>11}{p:>9}")
    log.line("-" * 43)
    log.line()
    log.line("Identification:  beta is exactly identified")
    log.line()
    log.line(f"{'':17}Johansen normalization restriction{'s' if result.fit.rank > 1 else ''} imposed")
    print_coefficients(log, table)


@command(
    "vec",
    "[varlist(numeric ts default=none)] [if] [in] [, Rank(integer 1) LAgs(integer 2) Trend(string) Alpha NOBTable "
    "NOIDtest NOETable Level(cilevel)]",
    stored="e(N) e(k_rank) e(k_eq) e(k_dv) e(k_ce) e(n_lags) e(df_m) e(k_#) e(df_m#) e(r2_#) e(chi2_#) e(rmse_#) "
    "e(aic) e(hqic) e(sbic) e(ll) e(tmin) e(tmax) e(detsig_ml) e(rank) e(cmd) e(trend) e(endog) e(eqnames) "
    "e(cenames) e(timevar) e(b) e(V) e(beta) e(V_beta) e(alpha) e(V_alpha) e(pi) e(omega) r(table)",
    refused="bconstraints(), aconstraints(), sindicators(), noreduce, pi, mai, dforce",
)
def vec(session: Session, line: Line) -> None:
    """Vector error-correction models by Johansen's maximum likelihood."""
    if replay(session, line, "vec"):
        return
    level = level_of(session, line)
    variables = components(session, line.varlist, "the variables")
    k, lags, rank = len(variables), int(str(line.options["lags"])), int(str(line.options["rank"]))
    trend = read_trend(line.text_option("trend"))
    if k < 2:
        raise StataError(102, "too few variables specified")
    if lags < 1:
        raise StataError(198, "lags() must be a positive integer")
    if not 1 <= rank < k:
        raise StataError(198, "rank() must be at least 1 and less than the number of variables")
    result = _fit(session, line, variables, lags, trend, rank)
    fit, design = result.fit, _design(result)
    names = [f"{equation}:{name}" for equation in result.equations for name in design.names]
    table = CoefficientTable(names, fit.coefficients.T.ravel(), fit.variance, "", None, level, data=session.data)
    beta_names, beta, beta_V = _beta(result)
    zeros = frozenset(
        name for name, b, v in zip(beta_names, beta, np.diag(beta_V), strict=True) if b == 0.0 and v == 0.0
    )
    beta_table = CoefficientTable(
        beta_names, beta, beta_V, "beta", None, level, equation_headings=True, omitted=zeros
    )  # fmt: skip
    tests = _equation_tests(result)

    def show() -> None:
        _print_header(session, result, tests)
        if not line.flag("noetable"):
            session.log.line()
            print_coefficients(session.log, table)
        if not line.flag("nobtable"):
            beta_table.level = table.level
            _print_cointegration(session, result, beta_table)
        if line.flag("alpha"):
            session.log.line()
            session.log.line("Adjustment parameters")
            print_coefficients(session.log, _alpha_table(result, table.level))

    _store(session, line, result, Estimation(dict.fromkeys(result.equations, design), table, show), tests, beta_table)
    show()


def _store(
    session: Session,
    line: Line,
    result: VecResult,
    estimation: Estimation,
    tests: list[dict[str, float]],
    beta: CoefficientTable,
) -> None:
    fit = result.fit
    k = len(result.variables)
    estimation.predictions["predict"] = vec_predictor(result)
    aic, hqic, sbic = criteria_of(fit)
    time = require_time(session.data).time
    times = session.data.numeric(time)[result.rows]
    span = sample_span(session, result.rows)
    scalars = {
        "N": float(fit.n), "k_rank": float(fit.rank), "k_eq": float(k), "k_dv": float(k), "k_ce": float(fit.rank),
        "n_lags": float(result.lags), "df_m": float(fit.parameters), "ll": fit.log_likelihood, "aic": aic,
        "hqic": hqic, "sbic": sbic, "tmin": float(times.min()), "tmax": float(times.max()),
        "detsig_ml": float(np.linalg.det(fit.omega)), "rank": float(np.linalg.matrix_rank(fit.variance)),
        "beta_iden": 1.0,
    }  # fmt: skip
    for i, test in enumerate(tests, start=1):
        scalars.update({f"{key}{i}" if key == "df_m" else f"{key}_{i}": value for key, value in test.items()})
    for i, (df, chi2) in enumerate(_ce_tests(fit), start=1):
        scalars.update({f"df_m_ce{i}": float(df), f"chi2_ce{i}": chi2})
    variables = " ".join(operated_name(part) for part in result.variables)
    alpha = _alpha_table(result, 95.0)
    matrices = {
        "beta": Matrix(beta.b.reshape(1, -1).copy(), ["y1"], list(beta.names)),
        "V_beta": Matrix(beta.V.copy(), list(beta.names), list(beta.names)),
        "alpha": Matrix(alpha.b.reshape(1, -1).copy(), ["y1"], list(alpha.names)),
        "V_alpha": Matrix(alpha.V.copy(), list(alpha.names), list(alpha.names)),
        "pi": Matrix(fit.alpha @ fit.beta.T, list(result.equations), [f"r{i + 1}" for i in range(len(fit.beta))]),
        "omega": Matrix(fit.omega, list(result.names), list(result.names)),
    }
    macros = {
        "cmd": "vec", "trend": fit.trend, "depvar": variables, "endog": variables, "timevar": time,
        "tsfmt": session.data.variables[time].format, "tmins": span[0], "tmaxs": span[1],
        "eqnames": " ".join(result.equations), "cenames": " ".join(result.cointegrating), "predict": "vec_p",
        "title": "Vector error-correction model",
    }  # fmt: skip
    store(session, line, estimation, sample=result.rows, scalars=scalars, macros=macros, matrices=matrices)
    session.e.hidden["vec"] = result
