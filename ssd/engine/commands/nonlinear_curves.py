"""The built-in growth curves of nl and rough starting values for them ([R] nl, Built-in functions)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssd.engine.missing import FloatArray


@dataclass(frozen=True)
class Curve:
    """A built-in function: title, expression with `{x}` for the regressor and `{y}` for the outcome."""

    title: str
    expression: str
    shown: str


CURVES = {
    "exp3": Curve("3-parameter asymptotic regression", "{b0}+{b1}*{b2}^X", "b0 + b1*b2^{x}"),
    "exp2": Curve("2-parameter exp. growth curve", "{b1}*{b2}^X", "b1*b2^{x}"),
    "exp2a": Curve("2-parameter asymptotic regression", "{b1}*(1-{b2}^X)", "b1*(1 - b2^{x})"),
    "log4": Curve(
        "4-parameter logistic function", "{b0}+{b1}/(1+exp(-{b2}*(X-{b3})))", "b0 + b1/(1 + exp(-b2*({x} - b3)))"
    ),
    "log3": Curve("3-parameter logistic function", "{b1}/(1+exp(-{b2}*(X-{b3})))", "b1/(1 + exp(-b2*({x} - b3)))"),
    "gom4": Curve(
        "4-parameter Gompertz function", "{b0}+{b1}*exp(-exp(-{b2}*(X-{b3})))", "b0 + b1*exp(-exp(-b2*({x} - b3)))"
    ),
    "gom3": Curve("3-parameter Gompertz function", "{b1}*exp(-exp(-{b2}*(X-{b3})))", "b1*exp(-exp(-b2*({x} - b3)))"),
}


def curve_start(curve: str, x: FloatArray, y: FloatArray) -> dict[str, float]:
    """Rough starting values of a built-in function from the range of the outcome and a straight line."""
    spread = float(np.ptp(y)) or 1.0
    low, high = float(y.min()), float(y.max())
    slope = float(np.polyfit(x, y, 1)[0]) if np.ptp(x) > 0.0 else 0.0
    if curve in {"exp2", "exp3", "exp2a"}:
        base = low - 0.05 * spread if slope < 0.0 else high + 0.05 * spread
        if curve == "exp2":
            positive = y > 0.0
            line = np.polyfit(x[positive], np.log(y[positive]), 1) if positive.sum() > 2 else np.array([0.0, 0.0])
            return {"b1": math.exp(float(line[1])), "b2": math.exp(float(line[0]))}
        line = np.polyfit(x, np.log(np.abs(y - base)), 1)
        size = math.exp(float(line[1])) * (1.0 if slope < 0.0 else -1.0)
        if curve == "exp2a":
            return {"b1": base, "b2": min(math.exp(float(line[0])), 0.999)}
        return {"b0": base, "b1": size, "b2": math.exp(float(line[0]))}
    floor = low - 0.05 * spread if curve.endswith("4") else min(0.0, low - 0.05 * spread)
    share = np.clip((y - floor) / (1.1 * spread + (low - floor)), 0.02, 0.98)
    scale = np.log(share / (1.0 - share)) if curve.startswith("log") else -np.log(-np.log(share))
    line = np.polyfit(x, scale, 1)
    rate = float(line[0]) or 1e-3
    start = {"b1": 1.1 * spread + low - floor, "b2": rate, "b3": -float(line[1]) / rate}
    return {"b0": floor, **start} if curve.endswith("4") else start
