"""estat after pca and factor: kmo, smc, anti, residuals, common, structure, loadings."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.factor_model import Solution, last_solution
from ssd.engine.errors import StataError
from ssd.engine.lang.options import TypedOption
from ssd.engine.missing import FloatArray
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
        log.line(f"{INDENT}{right(abbreviate(name, 12), 12)} |{value:8.4f} ")
    if overall is not None:
        log.line(INDENT + "-" * 13 + "+" + "-" * 9)
        log.line(f"{INDENT}{'Overall':>12} |{overall:8.4f} ")
    log.line(INDENT + "-" * 23)


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
    names = solution.moments.names
    session.r = ResultSet(
        scalars={"kmo": overall}, matrices={"kmow": Matrix(each.reshape(1, -1).copy(), ["kmo"], list(names))}
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


STATISTICS = {"kmo": _kmo, "smc": _smc, "common": _common, "structure": _structure}
"""Subcommands of estat after pca and factor."""
