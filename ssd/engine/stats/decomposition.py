"""Blinder–Oaxaca decomposition of a difference in means (Jann 2008, Stata Journal 8: 453-479)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ssd.engine.missing import FloatArray

Kind = Literal["threefold", "reverse", "twofold"]


@dataclass(frozen=True)
class Group:
    """Coefficients and regressor means of one group; both include the constant where there is one."""

    b: FloatArray
    x: FloatArray
    x_covariance: FloatArray


@dataclass(frozen=True)
class Decomposition:
    parts: list[str]
    totals: FloatArray
    """Group 1, group 2, difference, then the parts."""
    details: FloatArray
    """(number of parts, k)."""
    V: FloatArray
    """Covariance of totals followed by the details row by row."""


def decompose(
    first: Group, second: Group, reference: FloatArray, coefficient_covariance: FloatArray, kind: Kind,
    weight: FloatArray | None = None,
) -> Decomposition:  # fmt: skip
    """Contributions with their delta-method covariance.

    `coefficient_covariance` is that of (b1, b2, reference) stacked, (3k, 3k); without a reference of its own
    pass zeros and `weight` (k,), with which reference = weight b1 + (1 - weight) b2.
    """
    k = len(first.b)
    gap_x = first.x - second.x
    zero = np.zeros((k, k))
    d1, d2, dx = np.diag(first.b), np.diag(second.b), np.diag(gap_x)
    x1, x2 = np.diag(first.x), np.diag(second.x)
    # Derivatives of each detail by b1, b2, reference, x1, x2.
    if kind == "twofold":
        r = np.diag(reference)
        explained = [zero, zero, dx, r, -r]
        unexplained = [x1, -x2, x2 - x1, d1 - r, r - d2]
        parts = ["explained", "unexplained"]
        values = [gap_x * reference, first.x * (first.b - reference) + second.x * (reference - second.b)]
        jacobians = [explained, unexplained]
        if weight is not None:
            for block in jacobians:
                block[0] = block[0] + block[2] * weight
                block[1] = block[1] + block[2] * (1.0 - weight)
                block[2] = zero
    else:
        own = second if kind == "threefold" else first
        sign = 1.0 if kind == "threefold" else -1.0
        change = first.b - second.b
        parts = ["endowments", "coefficients", "interaction"]
        values = [gap_x * own.b, own.x * change, sign * gap_x * change]
        o, c = np.diag(own.b), np.diag(change)
        endowments = [zero, zero, zero, o, -o]
        endowments[1 if kind == "threefold" else 0] = dx
        at = np.diag(own.x)
        coefficients = [at, -at, zero, zero, zero]
        coefficients[4 if kind == "threefold" else 3] = c
        interaction = [sign * dx, -sign * dx, zero, sign * c, -sign * c]
        jacobians = [endowments, coefficients, interaction]
    details = np.array(values)
    J = np.vstack([np.hstack(block) for block in jacobians])
    ones = np.ones((1, k))
    part_rows = [ones @ np.hstack(block) for block in jacobians]
    level1 = np.hstack([first.x[None, :], np.zeros((1, 2 * k)), first.b[None, :], np.zeros((1, k))])
    level2 = np.hstack([np.zeros((1, k)), second.x[None, :], np.zeros((1, 2 * k)), second.b[None, :]])
    G = np.vstack([level1, level2, level1 - level2, *part_rows, J])
    S = np.zeros((5 * k, 5 * k))
    S[: 3 * k, : 3 * k] = coefficient_covariance
    S[3 * k : 4 * k, 3 * k : 4 * k] = first.x_covariance
    S[4 * k :, 4 * k :] = second.x_covariance
    m1, m2 = float(first.x @ first.b), float(second.x @ second.b)
    totals = np.array([m1, m2, m1 - m2, *details.sum(axis=1)])
    return Decomposition(parts, totals, details, G @ S @ G.T)
