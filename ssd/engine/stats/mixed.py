"""Linear mixed models with nested random effects, by maximum and restricted maximum likelihood.

The likelihood is reduced level by level from the innermost group outwards: with C the cross-products of
[Z_upper, X, y] under the inverse covariance of everything inside a group, adding effects Z with covariance G gives
C_rr - C_rz (I + G C_zz)^-1 G C_zr and log|I + G C_zz| (Woodbury; Pinheiro and Bates 2000, section 2.2; Stata [ME]
mixed, Methods and formulas). Everything works on whole arrays of groups. The fixed effects are concentrated out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.stats.covariance import IndexArray
from ssd.engine.stats.linear import symmetric_inverse

Structure = Literal["independent", "unstructured", "exchangeable", "identity"]
Values = NDArray[Any]
"""Real, or complex while a derivative is taken by a complex step."""

_STEP = 1e-30
_SPACING = 1e-4


@dataclass(frozen=True)
class Effects:
    """Random coefficients of the columns Z (n, q) with one covariance structure."""

    Z: FloatArray
    structure: Structure

    @property
    def size(self) -> int:
        return int(self.Z.shape[1])

    @property
    def n_spreads(self) -> int:
        """Number of log standard deviations."""
        return self.size if self.structure in {"independent", "unstructured"} else 1

    @property
    def n_correlations(self) -> int:
        """Number of correlations on the scale of the inverse hyperbolic tangent."""
        if self.structure == "unstructured":
            return self.size * (self.size - 1) // 2
        return int(self.structure == "exchangeable" and self.size > 1)

    @property
    def n_parameters(self) -> int:
        return self.n_spreads + self.n_correlations

    def covariance(self, theta: Values) -> Values:
        """G (q, q) from log standard deviations and inverse hyperbolic tangents of correlations."""
        q = self.size
        sd = np.exp(theta[: self.n_spreads]) * np.ones(q)
        R = np.eye(q, dtype=theta.dtype)
        rho = np.tanh(theta[self.n_spreads :])
        if self.structure == "unstructured":
            for value, (i, j) in zip(rho, itertools.combinations(range(q), 2), strict=True):
                R[i, j] = R[j, i] = value
        elif len(rho):
            R = R + rho[0] * (np.ones((q, q)) - np.eye(q))
        return np.asarray(sd[:, None] * R * sd[None, :])


@dataclass(frozen=True)
class Level:
    """One grouping: the group of each observation (0-based) and the effects that vary over the groups."""

    ids: IndexArray
    blocks: Sequence[Effects]

    @property
    def size(self) -> int:
        return sum(block.size for block in self.blocks)


@dataclass
class MixedModel:
    """y = X b + sum over levels Z u + e. Levels are nested, the outermost first. X (n, k) includes the constant."""

    y: FloatArray
    X: FloatArray
    levels: Sequence[Level]
    restricted: bool = False
    _cross: FloatArray = field(init=False, repr=False)
    _starts: list[IndexArray] = field(init=False, repr=False)
    """Per level, innermost first: where each outer group begins among the groups of this level."""
    _triangle: FloatArray = field(init=False, repr=False)
    _centre: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Orthonormal regressors and least-squares residuals keep the cross-products free of cancellation.
        k = self.X.shape[1]
        orthogonal, triangle = np.linalg.qr(self.X) if k else (self.X, np.zeros((0, 0)))
        Q = np.asarray(orthogonal * math.sqrt(len(self.y)), dtype=np.float64)
        self._triangle = np.asarray(triangle / math.sqrt(len(self.y)), dtype=np.float64)
        centre = np.linalg.solve(self._triangle, Q.T @ self.y / len(self.y)) if k else np.zeros(0)
        self._centre = np.asarray(centre, dtype=np.float64)
        residual = self.y - self.X @ self._centre
        columns = [block.Z for level in self.levels for block in level.blocks]
        W = np.column_stack([*columns, Q, residual])
        keys = np.column_stack([level.ids for level in self.levels]) if self.levels else np.zeros((len(W), 1), np.intp)
        tuples, inner = np.unique(keys, axis=0, return_inverse=True)
        inner = inner.reshape(-1)
        m = W.shape[1]
        self._cross = np.empty((len(tuples), m, m))
        for i in range(m):
            for j in range(i + 1):
                sums = np.bincount(inner, weights=W[:, i] * W[:, j], minlength=len(tuples))
                self._cross[:, i, j] = self._cross[:, j, i] = sums
        self._starts = []
        for depth in range(len(self.levels) - 1, 0, -1):
            outer = tuples[:, :depth]
            first = np.ones(len(outer), dtype=np.bool_)
            first[1:] = np.any(outer[1:] != outer[:-1], axis=1)
            self._starts.append(np.flatnonzero(first))
            tuples = tuples[first]

    @property
    def n(self) -> int:
        return len(self.y)

    @property
    def k(self) -> int:
        return int(self.X.shape[1])

    @property
    def n_parameters(self) -> int:
        return sum(block.n_parameters for level in self.levels for block in level.blocks) + 1

    def covariances(self, theta: Values) -> list[Values]:
        """Covariance of all effects of each level, outermost first."""
        found, start = [], 0
        for level in self.levels:
            G = np.zeros((level.size, level.size), dtype=theta.dtype)
            at = 0
            for block in level.blocks:
                G[at : at + block.size, at : at + block.size] = block.covariance(
                    theta[start : start + block.n_parameters]
                )
                at += block.size
                start += block.n_parameters
            found.append(G)
        return found

    def _reduce(self, theta: Values) -> tuple[Values, Values]:
        """Cross-products of [Q, r] and half log-determinants per outermost group: (groups, k + 1, k + 1), (groups,)."""
        C: Values = self._cross * np.exp(-2.0 * theta[-1])
        logs: Values = np.zeros(len(C), dtype=theta.dtype)
        tail = self.k + 1
        covariances = self.covariances(theta)
        for step, G in enumerate(reversed(covariances)):
            q = len(G)
            keep = np.r_[0 : C.shape[1] - tail - q, C.shape[1] - tail : C.shape[1]]
            z = slice(C.shape[1] - tail - q, C.shape[1] - tail)
            M = np.eye(q) + G @ C[:, z, z]
            B = C[:, z][:, :, keep]
            sign, size = np.linalg.slogdet(M)
            logs = logs + 0.5 * (size + np.log(sign.astype(complex) if np.iscomplexobj(sign) else sign))
            K = np.linalg.solve(M, G @ B)
            C = C[:, keep][:, :, keep] - np.swapaxes(B, 1, 2) @ K
            if step < len(covariances) - 1:
                C = np.add.reduceat(C, self._starts[step], axis=0)
                logs = np.add.reduceat(logs, self._starts[step])
        return C, logs

    def _valid(self, theta: FloatArray) -> bool:
        if not np.all(np.isfinite(theta)) or np.any(np.abs(theta) > 300.0):
            return False
        return all(
            float(np.linalg.eigvalsh(G)[0]) >= -1e-9 * max(float(np.trace(G)), 1e-300)
            for G in self.covariances(theta)
            if len(G)
        )

    def _concentrated(self, theta: Values) -> Any:
        C, logs = self._reduce(theta)
        total = C.sum(axis=0)
        k = self.k
        A, c = total[:k, :k], total[:k, k]
        quadratic = total[k, k] - (c @ np.linalg.solve(A, c) if k else 0.0)
        value = -0.5 * self.n * math.log(2.0 * math.pi) - self.n * theta[-1] - logs.sum() - 0.5 * quadratic
        if self.restricted and k:
            sign, size = np.linalg.slogdet(A)
            value = value - 0.5 * (size + np.log(sign)) - math.log(abs(float(np.prod(np.diag(self._triangle)))))
            value = value + 0.5 * k * math.log(2.0 * math.pi)
        return value

    def log_likelihood(self, theta: FloatArray) -> float:
        """Log (restricted) likelihood with the fixed effects at their best; -inf outside the parameter space."""
        if not self._valid(theta):
            return -math.inf
        with np.errstate(all="ignore"):
            try:
                value = self._concentrated(theta)
            except np.linalg.LinAlgError:
                return -math.inf
        return float(value) if np.isfinite(value) else -math.inf

    def gradient(self, theta: FloatArray) -> FloatArray:
        """Derivatives of the log likelihood by theta (complex step: exact to rounding)."""
        return complex_gradient(self._concentrated, theta)

    def fixed(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Generalised least squares at theta: coefficients (k,) and (X'V^-1 X)^-1."""
        C, _ = self._reduce(theta)
        total = C.sum(axis=0)
        k = self.k
        inverse = np.linalg.solve(self._triangle, np.eye(k)) if k else np.zeros((0, 0))
        b = self._centre + inverse @ np.linalg.solve(total[:k, :k], total[:k, k])
        return b, inverse @ np.linalg.inv(total[:k, :k]) @ inverse.T

    def group_log_likelihood(self, parameters: Values) -> Values:
        """Log likelihood of each outermost group at (b, theta): (groups,)."""
        k = self.k
        b, theta = parameters[:k], parameters[k:]
        C, logs = self._reduce(theta)
        change = np.append(-(self._triangle @ (b - self._centre)), 1.0)
        quadratic = np.einsum("gij,i,j->g", C, change, change)
        sizes = np.bincount(self.levels[0].ids) if self.levels else np.array([self.n])
        return np.asarray(-sizes * (0.5 * math.log(2.0 * math.pi) + theta[-1]) - logs - 0.5 * quadratic)

    def effects(self, b: FloatArray, theta: FloatArray) -> list[FloatArray]:
        """Best linear unbiased predictions of the effects, per level (groups of the level, q)."""
        residual = self.y - self.X @ b
        covariances = self.covariances(theta)
        found = []
        for depth, level in enumerate(self.levels):
            inner = MixedModel(residual, np.zeros((self.n, 0)), self.levels[depth:])
            u = inner.outer_effects(theta, covariances[depth:])
            columns = np.column_stack([block.Z for block in level.blocks])
            residual = residual - np.einsum("ij,ij->i", columns, u[level.ids])
            found.append(u)
        return found

    def outer_effects(self, theta: FloatArray, covariances: Sequence[Values]) -> FloatArray:
        """Predictions of the outermost effects given y (X empty): (groups, q)."""
        C: Values = self._cross * math.exp(-2.0 * float(theta[-1]))
        for step, G in enumerate(reversed(covariances)):
            q = len(G)
            keep = np.r_[0 : C.shape[1] - 1 - q, C.shape[1] - 1]
            z = slice(C.shape[1] - 1 - q, C.shape[1] - 1)
            M = np.eye(q) + G @ C[:, z, z]
            K = np.linalg.solve(M, G @ C[:, z][:, :, keep])
            if step == len(covariances) - 1:
                return np.asarray(K[:, :, -1], dtype=np.float64)
            C = C[:, keep][:, :, keep] - np.swapaxes(C[:, z][:, :, keep], 1, 2) @ K
            C = np.add.reduceat(C, self._starts[step], axis=0)
        return np.zeros((1, 0))


def complex_gradient(function: Callable[[Values], Any], at: FloatArray) -> FloatArray:
    """Derivatives of an analytic function by the imaginary part at a tiny imaginary step (Squire and Trapp 1998).

    A function with several values gives one row per value.
    """
    columns = []
    for j in range(len(at)):
        point = at.astype(complex)
        point[j] += 1j * _STEP
        columns.append(np.imag(function(point)) / _STEP)
    return np.asarray(np.stack(columns, axis=-1), dtype=np.float64)


def second_derivatives(gradient: Callable[[FloatArray], FloatArray], at: FloatArray) -> FloatArray:
    """Symmetric matrix of second derivatives from fourth-order central differences of the gradient."""
    rows = []
    for j in range(len(at)):
        h = _SPACING * max(1.0, abs(float(at[j])))
        step = np.zeros(len(at))
        step[j] = h
        near = gradient(at + step) - gradient(at - step)
        far = gradient(at + 2.0 * step) - gradient(at - 2.0 * step)
        rows.append((8.0 * near - far) / (12.0 * h))
    H = np.array(rows)
    return (H + H.T) / 2.0


@dataclass(frozen=True)
class MixedFit:
    """Estimates of a mixed model."""

    b: FloatArray
    V_b: FloatArray
    """(X'V^-1 X)^-1."""
    theta: FloatArray
    V_theta: FloatArray
    """Inverse of the negative second derivatives of the concentrated log likelihood."""
    log_likelihood: float
    iterations: list[float]


def fit_mixed(model: MixedModel, *, limit: int = 300) -> MixedFit:
    """Newton's method on the concentrated likelihood. Raises r(430) when the limit is reached first.

    `iterations` starts when the likelihood is within one of its maximum, after the search for starting values.
    """
    from ssd.engine.stats.likelihood import direction

    theta = _start(model)
    value = model.log_likelihood(theta)
    if not math.isfinite(value):
        raise StataError(1400, "initial values not feasible")
    history: list[float] = []
    for _ in range(limit):
        gradient = model.gradient(theta)
        information = -second_derivatives(model.gradient, theta)
        step, definite = direction(information, gradient)
        decrement = float(gradient @ step)
        if decrement < 2.0:
            history.append(value)
        settled = decrement < 1e-8
        step = step * min(1.0, 3.0 / max(float(np.abs(step).max()), 1e-300))
        moved = _line_search(model, theta, step, value)
        if moved is None:
            # No representable step improves the likelihood: the maximum to rounding.
            if definite and decrement > 1e-6 * max(1.0, abs(value)):
                raise StataError(430, "convergence not achieved")
            break
        theta, value = moved
        if settled:
            # Newton's convergence is quadratic: this step was the last that can be told from rounding.
            break
    else:
        raise StataError(430, "convergence not achieved")
    information = -second_derivatives(model.gradient, theta)
    b, V_b = model.fixed(theta)
    return MixedFit(b, V_b, theta, symmetric_inverse(information), value, history or [value])


def _line_search(
    model: MixedModel, theta: FloatArray, step: FloatArray, value: float
) -> tuple[FloatArray, float] | None:
    size = 1.0
    for _ in range(40):
        candidate = theta + size * step
        found = model.log_likelihood(candidate)
        if found > value or (size == 1.0 and found >= value - 1e-12 * abs(value)):
            return candidate, found
        size /= 2.0
    return None


def _start(model: MixedModel) -> FloatArray:
    """Residual variance shared out: half to the observations, the rest over the effects; no correlations."""
    residual = model.y - model.X @ np.linalg.lstsq(model.X, model.y, rcond=None)[0] if model.k else model.y
    variance = float(residual @ residual) / model.n
    if variance <= 0.0:
        raise StataError(2000, "the outcome has no variation left")
    blocks = [block for level in model.levels for block in level.blocks]
    theta: list[float] = []
    for block in blocks:
        squares = np.maximum((block.Z**2).mean(axis=0), 1e-300)
        sds = np.sqrt(0.5 * variance / len(blocks) / block.size / squares)
        theta += list(np.log(sds if block.n_spreads == block.size else sds[:1]))
        theta += [0.0] * block.n_correlations
    return np.array([*theta, 0.5 * math.log(0.5 * variance)])


def joint_covariance(model: MixedModel, fit: MixedFit, *, robust: bool) -> FloatArray:
    """Covariance of (b, theta): the inverse information, or the sandwich over outermost groups by G/(G-1).

    Raises r(2001) when a sandwich is asked for with one group.
    """
    at = np.concatenate([fit.b, fit.theta])

    def total(point: Values) -> Any:
        return model.group_log_likelihood(point).sum()

    bread = symmetric_inverse(-second_derivatives(lambda point: complex_gradient(total, point), at))
    if not robust:
        return bread
    scores = complex_gradient(model.group_log_likelihood, at)
    groups = len(scores)
    if groups < 2:
        raise StataError(2001, "insufficient observations")
    V = bread @ (scores.T @ scores) @ bread * (groups / (groups - 1.0))
    return np.asarray((V + V.T) / 2.0, dtype=np.float64)
