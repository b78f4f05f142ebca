"""Random-variate functions. Uniforms are those of Stata's mt64 stream; the others are transforms of one
uniform per draw (inverse distribution functions), so a seed fixes the results, but not to Stata's values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ssd.engine.expr.context import Context
from ssd.engine.expr.registry import Table, entry
from ssd.engine.expr.values import Value, finished
from ssd.engine.missing import MISSING

_SMALLEST = 2.0**-54


def _special() -> Any:
    from scipy import special

    return special


def _stats() -> Any:
    from scipy import stats

    return stats


def _draw(transform: Callable[..., Any]) -> Callable[..., Value]:
    """A function of the parameters whose `transform(u, *parameters)` takes uniforms on [0, 1)."""

    def run(context: Context, *parameters: Any) -> Value:
        rng = context.session.rng
        arrays = [np.asarray(item, dtype=np.float64) for item in parameters]
        if not context.rows:
            values = _computed(transform, rng.uniform(1), [np.where(a < MISSING, a, np.nan) for a in arrays])
            return float(values.ravel()[0])
        chosen = []
        for array in arrays:
            selected = array[context.mask] if array.ndim and context.mask is not None else array
            chosen.append(np.where(selected < MISSING, selected, np.nan))
        return context.spread(_computed(transform, rng.uniform(context.n_drawn), chosen))

    return run


def _computed(transform: Callable[..., Any], uniform: Any, parameters: list[Any]) -> Any:
    with np.errstate(all="ignore"):
        values = np.asarray(transform(uniform, *parameters), dtype=np.float64)
    return finished(np.array(np.broadcast_to(values, uniform.shape)))


def _open(u: Any) -> Any:
    """Uniforms kept away from 0, for inverses that are infinite there."""
    return np.maximum(u, _SMALLEST)


def _uniform(u: Any, low: Any = 0.0, high: Any = 1.0) -> Any:
    return low + u * (high - low)


def _integers(u: Any, low: Any, high: Any) -> Any:
    bottom, top = np.floor(np.minimum(low, high)), np.floor(np.maximum(low, high))
    return bottom + np.floor(u * (top - bottom + 1.0))


def _normal(u: Any, mean: Any = 0.0, sd: Any = 1.0) -> Any:
    return mean + sd * _special().ndtri(_open(u))


def _logistic(u: Any, *placed: Any) -> Any:
    mean, scale = (0.0, 1.0) if not placed else (0.0, placed[0]) if len(placed) == 1 else placed
    return mean + scale * _special().logit(_open(u))


def random_functions() -> Table:
    table: Table = {}
    draws: dict[str, tuple[str, Callable[..., Any]]] = {
        "runiform uniform": ("|nn", _uniform),
        "runiformint": ("nn", _integers),
        "rnormal": ("|nn", _normal),
        "rexponential": ("n", lambda u, b: -b * np.log1p(-u)),
        "rchi2": ("n", lambda u, n: 2.0 * _special().gammaincinv(n / 2.0, u)),
        "rgamma": ("nn", lambda u, a, b: b * _special().gammaincinv(a, u)),
        "rbeta": ("nn", lambda u, a, b: _special().betaincinv(a, b, u)),
        "rt": ("n", lambda u, n: _special().stdtrit(n, _open(u))),
        "rbinomial": ("nn", lambda u, n, p: _stats().binom.ppf(_open(u), np.floor(n), p)),
        "rpoisson": ("n", lambda u, m: _stats().poisson.ppf(_open(u), m)),
        "rnbinomial": ("nn", lambda u, n, p: _stats().nbinom.ppf(_open(u), n, p)),
        "rhypergeometric": ("nnn", lambda u, N, K, n: _stats().hypergeom.ppf(_open(u), N, K, n)),
        "rweibull": ("nn|n", lambda u, a, b, g=0.0: g + b * (-np.log1p(-u)) ** (1.0 / a)),
        "rlogistic": ("|nn", _logistic),
        "rcauchy": ("nn", lambda u, a, b: a + b * np.tan(np.pi * (u - 0.5))),
        "rlaplace": ("nn", lambda u, m, b: m - b * np.sign(u - 0.5) * np.log(_open(1.0 - 2.0 * np.abs(u - 0.5)))),
        "rigaussian": ("nn", lambda u, m, a: _stats().invgauss.ppf(u, m / a, scale=a)),
    }
    for names, (kinds, transform) in draws.items():
        entry(table, names, kinds, _draw(transform), context=True)
    return table
