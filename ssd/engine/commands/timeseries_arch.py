"""arch: regression with ARCH and GARCH disturbances."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    build_regressors,
    finish_sample,
    level_of,
    marked_sample,
    operated_name,
    outcome_and_terms,
    parse_vce,
    replay,
    store,
)
from ssd.engine.commands.timeseries_arch_errors import ErrorDistribution, read_distribution
from ssd.engine.commands.timeseries_arima import (
    Orders,
    likelihood_covariance,
    read_orders,
    search_log,
    vce_heading,
)
from ssd.engine.commands.timeseries_arima_predict import Predictor
from ssd.engine.commands.timeseries_sample import has_gaps, one_panel, sample_span
from ssd.engine.data.timeseries import apply_operators, require_time
from ssd.engine.errors import StataError, insufficient_observations, no_observations, unsupported
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    chi2_entry,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.design import complete
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.linear import least_squares, with_constant
from ssd.engine.stats.numerical_likelihood import NumericalMaximum, maximize_terms
from ssd.engine.stats.terms import Component
from ssd.engine.stats.volatility import (
    VarianceOrders,
    conditional_variance,
    variance_forecasts,
)

if TYPE_CHECKING:
    from ssd.engine.session import Session

_LABELS = {"xb": "xb prediction, one-step", "y": "y prediction, one-step", "residuals": "residual, one-step",
           "variance": "Conditional variance, one-step"}  # fmt: skip


def _variance_orders(line: Line) -> VarianceOrders:
    lags = []
    for option in ("arch", "garch"):
        text = line.text_option(option)
        values = sorted({int(v) for v in parse_numlist(text)}) if text else []
        if values and values[0] < 1:
            raise StataError(198, f"{option}() lags must be positive integers")
        lags.append(values)
    if not lags[0]:
        raise unsupported("arch without arch() terms is")
    return VarianceOrders(lags[0], lags[1])


def _title(orders: Orders) -> str:
    words = "ARMA" if orders.ar and orders.ma else "AR" if orders.ar else "MA" if orders.ma else ""
    return "ARCH family regression" + (f" -- {words} disturbances" if words else "")


def _disturbances(u: FloatArray, orders: Orders, values: FloatArray) -> FloatArray:
    """e_t of u_t = sum phi u_{t-j} + e_t + sum theta e_{t-j}, everything before the sample zero."""
    from scipy.signal import lfilter

    if not orders.count:
        return u
    process = orders.arma(values)
    return np.asarray(lfilter(np.append(1.0, -process.ar), np.append(1.0, process.ma), u), dtype=np.float64)


@command(
    "arch",
    "[varlist(numeric fv ts default=none)] [if] [in] [, ARCH(string) GARCH(string) AR(string) MA(string) "
    "ARIMA(string) noCONStant vce(string) Robust Level(cilevel) noLOg ITERate(integer 300) noHEader noTABle "
    "DIFficult TECHnique(string) DISTribution(string) SARIMA(string) MAR(string) MMA(string)]",
    stored="e(N) e(k) e(df_m) e(ll) e(chi2) e(p) e(tmin) e(tmax) e(rank) e(cmd) e(cmdline) e(depvar) e(title) "
    "e(tmins) e(tmaxs) e(dist) e(vce) e(vcetype) e(predict) e(b) e(V) r(table)",
    refused="earch() egarch() tarch() aarch() narch() parch() saarch() abarch() atarch() het() archm arch0() arma0() "
    "constraints(), differencing inside arima()",
)
def arch(session: Session, line: Line) -> None:
    """Autoregressive conditional heteroskedasticity: ARCH and GARCH with normal, t or generalized errors."""
    if replay(session, line, "arch"):
        return
    errors = read_distribution(line.text_option("distribution"))
    level = level_of(session, line)
    vce = parse_vce(session, line, ("opg", "oim", "robust"), "opg")
    orders, variance = read_orders(line), _variance_orders(line)
    if orders.operator or orders.season:
        raise unsupported("differencing and seasonal terms in arch are")
    settings = require_time(session.data)
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    rows = complete([(outcome,), *terms], source, line.sample(session))
    if not rows.any():
        raise no_observations()
    one_panel(settings, source, rows)
    if has_gaps(settings, source, rows):
        raise unsupported("arch with gaps in the sample is")
    constant = not line.flag("noconstant")
    sample = finish_sample(session, rows, None, "", None)
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    design = regressors.design
    y = source.get(outcome.variable, outcome.operator)[rows]
    X = with_constant(regressors.X, constant)
    k = X.shape[1]
    if len(y) <= k + orders.count + variance.count + errors.count:
        raise insufficient_observations()
    maximum = _maximum(y, X, orders, variance, errors)
    V = likelihood_covariance(maximum, vce)
    active = int(design.active.sum())
    free = np.append(design.active, np.ones(orders.count + variance.count + errors.count, dtype=np.bool_))
    b_full, V_full = np.zeros(len(free)), np.zeros((len(free), len(free)))
    b_full[free] = maximum.parameters
    V_full[np.ix_(free, free)] = V
    names = [f"{outcome.variable}:{name}" for name in design.names] + orders.names
    for kind, lags in (("arch", variance.arch), ("garch", variance.garch)):
        names += [f"ARCH:L{lag if lag > 1 else ''}.{kind}" for lag in lags]
    names.append("ARCH:_cons")
    names += errors.names
    tested = [*range(active - int(constant)), *range(active, active + orders.count)]
    chi2, df_m = wald(maximum.parameters[tested], V[np.ix_(tested, tested)]) if tested else (math.nan, 0)
    depvar, heading, title = operated_name(outcome), vce_heading(vce), _title(orders)
    table = CoefficientTable(
        names, b_full, V_full, depvar, None, level, heading, data=session.data, equation_headings=True,
        no_footer=bool(errors.names),
    )  # fmt: skip
    word = "Log pseudolikelihood" if vce.is_robust else "Log likelihood"
    first, last = sample_span(session, rows)
    log = session.log

    def show() -> None:
        if not line.flag("noheader"):
            log.line()
            log.line(title)
            log.line()
            wald_entries = chi2_entry("Wald", df_m, chi2)
            if not df_m:
                wald_entries = [Entry("Wald chi2(.)", "."), Entry("Prob > chi2", ".")]
            left = [
                f"Sample: {first} thru {last}",
                errors.heading,
                f"{word} = {number(maximum.log_likelihood, '%9.0g')}",
            ]
            print_header(
                log,
                left,
                [Entry("Number of obs", f"{len(y)}"), *wald_entries],
                label_width=17,
                value_width=10,
            )
            log.line()
        if not line.flag("notable"):
            print_coefficients(log, table)
            if errors.names:
                errors.print_footer(log, table)

    estimation = Estimation({outcome.variable: design}, table, show)
    estimation.predictions["predict"] = _predictor(outcome, orders, variance, errors)
    times = source.get(settings.time)[rows]
    scalars = {
        "N": float(len(y)), "k": float(len(names)), "k_eq": 2.0 + bool(orders.count), "k_dv": 1.0, "df_m": float(df_m),
        "ll": maximum.log_likelihood, "chi2": chi2, "p": chi2_tail(chi2, df_m), "tmin": float(times.min()),
        "tmax": float(times.max()), "rank": float(len(maximum.parameters)), "rc": 0.0, "converged": 1.0,
        "ic": float(len(maximum.iterations) - 1), "archany": 1.0,
    }  # fmt: skip
    scalars |= {name: errors.value(maximum.parameters[len(maximum.parameters) - 1 :]) for name in errors.scalars}
    macros = {
        "cmd": "arch", "depvar": depvar, "title": title, "tmins": first, "tmaxs": last, "dist": errors.kind,
        "chi2type": "Wald", "vce": vce.kind, "vcetype": heading, "predict": "arch_p", "estat_cmd": "arch_estat",
        "covariates": " ".join(column.name for column in design.columns),
    }  # fmt: skip
    search_log(session, line, maximum, word)
    store(session, line, estimation, sample=rows, scalars=scalars, macros=macros)
    show()


def _terms(
    y: FloatArray, X: FloatArray, orders: Orders, variance: VarianceOrders, errors: ErrorDistribution
) -> Callable[[FloatArray], FloatArray | None]:
    k = X.shape[1]

    def terms(parameters: FloatArray) -> FloatArray | None:
        u = y - X @ parameters[:k]
        e = _disturbances(u, orders, parameters[k : k + orders.count])
        # Before the sample, squares and variances are the mean square of the disturbances (arch0(xb)).
        last = len(parameters) - errors.count
        h = conditional_variance(e, variance, parameters[k + orders.count : last], float(e @ e) / len(e))
        return errors.terms(e, h, parameters[last:])

    return terms


def _maximum(
    y: FloatArray, X: FloatArray, orders: Orders, variance: VarianceOrders, errors: ErrorDistribution
) -> NumericalMaximum:
    """From the best of a few starting points for the variance equation."""
    fit = least_squares(X, y, constant=False)
    s2 = fit.rss / len(y)
    if s2 <= 1e-24 * max(float(y @ y) / len(y), 1e-280):
        raise StataError(1400, "initial values not feasible")
    terms = _terms(y, X, orders, variance, errors)
    best, best_value = None, -math.inf
    for alpha in (0.05, 0.2, 0.4):
        for beta in (0.8, 0.5, 0.1) if variance.garch else (0.0,):
            if alpha + beta >= 1.0:
                continue
            start = np.concatenate([
                fit.coefficients, np.zeros(orders.count), np.full(len(variance.arch), alpha / len(variance.arch)),
                np.full(len(variance.garch), beta / max(len(variance.garch), 1)), [s2 * (1.0 - alpha - beta)],
                errors.start,
            ])  # fmt: skip
            found = terms(start)
            if found is not None and float(found.sum()) > best_value:
                best, best_value = start, float(found.sum())
    if best is None:
        raise StataError(1400, "initial values not feasible")
    # The parameters differ by orders of magnitude: the search works on multiples of their starting sizes.
    scale = np.where(np.abs(best) > 1e-12, np.abs(best), math.sqrt(s2))
    scale[: X.shape[1]] = math.sqrt(s2) / np.sqrt(np.maximum((X**2).mean(axis=0), 1e-300))
    scaled = maximize_terms(lambda p: terms(p * scale), best / scale)
    return NumericalMaximum(
        scaled.parameters * scale, scaled.log_likelihood, scaled.scores / scale,
        scaled.hessian / np.outer(scale, scale), scaled.iterations, scaled.switch,
    )  # fmt: skip


def _predictor(outcome: Component, orders: Orders, variance: VarianceOrders, errors: ErrorDistribution) -> Predictor:
    """predict after arch: xb, y, residuals, variance, from the start of the estimation sample on."""

    def predict(session: Session, line: Line, statistic: str) -> tuple[FloatArray, str, str]:
        from ssd.engine.commands.estimation import estimation_of
        from ssd.engine.commands.postestimation_predict import linear_prediction

        name = statistic or "xb"
        if name not in _LABELS:
            raise StataError(198, f"option {name} not allowed")
        if line.text_option("dynamic") or line.flag("structural"):
            raise unsupported("dynamic() and structural after arch are")
        data = session.data
        time = data.numeric(require_time(data).time)
        everything = np.ones(data.n_obs, dtype=np.bool_)
        linear = linear_prediction(session, estimation_of(session), everything, outcome.variable)
        inside = linear.defined & ~is_missing(time) & (time >= session.e.scalars["tmin"])
        y = apply_operators(data, data.numeric(outcome.variable), outcome.operator)
        known = inside & ~is_missing(y)
        b = session.e.matrices["b"].values[0]
        b = b[: len(b) - errors.count]
        first = len(b) - variance.count
        u = y[known] - linear.xb(known)
        e = _disturbances(u, orders, b[first - orders.count : first])
        out = np.full(data.n_obs, MISSING)
        if name == "variance":
            sample = marked_sample(session)
            prior = float(np.mean(e[sample[known]] ** 2))
            h = conditional_variance(e, variance, b[first:], prior)
            out[known] = h
            later = inside & ~known & (time > time[known].max())
            out[later] = variance_forecasts(e, h, variance, b[first:], int(later.sum()))
            return out, _LABELS[name], ""
        if name == "residuals":
            out[known] = e
        elif orders.count:
            out[known] = y[known] - e
        else:
            out[inside] = linear.xb(inside)
        return out, _LABELS[name], "" if statistic else "(option xb assumed; predicted values)"

    return predict
