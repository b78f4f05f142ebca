"""factor, factormat and factortest: common factors."""

from __future__ import annotations

import math

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.factor_model import (
    Moments,
    Solution,
    last_solution,
    moments_of_data,
    moments_of_matrix,
    save_scores,
    standardized,
    store_solution,
)
from ssd.engine.commands.factor_statistics import STATISTICS
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output import factors as layout
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import count, number
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats import factors
from ssd.engine.stats.tails import chi2

OPTIONS = (
    "PF PCF IPF ML FActors(integer 0) MINEigen(real -1) CITerate(integer 0) BLanks(real 0) ALTDIVisor "
    "PROTECT(integer 0) RANDom SEED(string) NOROTated MEans NOLOG"
)
STORED = (
    "e(N) e(f) e(evsum) e(df_m) e(df_r) e(chi2_i) e(df_i) e(p_i) e(ll) e(aic) e(bic) e(chi2_1) e(df_1) "
    "e(p_1) e(ll_0) e(method) e(C) e(Ev) e(L) e(Psi) e(means) e(sds) e(r_L) e(r_T) e(r_Phi) e(r_Ev)"
)
REFUSED = "citerate(), protect(), random, seed(), means"
METHODS = {
    "pf": "principal factors",
    "pcf": "principal-component factors",
    "ipf": "iterated principal factors",
    "ml": "maximum likelihood",
}


@command(
    "factor",
    f"[varlist(default=none numeric)] [if] [in] [aweight fweight] [, {OPTIONS}]",
    minimum=3,
    stored=STORED,
    refused=REFUSED,
)
def factor(session: Session, line: Line) -> None:
    """Factor analysis of variables: pf, pcf, ipf or ml."""
    if not line.varlist:
        show_factors(session, last_solution(session), line)
        return
    _check(line)
    moments = moments_of_data(session, line)
    session.log.line(f"(obs={count(moments.n)})")
    _factors(session, line, moments)


@command(
    "factormat",
    "name, N(integer) [NAMes(string) SHape(string) MEans(string) SDS(string) FORCEpsd "
    f"{OPTIONS.replace(' MEans', '')}]",
    stored=STORED,
    refused=REFUSED + ", forcepsd",
)
def factormat(session: Session, line: Line) -> None:
    """Factor analysis of a correlation matrix."""
    if line.flag("forcepsd"):
        raise unsupported("factormat, forcepsd is")
    _check(line)
    moments = moments_of_matrix(session, line)
    session.log.line(f"(obs={count(moments.n)})")
    _factors(session, line, moments)


def _check(line: Line) -> None:
    for name in ("citerate", "protect", "random", "seed"):
        if line.options.get(name):
            raise unsupported(f"{line.command}, {name} is")
    if line.flag("means"):
        raise unsupported(f"{line.command}, means is")


def _factors(session: Session, line: Line, moments: Moments) -> None:
    typed = [name for name in METHODS if line.flag(name)]
    if len(typed) > 1:
        raise StataError(198, "only one of pf, pcf, ipf, and ml is allowed")
    method = typed[0] if typed else "pf"
    given = float(str(line.options.get("mineigen", -1)))
    least = given if "mineigen" in line.typed else (1.0 if method == "pcf" else 5e-6)
    most = int(str(line.options.get("factors") or 0)) or None
    R, p = moments.R, len(moments.names)
    if p < 2:
        raise StataError(102, "too few variables specified")
    found = _extract(method, R, moments.n, least, most)
    m = found.loadings.shape[1]
    total = float(found.eigenvalues.sum())
    solution = Solution(moments, "Factor", found.loadings, found.uniqueness, found.eigenvalues, total)
    parameters = m * p - m * (m - 1) / 2
    scalars = {"N": moments.n, "f": float(m), "evsum": total, "df_m": parameters}
    scalars["df_r"] = p * (p - 1) / 2 - parameters
    statistic, df = factors.independence_chi2(R, moments.n)
    if math.isfinite(statistic):
        scalars |= {"chi2_i": statistic, "df_i": float(df), "p_i": float(chi2.sf(statistic, df))}
    if method == "ml":
        scalars |= _likelihood(found, moments, p, m)
    macros = {
        "cmd": "factor",
        "method": method,
        "mtitle": METHODS[method],
        "title": "Factor analysis",
        "predict": "factor_p",
        "rotate_cmd": "factor_rotate",
        "estat_cmd": "factor_estat",
    }
    if found.heywood:
        macros["heywood"] = "Heywood case"
    predictions: dict[str, object] = {"predict_all": predict_factors, "estat": STATISTICS}
    store_solution(session, line, solution, scalars, macros, predictions)
    show_factors(session, solution, line)


def _extract(method: str, R: FloatArray, n: float, least: float, most: int | None) -> factors.Factors:
    if method == "pcf":
        return factors.principal_component_factors(R, least, most)
    if method == "pf":
        return factors.principal_factors(R, least, most)
    if method == "ipf":
        return factors.iterated_principal_factors(R, least, most)
    m = most or factors.retained(factors.principal_factors(R, 5e-6, None).eigenvalues, max(least, 5e-6), None)
    p = R.shape[0]
    while most is None and (p - m) ** 2 < p + m:
        m -= 1
    return factors.maximum_likelihood_factors(R, n, m)


def _likelihood(found: factors.Factors, moments: Moments, p: int, m: int) -> dict[str, float]:
    parameters = m * p - m * (m - 1) / 2
    ll = found.log_likelihood
    df = ((p - m) ** 2 - p - m) / 2
    statistic = -2.0 * ll * (moments.n - (2 * p + 5) / 6 - 2 * m / 3) / moments.n
    return {
        "ll": ll,
        "ll_0": 0.5 * moments.n * float(np.linalg.slogdet(moments.R)[1]),
        "aic": -2 * ll + 2 * parameters,
        "bic": -2 * ll + parameters * math.log(moments.n),
        "chi2_1": statistic,
        "df_1": df,
        "p_1": float(chi2.sf(statistic, df)) if df > 0 else math.nan,
    }


def show_factors(session: Session, solution: Solution, line: Line) -> None:
    """Header, eigenvalues, tests and loadings, of the rotated factors where there are any."""
    log, e = session.log, session.e
    blanks = float(str(line.options.get("blanks") or 0))
    rotated = solution.rotated if not line.flag("norotated") else None
    m = solution.loadings.shape[1]
    log.line()
    layout.heading_line(log, "Factor analysis/correlation", f"Number of obs    = {count(solution.moments.n):>10}")
    layout.heading_line(log, f"    Method: {e.macros['mtitle']}", f"Retained factors = {m:>10}")
    text = solution.rotation if rotated is not None else "(unrotated)"
    layout.heading_line(log, f"    Rotation: {text}", f"Number of params = {e.scalars['df_m']:10.0f}")
    if "ll" in e.scalars:
        layout.heading_line(log, "", f"Schwarz's BIC    = {number(e.scalars['bic'], '%8.0g'):>10}")
        likelihood = f"    Log likelihood = {number(e.scalars['ll'], '%9.0g')}"
        layout.heading_line(log, likelihood, f"(Akaike's) AIC   = {number(e.scalars['aic'], '%8.0g'):>10}")
    if "heywood" in e.macros:
        log.line()
        log.line("    Beware: solution is a Heywood case")
        log.line("            (i.e., invalid or boundary values of uniqueness)")
    log.line()
    total = float(len(solution.moments.names)) if line.flag("altdivisor") else solution.total
    oblique = False
    if rotated is None:
        layout.factor_eigenvalues(log, solution.eigenvalues, total, heading="Eigenvalue")
    else:
        oblique = solution.phi is not None and not np.allclose(solution.phi, np.eye(m))
        layout.factor_eigenvalues(log, factor_variances(solution), total, heading="Variance", correlated=oblique)
    _tests(session, m)
    _loadings(session, solution, rotated, blanks)


def factor_variances(solution: Solution) -> FloatArray:
    """Sums of squares of what each rotated factor correlates with; of the structure when factors correlate."""
    assert solution.rotated is not None and solution.phi is not None
    return np.asarray(((solution.rotated @ solution.phi) ** 2).sum(axis=0))


def _tests(session: Session, m: int) -> None:
    scalars, log = session.e.scalars, session.log
    if "chi2_i" in scalars:
        log.line(
            f"    LR test: independent vs. saturated:  {_chi2('chi2_i', 'df_i', scalars)} Prob>chi2 = "
            f"{scalars['p_i']:.4f}"
        )
    if "chi2_1" in scalars and scalars["df_1"] > 0:
        log.line(
            f"    LR test: {m:>3} factor{'s' if m != 1 else ' '} vs. saturated:  {_chi2('chi2_1', 'df_1', scalars)} "
            f"Prob>chi2 = {scalars['p_1']:.4f}"
        )


def _chi2(statistic: str, df: str, scalars: dict[str, float]) -> str:
    head = f"chi2({scalars[df]:.0f})"
    value = scalars[statistic]
    shown = f"{value:7.2f}" if value < 9999.995 else format_value(value, "%7.1e").strip()
    return f"{head:<8} = {shown:>7}"


def _loadings(session: Session, solution: Solution, rotated: FloatArray | None, blanks: float) -> None:
    log = session.log
    m = solution.loadings.shape[1]
    log.line()
    if m == 0:
        log.line("Unique variances are 1 since no factors retained")
        return
    word = "Rotated factor" if rotated is not None else "Factor"
    log.line(f"{word} loadings (pattern matrix) and unique variances")
    cells = [f"{value:12.4f}  " for value in solution.uniqueness]
    shown = solution.loadings if rotated is None else rotated
    layout.loading_table(log, solution.moments.names, solution.columns, shown, ("Uniqueness", cells), blanks=blanks)
    if blanks:
        log.line(f"    (blanks represent abs(loading)<{number(blanks)})")
    if rotated is not None and solution.T is not None:
        layout.square_table(log, solution.columns, solution.T, "Factor rotation matrix")


def predict_factors(session: Session, line: Line, storage: str, names: list[str]) -> None:
    """Factor scores by the regression or Bartlett's method."""
    solution = last_solution(session)
    allowed = {"regression", "bartlett", "norotated"}
    for name in line.typed:
        if name not in allowed:
            raise unsupported(f"predict, {name} after factor is")
    if line.flag("regression") and line.flag("bartlett"):
        raise StataError(198, "only one of regression and bartlett allowed")
    rotated = None if line.flag("norotated") else solution.rotated
    L = solution.loadings if rotated is None else rotated
    phi = np.eye(L.shape[1]) if rotated is None or solution.phi is None else solution.phi
    if len(names) > L.shape[1]:
        raise StataError(103, "too many variables specified")
    method = "Bartlett" if line.flag("bartlett") else "regression"
    if method == "Bartlett":
        coefficients = factors.bartlett_scores(L, solution.uniqueness)
    else:
        coefficients = factors.regression_scores(solution.moments.R, L, phi)
        if not line.flag("regression"):
            session.log.line("(option regression assumed; regression scoring)")
    rows = line.sample(session)
    X = standardized(session, solution, rows, centre=True, scale=True)
    basis = "" if rotated is None else f"; based on {session.e.macros.get('r_criterion', '')!s} rotated factors"
    session.log.line()
    session.log.line(f"Scoring coefficients (method = {method}{basis})")
    layout.loading_table(session.log, solution.moments.names, solution.columns, coefficients, None, fmt="%8.5f")
    labels = [f"Scores for factor {k + 1}" for k in range(len(names))]
    save_scores(session, line, storage, names, X, coefficients, rows, labels)


@command(
    "factortest",
    "varlist(min=2 numeric) [if] [in]",
    stored="r(det) r(chi2) r(df) r(pvalue) r(kmo)",
)
def factortest(session: Session, line: Line) -> None:
    """Bartlett's test of sphericity and the Kaiser-Meyer-Olkin measure (community command)."""
    moments = moments_of_data(session, line)
    if len(moments.names) < 2:
        raise StataError(102, "too few variables specified")
    determinant = float(np.linalg.det(moments.R))
    if determinant <= 1e-14:
        raise StataError(506, "correlation matrix is singular")
    statistic, df = factors.independence_chi2(moments.R, moments.n - 1.0)
    p = float(chi2.sf(statistic, df))
    kmo = factors.sampling_adequacy(moments.R)[1]
    log = session.log
    log.line()
    log.line("Determinant of the correlation matrix")
    log.line(f"Det                = {determinant:9.3f}")
    log.line()
    log.line()
    log.line("Bartlett test of sphericity")
    log.line()
    log.line(f"Chi-square         = {statistic:16.3f}")
    log.line(f"Degrees of freedom = {df:>16}")
    log.line(f"p-value            = {p:16.3f}")
    log.line("H0: variables are not intercorrelated")
    log.line()
    log.line()
    log.line("Kaiser-Meyer-Olkin Measure of Sampling Adequacy")
    log.line(f"KMO               = {kmo:9.3f}" if math.isfinite(kmo) else "KMO               =         .")
    scalars = {"det": determinant, "chi2": statistic, "df": float(df), "pvalue": p, "kmo": kmo}
    session.r = ResultSet(scalars={key: value if math.isfinite(value) else MISSING for key, value in scalars.items()})
