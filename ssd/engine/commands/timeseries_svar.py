"""svar: short-run structural vector autoregressions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, level_of, replay, store
from ssd.engine.commands.timeseries_sample import sample_span
from ssd.engine.commands.timeseries_var import (
    VectorResult,
    build_system,
    components,
    equation_tests,
    fit_system,
    read_lags,
    show_result,
)
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    coefficient_row,
    number,
    print_header,
    print_headings,
)
from ssd.engine.results import Matrix
from ssd.engine.stats.distributions import critical, two_sided
from ssd.engine.stats.structural_vector import StructuralFit, fit_long_run, fit_structure

if TYPE_CHECKING:
    from ssd.engine.session import Session


def _pattern(session: Session, name: str | None, k: int) -> tuple[FloatArray, BoolArray]:
    """Starting values and the free elements of an equality matrix; the identity without one."""
    if not name:
        return np.eye(k), np.zeros((k, k), dtype=np.bool_)
    if name not in session.matrices:
        raise StataError(111, f"matrix {name} not found")
    values = session.matrices[name].values
    if values.shape != (k, k):
        raise StataError(503, "conformability error")
    free = np.asarray(values >= MISSING, dtype=np.bool_)
    # Distinct starting values keep the information matrix regular.
    return np.where(free, np.where(np.eye(k) > 0, 1.0, 0.1), values), free


@command(
    "svar",
    "[varlist(numeric ts default=none)] [if] [in] [, Aeq(name) Beq(name) LAgs(string) EXog(string) noCONStant dfk "
    "SMall NOLOg NOISlog NOCNSReport var LUTstats Level(cilevel) LReq(name) ACns(name) BCns(name) LRCns(name) Full]",
    stored="e(N) e(ll) e(ll_var) e(N_cns) e(k_eq_var) e(df_r_var) e(mlag_var) e(fpe_var) e(aic_var) e(hqic_var) "
    "e(sbic_var) e(detsig_var) e(detsig_ml_var) e(F_#_var) e(chi2_#_var) e(r2_#_var) e(rmse_#_var) e(cmd) e(b) e(V) "
    "e(A) e(B) e(C) e(Sigma) e(b_var) e(V_var)",
    refused="acns(), bcns() and lrcns(), starting values, overidentification tests",
)
def svar(session: Session, line: Line) -> None:
    """Structural vector autoregression with short-run or long-run restrictions."""
    if replay(session, line, "svar"):
        return
    for option in ("acns", "bcns", "lrcns"):
        if line.text_option(option):
            raise unsupported(f"svar, {option}() is")
    endogenous = components(session, line.varlist, "the endogenous variables")
    exogenous = components(session, (line.text_option("exog") or "").split(), "exog()")
    k = len(endogenous)
    long_run = line.text_option("lreq")
    if long_run and (line.text_option("aeq") or line.text_option("beq")):
        raise StataError(198, "short-run and long-run constraints may not be combined")
    C, free_c = _pattern(session, long_run, k)
    A, free_a = _pattern(session, line.text_option("aeq"), k)
    B, free_b = _pattern(session, line.text_option("beq"), k)
    if not (free_a.any() or free_b.any() or free_c.any()):
        raise StataError(198, "no short-run constraints: aeq() or beq() must contain elements to estimate")
    count = int(free_a.sum() + free_b.sum() + free_c.sum())
    if count > k * (k + 1) // 2:
        raise StataError(498, "no. of parameters to estimate exceeds the number that can be identified")
    if count < k * (k + 1) // 2:
        raise unsupported("an overidentified svar is")
    level = level_of(session, line)
    system = build_system(session, line, endogenous, exogenous, read_lags(line), constant=not line.flag("noconstant"))
    result = fit_system(system, dfk=line.flag("dfk"), small=line.flag("small"), lutstats=line.flag("lutstats"))
    if line.flag("var"):
        show_result(session, line, result, level)
    if long_run:
        lags = system.lag_matrices(result.fit.coefficients)
        fit = fit_long_run(C, free_c, lags, result.sigma, result.fit.n)
        free = free_c.T.ravel()
    else:
        fit = fit_structure(A, B, free_a, free_b, result.sigma, result.fit.n)
        free = np.concatenate([free_a.T.ravel(), free_b.T.ravel()])
    log = session.log
    if not line.flag("nolog"):
        log.line(f"Estimating {'long' if long_run else 'short'}-run parameters")
        log.line()
        for i, value in enumerate(fit.iterations):
            log.line(f"{f'Iteration {i}:':<13} Log likelihood = {number(value, '%10.0g'):>10}")
    _finish(session, line, result, fit, free, level)


def _finish(
    session: Session, line: Line, result: VectorResult, fit: StructuralFit, free: BoolArray, level: float
) -> None:
    system = result.system
    k = len(system.endogenous)
    letters = "AB" if fit.long_run is None else "C"
    names = [f"/{letter}:{i + 1}_{j + 1}" for letter in letters for j in range(k) for i in range(k)]
    b = np.concatenate([fit.A.T.ravel(), fit.B.T.ravel()]) if fit.long_run is None else fit.long_run.T.ravel()
    table = CoefficientTable(names, b, fit.covariance, "", None, level)
    first, last = sample_span(session, system.rows)
    log = session.log

    def show() -> None:
        log.line()
        log.line("Structural vector autoregression")
        log.line()
        fixed = [j for j in sorted(range(len(names)), key=lambda j: names[j]) if not free[j]]
        for position, j in enumerate([] if line.flag("nocnsreport") else fixed, start=1):
            letter, _, cell = names[j].lstrip("/").partition(":")
            log.line(f" ({position:>2})  [/{letter}]{cell} = {number(float(b[j]), '%9.0g')}")
        log.line()
        entries = [
            Entry("Number of obs", f"{result.fit.n}"),
            Entry("Log likelihood", number(fit.log_likelihood, "%9.0g")),
        ]
        left = [f"Sample: {first} thru {last}", "Exactly identified model"]
        print_header(log, left, entries, label_width=17, value_width=10)
        log.line()
        _structure_table(session, table, free)

    estimation = Estimation({}, table, show)
    scalars = {
        "N": float(result.fit.n), "ll": fit.log_likelihood, "N_cns": float((~free).sum()), "k_dv_var": float(k),
        "k_eq_var": float(k), "rank": float(free.sum()), "tmin": float("nan"), **_underlying(result),
    }  # fmt: skip
    times = session.data.numeric(_time(session))[system.rows]
    scalars["tmin"], scalars["tmax"] = float(times.min()), float(times.max())
    variables = " ".join(system.names)
    macros = {
        "cmd": "svar", "depvar_var": variables, "endog_var": variables, "lags_var": " ".join(map(str, system.lags)),
        "title": "Structural vector autoregression", "dfk_var": "dfk" if result.dfk else "",
        "small_var": "small" if result.small else "", "predict": "svar_p",
    }  # fmt: skip
    labels = [f"{equation}:{name}" for equation in system.names for name in system.design.names]
    structural = {"A": fit.A, "B": fit.B} if fit.long_run is None else {"C": fit.long_run}
    matrices = {
        **{name: Matrix(each.copy(), list(system.names), list(system.names)) for name, each in structural.items()},
        "Sigma": Matrix(result.sigma.copy(), list(system.names), list(system.names)),
        "b_var": Matrix(result.fit.coefficients.T.reshape(1, -1).copy(), ["y1"], labels),
        "V_var": Matrix(result.V.copy(), labels, labels),
    }
    store(session, line, estimation, sample=system.rows, scalars=scalars, macros=macros, matrices=matrices)
    session.e.hidden["vector"] = result
    session.e.hidden["structure"] = fit
    show()


def _time(session: Session) -> str:
    from ssd.engine.data.timeseries import require_time

    return require_time(session.data).time


def _underlying(result: VectorResult) -> dict[str, float]:
    """The scalars of the reduced form, with _var appended."""
    fit, chosen = result.fit, result.criteria
    found = {
        "ll_var": chosen.ll, "fpe_var": chosen.fpe, "aic_var": chosen.aic, "hqic_var": chosen.hqic,
        "sbic_var": chosen.sbic, "detsig_var": float(np.linalg.det(result.sigma)), "df_eq_var": float(fit.parameters),
        "detsig_ml_var": float(np.linalg.det(fit.sigma_ml)), "mlag_var": float(result.system.max_lag),
    }  # fmt: skip
    if result.small:
        found["df_r_var"] = float(result.df_r)
    for i, test in enumerate(equation_tests(result), start=1):
        for key in ("F", "chi2", "r2", "rmse", "k", "obs"):
            if key in test:
                found[f"{key}_{i}_var"] = test[key]
    return found


def _structure_table(session: Session, table: CoefficientTable, free: BoolArray) -> None:
    """Estimated and fixed elements of A and B."""
    log = session.log
    z = critical(table.level, None)
    log.line("-" * 78)
    print_headings(log, table)
    shown = ""
    for j, name in enumerate(table.names):
        equation, _, cell = name.partition(":")
        if equation != shown:
            log.line("-" * 13 + "+" + "-" * 64)
            log.line(f"{equation:<12} |")
            shown = equation
        value = float(table.b[j])
        if free[j]:
            se = math.sqrt(float(table.V[j, j]))
            statistic = value / se
            row = coefficient_row(value, se, statistic, two_sided(statistic, None), value - z * se, value + z * se)
        else:
            row = f"{number(value):>11}  (constrained)"
        log.line(f"{cell:>12} |{row}")
    log.line("-" * 78)
