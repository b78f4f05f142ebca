"""Probit under sample selection and linear regression with an endogenous treatment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ssd.engine.errors import insufficient_observations
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.jets import (
    Jet,
    JetModel,
    binormal_probability,
    exp,
    log,
    log_normal_probability,
    normal_log_density,
    sqrt,
    square,
    tanh,
    where,
)
from ssd.engine.stats.linear import symmetric_inverse
from ssd.engine.stats.selection import mills


@dataclass(frozen=True)
class SelectionProbit(JetModel):
    """Indices: outcome x'b, selection z'g, athrho ([R] heckprobit)."""

    y: BoolArray
    """Outcome; any value where not selected."""
    selected: BoolArray

    def terms(self, indices: Sequence[Jet]) -> Jet:
        sign = np.where(self.y, 1.0, -1.0)
        # Beyond the reach of double precision the probability is kept positive.
        joint = binormal_probability(indices[0] * sign, indices[1], tanh(indices[2]) * sign)
        seen = where(joint.value > 1e-300, joint, joint * 0.0 + 1e-300)
        return where(self.selected, log(seen), log_normal_probability(-indices[1]))


@dataclass(frozen=True)
class EndogenousTreatment(JetModel):
    """Indices: outcome x'b (with the treatment in it), treatment z'g, athrho, ln sigma ([TE] etregress)."""

    y: FloatArray
    treated: BoolArray

    def terms(self, indices: Sequence[Jet]) -> Jet:
        e = (self.y - indices[0]) * exp(-indices[3])
        rho = tanh(indices[2])
        sign = np.where(self.treated, 1.0, -1.0)
        return (
            log_normal_probability((indices[1] + rho * e) / sqrt(1.0 - square(rho)) * sign)
            + normal_log_density(e)
            - indices[3]
        )


def treatment_hazard(index: FloatArray, treated: BoolArray) -> FloatArray:
    """phi/Phi where treated, -phi/(1 - Phi) elsewhere."""
    return np.where(treated, mills(index), -mills(-index))


@dataclass(frozen=True)
class TreatmentSteps:
    """Two-step estimates: outcome coefficients with that of the hazard last."""

    b: FloatArray
    V: FloatArray
    rho: float
    sigma: float


def two_step_treatment(
    y: FloatArray, X: FloatArray, Z: FloatArray, treated: BoolArray, index: FloatArray, probit_covariance: FloatArray
) -> TreatmentSteps:
    """Maddala's estimator and its covariance ([TE] etregress, Methods and formulas)."""
    h = treatment_hazard(index, treated)
    d = h * (h + index)
    W = np.column_stack([X, h])
    inverse = symmetric_inverse(W.T @ W)
    b = inverse @ (W.T @ y)
    residuals = y - W @ b
    slope = float(b[-1])
    variance = float(residuals @ residuals + slope * slope * d.sum()) / len(y)
    if not (np.isfinite(variance) and variance > 0.0):
        raise insufficient_observations()
    sigma = math.sqrt(variance)
    rho = max(-1.0, min(1.0, slope / sigma))
    D = 1.0 - rho * rho * d
    F = (W * d[:, None]).T @ Z
    Q = rho * rho * (F @ probit_covariance @ F.T)
    V = variance * (inverse @ (W.T @ (W * D[:, None]) + Q) @ inverse)
    return TreatmentSteps(b, (V + V.T) / 2.0, rho, sigma)
