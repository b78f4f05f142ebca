"""The subcommands of xtunitroot with one statistic for the whole panel: llc, ht, ips, hadri."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.options import TypedOption
from ssd.engine.missing import FloatArray
from ssd.engine.results import ResultSet
from ssd.engine.stats import panel_unit_roots as roots
from ssd.engine.stats.tails import norm

if TYPE_CHECKING:
    from ssd.engine.session import Session

OPTIONS: Final = {
    "llc": ("trend", "noconstant", "demean", "lags", "kernel"),
    "ht": ("trend", "noconstant", "demean", "altt"),
    "ips": ("trend", "demean", "lags"),
    "hadri": ("trend", "demean", "robust", "kernel"),
}
_KERNELS: Final = (("bartlett", 2), ("parzen", 2), ("quadraticspectral", 2))
_SHOWN: Final = {"bartlett": "Bartlett", "parzen": "Parzen", "quadratic spectral": "Quad. spectral"}
_CRITERIA: Final = ("aic", "bic", "hqic")


@dataclass(frozen=True)
class PanelSeries:
    """One variable by panel, each in time order without gaps."""

    name: str
    panels: list[FloatArray]
    demeaned: bool

    @property
    def counts(self) -> list[int]:
        return [len(y) for y in self.panels]

    @property
    def balanced(self) -> bool:
        return len(set(self.counts)) == 1

    def matrix(self, test: str) -> FloatArray:
        """The panels as rows. Raises r(498) when they differ in length."""
        if not self.balanced:
            raise StataError(498, f"{test} test requires strongly balanced data")
        return np.vstack(self.panels)


def read(items: Sequence[TypedOption], allowed: Sequence[str]) -> dict[str, str | None]:
    """Options by full name. Raises r(198) for others."""
    typed: dict[str, str | None] = {}
    for item in items:
        full = next((n for n in allowed if n.startswith(item.word) and len(item.word) >= _least(n)), None)
        if full is None:
            raise StataError(198, f"option {item.named} not allowed")
        if (item.value is not None) != (full in {"lags", "kernel"}):
            raise StataError(198, f"option {full} incorrectly specified")
        typed[full] = item.value
    return typed


def _least(name: str) -> int:
    return {"trend": 1, "noconstant": 6, "lags": 1, "kernel": 3, "robust": 1}.get(name, len(name))


def run(session: Session, test: str, series: PanelSeries, typed: dict[str, str | None]) -> None:
    """Compute, print and store one of the tests."""
    if "trend" in typed and "noconstant" in typed:
        raise StataError(198, "trend and noconstant may not be specified together")
    case: roots.Deterministic = "trend" if "trend" in typed else "none" if "noconstant" in typed else "constant"
    _TESTS[test](session, series, case, typed)


@dataclass(frozen=True)
class _Lags:
    """ADF lags per panel and the criterion that chose them ("" for a fixed number)."""

    each: list[int]
    method: str

    @property
    def mean(self) -> float:
        return float(np.mean(self.each))

    @property
    def text(self) -> str:
        if self.method:
            return f"{self.mean:.2f} lags average (chosen by {self.method.upper()})"
        if not self.each[0]:
            return "No lags included"
        return f"{self.each[0]} lag{'' if self.each[0] == 1 else 's'}"


def _lags(series: PanelSeries, text: str | None, default: int, case: roots.Deterministic) -> _Lags:
    """lags(#) or lags(aic #), the order chosen for each panel."""
    words = (text if text is not None else str(default)).lower().split()
    if len(words) == 1 and words[0].isdigit():
        return _Lags([int(words[0])] * len(series.panels), "")
    if len(words) == 2 and words[0] in _CRITERIA and words[1].isdigit() and int(words[1]):
        criterion = cast("roots.Criterion", words[0])
        return _Lags([roots.choose_lags(y, int(words[1]), criterion, case) for y in series.panels], words[0])
    raise StataError(198, "option lags() incorrectly specified")


def _kernel(text: str, periods: int) -> tuple[str, int, str]:
    """Kernel, lags and how they were chosen ("llc" or ""). Raises r(198)."""
    words = text.lower().split()
    found = next((n for n, least in _KERNELS if words and n.startswith(words[0]) and len(words[0]) >= least), None)
    if found is None or len(words) > 2:
        raise StataError(198, "option kernel() incorrectly specified")
    kernel = "quadratic spectral" if found == "quadraticspectral" else found
    choice = words[1] if len(words) == 2 else "llc"
    if choice == "llc":
        return kernel, roots.llc_lags(periods), "llc"
    if choice.startswith("nw") and "nwest".startswith(choice):
        raise unsupported("kernel() with nwest is")
    if not choice.isdigit():
        raise StataError(198, "option kernel() incorrectly specified")
    return kernel, int(choice), ""


def _heading(session: Session, title: str, null: str, alternative: str, series: PanelSeries) -> None:
    log = session.log
    log.line()
    log.line(title)
    log.line("-" * len(title))
    counts = series.counts
    balanced = series.balanced
    label = "Number of periods" if balanced else "Avg. number of periods"
    width = len(label)
    periods = f"{counts[0]}" if balanced else f"{np.mean(counts):.2f}"
    log.line(f"{null:<44}{'Number of panels':<{width}} ={len(counts):>7}")
    log.line(f"{alternative:<44}{label} ={periods:>7}")
    log.line()


def _deterministic_lines(
    session: Session, case: roots.Deterministic, parameter: str, asymptotics: str, more: str, third: str
) -> None:
    log = session.log
    log.line(f"{'AR parameter: ' + parameter:<44}Asymptotics: {asymptotics}")
    means = "Panel means:  " + ("Not included" if case == "none" else "Included")
    log.line(f"{means:<57}{more}".rstrip())
    trend = "Time trend:   " + ("Included" if case == "trend" else "Not included")
    log.line(f"{trend:<44}{third}".rstrip())


def _removed(series: PanelSeries) -> str:
    return "Cross-sectional means removed" if series.demeaned else ""


def _macros(test: str, case: roots.Deterministic, series: PanelSeries, **more: str) -> dict[str, str]:
    found = {"test": test, "deterministics": "noconstant" if case == "none" else case, **more}
    if series.demeaned:
        found["demean"] = "demean"
    return {key: value for key, value in found.items() if value}


def _sizes(series: PanelSeries) -> dict[str, float]:
    return {
        "N": float(sum(series.counts)), "N_g": float(len(series.panels)), "N_t": float(np.mean(series.counts)),
    }  # fmt: skip


def _row(session: Session, label: str, value: float, p: float | None = None) -> None:
    shown = "." if math.isnan(value) else f"{value:.4f}"
    tail = "" if p is None else f"{'.' if math.isnan(p) else f'{p:.4f}':>14}"
    session.log.line(f" {label:<18}{shown:>9}{tail}")


def _llc(session: Session, series: PanelSeries, case: roots.Deterministic, typed: dict[str, str | None]) -> None:
    Y = series.matrix("Levin–Lin–Chu")
    lags = _lags(series, typed.get("lags"), 1, case)
    kernel, truncation, method = _kernel(typed.get("kernel") or "bartlett llc", Y.shape[1])
    result = roots.levin_lin_chu(series.panels, lags.each, case, kernel, [truncation] * len(Y))
    p = float(norm.cdf(result.adjusted))
    _heading(
        session, f"Levin–Lin–Chu unit-root test for {series.name}", "H0: Panels contain unit roots",
        "Ha: Panels are stationary", series,
    )  # fmt: skip
    asymptotics = "root(N)/T -> 0" if case == "none" else "N/T -> 0"
    _deterministic_lines(session, case, "Common", asymptotics, "", _removed(series))
    log = session.log
    log.line()
    log.line(f"ADF regressions: {lags.text}")
    plural = "" if truncation == 1 else "s"
    shown = f"{truncation:.2f} lags average (chosen by LLC)" if method else f"{truncation} lag{plural}"
    log.line(f"LR variance:     {_SHOWN[kernel]} kernel, {shown}")
    log.line("-" * 78)
    log.line(" " * 20 + "Statistic      p-value")
    log.line("-" * 78)
    _row(session, "Unadjusted t", result.t)
    _row(session, "Adjusted t*", result.adjusted, p)
    log.line("-" * 78)
    scalars = {
        **_sizes(series), "sig_adj": result.sigma, "mu_adj": result.mu, "delta": result.delta,
        "se_delta": result.se, "Var_ep": result.variance, "sbar": result.ratio, "ttilde": result.effective,
        "td": result.t, "tds": result.adjusted, "p_tds": p,
        "hac_lagm" if method else "hac_lags": float(truncation),
        "adf_lagm" if lags.method else "adf_lags": lags.mean,
    }  # fmt: skip
    if case == "none":
        scalars["p_td"] = float(norm.cdf(result.t))
    session.r = ResultSet(
        scalars=scalars,
        macros=_macros(
            "llc", case, series, hac_kernel=kernel.replace(" ", ""), hac_method=method, adf_method=lags.method
        ),
    )


def _ht(session: Session, series: PanelSeries, case: roots.Deterministic, typed: dict[str, str | None]) -> None:
    result = roots.harris_tzavalis(series.matrix("Harris–Tzavalis"), case, small="altt" in typed)
    p = float(norm.cdf(result.z))
    _heading(
        session, f"Harris–Tzavalis unit-root test for {series.name}", "H0: Panels contain unit roots",
        "Ha: Panels are stationary", series,
    )  # fmt: skip
    _deterministic_lines(session, case, "Common", "N -> Infinity", "T Fixed", _removed(series))
    log = session.log
    if "altt" in typed:
        log.line(" " * 44 + "Small-sample adjustment to T")
    log.line("-" * 78)
    log.line(" " * 20 + "Statistic         z         p-value")
    log.line("-" * 78)
    log.line(f" {'rho':<18}{result.rho:>9.4f}{result.z:>14.4f}{p:>12.4f}")
    log.line("-" * 78)
    session.r = ResultSet(
        scalars={
            **_sizes(series), "rho": result.rho, "mean_rho": result.mean, "Var_rho": result.variance,
            "z": result.z, "p": p,
        },
        macros=_macros("ht", case, series, altt="altt" if "altt" in typed else ""),
    )  # fmt: skip


def _ips(session: Session, series: PanelSeries, case: roots.Deterministic, typed: dict[str, str | None]) -> None:
    lags = _lags(series, typed.get("lags"), 0, case)
    statistics = [roots.adf_statistic(y, p, case) for y, p in zip(series.panels, lags.each, strict=True)]
    tbar, n = float(np.mean(statistics)), len(series.panels)
    sizes = [float(count) for count in series.counts]
    scalars = {**_sizes(series), "tbar": tbar}
    _heading(
        session, f"Im–Pesaran–Shin unit-root test for {series.name}", "H0: All panels contain unit roots",
        "Ha: Some panels are stationary", series,
    )  # fmt: skip
    _deterministic_lines(
        session, case, "Panel-specific", "T,N -> Infinity", "sequentially", _removed(series)
    )  # fmt: skip
    log = session.log
    log.line()
    log.line(f"ADF regressions: {lags.text}")
    log.line("-" * 78)
    if any(lags.each):
        mean, variance = roots.w_moments(case, sizes, lags.each)
        w = math.sqrt(n) * (tbar - mean) / math.sqrt(variance)
        p = float(norm.cdf(w))
        log.line(" " * 20 + "Statistic      p-value")
        log.line("-" * 78)
        _row(session, "W-t-bar", w, p)
        scalars.update(wtbar=w, p_wtbar=p)
    else:
        _unaugmented(session, series, case, statistics, scalars)
    log.line("-" * 78)
    if not math.isfinite(scalars.get("zttildebar", 0.0)):
        log.line(f" * Normality of Z-t-tilde-bar requires at least {roots.least_periods(case)} observations per panel")
    scalars["lagm" if lags.method else "lags"] = lags.mean
    session.r = ResultSet(
        scalars={key: value if math.isfinite(value) else 2.0**1023 for key, value in scalars.items()},
        macros=_macros("ips", case, series, adf_method=lags.method),
    )


def _unaugmented(
    session: Session,
    series: PanelSeries,
    case: roots.Deterministic,
    statistics: Sequence[float],
    scalars: dict[str, float],
) -> None:
    """t-bar with its exact critical values, and the standardised t-tilde-bar."""
    n, tbar = len(series.panels), float(np.mean(statistics))
    tilde = float(np.mean([roots.tilde_statistic(y, case) for y in series.panels]))
    mean, variance = roots.tilde_moments(case, [float(count) for count in series.counts])
    z = math.sqrt(n) * (tilde - mean) / math.sqrt(variance)
    p = float(norm.cdf(z))
    log = session.log
    line = f" {'t-bar':<18}{tbar:>9.4f}"
    if series.balanced:
        critical = roots.tbar_critical(case, n, series.counts[0])
        log.line(" " * 50 + "Fixed-N exact critical values")
        log.line(" " * 20 + "Statistic      p-value         1%      5%      10%")
        line += f"{critical[0]:>27.3f}{critical[1]:>8.3f}{critical[2]:>8.3f}"
        scalars.update(cv_1=critical[0], cv_5=critical[1], cv_10=critical[2])
    else:
        log.line(" " * 20 + "Statistic      p-value")
    log.line("-" * 78)
    log.line(line)
    _row(session, "t-tilde-bar", tilde)
    if math.isfinite(z):
        _row(session, "Z-t-tilde-bar", z, p)
    else:
        log.line(f" {'Z-t-tilde-bar':<18}{'.':>9}{'.':>14} *")
    scalars.update(ttildebar=tilde, zttildebar=z, p_zttildebar=p)


def _hadri(session: Session, series: PanelSeries, case: roots.Deterministic, typed: dict[str, str | None]) -> None:
    Y = series.matrix("Hadri LM")
    kernel, truncation = "", 0
    if typed.get("kernel"):
        words = str(typed["kernel"]).split()
        if len(words) == 1:
            raise StataError(198, "option kernel() incorrectly specified")
        kernel, truncation, _ = _kernel(str(typed["kernel"]), Y.shape[1])
    result = roots.hadri(Y, case, robust="robust" in typed, kernel=kernel, lags=truncation)
    p = float(norm.sf(result.z))
    _heading(
        session, f"Hadri LM test for {series.name}", "H0: All panels are stationary",
        "Ha: Some panels contain unit roots", series,
    )  # fmt: skip
    log = session.log
    trend = "Time trend:         " + ("Included" if case == "trend" else "Not included")
    log.line(f"{trend:<44}Asymptotics: T, N -> Infinity")
    robust = "Heteroskedasticity: " + ("Robust" if "robust" in typed or kernel else "Not robust")
    log.line(f"{robust:<57}sequentially")
    text = "(not used)"
    if kernel:
        text = f"{_SHOWN[kernel]} kernel, {truncation} lag{'' if truncation == 1 else 's'}"
    log.line(f"{'LR variance:        ' + text:<44}{_removed(series)}".rstrip())
    log.line("-" * 78)
    log.line(" " * 20 + "Statistic      p-value")
    log.line("-" * 78)
    _row(session, "z", result.z, p)
    log.line("-" * 78)
    scalars = {**_sizes(series), "z": result.z, "p": p, "mu": result.mean, "var": result.variance}
    if kernel:
        scalars["lags"] = float(truncation)
    session.r = ResultSet(
        scalars=scalars,
        macros=_macros(
            "hadri", case, series, kernel=kernel.replace(" ", ""), robust="robust" if "robust" in typed else ""
        ),
    )


_TESTS: Final[
    dict[str, Callable[[Session, PanelSeries, roots.Deterministic, dict[str, str | None]], None]]
] = {"llc": _llc, "ht": _ht, "ips": _ips, "hadri": _hadri}  # fmt: skip
