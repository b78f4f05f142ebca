"""estat after pca and factor: kmo, smc, anti, residuals, loadings, common, structure."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.factor_model import Solution, last_solution
from ssd.engine.errors import StataError
from ssd.engine.lang.options import TypedOption
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output import factors as layout
from ssd.engine.output.tables import abbreviate, right
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats import factors

INDENT = layout.INDENT


def _none(options: list[TypedOption]) -> None:
    if options:
        raise StataError(198, f"option {options[0].named} not allowed")


def _one_column(session: Session, solution: Solution, heading: str, values: FloatArray, overall: float | None) -> None:
    log = session.log
    log.line()
    log.line(INDENT + "-" * 23)
    log.line(f"{INDENT}{'Variable':>12} |{heading:>8} ")
    log.line(INDENT + "-" * 13 + "+" + "-" * 9)
    for name, value in zip(solution.moments.names, values, strict=True):
        log.line(f"{INDENT}{right(abbreviate(name, 12), 12)} |{_fixed(float(value))} ")
    if overall is not None:
        log.line(INDENT + "-" * 13 + "+" + "-" * 9)
        log.line(f"{INDENT}{'Overall':>12} |{_fixed(overall)} ")
    log.line(INDENT + "-" * 23)


def _fixed(value: float) -> str:
    return f"{value:8.4f}" if np.isfinite(value) else f"{'.':>8}"


def _invertible(R: FloatArray) -> None:
    if np.linalg.matrix_rank(R) < R.shape[0]:
        raise StataError(506, "correlation matrix is singular")


def _kmo(session: Session, _: str, options: list[TypedOption]) -> None:
    """Kaiser-Meyer-Olkin measure of sampling adequacy."""
    _none(options)
    solution = last_solution(session)
    _invertible(solution.moments.R)
    each, overall = factors.sampling_adequacy(solution.moments.R)
    session.log.line()
    session.log.line("Kaiser–Meyer–Olkin measure of sampling adequacy")
    _one_column(session, solution, "kmo", each, overall)
    names = list(solution.moments.names)
    session.r = ResultSet(
        scalars={"kmo": overall if np.isfinite(overall) else MISSING},
        matrices={"kmow": Matrix(np.where(np.isfinite(each), each, MISSING)[None, :], ["kmo"], names)},
    )


def _smc(session: Session, _: str, options: list[TypedOption]) -> None:
    """Squared multiple correlations."""
    _none(options)
    solution = last_solution(session)
    _invertible(solution.moments.R)
    values = factors.squared_multiple_correlations(solution.moments.R)
    session.log.line()
    session.log.line("Squared multiple correlations of variables with all other variables")
    _one_column(session, solution, "smc", values, None)
    names = solution.moments.names
    session.r = ResultSet(matrices={"smc": Matrix(values.reshape(1, -1).copy(), ["smc"], list(names))})


def _common(session: Session, _: str, options: list[TypedOption]) -> None:
    """Correlations of the rotated common factors."""
    _none(options)
    solution = last_solution(session)
    if session.e.macros.get("cmd") != "factor":
        raise StataError(321, "estat common is not valid after pca")
    m = solution.loadings.shape[1]
    phi = np.eye(m) if solution.phi is None else solution.phi
    text = solution.rotation or "(unrotated)"
    layout.square_table(
        session.log, solution.columns, phi, f"Correlation matrix of the {text} rotated common factors", lower=True
    )
    columns = list(solution.columns)
    session.r = ResultSet(matrices={"Phi": Matrix(phi.copy(), columns, list(columns))})


def _structure(session: Session, _: str, options: list[TypedOption]) -> None:
    """Correlations between variables and common factors."""
    _none(options)
    solution = last_solution(session)
    if session.e.macros.get("cmd") != "factor":
        raise StataError(321, "estat structure is not valid after pca")
    L = solution.loadings if solution.rotated is None else solution.rotated
    phi = np.eye(L.shape[1]) if solution.phi is None else solution.phi
    values = L @ phi
    word = "" if solution.rotated is None else f" ({solution.rotation} rotation)"
    session.log.line()
    session.log.line(f"Structure matrix: correlations between variables and common factors{word}")
    layout.loading_table(session.log, solution.moments.names, solution.columns, values, None)
    names = list(solution.moments.names)
    session.r = ResultSet(matrices={"st": Matrix(values.copy(), names, list(solution.columns))})


def _anti(session: Session, _: str, options: list[TypedOption]) -> None:
    """Anti-image correlations and covariances: partial ones of each pair given all other variables, signs reversed."""
    _none(options)
    solution = last_solution(session)
    _invertible(solution.moments.R)
    inverse = np.linalg.inv(solution.moments.R)
    scale = np.sqrt(np.diag(inverse))
    correlation, covariance = inverse / np.outer(scale, scale), inverse / np.outer(scale**2, scale**2)
    names = list(solution.moments.names)
    head = "coefficients --- partialing out all other variables"
    layout.square_table(session.log, names, correlation, f"Anti-image correlation {head}", lower=True)
    layout.square_table(session.log, names, covariance, f"Anti-image covariance {head}", lower=True)
    session.r = ResultSet(
        matrices={"acorr": Matrix(correlation, names, list(names)), "acov": Matrix(covariance, names, list(names))}
    )


def _residuals(session: Session, _: str, options: list[TypedOption]) -> None:
    """Observed minus fitted correlations (covariances)."""
    _none(options)
    solution = last_solution(session)
    C = solution.moments.C
    f = solution.loadings.shape[1]
    if session.e.macros.get("cmd") == "factor":
        C = solution.moments.R
        fit = solution.loadings @ solution.loadings.T
        fit[np.diag_indices_from(fit)] += solution.uniqueness
    else:
        fit = (solution.loadings * solution.eigenvalues[:f]) @ solution.loadings.T
    residuals = C - fit
    names = list(solution.moments.names)
    kind = "covariances" if solution.moments.covariance else "correlations"
    layout.square_table(session.log, names, residuals, f"Residual {kind} (observed - fitted)", lower=True)
    session.r = ResultSet(
        matrices={"res": Matrix(residuals, names, list(names)), "fit": Matrix(fit, names, list(names))}
    )


def _loadings(session: Session, _: str, options: list[TypedOption]) -> None:
    """Loadings of principal components in unit, eigenvalue or inverse-eigenvalue normalization."""
    solution = last_solution(session)
    if session.e.macros.get("cmd") != "pca":
        raise StataError(321, "estat loadings is not valid after factor")
    kind = "unit"
    for option in options:
        if not "cnorm".startswith(option.word) or option.value is None:
            raise StataError(198, f"option {option.named} not allowed")
        kind = option.value.strip()
    powers = {"unit": (0.0, "1"), "eigen": (0.5, "eigenvalue"), "inveigen": (-0.5, "1/eigenvalue")}
    if kind not in powers:
        raise StataError(198, f"cnorm({kind}) invalid")
    power, text = powers[kind]
    f = solution.loadings.shape[1]
    values = solution.loadings * solution.eigenvalues[:f] ** power
    session.log.line()
    session.log.line("Principal component loadings (unrotated)")
    session.log.line(f"    component normalization: sum of squares(column) = {text}")
    layout.loading_table(session.log, solution.moments.names, solution.columns, values, None)
    names = list(solution.moments.names)
    session.r = ResultSet(matrices={"A": Matrix(values, names, list(solution.columns))})


STATISTICS = {
    "kmo": _kmo,
    "smc": _smc,
    "anti": _anti,
    "residuals": _residuals,
    "loadings": _loadings,
    "common": _common,
    "structure": _structure,
}
"""Subcommands of estat after pca and factor."""
