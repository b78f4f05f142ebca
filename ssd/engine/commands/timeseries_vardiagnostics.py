"""varsoc, vargranger, varlmar, varnorm, varstable: lag order and diagnostics of vector autoregressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.timeseries_roots_graph import graph_roots
from ssd.engine.commands.timeseries_sample import sample_span
from ssd.engine.commands.timeseries_var import build_system, components, result_of
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import number
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.vector_autoregression import (
    block_wald,
    companion,
    criteria,
    fit_vector,
    lm_autocorrelation,
    normality_moments,
    sorted_eigenvalues,
)

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "varsoc",
    "[varlist(numeric ts default=none)] [if] [in] [, Maxlag(integer 4) EXog(string) noCONStant LUTstats "
    "SEParator(integer 0)]",
    stored="r(N) r(tmin) r(tmax) r(mlag) r(endog) r(exog) r(stats)",
    refused="constraints(), estimates(), level();",
)
def varsoc(session: Session, line: Line) -> None:
    """Lag-order selection statistics."""
    most = int(str(line.options["maxlag"]))
    if most < 1:
        raise StataError(198, "maxlag() must be positive")
    lutstats = line.flag("lutstats")
    constant = not line.flag("noconstant")
    if line.varlist:
        endogenous = components(session, line.varlist, "the endogenous variables")
        exogenous = components(session, (line.text_option("exog") or "").split(), "exog()")
    else:
        last = result_of(session)
        endogenous, exogenous, constant = last.system.endogenous, last.system.exogenous, last.system.constant
        if "maxlag" not in line.typed:
            most = last.system.max_lag
    system = build_system(
        session, line, endogenous, exogenous, list(range(1, most + 1)), constant=constant, longest=most
    )
    k = len(endogenous)
    fits = []
    rows: list[tuple[float, ...]] = []
    for lag in range(most + 1):
        kept = [v * most + j for v in range(k) for j in range(lag)] + list(range(k * most, system.Z.shape[1]))
        fits.append(fit_vector(system.Y, system.Z[:, kept]))
        chosen = criteria(fits[-1], lutstats=lutstats, lag_parameters=k * k * lag)
        lr = 2.0 * (chosen.ll - rows[-1][1]) if rows else np.nan
        p = chi2_tail(lr, k * k) if rows else np.nan
        df = float(k * k) if rows else np.nan
        rows.append((float(lag), chosen.ll, lr, df, p, chosen.fpe, chosen.aic, chosen.hqic, chosen.sbic))
    table = np.array(rows)
    best = [int(np.argmin(table[:, column])) for column in range(5, 9)]
    significant = [i for i in range(1, most + 1) if table[i, 4] < 0.05]
    _soc_table(session, system.rows, table, max(significant, default=-1), best, lutstats)
    log = session.log
    exog = [f"{part.operator}.{part.variable}" if part.operator else part.variable for part in exogenous]
    endog = [f"{part.operator}.{part.variable}" if part.operator else part.variable for part in endogenous]
    if constant:
        exog.append("_cons")
    log.line("   * optimal lag")
    log.line(f"   Endogenous: {' '.join(endog)}")
    log.line(f"    Exogenous: {' '.join(exog)}")
    stats = np.where(np.isfinite(table), table, MISSING)[:, [0, 1, 2, 3, 4, 5, 6, 7, 8]]
    columns = ["lag", "LL", "LR", "df", "p", "FPE", "AIC", "HQIC", "SBIC"]
    from ssd.engine.data.timeseries import require_time

    times = session.data.numeric(require_time(session.data).time)[system.rows]
    session.r = ResultSet(
        scalars={"N": float(len(system.Y)), "tmax": float(times.max()), "tmin": float(times.min()),
                 "mlag": float(most)},
        macros={"endog": " ".join(endog), "exog": " ".join(exog), **({"lutstats": "lutstats"} if lutstats else {})},
        matrices={"stats": Matrix.of(stats, None, columns)},
    )  # fmt: skip


def _soc_table(
    session: Session, rows: np.ndarray[tuple[int], np.dtype[np.bool_]], table: np.ndarray, lr_best: int,
    best: list[int], lutstats: bool,
) -> None:  # fmt: skip
    log = session.log
    first, last = sample_span(session, rows)
    log.line()
    log.line("Lag-order selection criteria" + (" (lutstats)" if lutstats else ""))
    log.line()
    n = int(rows.sum())
    left = f"   Sample: {first} thru {last}"
    log.line(f"{left:<59}Number of obs = {n}")
    log.line("  +" + "-" * 75 + "+")
    log.line("  | Lag |    LL      LR      df    p     FPE       AIC      HQIC      SBIC    |")
    log.line("  |-----+" + "-" * 69 + "|")
    for i, row in enumerate(table):
        text = f"  |{row[0]:>4.0f} |{number(row[1], '%8.0g'):>9}"
        if i == 0:
            text += " " * 20
        else:
            text += f"{number(row[2], '%7.0g'):>8}{'*' if i == lr_best else ' '}{row[3]:>4.0f}{row[4]:>7.3f}"
        for column, winner in zip(range(5, 9), best, strict=True):
            width = 8 if column == 5 else 9
            text += f"{number(row[column], '%8.0g'):>{width}}{'*' if i == winner else ' '}"
        log.line(text + " |")
    log.line("  +" + "-" * 75 + "+")


@command("vargranger", "[, ESTimates(name)]", stored="r(gstats)", refused="estimates(), separator();")
def vargranger(session: Session, line: Line) -> None:
    """Granger causality Wald tests after var."""
    if line.text_option("estimates"):
        raise unsupported("vargranger, estimates() is")
    result = result_of(session)
    system, fit = result.system, result.fit
    m, count, k = system.Z.shape[1], len(system.lags), len(system.endogenous)
    log = session.log
    log.line()
    log.line("   Granger causality Wald tests")
    wide = 36 if result.small else 27
    log.line("  +" + "-" * (39 + wide) + "+")
    heading = "     F      df    df_r  Prob > F    " if result.small else "   chi2     df Prob > chi2 "
    log.line("  |          Equation           Excluded |" + heading + "|")
    stats = []
    for equation in range(k):
        log.line("  |" + "-" * 38 + "+" + "-" * wide + "|")
        others = [v for v in range(k) if v != equation]
        for excluded, name in [*(([v], system.names[v]) for v in others), (others, "ALL")]:
            index = np.array([v * count + j for v in excluded for j in range(count)], dtype=np.intp)
            block = result.V[np.ix_(equation * m + index, equation * m + index)]
            chi2, df = block_wald(fit.coefficients[index, equation], block) if len(index) else (np.nan, 0)
            left = f"  |{abbreviate(system.names[equation], 18):>18} {abbreviate(name, 18):>18} |"
            if result.small:
                F = chi2 / df if df else np.nan
                p = f_tail(F, df, result.df_r)
                log.line(f"{left}{number(F, '%7.0g'):>8}{df:>6}{result.df_r:>8}{p:>10.4f}    |")
                stats.append([F, float(df), float(result.df_r), p])
            else:
                p = chi2_tail(chi2, df)
                log.line(f"{left}{number(chi2, '%7.0g'):>8}{df:>6}{p:>9.3f}    |")
                stats.append([chi2, float(df), p])
    log.line("  +" + "-" * (39 + wide) + "+")
    columns = ["F", "df", "df_r", "p"] if result.small else ["chi2", "df", "p"]
    values = np.where(np.isfinite(stats), stats, MISSING)
    session.r = ResultSet(matrices={"gstats": Matrix.of(values, None, columns)})


@command("varlmar", "[, Mlag(integer 2)]", stored="r(lm)", refused="estimates(), separator();")
def varlmar(session: Session, line: Line) -> None:
    """LM test for residual autocorrelation after var."""
    result = result_of(session)
    lm_test(session, result.fit.residuals, result.system.Z, int(str(line.options["mlag"])))


def lm_test(session: Session, residuals: FloatArray, Z: FloatArray, longest: int) -> None:
    """Print and store the LM tests of residuals (T, K) of a regression on Z (T, m) for lags 1 … longest."""
    k = residuals.shape[1]
    log = session.log
    log.line()
    log.line("   Lagrange-multiplier test")
    log.line("  +" + "-" * 38 + "+")
    log.line("  | lag  |      chi2    df   Prob > chi2 |")
    log.line("  |------+-------------------------------|")
    rows = []
    for lag in range(1, longest + 1):
        chi2 = lm_autocorrelation(residuals, Z, lag)
        p = chi2_tail(chi2, k * k)
        rows.append([float(lag), chi2, float(k * k), p])
        log.line(f"  |{lag:>4}  |{chi2:>10.4f}{k * k:>6}{p:>12.5f}   |")
    log.line("  +" + "-" * 38 + "+")
    log.line("   H0: no autocorrelation at lag order")
    session.r = ResultSet(matrices={"lm": Matrix.of(np.array(rows), None, ["lag", "chi2", "df", "p"])})


@command(
    "varnorm", "[, Jbera Skewness Kurtosis CHOlesky]", stored="r(jb) r(skewness) r(kurtosis)",
    refused="estimates(), separator();",
)  # fmt: skip
def varnorm(session: Session, line: Line) -> None:
    """Tests for normally distributed residuals after var."""
    result = result_of(session)
    normality_tests(session, line, result.fit.residuals, result.sigma, result.system.names, dfk=result.dfk)


def normality_tests(
    session: Session, line: Line, residuals: FloatArray, sigma: FloatArray, equations: list[str], *, dfk: bool
) -> None:
    """Print and store the tests wanted by the flags of the line for residuals (T, K) with covariance sigma."""
    T = len(residuals)
    b1, b2 = normality_moments(residuals, sigma)
    k = len(b1)
    names = [*equations, "ALL"]
    skew = T * b1**2 / 6.0
    kurt = T * (b2 - 3.0) ** 2 / 24.0
    skew, kurt = np.append(skew, skew.sum()), np.append(kurt, kurt.sum())
    df = np.append(np.ones(k), k)
    wanted = [w for w in ("jbera", "skewness", "kurtosis") if line.flag(w)] or [
        "jbera",
        "skewness",
        "kurtosis",
    ]
    matrices = {}
    log = session.log
    if "jbera" in wanted:
        rows = [(s + u, 2 * d) for s, u, d in zip(skew, kurt, df, strict=True)]
        _norm_table(session, "Jarque–Bera test", "", names, rows, None)
        matrices["jb"] = _norm_matrix(rows, names)
    if "skewness" in wanted:
        rows = list(zip(skew, df, strict=True))
        _norm_table(session, "Skewness test", "Skewness", names, rows, b1)
        matrices["skewness"] = _norm_matrix(rows, names, b1)
    if "kurtosis" in wanted:
        rows = list(zip(kurt, df, strict=True))
        _norm_table(session, "Kurtosis test", "Kurtosis", names, rows, b2)
        matrices["kurtosis"] = _norm_matrix(rows, names, b2)
    if dfk:
        log.line("   dfk estimator used in computations")
    session.r = ResultSet(
        macros={"dfk": "dfk"} if dfk else {},
        matrices={name: matrices[name] for name in ("kurtosis", "skewness", "jb") if name in matrices},
    )


def _norm_matrix(rows: list[tuple[float, float]], names: list[str], moment: np.ndarray | None = None) -> Matrix:
    values = np.array([[c, d, chi2_tail(c, d)] for c, d in rows])
    columns = ["chi2", "df", "p"]
    if moment is not None:
        values = np.column_stack([np.append(moment, MISSING), values])
        columns = ["moment", *columns]
    return Matrix.of(values, names, columns)


def _norm_table(
    session: Session, title: str, moment: str, names: list[str], rows: list[tuple[float, float]],
    values: np.ndarray | None,
) -> None:  # fmt: skip
    log = session.log
    middle = 44 if moment else 34
    log.line()
    log.line(f"   {title}")
    log.line("  +" + "-" * (middle + 20) + "+")
    column = f"{moment:>10}" if moment else ""
    log.line(f"  |           Equation |{column}       chi2    df   Prob > chi2 |")
    log.line("  |" + "-" * 20 + "+" + "-" * (middle - 1) + "|")
    for i, (name, (chi2, df)) in enumerate(zip(names, rows, strict=True)):
        shown = ""
        if values is not None:
            shown = f"{number(values[i], '%7.0g'):>10}" if i < len(values) else " " * 10
        log.line(f"  |{abbreviate(name, 18):>19} |{shown}{chi2:>11.3f}{df:>6.0f}{chi2_tail(chi2, df):>13.5f}   |")
    log.line("  +" + "-" * (middle + 20) + "+")


@command("varstable", "[, AMat(name) ESTimates(name) GRAph]", stored="r(Re) r(Im) r(Modulus)",
         refused="dlabel, modlabel, estimates();")  # fmt: skip
def varstable(session: Session, line: Line) -> None:
    """Eigenvalue stability condition after var."""
    if line.text_option("estimates"):
        raise unsupported("varstable, estimates() is")
    result = result_of(session)
    F = companion(result.system.lag_matrices(result.fit.coefficients))
    values = sorted_eigenvalues(F)
    if line.text_option("amat"):
        session.matrices[str(line.text_option("amat"))] = Matrix.of(F)
    print_eigenvalues(session, values)
    log = session.log
    if all(abs(v) < 1.0 for v in values):
        log.line("   All the eigenvalues lie inside the unit circle.")
        log.line("   VAR satisfies stability condition.")
    else:
        log.line("   At least one eigenvalue is at least 1.0.")
        log.line("   VAR does not satisfy stability condition.")
    if line.flag("graph"):
        graph_roots(session, [("Eigenvalues", values)], "Roots of the companion matrix")
    session.r = ResultSet(
        matrices={
            "Modulus": Matrix.of(np.array([abs(v) for v in values])),
            "Im": Matrix.of(np.array([v.imag for v in values])),
            "Re": Matrix.of(np.array([v.real for v in values])),
        }
    )


def print_eigenvalues(session: Session, values: list[complex]) -> None:
    log = session.log
    log.line()
    log.line("   Eigenvalue stability condition")
    log.line("  +" + "-" * 40 + "+")
    log.line("  |        Eigenvalue        |   Modulus   |")
    log.line("  |" + "-" * 26 + "+" + "-" * 13 + "|")
    for v in values:
        imaginary = ""
        if v.imag:
            imaginary = f"{'-' if v.imag < 0 else '+'}{number(abs(v.imag), '%9.0g'):>10}i"
        log.line(f"  |{number(v.real, '%9.0g'):>11} {imaginary:<12}  |{number(abs(v), '%8.0g'):>10}   |")
    log.line("  +" + "-" * 40 + "+")
