"""Probit and tobit with normally distributed endogenous regressors, maximum likelihood and minimum chi-squared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.jets import Jet, JetModel, exp, log, log_normal_probability, normal_log_density, sqrt, tanh, where
from ssd.engine.stats.linear import symmetric_inverse


def correlation_pairs(p: int) -> list[tuple[int, int]]:
    """(row, column) of the correlations athrho2_1, athrho3_1, athrho3_2, … of 1 + p errors, 1-based."""
    return [(i, j) for i in range(2, p + 2) for j in range(1, i)]


def _factor(correlations: Sequence[Jet], p: int, unit: Jet) -> list[list[Jet]]:
    """Lower Cholesky factor of the correlations of (v_1 … v_p, u), u last."""
    place = dict(zip(correlation_pairs(p), correlations, strict=True))
    order = [*range(2, p + 2), 1]
    L: list[list[Jet]] = []
    for a, i in enumerate(order):
        row: list[Jet] = []
        for b in range(a + 1):
            j = order[b]
            rest = unit if i == j else place[max(i, j), min(i, j)]
            for c in range(b):
                rest = rest - (row[c] * row[c] if a == b else row[c] * L[b][c])
            row.append(sqrt(rest) if a == b else rest / L[b][b])
        L.append(row)
    return L


@dataclass(frozen=True)
class _Errors:
    """What the errors of the endogenous regressors say about that of the outcome."""

    log_density: Jet
    mean: Jet
    scale: Jet
    """Mean and standard deviation of the outcome's standardised error given the others."""


def _reduced_form(endogenous: FloatArray, means: Sequence[Jet], correlations: Sequence[Jet], lns: Sequence[Jet]
                  ) -> _Errors:  # fmt: skip
    p = endogenous.shape[1]
    unit = means[0] * 0.0 + 1.0
    L = _factor([tanh(each) for each in correlations], p, unit)
    w: list[Jet] = []
    density = unit * 0.0
    for j in range(p):
        e = (endogenous[:, j] - means[j]) * exp(-lns[j])
        for c in range(j):
            e = e - L[j][c] * w[c]
        w.append(e / L[j][j])
        density = density + normal_log_density(w[j]) - lns[j] - log(L[j][j])
    mean = unit * 0.0
    for j in range(p):
        mean = mean + L[p][j] * w[j]
    return _Errors(density, mean, L[p][p])


@dataclass(frozen=True)
class EndogenousProbit(JetModel):
    """Indices: x'b, p reduced forms, p(p+1)/2 athrho, p ln sigma ([R] ivprobit, Methods and formulas)."""

    y: BoolArray
    endogenous: FloatArray
    """(n, p)"""

    def terms(self, indices: Sequence[Jet]) -> Jet:
        p = self.endogenous.shape[1]
        errors = _reduced_form(self.endogenous, indices[1 : p + 1], indices[p + 1 : -p], indices[-p:])
        sign = np.where(self.y, 1.0, -1.0)
        return errors.log_density + log_normal_probability((indices[0] + errors.mean) / errors.scale * sign)


@dataclass(frozen=True)
class EndogenousTobit(JetModel):
    """Indices: x'b, p reduced forms, p(p+1)/2 athrho, 1 + p ln sigma ([R] ivtobit, Methods and formulas)."""

    y: FloatArray
    """Outcome, at its limit where censored."""
    left: BoolArray
    right: BoolArray
    endogenous: FloatArray

    def terms(self, indices: Sequence[Jet]) -> Jet:
        p = self.endogenous.shape[1]
        errors = _reduced_form(self.endogenous, indices[1 : p + 1], indices[p + 1 : -p - 1], indices[-p:])
        ln_sigma = indices[-p - 1]
        z = ((self.y - indices[0]) * exp(-ln_sigma) - errors.mean) / errors.scale
        inside = normal_log_density(z) - log(errors.scale) - ln_sigma
        sign = np.where(self.left, 1.0, -1.0)
        return errors.log_density + where(self.left | self.right, log_normal_probability(z * sign), inside)


@dataclass(frozen=True)
class MinimumChiSquared:
    """Newey's (1987) estimator: coefficients of (endogenous, exogenous, constant) and their covariance."""

    b: FloatArray
    V: FloatArray


def minimum_chi_squared(
    alpha: FloatArray, bread: FloatArray, first_stage: FloatArray, added: FloatArray, exogenous: int
) -> MinimumChiSquared:
    """Coefficients from reduced-form ones.

    alpha (q,) and bread (q, q) are the reduced form's coefficients on (instruments, exogenous) and their
    covariance; first_stage (q, p) are the regressions of the endogenous variables on the same columns;
    `added` (q, q) is the covariance of the regression of y2(lambda - b) on them; the last `exogenous`
    columns are the regressors of the structural equation.
    """
    q = len(first_stage)
    selection = np.zeros((q, exogenous))
    selection[q - exogenous :] = np.eye(exogenous)
    D = np.column_stack([first_stage, selection])
    inverse = symmetric_inverse(bread + added)
    V = symmetric_inverse(D.T @ inverse @ D)
    return MinimumChiSquared(V @ (D.T @ (inverse @ alpha)), V)
