"""The printed report of ivreg2."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ssd.engine.commands.absorption import absorbed_table
from ssd.engine.commands.declare import Line
from ssd.engine.output.estimation import CoefficientTable, count, number, print_coefficients
from ssd.engine.stats.stock_yogo import critical_values

if TYPE_CHECKING:
    from ssd.engine.commands.instrumental_ivreg2_problem import Problem
    from ssd.engine.session import Session

RULE = "-" * 78
_TITLES = {
    "iv": "IV (2SLS) estimation", "ols": "OLS estimation", "liml": "LIML estimation", "kclass": "k-class estimation",
    "gmm2s": "2-Step GMM estimation", "cue": "CUE estimation",
}  # fmt: skip


def print_report(
    session: Session, line: Line, problem: Problem, model: str, values: dict[str, float], table: CoefficientTable,
    tested: dict[str, str], first: dict[str, dict[str, float]],
) -> None:  # fmt: skip
    """Summary of the first stages when asked for, header, table, tests and lists of variables."""
    if line.flag("ffirst") and first:
        _first_summary(session, problem, values, first)
    if not line.flag("noheader"):
        _header(session, problem, model, values)
    print_coefficients(session.log, table)
    if not line.flag("nofooter"):
        _tests(session, line, problem, model, values, tested)
        _lists(session, problem)
        if problem.prepared is not None:
            absorbed_table(session, problem.prepared)


def _header(session: Session, problem: Problem, model: str, values: dict[str, float]) -> None:
    log = session.log
    title = _TITLES[model]
    log.line()
    log.line(title)
    log.line("-" * len(title))
    if model in {"liml", "kclass"}:
        log.line(f"k               ={values['kclass']:.5f}")
        if "lambda" in values:
            log.line(f"lambda          ={values['lambda']:.5f}")
    log.line()
    efficient, robust = _robustness(problem)
    if model not in {"gmm2s", "cue"}:
        efficient = "homoskedasticity only"
    log.line(f"Estimates efficient for {efficient}")
    consistent = "consistent for" if robust == "homoskedasticity only" else "robust to"
    log.line(f"Statistics {consistent} {robust}")
    if problem.sampling.kernel:
        log.line(f"  kernel={problem.sampling.kernel.title()}; bandwidth={number(problem.sampling.bandwidth):>3}")
        log.line(f"  time variable (t):  {problem.time}")
        if problem.panel:
            log.line(f"  group variable (i): {problem.panel}")
    log.line()
    left = [
        f"Number of clusters ({name}) = {size:>10,}"
        for name, size in zip(problem.cluster_names, problem.cluster_counts, strict=True)
    ]
    F = "." if math.isnan(values["F"]) else f"{values['F']:.2f}"
    p = "." if math.isnan(values["Fp"]) else f"{values['Fp']:.4f}"
    right = [
        ("Number of obs", count(values["N"])),
        (f"F({values['Fdf1']:3.0f},{values['Fdf2']:6.0f})", F),
        ("Prob > F", p),
    ]
    left += [""] * (3 - len(left))
    for text, (label, value) in zip(left, right, strict=True):
        log.line(f"{text:<54}{label:<13} = {value:>8}")
    rows = (
        ("Total (centered) SS", "yyc", "Centered R2", f"{_fixed(values['r2c'], 4):>8}"),
        ("Total (uncentered) SS", "yy", "Uncentered R2", f"{_fixed(values['r2u'], 4):>8}"),
        ("Residual SS", "rss", "Root MSE", f"{number(values['rmse'], '%8.4g'):>8}"),
    )
    for label, key, name, value in rows:
        log.line(f"{label:<23} = {number(values[key], '%12.0g'):>12}{'':<16}{name:<13} = {value}")
    log.line()


def _robustness(problem: Problem) -> tuple[str, str]:
    """What the efficient weights and the statistics allow for."""
    s = problem.sampling
    if s.clusters:
        names = " and ".join(problem.cluster_names)
        return f"arbitrary heteroskedasticity and clustering on {names}", (
            f"heteroskedasticity and clustering on {names}"
        )
    if s.kernel and s.robust:
        return "arbitrary heteroskedasticity and autocorrelation", "heteroskedasticity and autocorrelation"
    if s.kernel:
        return "arbitrary autocorrelation", "autocorrelation"
    if s.robust:
        return "arbitrary heteroskedasticity", "heteroskedasticity"
    return "homoskedasticity only", "homoskedasticity only"


def _statistic(session: Session, label: str, value: float) -> None:
    # Numbers of ten million and more leave the fixed format.
    text = f"{value:.3f}" if abs(value) < 1e5 else number(value, "%8.1e")
    session.log.line(f"{label}{text:>{78 - len(label)}}")


def _p_value(session: Session, df: float, p: float) -> None:
    shown = "." if math.isnan(p) else f"{p:.4f}"
    session.log.line(f"{f'Chi-sq({df:.0f}) P-val =':>68}{shown:>10}")


def _tests(
    session: Session, line: Line, problem: Problem, model: str, values: dict[str, float], tested: dict[str, str]
) -> None:
    log = session.log
    robust = problem.sampling.robust or bool(problem.sampling.clusters) or bool(problem.sampling.kernel)
    if problem.endogenous_names and not line.flag("noid"):
        kind = "Kleibergen-Paap rk LM statistic" if robust else "Anderson canon. corr. LM statistic"
        _statistic(session, f"Underidentification test ({kind}):", values["idstat"])
        _p_value(session, values["iddf"], values["idp"])
        if "redlist" in tested:
            log.line("-redundant- option:")
            _statistic(session, "IV redundancy test (LM test of redundancy of specified instruments):",
                       values["redstat"])  # fmt: skip
            _p_value(session, values["reddf"], values["redp"])
            _wrapped(session, "Instruments tested:", 22, tested["redlist"].split())
        log.line(RULE)
        _statistic(session, "Weak identification test (Cragg-Donald Wald F statistic):", values["cdf"])
        if robust:
            _statistic(session, f"{'(Kleibergen-Paap rk Wald F statistic):':>63}", values["rkf"])
        _stock_yogo(session, problem, model, robust)
        log.line(RULE)
    kind = "Hansen J" if robust else "Sargan"
    if problem.endogenous_names or values["jdf"]:
        _statistic(session, f"{kind} statistic (overidentification test of all instruments):", values["j"])
        if values["jdf"]:
            _p_value(session, values["jdf"], values["jp"])
        else:
            log.line(f"{'(equation exactly identified)':>78}")
    if "clist" in tested:
        log.line("-orthog- option:")
        _statistic(session, f"{kind} statistic (eqn. excluding suspect orthog. conditions): ", values["cj"])
        if values["cjdf"]:
            _p_value(session, values["cjdf"], values["cjp"])
        else:
            log.line(f"{'(equation exactly identified)':>78}")
        _statistic(session, "C statistic (exogeneity/orthogonality of suspect instruments): ", values["cstat"])
        _p_value(session, values["cstatdf"], values["cstatp"])
        _wrapped(session, "Instruments tested:", 22, tested["clist"].split())
    if "elist" in tested:
        log.line("-endog- option:")
        _statistic(session, "Endogeneity test of endogenous regressors:", values["estat"])
        _p_value(session, values["estatdf"], values["estatp"])
        _wrapped(session, "Regressors tested:", 22, tested["elist"].split())
    if problem.endogenous_names or values["jdf"] or tested:
        log.line(RULE)


def _stock_yogo(session: Session, problem: Problem, model: str, robust: bool) -> None:
    """The critical values there are for this many regressors and instruments."""
    log = session.log
    endogenous, instruments = len(problem.endogenous_names), problem.instruments.shape[1]
    rows: list[str] = []
    if model in {"iv", "gmm2s"}:
        bias = critical_values("bias", endogenous, instruments)
        rows += _critical_rows("maximal IV relative bias", (5, 10, 20, 30), bias)
    if model in {"liml", "cue"}:
        size = critical_values("size_liml", endogenous, instruments)
        rows += _critical_rows("maximal LIML size", (10, 15, 20, 25), size)
    else:
        size = critical_values("size_2sls", endogenous, instruments)
        rows += _critical_rows("maximal IV size", (10, 15, 20, 25), size)
    label = "Stock-Yogo weak ID test critical values:"
    if not rows:
        log.line(f"{label}{'<not available>':>38}")
        return
    for index, text in enumerate(rows):
        log.line(f"{label if index == 0 else '':<41}{text}")
    log.line("Source: Stock-Yogo (2005).  Reproduced by permission.")
    if robust:
        log.line("NB: Critical values are for Cragg-Donald F statistic and i.i.d. errors.")


def _critical_rows(what: str, levels: tuple[int, ...], values: tuple[float, ...] | None) -> list[str]:
    if values is None:
        return []
    return [f"{f'{level:2d}% {what}':<29}{value:>8.2f}" for level, value in zip(levels, values, strict=True)]


def _wrapped(session: Session, label: str, indent: int, names: list[str]) -> None:
    """A label and names, continued under the first name."""
    current = f"{label:<{indent}}"
    start = len(current)
    for name in names:
        if len(current) > start and len(current) + len(name) > 78:
            session.log.line(current.rstrip())
            current = " " * indent
        current += name + " "
    session.log.line(current.rstrip())


def _lists(session: Session, problem: Problem) -> None:
    if problem.endogenous_names:
        _wrapped(session, "Instrumented:", 22, problem.endogenous_names)
    if problem.exogenous_names:
        label = "Included instruments:" if problem.instrument_names else "Regressors:"
        _wrapped(session, label, 22, problem.exogenous_names)
    if problem.instrument_names:
        _wrapped(session, "Excluded instruments:", 22, problem.instrument_names)
    if problem.partial_names:
        _wrapped(session, "Partialled-out:", 22, problem.partial_names)
        session.log.line(f"{'':<22}nb: total SS, model F and R2s are after partialling-out;")
        session.log.line(f"{'':<22}    any small-sample adjustments include partialled-out")
        session.log.line(f"{'':<22}    variables in regressor count K")
    session.log.line(RULE)


def print_first_heading(session: Session) -> None:
    log = session.log
    log.line()
    log.line("First-stage regressions")
    log.line("-" * 23)


def print_first_stage(session: Session, stage: Problem, table: CoefficientTable, statistics: dict[str, float]) -> None:
    """One first-stage regression with the tests of its excluded instruments."""
    log = session.log
    log.line()
    log.line()
    log.line(f"First-stage regression of {stage.depvar}:")
    log.line()
    _, robust = _robustness(stage)
    consistent = "consistent for" if robust == "homoskedasticity only" else "robust to"
    log.line(f"Statistics {consistent} {robust}")
    log.line(f"Number of obs = {count(stage.sample.n):>22}")
    for name, size in zip(stage.cluster_names, stage.cluster_counts, strict=True):
        log.line(f"Number of clusters ({name}) = {size:>{max(16 - len(name), 6)},}")
    print_coefficients(log, table)
    log.line("F test of excluded instruments:")
    log.line(f"  F({statistics['df']:3.0f},{statistics['df_r']:6.0f}) = {_fixed(statistics['F'], 2):>8}")
    log.line(f"  Prob > F      = {_fixed(statistics['pvalue'], 4):>8}")
    log.line("Sanderson-Windmeijer multivariate F test of excluded instruments:")
    log.line(f"  F({statistics['SWFdf1']:3.0f},{statistics['SWFdf2']:6.0f}) = {_fixed(statistics['SWF'], 2):>8}")
    log.line(f"  Prob > F      = {_fixed(statistics['SWFp'], 4):>8}")


def _fixed(value: float, digits: int) -> str:
    return "." if math.isnan(value) else f"{value:.{digits}f}"


def _first_summary(
    session: Session, problem: Problem, values: dict[str, float], first: dict[str, dict[str, float]]
) -> None:
    """ffirst: the statistics of all first-stage regressions and the tests robust to weak instruments."""
    log = session.log
    title = "Summary results for first-stage regressions"
    one = next(iter(first.values()))
    df, df_r, sw = one["df"], one["df_r"], one["SWFdf1"]
    log.line()
    log.line(title)
    log.line("-" * len(title))
    log.line()
    log.line(f"{'(Underid)':>52}{'(Weak id)':>21}")
    log.line(
        f"Variable     | F({df:3.0f},{df_r:6.0f})  P-val | SW Chi-sq({sw:3.0f}) P-val | SW F({sw:3.0f},{df_r:6.0f})"
    )
    for name, row in first.items():
        underid = f"{_fixed(row['SWchi2'], 2):>12}{_fixed(row['SWchi2p'], 4):>9}"
        log.line(
            f"{name[:12]:<12} |{_fixed(row['F'], 2):>11}{_fixed(row['pvalue'], 4):>10} |{underid} |"
            f"{_fixed(row['SWF'], 2):>12}"
        )
    log.line()
    log.line("Weak-instrument-robust inference")
    log.line("Tests of joint significance of endogenous regressors B1 in main equation")
    log.line("Ho: B1=0 and orthogonality conditions are valid")
    entries = (
        (f"Anderson-Rubin Wald test           F({values['ardf']:.0f},{values['ardf_r']:.0f})=", "arf", "arfp"),
        (f"Anderson-Rubin Wald test           Chi-sq({values['ardf']:.0f})=", "archi2", "archi2p"),
        (f"Stock-Wright LM S statistic        Chi-sq({values['sstatdf']:.0f})=", "sstat", "sstatp"),
    )
    for label, key, p in entries:
        log.line(f"{label:<50}{values[key]:>10.2f}     P-val={values[p]:.4f}")
    log.line()
    log.line(f"Number of observations               N  = {values['N']:>10,.0f}")
    log.line(f"Number of regressors                 K  = {values['rankxx']:>10,.0f}")
    log.line(f"Number of endogenous regressors      K1 = {values['endog_ct']:>10,.0f}")
    log.line(f"Number of instruments                L  = {values['rankzz']:>10,.0f}")
    log.line(f"Number of excluded instruments       L1 = {values['exexog_ct']:>10,.0f}")
