"""The methods of `power`: their arguments, their tests, and how their results are named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf, sqrt
from types import MappingProxyType
from typing import Final

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.stats import power as formulas

Parameters = dict[str, float]
PowerOf = Callable[[Parameters, Sequence[float], float, int, bool], float]
"""Parameters, sizes, alpha, sides, whether deviations are known → power."""


@dataclass(frozen=True)
class Method:
    """One kind of test."""

    title: str
    test: Callable[[Parameters, bool], str]
    hypotheses: str
    arguments: tuple[str, ...]
    """Names of the values typed after the method: under the hypothesis, under the alternative."""
    samples: int
    power: PowerOf
    delta: Callable[[Parameters], float]
    shown: tuple[str, ...]
    """Parameters of the report after delta."""
    options: frozenset[str]
    defaults: Parameters = field(default_factory=dict)
    may_know_sd: bool = False
    limits: tuple[float, float] = (-inf, inf)
    """Between which the arguments must lie."""
    finds_effect: str = ""
    """What the second argument is called when it is to be found."""
    complete: Callable[[Parameters], Parameters] | None = None
    groups: bool = False
    """One-way analysis of variance."""
    needs_arguments: bool = True

    def completed(self, values: Parameters) -> Parameters:
        """Values derived from others, such as the alternative from diff()."""
        if self.arguments and self.arguments[0] in values and self.arguments[-1] not in values:
            null = values[self.arguments[0]]
            if "diff" in values:
                values[self.arguments[-1]] = null + values["diff"]
            elif "ratio" in values:
                values[self.arguments[-1]] = null * values["ratio"]
        return self.complete(values) if self.complete else values

    def check(self, values: Parameters) -> None:
        """Raises r(198) for values outside their range or equal ones."""
        low, high = self.limits
        typed = [values[name] for name in self.arguments if name in values]
        for name, value in zip(self.arguments, typed, strict=False):
            if not low < value < high:
                raise StataError(198, f"{name} must be between {low:g} and {high:g}")
        pair = (values["d0"], values["da"]) if "da" in values else typed
        if len(pair) == 2 and pair[0] == pair[1]:
            raise StataError(198, "the values under the null and the alternative hypothesis must differ")
        for name in ("sd", "sd1", "sd2", "sddiff", "nratio", "varerror"):
            if name in values and values[name] <= 0:
                raise StataError(198, f"{name}() must be positive")


@dataclass(frozen=True)
class Row:
    """One solved combination."""

    found: str
    """size, power or effect."""
    values: Parameters
    sizes: list[int]
    reached: float
    method: Method
    known: bool
    sides: int

    @property
    def results(self) -> Parameters:
        """By the names of the table's columns and of r()."""
        out = {"alpha": self.values["alpha"], "power": self.reached, "beta": 1.0 - self.reached}
        if self.method.groups:
            groups = self.values["ngroups"]
            out |= {"N": self.sizes[0] * groups, "N_per_group": float(self.sizes[0]), "N_g": groups}
        else:
            out["N"] = float(sum(self.sizes))
            if self.method.samples == 2:
                out |= {"N1": float(self.sizes[0]), "N2": float(self.sizes[1])}
                out["nratio"] = self.sizes[1] / self.sizes[0]
        out["delta"] = self.method.delta(self.values)
        means = [name for name in self.values if self.method.groups and name[0] == "m" and name[1:].isdigit()]
        names = [*self.method.arguments, *means, *self.method.shown]
        return out | {name: self.values[name] for name in names if name in self.values}


def _t_or_z(_: Parameters, known: bool) -> str:
    return "z test" if known else "t test"


def _two_means_test(values: Parameters, known: bool) -> str:
    equal = "sd1" not in values
    if known:
        return "z test assuming " + ("sd1 = sd2 = sd" if equal else "unequal known variances")
    return "t test assuming sd1 = sd2 = sd" if equal else "Satterthwaite's t test assuming unequal variances"


def _deviations(values: Parameters) -> tuple[float, float]:
    return (values.get("sd1", values["sd"]), values.get("sd2", values["sd"]))


def _two_means_values(values: Parameters) -> Parameters:
    if "sd1" in values or "sd2" in values:
        values["sd1"], values["sd2"] = _deviations(values)
        del values["sd"]
        values["sd"] = values["sd1"]
    return values


def _paired_values(values: Parameters) -> Parameters:
    if "sddiff" not in values:
        if "corr" not in values:
            raise StataError(198, "corr() or sddiff() must be specified")
        s1, s2 = _deviations(values)
        values["sddiff"] = sqrt(s1**2 + s2**2 - 2 * values["corr"] * s1 * s2)
    # The difference under the alternative, of the post- and the pretreatment mean.
    if "ma2" in values:
        values["da"] = values["ma2"] - values["ma1"]
    elif "diff" in values and "ma1" not in values:
        values["da"] = values["diff"]
    else:
        raise StataError(198, "two means or diff() must be specified")
    values.setdefault("d0", 0.0)
    return values


def _oneway_values(values: Parameters) -> Parameters:
    means = [value for name, value in values.items() if name[0] == "m" and name[1:].isdigit()]
    if means:
        if len(means) < 2:
            raise StataError(198, "at least two group means are required")
        values["ngroups"] = float(len(means))
        values["Var_m"] = float(np.var(means))
    elif "varmeans" in values and values.get("ngroups", 0) >= 2:
        values["Var_m"] = values.pop("varmeans")
    else:
        raise StataError(198, "group means, or ngroups() and varmeans(), must be specified")
    values["Var_e"] = values.pop("varerror", 1.0)
    if values["Var_m"] <= 0 or values["Var_e"] <= 0:
        raise StataError(198, "variances must be positive")
    return values


def _difference(first: str, second: str) -> Callable[[Parameters], float]:
    return lambda values: values[second] - values[first]


def _always(text: str) -> Callable[[Parameters, bool], str]:
    return lambda values, known: text


_ONE = frozenset({"alpha", "power", "beta", "n", "diff"})
_TWO = _ONE | {"n1", "n2", "nratio"}

METHODS: Final = MappingProxyType(
    {
        "onemean": Method(
            "a one-sample mean test", _t_or_z, "H0: m = m0  versus  Ha: m != m0", ("m0", "ma"), 1,
            lambda v, n, a, s, known: formulas.one_mean(n[0], v["ma"] - v["m0"], v["sd"], a, s, known=known),
            lambda v: (v["ma"] - v["m0"]) / v["sd"], ("sd",), _ONE | {"sd"}, {"sd": 1.0}, may_know_sd=True,
            finds_effect="target mean",
        ),
        "twomeans": Method(
            "a two-sample means test", _two_means_test, "H0: m2 = m1  versus  Ha: m2 != m1", ("m1", "m2"), 2,
            lambda v, n, a, s, known: formulas.two_means(
                n[0], n[1], v["m2"] - v["m1"], _deviations(v), a, s, known=known
            ),
            _difference("m1", "m2"), ("sd", "sd1", "sd2"), _TWO | {"sd", "sd1", "sd2"}, {"sd": 1.0, "nratio": 1.0},
            may_know_sd=True, finds_effect="experimental-group mean", complete=_two_means_values,
        ),
        "pairedmeans": Method(
            "a two-sample paired-means test",
            lambda values, known: "Paired z test" if known else "Paired t test",
            "H0: d = d0  versus  Ha: d != d0", ("ma1", "ma2"), 1,
            lambda v, n, a, s, known: formulas.one_mean(n[0], v["da"] - v["d0"], v["sddiff"], a, s, known=known),
            lambda v: (v["da"] - v["d0"]) / v["sddiff"], ("d0", "da", "sddiff", "corr"),
            _ONE | {"sd", "sd1", "sd2", "sddiff", "corr"}, {"sd": 1.0}, may_know_sd=True, complete=_paired_values,
            needs_arguments=False,
        ),
        "oneproportion": Method(
            "a one-sample proportion test", _always("Score z test"), "H0: p = p0  versus  Ha: p != p0", ("p0", "pa"),
            1, lambda v, n, a, s, known: formulas.one_proportion(n[0], v["p0"], v["pa"], a, s),
            _difference("p0", "pa"), (), _ONE, limits=(0.0, 1.0), finds_effect="target proportion",
        ),
        "twoproportions": Method(
            "a two-sample proportions test", _always("Pearson's chi-squared test"),
            "H0: p2 = p1  versus  Ha: p2 != p1", ("p1", "p2"), 2,
            lambda v, n, a, s, known: formulas.two_proportions(n[0], n[1], v["p1"], v["p2"], a, s),
            _difference("p1", "p2"), (), _TWO | {"ratio"}, {"nratio": 1.0}, limits=(0.0, 1.0),
            finds_effect="experimental-group proportion",
        ),
        "onecorrelation": Method(
            "a one-sample correlation test", _always("Fisher's z test"), "H0: r = r0  versus  Ha: r != r0",
            ("r0", "ra"), 1, lambda v, n, a, s, known: formulas.one_correlation(n[0], v["r0"], v["ra"], a, s),
            _difference("r0", "ra"), (), _ONE, limits=(-1.0, 1.0), finds_effect="target correlation",
        ),
        "twocorrelations": Method(
            "a two-sample correlations test", _always("Fisher's z test"), "H0: r2 = r1  versus  Ha: r2 != r1",
            ("r1", "r2"), 2,
            lambda v, n, a, s, known: formulas.two_correlations(n[0], n[1], v["r1"], v["r2"], a, s),
            _difference("r1", "r2"), (), _TWO, {"nratio": 1.0}, limits=(-1.0, 1.0),
            finds_effect="experimental-group correlation",
        ),
        "onevariance": Method(
            "a one-sample variance test", _always("chi2 test"), "H0: v = v0  versus  Ha: v != v0", ("v0", "va"), 1,
            lambda v, n, a, s, known: formulas.one_variance(n[0], v["v0"], v["va"], a, s),
            lambda v: v["va"] / v["v0"], (), _ONE | {"ratio"}, limits=(0.0, inf), finds_effect="target variance",
        ),
        "twovariances": Method(
            "a two-sample variances test", _always("F test"), "H0: v2 = v1  versus  Ha: v2 != v1", ("v1", "v2"), 2,
            lambda v, n, a, s, known: formulas.two_variances(n[0], n[1], v["v1"], v["v2"], a, s),
            lambda v: v["v2"] / v["v1"], (), _TWO | {"ratio"}, {"nratio": 1.0}, limits=(0.0, inf),
            finds_effect="experimental-group variance",
        ),
        "oneway": Method(
            "one-way ANOVA", _always("F test for group effect"), "H0: delta = 0  versus  Ha: delta != 0", (), 1,
            lambda v, n, a, s, known: formulas.one_way(n[0], int(v["ngroups"]), v["Var_m"], v["Var_e"], a),
            lambda v: sqrt(v["Var_m"] / v["Var_e"]), ("Var_m", "Var_e"),
            (_ONE - {"diff"}) | {"npergroup", "varerror", "varmeans"}, complete=_oneway_values, groups=True,
        ),
    }
)  # fmt: skip
