"""var, varbasic: vector autoregressions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    level_of,
    operated_name,
    parse_varlist,
    replay,
    require_numeric,
    store,
)
from ssd.engine.commands.timeseries_arima_predict import Predictor
from ssd.engine.commands.timeseries_sample import has_gaps, one_panel, sample_span
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, insufficient_observations, no_observations, unsupported
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.output.estimation import CoefficientTable, Entry, number, print_coefficients, print_header
from ssd.engine.results import Matrix
from ssd.engine.stats.arithmetic import logarithm, quotient
from ssd.engine.stats.design import Column, Design, Part, complete
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.terms import Component, Term
from ssd.engine.stats.vector_autoregression import Criteria, VectorFit, block_wald, criteria, fit_vector

if TYPE_CHECKING:
    from ssd.engine.session import Session

_REFUSED = "constraints(), noisure, nobigf, nocnsreport;"


@dataclass(frozen=True)
class System:
    """The variables of a vector autoregression and its sample."""

    endogenous: list[Component]
    exogenous: list[Component]
    lags: list[int]
    constant: bool
    rows: BoolArray
    design: Design
    """The regressors of every equation."""
    Y: FloatArray
    Z: FloatArray

    @property
    def names(self) -> list[str]:
        """Equation names: operators are joined with an underscore."""
        return [operated_name(part).replace(".", "_") for part in self.endogenous]

    @property
    def max_lag(self) -> int:
        return max(self.lags, default=0)

    def lag_matrices(self, coefficients: FloatArray) -> FloatArray:
        """A_1 … A_p from the (m, K) coefficients: (p, K, K), rows are equations."""
        k, count = len(self.endogenous), len(self.lags)
        A = np.zeros((max(self.max_lag, 1), k, k))
        for variable in range(k):
            for position, lag in enumerate(self.lags):
                A[lag - 1, :, variable] = coefficients[variable * count + position]
        return A

    def lag_positions(self) -> FloatArray:
        """For each entry of A.transpose(1, 0, 2).ravel() its position in the stacked equations, -1 for none."""
        k, count, m = len(self.endogenous), len(self.lags), self.Z.shape[1]
        positions = np.full((k, max(self.max_lag, 1), k), -1.0)
        for equation in range(k):
            for variable in range(k):
                for position, lag in enumerate(self.lags):
                    positions[equation, lag - 1, variable] = equation * m + variable * count + position
        return positions.ravel()


def lagged_part(part: Component, lag: int) -> Component:
    """The variable `lag` periods earlier, the operators in canonical order."""
    if lag == 0:
        return part
    prefix = f"L{lag if lag > 1 else ''}"
    operator = part.operator
    if operator.startswith("L"):
        digits = ""
        while len(operator) > len(digits) + 1 and operator[len(digits) + 1].isdigit():
            digits += operator[len(digits) + 1]
        lag += int(digits or 1)
        prefix, operator = f"L{lag}", operator[len(digits) + 1 :]
    return replace(part, operator=prefix + operator)


def components(session: Session, words: list[str], what: str) -> list[Component]:
    """Plain variables with operators. Raises r(101) for factor variables and r(198) for repeats."""
    terms: list[Term] = parse_varlist(session, words) if words else []
    require_numeric(session, terms)
    parts = []
    for term in terms:
        if len(term) != 1 or term[0].kind == "i":
            raise StataError(101, f"factor variables not allowed in {what}")
        if term[0] in parts:
            raise StataError(198, f"variable {operated_name(term[0])} is repeated in {what}")
        parts.append(term[0])
    return parts


def build_system(
    session: Session,
    line: Line,
    endogenous: list[Component],
    exogenous: list[Component],
    lags: list[int],
    *,
    constant: bool,
    longest: int | None = None,
) -> System:
    """Sample and regressors: lags of each variable, exogenous variables, constant.

    `longest` makes the sample that of a longer lag order (for comparisons). Raises r(459), r(498), r(2001).
    """
    settings = require_time(session.data)
    if max([0, longest or 0, *lags]) >= max(session.data.n_obs, 1):
        raise no_observations()
    source = SessionSource(session)
    order = [lagged_part(part, lag) for part in endogenous for lag in lags]
    needed: list[Term] = [(part,) for part in [*endogenous, *order, *exogenous]]
    if longest:
        needed += [(lagged_part(part, longest),) for part in endogenous]
    rows = complete(needed, source, line.sample(session))
    if not rows.any():
        raise no_observations()
    one_panel(settings, source, rows)
    if has_gaps(settings, source, rows):
        raise unsupported("a vector autoregression over a sample with gaps is")
    columns = [Column((Part(part.variable, part.operator),)) for part in [*order, *exogenous]]
    design = Design(columns, constant)
    Z = design.matrix(source, rows)
    Z = np.column_stack([Z, np.ones(len(Z))]) if constant else Z
    Y = np.column_stack([source.get(part.variable, part.operator)[rows] for part in endogenous])
    if len(Y) <= Z.shape[1]:
        raise insufficient_observations()
    return System(endogenous, exogenous, lags, constant, rows, design, Y, Z)


def read_lags(line: Line) -> list[int]:
    text = line.text_option("lags")
    lags = sorted({int(v) for v in parse_numlist(text)}) if text else [1, 2]
    if not lags or lags[0] < 1:
        raise StataError(198, "lags() must contain positive integers")
    return lags


@dataclass(frozen=True)
class VectorResult:
    """A fitted system with what the table, e() and the diagnostics need."""

    system: System
    fit: VectorFit
    sigma: FloatArray
    """The residual covariance e(Sigma): divided by T, or by T - m with dfk."""
    V: FloatArray
    criteria: Criteria
    small: bool
    dfk: bool

    @property
    def df_r(self) -> int:
        return self.fit.n - self.fit.parameters


def fit_system(system: System, *, dfk: bool, small: bool, lutstats: bool) -> VectorResult:
    fit = fit_vector(system.Y, system.Z)
    sigma = fit.sigma_dfk if dfk else fit.sigma_ml
    lag_parameters = len(system.endogenous) ** 2 * len(system.lags)
    return VectorResult(
        system, fit, sigma, np.asarray(np.kron(sigma, fit.inverse), dtype=np.float64),
        criteria(fit, lutstats=lutstats, lag_parameters=lag_parameters), small, dfk,
    )  # fmt: skip


def result_of(session: Session) -> VectorResult:
    """The last var. Raises r(301)."""
    found = session.e.hidden.get("vector")
    if not isinstance(found, VectorResult):
        raise StataError(301, "last var or svar estimates not found")
    return found


def equation_tests(result: VectorResult) -> list[dict[str, float]]:
    """Per equation: parameters, RMSE, R-squared, and the test of all coefficients but the constant."""
    system, fit = result.system, result.fit
    m, k = fit.coefficients.shape
    slopes = m - int(system.constant)
    found = []
    for i in range(k):
        y, e = system.Y[:, i], fit.residuals[:, i]
        tss = float(((y - (y.mean() if system.constant else 0.0)) ** 2).sum())
        rss = float(e @ e)
        index = np.arange(i * m, i * m + slopes)
        chi2, rank = block_wald(fit.coefficients[:slopes, i], result.V[np.ix_(index, index)]) if slopes else (0.0, 0)
        entry = {
            "k": float(fit.parameters), "rmse": math.sqrt(rss / result.df_r), "r2": 1.0 - quotient(rss, tss),
            "ll": -0.5 * fit.n * (math.log(2.0 * math.pi) + logarithm(rss / fit.n) + 1.0), "df_m": float(rank),
            "obs": float(fit.n),
        }  # fmt: skip
        if result.small:
            entry["F"] = chi2 / rank if rank else math.nan
            entry["df_r"] = float(result.df_r)
            entry["p"] = f_tail(entry["F"], rank, result.df_r)
        else:
            entry["chi2"] = chi2
            entry["p"] = chi2_tail(chi2, rank)
        found.append(entry)
    return found


def _equation_table(session: Session, result: VectorResult, tests: list[dict[str, float]]) -> None:
    log = session.log
    letter = "F       P > F" if result.small else "chi2     P>chi2"
    log.line(f"Equation           Parms      RMSE     R-sq      {letter}")
    log.line("-" * 64)
    for name, test in zip(result.system.names, tests, strict=True):
        statistic = test["F"] if result.small else test["chi2"]
        shown = name if len(name) <= 16 else name[:14] + "~" + name[-1]
        share = "." if math.isnan(test["r2"]) else f"{test['r2']:.4f}"
        log.line(
            f"{shown:<16}{test['k']:>7.0f}{number(test['rmse'], '%8.0g'):>12}{share:>9}"
            f"{number(statistic, '%9.0g'):>11}{test['p']:>9.4f}"
        )
    log.line("-" * 64)


def show_result(session: Session, line: Line, result: VectorResult, level: float) -> None:
    """Print and store a fitted vector autoregression."""
    system, fit, chosen = result.system, result.fit, result.criteria
    names = [f"{equation}:{name}" for equation in system.names for name in system.design.names]
    df = float(result.df_r) if result.small else None
    table = CoefficientTable(names, fit.coefficients.T.ravel(), result.V, "", df, level, "", data=session.data)
    tests = equation_tests(result)
    first, last = sample_span(session, system.rows)
    detsig_ml = float(np.linalg.det(fit.sigma_ml))
    log = session.log

    def show() -> None:
        log.line()
        log.line("Vector autoregression")
        log.line()
        left = [f"Sample: {first} thru {last}"]
        for label, value in (
            ("Log likelihood", chosen.ll),
            ("FPE", chosen.fpe),
            ("Det(Sigma_ml)", detsig_ml),
        ):
            left.append(f"{label:<14} = {number(value, '%9.0g'):>10}")
        entries = [Entry("Number of obs", f"{fit.n}")]
        entries += [
            Entry(label, number(value, "%9.0g"))
            for label, value in (("AIC", chosen.aic), ("HQIC", chosen.hqic), ("SBIC", chosen.sbic))
        ]
        print_header(log, left, entries, label_width=17, value_width=10)
        log.line()
        _equation_table(session, result, tests)
        log.line()
        print_coefficients(log, table)

    _store(session, line, result, table, tests, show, (first, last))
    show()


def _store(
    session: Session,
    line: Line,
    result: VectorResult,
    table: CoefficientTable,
    tests: list[dict[str, float]],
    show: object,
    span: tuple[str, str],
) -> None:
    system, fit, chosen = result.system, result.fit, result.criteria
    assert callable(show)
    estimation = Estimation(dict.fromkeys(system.names, system.design), table, show)
    estimation.predictions["predict"] = _predictor(system)
    k = len(system.endogenous)
    time = require_time(session.data).time
    times = session.data.numeric(time)[system.rows]
    scalars = {
        "N": float(fit.n), "k": float(len(table.names)), "k_eq": float(k), "k_dv": float(k),
        "df_eq": float(fit.parameters), "df_m": float(len(table.names)), "ll": chosen.ll,
        "ll_dfk": -0.5 * fit.n * (float(np.linalg.slogdet(fit.sigma_dfk)[1]) + k * math.log(2 * math.pi) + k),
        "aic": chosen.aic, "hqic": chosen.hqic, "sbic": chosen.sbic, "fpe": chosen.fpe,
        "mlag": float(system.max_lag), "tmin": float(times.min()), "tmax": float(times.max()), "N_gaps": 0.0,
        "rank": float(k * fit.parameters), "tparms": float(k * fit.parameters), "neqs": float(k),
        "detsig": float(np.linalg.det(result.sigma)), "detsig_ml": float(np.linalg.det(fit.sigma_ml)),
    }  # fmt: skip
    if result.small:
        scalars["df_r"] = float(result.df_r)
    for i, test in enumerate(tests, start=1):
        for key, value in test.items():
            if key != "p":
                scalars[f"{key}{i}" if key.startswith("df_") else f"{key}_{i}"] = value
    variables = " ".join(operated_name(part) for part in system.endogenous)
    macros = {
        "cmd": "var", "depvar": variables, "endog": variables, "eqnames": " ".join(system.names),
        "exog": " ".join(operated_name(part) for part in system.exogenous),
        "lags": " ".join(map(str, system.lags)), "title": "Vector autoregression", "timevar": time,
        "tsfmt": session.data.variables[time].format, "tmins": span[0], "tmaxs": span[1],
        "small": "small" if result.small else "", "dfk": "dfk" if result.dfk else "",
        "nocons": "" if system.constant else "nocons", "predict": "var_p",
    }  # fmt: skip
    sigma = Matrix(result.sigma.copy(), list(system.names), list(system.names))
    store(
        session,
        line,
        estimation,
        sample=system.rows,
        scalars=scalars,
        macros=macros,
        matrices={"Sigma": sigma},
    )
    session.e.hidden["vector"] = result


def _predictor(system: System) -> Predictor:
    """predict after var: xb and residuals of one equation (the first unless equation() says otherwise)."""

    def predict(session: Session, line: Line, statistic: str) -> tuple[FloatArray, str, str]:
        from ssd.engine.commands.estimation import estimation_of
        from ssd.engine.commands.postestimation_predict import linear_prediction

        name = statistic or "xb"
        if name not in {"xb", "residuals", "stdp"}:
            raise StataError(198, f"option {name} not allowed")
        typed = (line.text_option("equation") or "#1").strip()
        index = int(typed[1:]) - 1 if typed.startswith("#") and typed[1:].isdigit() else -1
        if index < 0 and typed in system.names:
            index = system.names.index(typed)
        if not 0 <= index < len(system.names):
            raise StataError(111, f"equation {typed} not found")
        everything = np.ones(session.data.n_obs, dtype=np.bool_)
        linear = linear_prediction(session, estimation_of(session), everything, system.names[index])
        defined = linear.defined
        out = np.full(session.data.n_obs, MISSING)
        if name == "stdp":
            out[defined] = linear.stdp(defined)
            return out, "S.E. of the prediction", ""
        out[defined] = linear.xb(defined)
        if name == "residuals":
            part = system.endogenous[index]
            y = SessionSource(session).get(part.variable, part.operator)
            good = defined & (y < MISSING)
            out = np.where(good, np.where(good, y, 0.0) - np.where(good, out, 0.0), MISSING)
            return out, "Residuals", ""
        return out, "Fitted values", "" if statistic else "(option xb assumed; fitted values)"

    return predict


@command(
    "var",
    "[varlist(numeric ts default=none)] [if] [in] [, LAgs(string) EXog(string) noCONStant dfk SMall NOLOg LUTstats "
    "Level(cilevel)]",
    stored="e(N) e(k) e(k_eq) e(k_dv) e(df_eq) e(df_m) e(df_r) e(ll) e(ll_dfk) e(obs_#) e(k_#) e(df_m#) e(df_r#) "
    "e(r2_#) e(ll_#) e(chi2_#) e(F_#) e(rmse_#) e(aic) e(hqic) e(sbic) e(fpe) e(mlag) e(tmin) e(tmax) e(rank) "
    "e(detsig) e(detsig_ml) e(cmd) e(depvar) e(endog) e(exog) e(eqnames) e(lags) e(title) e(timevar) e(small) "
    "e(dfk) e(b) e(V) e(Sigma) r(table)",
    refused=_REFUSED,
)
def var(session: Session, line: Line) -> None:
    """Vector autoregression by least squares."""
    if replay(session, line, "var"):
        return
    level = level_of(session, line)
    endogenous = components(session, line.varlist, "the endogenous variables")
    exogenous = components(session, (line.text_option("exog") or "").split(), "exog()")
    system = build_system(session, line, endogenous, exogenous, read_lags(line), constant=not line.flag("noconstant"))
    result = fit_system(system, dfk=line.flag("dfk"), small=line.flag("small"), lutstats=line.flag("lutstats"))
    show_result(session, line, result, level)


@command(
    "varbasic",
    "varlist(numeric ts) [if] [in] [, LAgs(string) STep(integer 8) IRF FEVD NOGraph]",
    stored="as var; the IRF results _varbasic",
)
def varbasic(session: Session, line: Line) -> None:
    """A simple vector autoregression with its impulse responses graphed."""
    from ssd.engine.commands.timeseries_irf import create_responses, graph_responses, start_varbasic

    endogenous = components(session, line.varlist, "the endogenous variables")
    system = build_system(session, line, endogenous, [], read_lags(line), constant=True)
    result = fit_system(system, dfk=False, small=False, lutstats=False)
    show_result(session, line, result, level_of(session, line))
    steps = line.options.get("step")
    start_varbasic(session)
    create_responses(session, "_varbasic", int(str(steps)), None)
    if not line.flag("nograph"):
        statistic = "irf" if line.flag("irf") else "fevd" if line.flag("fevd") else "oirf"
        graph_responses(session, ["_varbasic"], [statistic], None, None, "")
