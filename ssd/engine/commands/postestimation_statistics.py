"""The statistics predict offers after each estimation command."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.estimation import Estimation, marked_sample
from ssd.engine.commands.postestimation_predict import Request
from ssd.engine.errors import unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.stats.binary import logistic
from ssd.engine.stats.distributions import normal_cumulative, normal_density
from ssd.engine.stats.linear import symmetric_inverse

if TYPE_CHECKING:
    from ssd.engine.session import Session

Function = Callable[[Request], FloatArray]

_LABELS = {
    "xb": "Linear prediction", "stdp": "S.E. of the prediction", "residuals": "Residuals",
    "n": "Predicted number of events",
    "stdf": "S.E. of the forecast", "stdr": "S.E. of the residual", "leverage": "Leverage", "cooksd": "Cook's D",
    "rstandard": "Standardized residuals", "rstudent": "Studentized residuals", "u": "u[{ivar}]",
    "ue": "u[{ivar}] + e[{ivar},t]",
    "e": "e[{ivar},t]", "xbu": "Xb + u[{ivar}]", "mu": "Predicted mean {depvar}",
    "dfits": "Dfits", "welsch": "Welsch distance",
    "covratio": "Covratio", "xbd": "Xb + d[{ivar}]",
}  # fmt: skip


@dataclass
class Statistics:
    """Functions by option name, the default one and the note printed when nothing was typed."""

    functions: dict[str, Function]
    default: str
    note: str
    depvar: str
    ivar: str = ""
    in_sample: frozenset[str] = frozenset()
    many: Function | None = None
    outcome: frozenset[str] = field(
        default=frozenset(
            {"residuals", "rstandard", "rstudent", "cooksd", "dfits", "welsch", "covratio", "u", "ue", "e", "xbu",
             "xbd",
             "d", "score", "deviance", "pearson", "response"}
        )
    )  # fmt: skip

    def sample_only(self, name: str) -> bool:
        return name in self.in_sample

    def needs_outcome(self, name: str) -> bool:
        return name in self.outcome and name not in {"u", "xbu", "d", "xbd"}

    def label(self, name: str) -> str:
        if name == "xb" and self.default == "xb":
            return "Fitted values" if self.depvar and not self.ivar else "Linear prediction"
        if name == "pr":
            return f"Pr({self.depvar})"
        return _LABELS.get(name, "").format(ivar=self.ivar, depvar=self.depvar)


def statistics_of(session: Session, estimation: Estimation) -> Statistics:
    """What predict can compute after the last command. Raises r(198) when that is nothing."""
    command = session.e.macros.get("cmd", "")
    depvar = session.e.macros.get("depvar", "")
    ivar = session.e.macros.get("ivar", session.e.macros.get("absvar", ""))
    common: dict[str, Function] = {"xb": lambda r: r.xb, "stdp": lambda r: r.linear.stdp(r.rows)}
    xb_note = "(option xb assumed; fitted values)"
    if command in {"regress", "ivregress", "newey", "prais"}:
        functions = {**common, "residuals": _residuals, "score": _residuals}
        if command == "regress":
            functions.update(_LINEAR)
        inside = frozenset({"leverage", "rstandard", "rstudent", "cooksd", "dfits", "welsch", "covratio"})
        return Statistics(functions, "xb", xb_note, depvar, in_sample=inside)
    if command in {"xtreg", "areg"}:
        return _panel(session, command, common, depvar, ivar)
    if command in {"logit", "logistic", "probit", "cloglog"}:
        functions = {**common, "pr": _probability, "score": _binary_score}
        if command in {"logit", "logistic"}:
            functions.update(residuals=_pearson_binary, deviance=_deviance_binary)
        return Statistics(functions, "pr", f"(option pr assumed; Pr({depvar}))", depvar)
    if command in {"poisson", "nbreg"}:
        functions = {**common, "n": _events, "ir": _rate, "score": lambda r: r.y - _events(r)}
        return Statistics(functions, "n", "(option n assumed; predicted number of events)", depvar)
    extra = estimation.predictions.get("statistics")
    if isinstance(extra, Statistics):
        return Statistics(
            {**common, **extra.functions},
            extra.default,
            extra.note,
            depvar,
            in_sample=extra.in_sample,
            many=extra.many,
        )
    raise unsupported(f"predict after {command} is")


def _residuals(request: Request) -> FloatArray:
    return request.y - request.xb


# --- after regress ---


def _leverage(request: Request) -> FloatArray:
    """Diagonal of the hat matrix, weights included ([R] regress postestimation)."""
    X = request.linear.matrix(request.rows)
    sample = marked_sample(request.session)
    full = request.linear.matrix(sample)
    weights = request.estimation.normalised
    w = np.ones(len(full)) if weights is None else weights
    inverse = symmetric_inverse(full.T @ (full * w[:, None]))
    h = np.einsum("ij,ij->i", X @ inverse, X)
    if weights is not None and request.estimation.weights[0] != "fweight":
        spread = np.ones(len(sample))
        spread[sample] = w
        h = h * spread[request.rows]
    return np.asarray(h, dtype=np.float64)


def _rmse(request: Request) -> float:
    return request.scalar("rmse")


def _standardised(request: Request) -> FloatArray:
    return _residuals(request) / (_rmse(request) * np.sqrt(1.0 - _leverage(request)))


def _studentised(request: Request) -> FloatArray:
    r = _standardised(request)
    df = request.scalar("N") - request.scalar("rank")
    return r * np.sqrt((df - 1.0) / (df - r * r))


def _cooks_distance(request: Request) -> FloatArray:
    h = _leverage(request)
    return _standardised(request) ** 2 / request.scalar("rank") * h / (1.0 - h)


def _dfits(request: Request) -> FloatArray:
    h = _leverage(request)
    return _studentised(request) * np.sqrt(h / (1.0 - h))


def _welsch(request: Request) -> FloatArray:
    h = _leverage(request)
    return _dfits(request) * math.sqrt(request.scalar("N") - 1.0) / np.sqrt(1.0 - h)


def _covratio(request: Request) -> FloatArray:
    n, k = request.scalar("N"), request.scalar("rank")
    h, t = _leverage(request), _studentised(request)
    return 1.0 / (1.0 - h) / ((n - k - 1.0 + t * t) / (n - k)) ** k


def _forecast_error(request: Request) -> FloatArray:
    return np.sqrt(request.linear.stdp(request.rows) ** 2 + _rmse(request) ** 2)


def _residual_error(request: Request) -> FloatArray:
    return np.asarray(_rmse(request) * np.sqrt(1.0 - _leverage(request)), dtype=np.float64)


_LINEAR: dict[str, Function] = {
    "leverage": _leverage,
    "rstandard": _standardised,
    "rstudent": _studentised,
    "cooksd": _cooks_distance,
    "dfits": _dfits,
    "welsch": _welsch,
    "covratio": _covratio,
    "stdf": _forecast_error,
    "stdr": _residual_error,
}


# --- after xtreg and areg ---


def _panel(session: Session, command: str, common: dict[str, Function], depvar: str, ivar: str) -> Statistics:
    model = session.e.macros.get("model", "")
    functions = dict(common)
    functions["ue"] = _residuals
    note = "(option xb assumed; fitted values)"
    if command == "areg":
        functions["residuals"] = lambda r: _residuals(r) - _effects(r)
        functions["d"] = _effects
        functions["xbd"] = lambda r: r.xb + _effects(r)
        return Statistics(functions, "xb", note, depvar, ivar, in_sample=frozenset({"residuals", "xbd"}))
    if model in {"fe", "re"}:
        functions["u"] = _effects if model == "fe" else _random_effects
        functions["e"] = lambda r: _residuals(r) - functions["u"](r)
        functions["xbu"] = lambda r: r.xb + functions["u"](r)
    return Statistics(functions, "xb", note, depvar, ivar, in_sample=frozenset({"u", "e", "xbu"}))


def _effects(request: Request) -> FloatArray:
    effects = request.estimation.predictions["effects"]
    assert isinstance(effects, np.ndarray)
    variable = str(request.estimation.predictions["ivar"])
    return request.group(effects, variable)


def _random_effects(request: Request) -> FloatArray:
    """Best linear prediction of u: the share of the panel's mean residual that is between variation."""
    from ssd.engine.commands.estimation import key_values
    from ssd.engine.stats.panel import Panels

    sample = marked_sample(request.session)
    variable = str(request.estimation.predictions["ivar"])
    panels = Panels.of(key_values(request.session, variable)[sample])
    y = request.session.evaluate_numbers(request.session.e.macros["depvar"])[sample]
    means = panels.means(y - request.linear.xb(sample))
    sigma_u2 = request.scalar("sigma_u") ** 2
    share = panels.sizes * sigma_u2 / (panels.sizes * sigma_u2 + request.scalar("sigma_e") ** 2)
    return request.group(share * means, variable)


# --- after binary and count models ---


def inverse_link(kind: str, eta: FloatArray) -> FloatArray:
    """Mean of the outcome given the linear prediction."""
    if kind in {"logit", "logistic"}:
        return logistic(eta)
    if kind == "probit":
        return normal_cumulative(eta)
    if kind == "cloglog":
        return np.asarray(-np.expm1(-np.exp(np.minimum(eta, 700.0))), dtype=np.float64)
    if kind in {"poisson", "nbreg"}:
        return np.asarray(np.exp(eta), dtype=np.float64)
    return eta


def inverse_link_slope(kind: str, eta: FloatArray) -> FloatArray:
    """Derivative of `inverse_link` with respect to the linear prediction."""
    if kind in {"logit", "logistic"}:
        p = logistic(eta)
        return np.asarray(p * logistic(-eta), dtype=np.float64)
    if kind == "probit":
        return normal_density(eta)
    if kind == "cloglog":
        bounded = np.minimum(eta, 700.0)
        return np.asarray(np.exp(bounded - np.exp(bounded)), dtype=np.float64)
    if kind in {"poisson", "nbreg"}:
        return np.asarray(np.exp(eta), dtype=np.float64)
    return np.ones_like(eta)


def _kind(request: Request) -> str:
    return request.session.e.macros["cmd"]


def _probability(request: Request) -> FloatArray:
    return inverse_link(_kind(request), request.xb)


def _binary_score(request: Request) -> FloatArray:
    p = _probability(request)
    y = (request.y != 0.0).astype(np.float64)
    slope = inverse_link_slope(_kind(request), request.xb)
    return np.asarray((y - p) / (p * (1.0 - p)) * slope, dtype=np.float64)


def _pearson_binary(request: Request) -> FloatArray:
    p = _probability(request)
    y = (request.y != 0.0).astype(np.float64)
    return np.asarray((y - p) / np.sqrt(p * (1.0 - p)), dtype=np.float64)


def _deviance_binary(request: Request) -> FloatArray:
    p = _probability(request)
    y = request.y != 0.0
    size = np.sqrt(-2.0 * np.log(np.where(y, p, 1.0 - p)))
    return np.where(y, size, -size)


def _events(request: Request) -> FloatArray:
    return np.asarray(np.exp(request.xb), dtype=np.float64)


def _rate(request: Request) -> FloatArray:
    linear = request.linear
    offset, linear.offset = linear.offset, None
    try:
        return np.asarray(np.exp(linear.xb(request.rows)), dtype=np.float64)
    finally:
        linear.offset = offset
