"""Named statistics of tabstat, table and collapse-like commands."""

from __future__ import annotations

import re

import numpy as np

from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.stats.moments import moments, percentiles, skewness_kurtosis

SYNONYMS = {
    "average": "mean",
    "av": "mean",
    "mean": "mean",
    "count": "n",
    "n": "n",
    "sum": "sum",
    "max": "max",
    "min": "min",
    "range": "range",
    "sd": "sd",
    "variance": "variance",
    "var": "variance",
    "cv": "cv",
    "semean": "semean",
    "skewness": "skewness",
    "sk": "skewness",
    "kurtosis": "kurtosis",
    "k": "kurtosis",
    "median": "median",
    "med": "median",
    "iqr": "iqr",
    "q": "q",
}
"""Statistic names of tabstat (Stata 17 names); p1 … p99 besides."""


def canonical_statistic(name: str) -> str | None:
    """Canonical name of a statistic or None: abbreviations as tabstat allows them."""
    lower = name.lower()
    if lower in SYNONYMS:
        return SYNONYMS[lower]
    if re.fullmatch(r"p([1-9]|[1-9][0-9])", lower):
        return lower
    for full in ("mean", "count", "sum", "range", "variance", "semean", "skewness", "kurtosis", "median"):
        least = {
            "mean": 2,
            "count": 1,
            "sum": 2,
            "range": 1,
            "variance": 1,
            "semean": 2,
            "skewness": 2,
            "kurtosis": 1,
            "median": 3,
        }[full]
        if len(lower) >= least and full.startswith(lower):
            return SYNONYMS[full]
    return None


def statistic(name: str, x: FloatArray, weights: FloatArray | None, kind: str) -> float:
    """One statistic of complete values; missing when undefined."""
    m = moments(x, weights, kind)
    if name == "n":
        return m.n
    if x.size == 0:
        return MISSING if name != "sum" else 0.0
    simple = {
        "mean": m.mean,
        "sum": m.total,
        "max": m.maximum,
        "min": m.minimum,
        "sd": m.sd,
        "variance": m.variance,
    }
    if name in simple:
        return simple[name]
    if name == "range":
        return m.maximum - m.minimum
    if name == "cv":
        return m.sd / m.mean if m.sd < MISSING and m.mean != 0 else MISSING
    if name == "semean":
        return m.sd / float(np.sqrt(m.n)) if m.sd < MISSING else MISSING
    if name in ("skewness", "kurtosis"):
        return skewness_kurtosis(x, weights)[0 if name == "skewness" else 1]
    if name == "iqr":
        low, high = percentiles(x, np.array([25.0, 75.0]), weights)
        return float(high - low)
    percent = 50.0 if name == "median" else float(name[1:])
    return float(percentiles(x, np.array([percent]), weights)[0])
