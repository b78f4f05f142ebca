"""Statistical distributions: cumulative, tail, density and inverse functions ([FN] Statistical functions)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ssd.engine.expr.registry import Table, entry, strict

_ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))


def _special() -> Any:
    from scipy import special

    return special


def _stats() -> Any:
    from scipy import stats

    return stats


def _probability(p: Any, value: Any) -> Any:
    """`value` where 0 < p < 1, missing elsewhere."""
    return np.where((p > 0) & (p < 1), value, np.nan)


def _normalden(z: Any, *scale: Any) -> Any:
    if not scale:
        return np.exp(-0.5 * z * z) / _ROOT_TWO_PI
    mean, sd = (0.0, scale[0]) if len(scale) == 1 else scale
    return np.where(sd > 0, np.exp(-0.5 * ((z - mean) / sd) ** 2) / (_ROOT_TWO_PI * sd), np.nan)


def _lnnormalden(z: Any, *scale: Any) -> Any:
    mean, sd = (0.0, 1.0) if not scale else (0.0, scale[0]) if len(scale) == 1 else scale
    return -0.5 * ((z - mean) / sd) ** 2 - np.log(_ROOT_TWO_PI * sd)


def _gammaden(a: Any, b: Any, g: Any, x: Any) -> Any:
    return _stats().gamma.pdf(x, a, loc=g, scale=b)


def _binomial_name(kind: str) -> Callable[..., Any]:
    def run(n: Any, k: Any, p: Any) -> Any:
        whole, count = np.floor(n), np.floor(k)
        inside = (count >= 0) & (count <= whole) & (p >= 0) & (p <= 1)
        law = _stats().binom
        if kind == "cdf":
            value = law.cdf(count, whole, p)
        elif kind == "tail":
            value = law.sf(count - 1, whole, p)
        else:
            value = law.pmf(count, whole, p)
        return np.where(inside, value, np.nan)

    return run


def _invbinomial(n: Any, k: Any, p: Any) -> Any:
    """The success probability at which P(K <= k) = p."""
    value = _special().betaincinv(np.floor(k) + 1.0, np.floor(n) - np.floor(k), 1.0 - p)
    return np.where((k >= 0) & (k < n) & (p > 0) & (p < 1), value, np.nan)


def _invbinomialtail(n: Any, k: Any, p: Any) -> Any:
    value = _special().betaincinv(np.floor(k), np.floor(n) - np.floor(k) + 1.0, p)
    return np.where((k >= 1) & (k <= n) & (p > 0) & (p < 1), value, np.nan)


def _hypergeometric(cumulative: bool) -> Callable[..., Any]:
    def run(N: Any, K: Any, n: Any, k: Any) -> Any:
        law = _stats().hypergeom
        return law.cdf(k, N, K, n) if cumulative else law.pmf(k, N, K, n)

    return run


def _bivariate(h: Any, k: Any, r: Any) -> Any:
    def one(x: float, y: float, rho: float) -> float:
        if not (np.isfinite(x) and np.isfinite(y) and -1 <= rho <= 1):
            return np.nan
        if abs(rho) == 1.0:
            low = min(x, y) if rho > 0 else max(0.0, _special().ndtr(x) + _special().ndtr(y) - 1.0)
            return float(_special().ndtr(low)) if rho > 0 else float(low)
        return float(_stats().multivariate_normal.cdf([x, y], mean=[0.0, 0.0], cov=[[1.0, rho], [rho, 1.0]]))

    return np.vectorize(one, otypes=[np.float64])(h, k, r)


def _tukey(upper: bool) -> Callable[..., Any]:
    def run(k: Any, df: Any, q: Any) -> Any:
        law = _stats().studentized_range
        return law.ppf(q, k, df) if upper else law.cdf(q, k, df)

    return run


def _pairs(table: Table) -> None:
    """Families with cumulative, tail and inverses."""
    s = _special
    chi2: Callable[[Any, Any], Any] = lambda n, x: np.where(x > 0, s().chdtr(n, np.maximum(x, 0)), 0.0)
    entry(table, "chi2", "nn", strict(chi2))
    entry(table, "chi2tail", "nn", strict(lambda n, x: np.where(x > 0, s().chdtrc(n, np.maximum(x, 0)), 1.0)))
    entry(table, "chi2den", "nn", strict(lambda n, x: _stats().chi2.pdf(x, n)))
    entry(
        table, "invchi2", "nn", strict(lambda n, p: np.where((p >= 0) & (p < 1), 2 * s().gammaincinv(n / 2, p), np.nan))
    )
    entry(table, "invchi2tail", "nn", strict(lambda n, p: np.where((p > 0) & (p <= 1), s().chdtri(n, p), np.nan)))
    entry(table, "nF", "nnnn", strict(lambda d1, d2, c, x: np.where(x > 0, s().ncfdtr(d1, d2, c, x), 0.0)))
    entry(table, "nFtail", "nnnn", strict(lambda d1, d2, c, x: np.where(x > 0, 1 - s().ncfdtr(d1, d2, c, x), 1.0)))
    entry(table, "nchi2", "nnn", strict(lambda n, c, x: np.where(x > 0, s().chndtr(x, n, c), 0.0)))
    entry(table, "nchi2tail", "nnn", strict(lambda n, c, x: np.where(x > 0, 1 - s().chndtr(x, n, c), 1.0)))
    entry(table, "invnchi2", "nnn", strict(lambda n, c, p: _probability(p, s().chndtrix(p, n, c))))
    entry(table, "F", "nnn", strict(lambda a, b, x: np.where(x > 0, s().fdtr(a, b, np.maximum(x, 0)), 0.0)))
    entry(table, "Ftail", "nnn", strict(lambda a, b, x: np.where(x > 0, s().fdtrc(a, b, np.maximum(x, 0)), 1.0)))
    entry(table, "Fden", "nnn", strict(lambda a, b, x: _stats().f.pdf(x, a, b)))
    entry(table, "invF", "nnn", strict(lambda a, b, p: np.where((p >= 0) & (p < 1), s().fdtri(a, b, p), np.nan)))
    entry(
        table, "invFtail", "nnn", strict(lambda a, b, p: np.where((p > 0) & (p <= 1), _stats().f.isf(p, a, b), np.nan))
    )
    entry(table, "t", "nn", strict(lambda n, x: s().stdtr(n, x)))
    entry(table, "ttail", "nn", strict(lambda n, x: s().stdtr(n, -x)))
    entry(table, "tden", "nn", strict(lambda n, x: _stats().t.pdf(x, n)))
    entry(table, "invt", "nn", strict(lambda n, p: _probability(p, s().stdtrit(n, p))))
    entry(table, "invttail", "nn", strict(lambda n, p: _probability(p, -s().stdtrit(n, p))))
    entry(table, "nt", "nnn", strict(lambda n, d, x: s().nctdtr(n, d, x)))
    entry(table, "nttail", "nnn", strict(lambda n, d, x: 1 - s().nctdtr(n, d, x)))
    entry(table, "ibeta", "nnn", strict(lambda a, b, x: s().betainc(a, b, np.clip(x, 0, 1))))
    entry(table, "ibetatail", "nnn", strict(lambda a, b, x: s().betainc(b, a, 1 - np.clip(x, 0, 1))))
    entry(table, "betaden", "nnn", strict(lambda a, b, x: _stats().beta.pdf(x, a, b)))
    entry(table, "invibeta", "nnn", strict(lambda a, b, p: s().betaincinv(a, b, p)))
    entry(table, "invibetatail", "nnn", strict(lambda a, b, p: 1 - s().betaincinv(b, a, p)))
    entry(table, "gammap", "nn", strict(lambda a, x: np.where(x > 0, s().gammainc(a, np.maximum(x, 0)), 0.0)))
    entry(table, "gammaptail", "nn", strict(lambda a, x: np.where(x > 0, s().gammaincc(a, np.maximum(x, 0)), 1.0)))
    entry(table, "invgammap", "nn", strict(lambda a, p: s().gammaincinv(a, p)))
    entry(table, "invgammaptail", "nn", strict(lambda a, p: s().gammainccinv(a, p)))
    entry(table, "gammaden", "nnnn", strict(_gammaden))


def _counts(table: Table) -> None:
    s = _special
    entry(table, "binomial", "nnn", strict(_binomial_name("cdf")))
    entry(table, "binomialtail Binomial", "nnn", strict(_binomial_name("tail")))
    entry(table, "binomialp", "nnn", strict(_binomial_name("pmf")))
    entry(table, "invbinomial", "nnn", strict(_invbinomial))
    entry(table, "invbinomialtail", "nnn", strict(_invbinomialtail))
    entry(table, "poisson", "nn", strict(lambda m, k: np.where(k >= 0, s().pdtr(np.floor(k), m), 0.0)))
    entry(table, "poissontail", "nn", strict(lambda m, k: np.where(k >= 1, s().pdtrc(np.floor(k) - 1, m), 1.0)))
    entry(table, "poissonp", "nn", strict(lambda m, k: _stats().poisson.pmf(np.floor(k), m)))
    entry(table, "invpoisson", "nn", strict(lambda k, p: _probability(p, s().pdtri(np.floor(k), p))))
    entry(table, "invpoissontail", "nn", strict(lambda k, p: _probability(p, s().gammaincinv(np.floor(k), p))))
    entry(table, "nbinomial", "nnn", strict(lambda n, k, p: s().betainc(n, np.floor(k) + 1, p)))
    entry(table, "nbinomialtail", "nnn", strict(lambda n, k, p: 1 - _stats().nbinom.cdf(np.floor(k) - 1, n, p)))
    entry(table, "nbinomialp", "nnn", strict(lambda n, k, p: _stats().nbinom.pmf(np.floor(k), n, p)))
    entry(table, "hypergeometric", "nnnn", strict(_hypergeometric(True)))
    entry(table, "hypergeometricp", "nnnn", strict(_hypergeometric(False)))


def _continuous(table: Table) -> None:
    s = _special
    entry(table, "normal normprob", "n", strict(lambda z: s().ndtr(z)))
    entry(table, "lnnormal", "n", strict(lambda z: s().log_ndtr(z)))
    entry(table, "invnormal invnorm", "n", strict(lambda p: _probability(p, s().ndtri(p))))
    entry(table, "normalden normd", "n|nn", strict(_normalden))
    entry(table, "lnnormalden", "n|nn", strict(_lnnormalden))
    entry(table, "binormal", "nnn", strict(_bivariate))
    entry(table, "exponential", "nn", strict(lambda b, x: np.where(x > 0, -np.expm1(-x / b), 0.0)))
    entry(table, "exponentialtail", "nn", strict(lambda b, x: np.where(x > 0, np.exp(-x / b), 1.0)))
    entry(table, "exponentialden", "nn", strict(lambda b, x: np.where(x >= 0, np.exp(-x / b) / b, 0.0)))
    entry(table, "invexponential", "nn", strict(lambda b, p: -b * np.log1p(-p)))
    entry(table, "weibull", "nnn", strict(lambda a, b, x: np.where(x > 0, -np.expm1(-((x / b) ** a)), 0.0)))
    entry(table, "weibulltail", "nnn", strict(lambda a, b, x: np.where(x > 0, np.exp(-((x / b) ** a)), 1.0)))
    entry(table, "invweibull", "nnn", strict(lambda a, b, p: b * (-np.log1p(-p)) ** (1 / a)))
    entry(table, "logistic", "n|nn", strict(_logistic(tail=False)))
    entry(table, "logistictail", "n|nn", strict(_logistic(tail=True)))
    entry(table, "invlogistic", "n|nn", strict(_invlogistic))
    entry(table, "cauchy", "nnn", strict(lambda a, b, x: _stats().cauchy.cdf(x, a, b)))
    entry(table, "laplace", "nnn", strict(lambda m, b, x: _stats().laplace.cdf(x, m, b)))
    entry(table, "tukeyprob", "nnn", strict(_tukey(upper=False)))
    entry(table, "invtukeyprob", "nnn", strict(_tukey(upper=True)))


def _placed(arguments: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    """(mean, scale, x) of logistic functions: (x), (s, x) or (m, s, x)."""
    if len(arguments) == 1:
        return 0.0, 1.0, arguments[0]
    if len(arguments) == 2:
        return 0.0, arguments[0], arguments[1]
    return arguments[0], arguments[1], arguments[2]


def _logistic(*, tail: bool) -> Callable[..., Any]:
    def run(*arguments: Any) -> Any:
        mean, scale, x = _placed(arguments)
        z = (x - mean) / scale
        return _special().expit(-z if tail else z)

    return run


def _invlogistic(*arguments: Any) -> Any:
    mean, scale, p = _placed(arguments)
    return _probability(p, mean + scale * _special().logit(p))


def distribution_functions() -> Table:
    table: Table = {}
    _pairs(table)
    _counts(table)
    _continuous(table)
    return table
