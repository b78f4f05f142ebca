"""What pca and factor share: the correlation matrix of the data or of a matrix, the stored results, the scores."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.describe_selection import numeric_columns, select
from ssd.engine.commands.estimation import Estimation, command_line, estimation_of
from ssd.engine.errors import StataError, insufficient_observations, no_observations
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.output.estimation import CoefficientTable
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.correlation import correlation_matrix, covariance_matrix


@dataclass
class Moments:
    """The matrix to analyse with what is known of the variables."""

    names: list[str]
    C: FloatArray
    """Correlations, or covariances when `covariance`."""
    n: float
    means: FloatArray | None
    sds: FloatArray | None
    sample: BoolArray | None
    covariance: bool = False
    weights: tuple[str, str] = ("", "")

    @property
    def R(self) -> FloatArray:  # noqa: N802
        """Correlations."""
        if not self.covariance:
            return self.C
        return correlation_matrix(self.C)


@dataclass
class Solution:
    """The last pca or factor as rotate, predict and the plots need it."""

    moments: Moments
    prefix: str
    """Comp or Factor."""
    loadings: FloatArray
    uniqueness: FloatArray
    eigenvalues: FloatArray
    total: float
    """Sum the shares are of."""
    title: list[str] = field(default_factory=list)
    rotated: FloatArray | None = None
    T: FloatArray | None = None
    phi: FloatArray | None = None
    rotation: str = ""

    @property
    def columns(self) -> list[str]:
        return [f"{self.prefix}{k + 1}" for k in range(self.loadings.shape[1])]


def moments_of_data(session: Session, line: Line, *, covariance: bool = False) -> Moments:
    """Listwise complete correlations of the varlist. Raises r(2000), r(2001) and r(504) for constants."""
    names = list(dict.fromkeys(line.varlist))
    chosen = select(session, line, names)
    if not chosen.mask.any():
        raise no_observations()
    X = numeric_columns(session, names, chosen.mask)
    if X.shape[0] < 2:
        raise insufficient_observations()
    C = covariance_matrix(X, chosen.weights, chosen.kind)
    sds = np.sqrt(np.diag(C))
    constant = [name for name, sd in zip(names, sds, strict=True) if not sd > 0.0]
    if constant:
        raise StataError(504, f"variable {constant[0]} does not vary")
    weights = chosen.frequencies()
    means = (weights @ X) / weights.sum()
    kept = (line.weight.kind, line.weight.expression) if line.weight is not None else ("", "")
    matrix = C if covariance else correlation_matrix(C)
    return Moments(names, matrix, chosen.n, np.asarray(means), sds, chosen.mask, covariance, kept)


def moments_of_matrix(session: Session, line: Line) -> Moments:
    """The matrix of pcamat or factormat, whole or as the vector of a triangle."""
    name = line.anything.strip()
    if name not in session.matrices:
        raise StataError(111, f"matrix {name} not found")
    given = session.matrices[name]
    values = np.asarray(given.values, dtype=np.float64)
    shape = (line.text_option("shape") or "full").strip()
    if not any(full.startswith(shape) for full in ("full", "lower", "upper")):
        raise StataError(198, f"shape({shape}) invalid")
    if shape[0] in "lu":
        values = _from_triangle(values.ravel(), shape[0] == "l")
    if values.shape[0] != values.shape[1]:
        raise StataError(505, "matrix not square")
    if np.max(np.abs(values - values.T)) > 1e-8 * np.max(np.abs(values)):
        raise StataError(505, "matrix not symmetric")
    C = (values + values.T) / 2.0
    sds = np.sqrt(np.diag(C))
    names = (line.text_option("names") or "").split() or list(given.rows)
    if len(names) != C.shape[0]:
        raise StataError(198, f"names() should contain {C.shape[0]} names")
    n = line.options.get("n")
    if not isinstance(n, int | float) or n <= 0:
        raise StataError(198, "option n() required")
    known = {key: _vector(session, line.text_option(key), C.shape[0]) for key in ("means", "sds")}
    covariance = bool(line.options.get("covariance"))
    if not covariance:
        C = correlation_matrix(C)
        if known["sds"] is None and not np.allclose(sds, 1.0):
            known["sds"] = sds
    return Moments(names, C, float(n), known["means"], known["sds"], None, covariance)


def _from_triangle(values: FloatArray, lower: bool) -> FloatArray:
    size = int((np.sqrt(8 * values.size + 1) - 1) / 2)
    if size * (size + 1) // 2 != values.size:
        raise StataError(503, "conformability error")
    matrix = np.zeros((size, size))
    if lower:
        matrix[np.tril_indices(size)] = values
    else:
        matrix[np.triu_indices(size)] = values
    return np.asarray(matrix + matrix.T - np.diag(np.diag(matrix)))


def _vector(session: Session, name: str | None, size: int) -> FloatArray | None:
    if not name:
        return None
    if name.strip() not in session.matrices:
        raise StataError(111, f"matrix {name.strip()} not found")
    values = session.matrices[name.strip()].values.ravel()
    if values.size != size:
        raise StataError(503, "conformability error")
    return np.asarray(values, dtype=np.float64)


def store_solution(
    session: Session,
    line: Line,
    solution: Solution,
    scalars: dict[str, float],
    macros: dict[str, str],
    predictions: dict[str, object],
) -> None:
    """Replace e() with a solution; it has no coefficients, so nothing of [R] estimation follows it."""
    moments = solution.moments
    values = ResultSet(scalars=dict(scalars))
    values.macros = {"cmdline": command_line(line), **macros, "properties": "nob noV eigen"}
    if moments.weights[0]:
        values.macros |= {"wtype": moments.weights[0], "wexp": f"= {moments.weights[1]}"}
    names = moments.names
    every = [f"{solution.prefix}{k + 1}" for k in range(solution.eigenvalues.size)]
    values.matrices = {
        "C": Matrix(moments.C.copy(), list(names), list(names)),
        "Ev": Matrix(solution.eigenvalues.reshape(1, -1).copy(), ["Eigenvalues"], every),
        "L": Matrix(solution.loadings.copy(), list(names), solution.columns),
        "Psi": Matrix(solution.uniqueness.reshape(1, -1).copy(), ["Psi"], list(names)),
    }
    for key, vector in (("means", moments.means), ("sds", moments.sds)):
        if vector is not None:
            values.matrices[key] = Matrix(vector.reshape(1, -1).copy(), [key], list(names))
    values.sample = moments.sample
    empty = CoefficientTable([], np.zeros(0), np.zeros((0, 0)))
    values.hidden["estimation"] = Estimation({}, empty, lambda: None, predictions={"solution": solution, **predictions})
    session.e = values


def last_solution(session: Session) -> Solution:
    """Raises r(301) when the last estimation was neither pca nor factor."""
    found = estimation_of(session).predictions.get("solution")
    if not isinstance(found, Solution):
        raise StataError(301, "last pca or factor results not found")
    return found


def standardized(session: Session, solution: Solution, rows: BoolArray, *, centre: bool, scale: bool) -> FloatArray:
    """The variables over `rows`, as the scoring coefficients want them; missing where one is."""
    moments = solution.moments
    if (centre and moments.means is None) or (scale and moments.sds is None):
        raise StataError(301, "means and standard deviations of the variables are not known")
    for name in moments.names:
        if name not in session.data.variables:
            raise StataError(111, f"variable {name} not found")
    X = numeric_columns(session, moments.names, rows)
    incomplete = (X >= MISSING).any(axis=1)
    if centre and moments.means is not None:
        X = X - moments.means
    if scale and moments.sds is not None:
        X = X / moments.sds
    X[incomplete] = MISSING
    return X


def save_scores(
    session: Session, line: Line, storage: str, names: list[str], X: FloatArray, coefficients: FloatArray,
    rows: BoolArray, labels: list[str],
) -> None:  # fmt: skip
    """One new variable per name, in the order of the columns of `coefficients`."""
    for name in names:
        if name in session.data.variables:
            raise StataError(110, f"variable {name} already defined")
    known = (X < MISSING).all(axis=1)
    for k, name in enumerate(names):
        column = np.full(session.data.n_obs, MISSING)
        inside = np.full(X.shape[0], MISSING)
        inside[known] = X[known] @ coefficients[:, k]
        column[rows] = inside
        session.data.add(name, column, storage)
        session.data.variables[name].label = labels[k]
