"""Binary and fractional outcomes beyond logit and probit: variance functions, skewed logit, beta regression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray
from ssd.engine.stats.jets import (
    Jet,
    JetModel,
    exp,
    gamma_log,
    log1p_exp,
    log_expm1,
    log_normal_probability,
    logistic_cumulative,
    normal_probability,
    square,
)


@dataclass(frozen=True)
class HeteroskedasticProbit(JetModel):
    """Indices: x'b and ln sigma = z'g, without a constant; y in [0, 1] ([R] hetprobit, [R] fracreg)."""

    y: FloatArray

    def terms(self, indices: Sequence[Jet]) -> Jet:
        a = indices[0] * exp(-indices[1])
        return log_normal_probability(a) * self.y + log_normal_probability(-a) * (1.0 - self.y)


@dataclass(frozen=True)
class SkewedLogit(JetModel):
    """Indices: x'b and ln alpha; Pr(y = 1) = 1 - 1/(1 + exp(x'b))^alpha ([R] scobit)."""

    y: FloatArray

    def terms(self, indices: Sequence[Jet]) -> Jet:
        t = exp(indices[1]) * log1p_exp(indices[0])
        return log_expm1(t) * self.y - t


def skewed_probability(indices: Sequence[Jet]) -> Jet:
    return 1.0 - exp(-(exp(indices[1]) * log1p_exp(indices[0])))


@dataclass(frozen=True)
class FractionalResponse(JetModel):
    """Bernoulli quasilikelihood of a share ([R] fracreg; Papke and Wooldridge 1996). Index: x'b."""

    y: FloatArray
    link: str

    def terms(self, indices: Sequence[Jet]) -> Jet:
        x = indices[0]
        if self.link == "logit":
            return x * self.y - log1p_exp(x)
        return log_normal_probability(x) * self.y + log_normal_probability(-x) * (1.0 - self.y)


def _complementary(x: Jet) -> Jet:
    return 1.0 - exp(-exp(x))


MEANS: dict[str, Callable[[Jet], Jet]] = {
    "logit": logistic_cumulative,
    "probit": normal_probability,
    "cloglog": _complementary,
    "loglog": lambda x: exp(-exp(-x)),
}
SCALES: dict[str, Callable[[Jet], Jet]] = {"log": exp, "root": square, "identity": lambda x: x}


@dataclass(frozen=True)
class BetaShare(JetModel):
    """Indices: link of the mean and link of the scale psi; y strictly inside (0, 1) ([R] betareg)."""

    y: FloatArray
    link: str
    scale_link: str

    def terms(self, indices: Sequence[Jet]) -> Jet:
        mean, psi = MEANS[self.link](indices[0]), SCALES[self.scale_link](indices[1])
        a, b = mean * psi, (1.0 - mean) * psi
        return gamma_log(psi) - gamma_log(a) - gamma_log(b) + (a - 1.0) * _log(self.y) + (b - 1.0) * _log(1.0 - self.y)


def _log(values: FloatArray) -> FloatArray:
    return np.asarray(np.log(values), dtype=np.float64)
