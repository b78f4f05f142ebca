"""Arithmetic on single numbers that gives nan (Stata's missing, once stored) where Python raises."""

from __future__ import annotations

import math


def quotient(numerator: float, denominator: float) -> float:
    """numerator/denominator; nan when the denominator is 0, as for an F statistic of a perfect fit."""
    return float(numerator) / float(denominator) if denominator else math.nan


def square_root(value: float) -> float:
    """Square root; nan for a negative number (a variance with negative degrees of freedom)."""
    return math.sqrt(value) if value >= 0.0 else math.nan


def logarithm(value: float) -> float:
    """Natural logarithm; nan unless the number is positive."""
    return math.log(value) if value > 0.0 else math.nan
