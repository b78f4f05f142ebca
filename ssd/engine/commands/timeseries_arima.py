"""arima: ARIMA, ARMAX and multiplicative seasonal models by exact maximum likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    Vce,
    build_regressors,
    finish_sample,
    level_of,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    parse_vce,
    replay,
    store,
)
from ssd.engine.commands.timeseries_arima_predict import arima_predictor
from ssd.engine.commands.timeseries_arima_roots import roots_handler
from ssd.engine.commands.timeseries_sample import one_panel, sample_span
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, insufficient_observations, no_observations, unsupported
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    chi2_entry,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.stats.arma import Arma, innovations_with_gaps, likelihood_terms, multiplied, starting_values
from ssd.engine.stats.covariance import sandwich, wald
from ssd.engine.stats.design import complete
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.linear import least_squares, symmetric_inverse, with_constant
from ssd.engine.stats.numerical_likelihood import NumericalMaximum, maximize_terms
from ssd.engine.stats.terms import Component, Term

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass(frozen=True)
class Orders:
    """Lags of each polynomial; seasonal ones in units of their season."""

    ar: list[int]
    ma: list[int]
    seasonal_ar: list[int]
    seasonal_ma: list[int]
    season: int
    difference: int
    seasonal_difference: int

    @property
    def count(self) -> int:
        return len(self.ar) + len(self.ma) + len(self.seasonal_ar) + len(self.seasonal_ma)

    def arma(self, values: FloatArray) -> Arma:
        """The multiplied-out process for coefficients in the order of e(b)."""
        ends = np.cumsum([len(self.ar), len(self.ma), len(self.seasonal_ar)])
        ar, ma, sar, sma = np.split(values, ends)
        seasons = [1, self.season or 1]
        return Arma(
            multiplied([self.ar, self.seasonal_ar], [ar, sar], seasons, -1.0),
            multiplied([self.ma, self.seasonal_ma], [ma, sma], seasons, 1.0),
        )

    @property
    def names(self) -> list[str]:
        def named(equation: str, kind: str, lags: list[int]) -> list[str]:
            return [f"{equation}:L{lag if lag > 1 else ''}.{kind}" for lag in lags]

        seasonal = f"ARMA{self.season}"
        return [
            *named("ARMA", "ar", self.ar), *named("ARMA", "ma", self.ma),
            *named(seasonal, "ar", self.seasonal_ar), *named(seasonal, "ma", self.seasonal_ma),
        ]  # fmt: skip

    @property
    def operator(self) -> str:
        """The differencing as a time-series operator."""
        plain = f"D{self.difference if self.difference > 1 else ''}" if self.difference else ""
        seasonal = f"S{self.season}" * self.seasonal_difference
        return plain + seasonal


def _integers(text: str | None, option: str, count: int) -> list[int]:
    if not text:
        return [0] * count
    words = text.replace(",", " ").split()
    if len(words) != count or not all(word.isdigit() for word in words):
        raise StataError(198, f"option {option}() incorrectly specified")
    return [int(word) for word in words]


def _seasonal_lags(text: str | None, option: str) -> tuple[list[int], int]:
    """`numlist, season` of mar() and mma()."""
    if not text:
        return [], 0
    lags, comma, season = text.partition(",")
    if not comma or not season.strip().isdigit():
        raise StataError(198, f"option {option}() incorrectly specified")
    return _positive(lags), int(season)


def _positive(text: str | None) -> list[int]:
    values = sorted({int(v) for v in parse_numlist(text)}) if text else []
    if values and values[0] < 1:
        raise StataError(198, "lags must be positive integers")
    return values


def read_orders(line: Line) -> Orders:
    """arima(), sarima(), ar(), ma(), mar(), mma(). Raises r(198) for contradictions."""
    p, d, q = _integers(line.text_option("arima"), "arima", 3)
    P, D, Q, season = _integers(line.text_option("sarima"), "sarima", 4)
    ar, ma = _positive(line.text_option("ar")), _positive(line.text_option("ma"))
    if line.text_option("arima") and (ar or ma):
        raise StataError(198, "arima() may not be combined with ar() or ma()")
    mar, season_ar = _seasonal_lags(line.text_option("mar"), "mar")
    mma, season_ma = _seasonal_lags(line.text_option("mma"), "mma")
    seasons = {s for s in (season, season_ar, season_ma) if s}
    if len(seasons) > 1:
        raise unsupported("arima with seasonal terms of different seasons is")
    if line.text_option("sarima") and season < 2:
        raise StataError(198, "option sarima() incorrectly specified")
    return Orders(
        ar or list(range(1, p + 1)), ma or list(range(1, q + 1)), mar or list(range(1, P + 1)),
        mma or list(range(1, Q + 1)), max(seasons, default=0), d, D,
    )  # fmt: skip


@dataclass(frozen=True)
class TimeGrid:
    """The sample laid out on consecutive periods; periods without an observation are not known."""

    positions: np.ndarray[tuple[int], np.dtype[np.intp]]
    known: BoolArray

    def spread(self, values: FloatArray) -> FloatArray:
        full = np.zeros((len(self.known), *values.shape[1:]))
        full[self.positions] = values
        return full


def time_grid(time: FloatArray, delta: float) -> TimeGrid:
    positions = np.rint((time - time.min()) / delta).astype(np.intp)
    known = np.zeros(int(positions.max()) + 1, dtype=np.bool_)
    known[positions] = True
    return TimeGrid(positions, known)


def differenced(session: Session, terms: list[Term], operator: str) -> list[Term]:
    """The terms under a further operator; factor variables cannot be differenced."""
    if not operator:
        return terms
    found: list[Term] = []
    for term in terms:
        if len(term) != 1 or term[0].kind == "i":
            raise unsupported("differencing of factor variables and interactions is")
        part = term[0]
        found += parse_varlist(session, [f"{operator}{part.operator}.{part.variable}"])
    return found


@command(
    "arima",
    "[varlist(numeric fv ts default=none)] [if] [in] [iweight] [, ARIMA(string) SARIMA(string) AR(string) MA(string) "
    "MAR(string) MMA(string) noCONStant vce(string) Robust Level(cilevel) noLOg ITERate(integer 300) DETail "
    "noHEader noTABle DIFficult TECHnique(string) CONSTraints(string) CONDition DIFfuse SAVEspace]",
    stored="e(N) e(k) e(k_eq) e(k_eq_model) e(k_dv) e(k1) e(df_m) e(ll) e(sigma) e(chi2) e(p) e(tmin) e(tmax) "
    "e(ar_max) e(ma_max) e(rank) e(ic) e(rc) e(converged) e(cmd) e(cmdline) e(depvar) e(covariates) e(eqnames) "
    "e(title) e(tmins) e(tmaxs) e(chi2type) e(vce) e(vcetype) e(ma) e(ar) e(seasons) e(predict) e(b) e(V) r(table)",
    refused="constraints(), condition, diffuse, p0(), state0(), seasonal terms of several seasons, weights; "
    "technique() and difficult change nothing: the optimum is exact",
)
def arima(session: Session, line: Line) -> None:
    """ARIMA, ARMAX and seasonal models."""
    if replay(session, line, "arima"):
        return
    for option in ("condition", "diffuse"):
        if line.flag(option):
            raise unsupported(f"arima, {option} is")
    if line.text_option("constraints") or line.weight is not None:
        raise unsupported("arima with constraints or weights is")
    level = level_of(session, line)
    vce = parse_vce(session, line, ("opg", "oim", "robust"), "opg")
    orders = read_orders(line)
    settings = require_time(session.data)
    source = SessionSource(session)
    typed, typed_terms = outcome_and_terms(session, line.varlist)
    outcome, *_ = differenced(session, [(typed,)], orders.operator)
    terms = differenced(session, typed_terms, orders.operator)
    rows = complete([outcome, *terms], source, line.sample(session))
    if not rows.any():
        raise no_observations()
    one_panel(settings, source, rows)
    sample = finish_sample(session, rows, None, "", None)
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    y = source.get(outcome[0].variable, outcome[0].operator)[rows]
    X = with_constant(regressors.X, constant)
    k = X.shape[1]
    if len(y) <= k + orders.count + 1:
        raise insufficient_observations()
    grid = time_grid(source.get(settings.time)[rows], settings.delta)
    maximum = _maximum(y, X, grid, orders)
    _report(session, line, maximum, orders, vce, level, regressors.design, (typed, outcome[0]), rows)


def _maximum(y: FloatArray, X: FloatArray, grid: TimeGrid, orders: Orders) -> NumericalMaximum:
    """Maximise over regression coefficients, ARMA coefficients and sigma."""
    k = X.shape[1]

    def terms(parameters: FloatArray) -> FloatArray | None:
        sigma = float(parameters[-1])
        if sigma <= 0.0:
            return None
        u = grid.spread(y - X @ parameters[:k])
        found = innovations_with_gaps(orders.arma(parameters[k:-1]), u, grid.known)
        return None if found is None else likelihood_terms(found, sigma, grid.known)

    fit = least_squares(X, y, constant=False)
    u = fit.residuals
    ar, ma = starting_values(u, orders.ar, orders.ma)
    seasonal_ar, seasonal_ma = starting_values(
        u,
        [lag * orders.season for lag in orders.seasonal_ar],
        [lag * orders.season for lag in orders.seasonal_ma],
    )
    start = np.concatenate([ar, ma, seasonal_ar, seasonal_ma])
    for shrink in (1.0, 0.7, 0.4, 0.1, 0.0):
        process = orders.arma(start * shrink)
        inside = all((np.abs(roots) < 0.98).all() for roots in process.inverse_roots)
        found = innovations_with_gaps(process, grid.spread(u), grid.known) if inside else None
        if found is not None:
            sigma = math.sqrt(float(np.mean(found.v[grid.known] ** 2 / found.F[grid.known])))
            return maximize_terms(terms, np.concatenate([fit.coefficients, start * shrink, [sigma]]))
    raise StataError(1400, "initial values not feasible")


def likelihood_covariance(maximum: NumericalMaximum, vce: Vce) -> FloatArray:
    """opg, oim, or the sandwich with n/(n - 1)."""
    if vce.kind == "opg":
        return symmetric_inverse(maximum.scores.T @ maximum.scores)
    bread = symmetric_inverse(-maximum.hessian)
    if vce.kind == "oim":
        return bread
    n = len(maximum.scores)
    return sandwich(bread, maximum.scores.T @ maximum.scores, n / (n - 1.0))


def search_log(session: Session, line: Line, maximum: NumericalMaximum, word: str) -> None:
    """The iteration log of a search that starts with BHHH and turns to BFGS."""
    if line.flag("nolog"):
        return
    log = session.log
    log.line()
    log.line("(setting optimization to BHHH)")
    for i, value in enumerate(maximum.iterations):
        if maximum.switch and i == maximum.switch:
            log.line("(switching optimization to BFGS)")
        log.line(f"{f'Iteration {i}:':<13} {word} = {number(value, '%10.0g'):>10}")


def vce_heading(vce: Vce) -> str:
    return {"opg": "OPG", "oim": "", "robust": "Semirobust"}[vce.kind]


def _report(
    session: Session,
    line: Line,
    maximum: NumericalMaximum,
    orders: Orders,
    vce: Vce,
    level: float,
    design: object,
    outcomes: tuple[Component, Component],
    rows: BoolArray,
) -> None:
    from ssd.engine.stats.design import Design

    assert isinstance(design, Design)
    typed, outcome = outcomes
    V = likelihood_covariance(maximum, vce)
    k = int(design.active.sum())
    free = np.append(design.active, np.ones(orders.count + 1, dtype=np.bool_))
    b_full = np.zeros(len(free))
    V_full = np.zeros((len(free), len(free)))
    b_full[free] = maximum.parameters
    V_full[np.ix_(free, free)] = V
    equation = typed.variable
    names = [f"{equation}:{name}" for name in design.names] + orders.names + ["/:sigma"]
    tested = [*range(k - int(design.constant)), *range(k, k + orders.count)]
    chi2, df_m = wald(maximum.parameters[tested], V[np.ix_(tested, tested)]) if tested else (math.nan, 0)
    depvar = operated_name(outcome)
    heading = vce_heading(vce)
    table = CoefficientTable(
        names, b_full, V_full, depvar, None, level, heading, data=session.data, equation_headings=True
    )
    word = "Log pseudolikelihood" if vce.is_robust else "Log likelihood"
    first, last = sample_span(session, rows)
    n = int(rows.sum())
    log = session.log

    def show() -> None:
        if not line.flag("noheader"):
            log.line()
            log.line("ARIMA regression")
            log.line()
            entries = [Entry("Number of obs", f"{n}"), *chi2_entry("Wald", df_m, chi2)]
            left = [f"Sample: {first} thru {last}", "", f"{word} = {number(maximum.log_likelihood, '%9.0g')}"]
            print_header(log, left, entries, label_width=17, value_width=10)
            log.line()
        if not line.flag("notable"):
            print_coefficients(log, table)
            log.line("Note: The test of the variance against zero is one sided, and the two-sided")
            log.line("      confidence interval is truncated at zero.")

    estimation = Estimation({equation: design}, table, show)
    estimation.predictions["predict"] = arima_predictor(equation, outcome, typed, orders)
    estimation.predictions["estat"] = {"aroots": roots_handler(orders)}
    times = session.data.numeric(require_time(session.data).time)[rows]
    process = orders.arma(maximum.parameters[k:-1])
    scalars = {
        "N": float(n), "k": float(len(names)), "k_eq": float(2 + bool(orders.count)), "k_eq_model": 1.0, "k_dv": 1.0,
        "k1": float(k), "df_m": float(df_m), "ll": maximum.log_likelihood, "sigma": float(maximum.parameters[-1]),
        "chi2": chi2, "p": chi2_tail(chi2, df_m), "tmin": float(times.min()), "tmax": float(times.max()),
        "ar_max": float(len(process.ar)), "ma_max": float(len(process.ma)), "rank": float(len(maximum.parameters)),
        "ic": float(len(maximum.iterations) - 1), "rc": 0.0, "converged": 1.0,
    }  # fmt: skip
    macros = {
        "cmd": "arima", "depvar": depvar, "title": "ARIMA regression", "tmins": first, "tmaxs": last,
        "covariates": " ".join(column.name for column in design.columns), "chi2type": "Wald", "vce": vce.kind,
        "vcetype": heading, "ar": " ".join(map(str, orders.ar)), "ma": " ".join(map(str, orders.ma)),
        "seasons": f"1 {orders.season}" if orders.season else "1", "eqnames": " ".join(dict.fromkeys(
            name.rpartition(":")[0].strip("/") or "sigma" for name in names)), "technique": "bhhh bfgs",
        "predict": "arima_p", "estat_cmd": "arima_estat",
    }  # fmt: skip
    search_log(session, line, maximum, word)
    store(session, line, estimation, sample=rows, scalars=scalars, macros=macros)
    show()
