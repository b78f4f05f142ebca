"""xtunitroot: panel unit-root tests that combine the tests of the panels."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import operated_name, parse_varlist, require_numeric
from ssd.engine.commands.timeseries_panelroots_tests import OPTIONS, PanelSeries, read, run
from ssd.engine.data.timeseries import apply_operators, require_time
from ssd.engine.errors import StataError, invalid_syntax, no_observations, unsupported
from ssd.engine.lang.options import read_options
from ssd.engine.lang.syntax import split_line
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.results import ResultSet
from ssd.engine.stats import unit_roots
from ssd.engine.stats.arithmetic import quotient
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.linear import least_squares
from ssd.engine.stats.tails import norm
from ssd.engine.stats.tails import t as student

if TYPE_CHECKING:
    from ssd.engine.session import Session

_OPTIONS = ("dfuller", "pperron", "lags", "trend", "drift", "noconstant", "demean")


@dataclass(frozen=True)
class Combined:
    """Choi's (2001) combinations of the p-values of the panels."""

    P: float
    Z: float
    L: float
    Pm: float
    panels: int

    @property
    def logit_df(self) -> int:
        return 5 * self.panels + 4

    @property
    def p_values(self) -> tuple[float, float, float, float]:
        return (
            chi2_tail(self.P, 2 * self.panels), float(norm.cdf(self.Z)), float(student.cdf(self.L, self.logit_df)),
            float(norm.sf(self.Pm)),
        )  # fmt: skip


def combine(p: FloatArray) -> Combined:
    """Inverse chi-squared, inverse normal, inverse logit and modified inverse chi-squared statistics."""
    n = len(p)
    inside = np.clip(p, 1e-300, 1.0 - 1e-16)
    scale = math.sqrt(3.0 * (5.0 * n + 4.0) / (math.pi**2 * n * (5.0 * n + 2.0)))
    logs = np.log(inside)
    return Combined(
        float(-2.0 * logs.sum()), float(np.sum(norm.ppf(inside)) / math.sqrt(n)),
        float(scale * np.sum(logs - np.log1p(-inside))), float(-np.sum(logs + 1.0) / math.sqrt(n)), n,
    )  # fmt: skip


@command(
    "xtunitroot",
    "*",
    stored="r(rho) r(z) r(p) r(td) r(tds) r(p_tds) r(tbar) r(ttildebar) r(zttildebar) r(wtbar) "
    "r(P) r(df_P) r(p_P) r(Z) r(p_Z) r(L) r(df_L) r(p_L) r(Pm) r(p_Pm) r(N) r(N_g) r(N_t) r(test) r(urtest)",
    refused="breitung; kernel() with nwest; fisher with noconstant; in ranges; panels with gaps",
)
def xtunitroot(session: Session, line: Line) -> None:
    """Panel unit-root tests: llc, ht, ips, fisher, hadri."""
    subject = re.match(r"\s*(\w*)(.*)", line.text, re.DOTALL)
    assert subject is not None
    word, rest = subject.groups()
    if word == "breitung":
        raise unsupported("xtunitroot breitung is")
    if word in OPTIONS:
        parts = split_line(rest)
        if parts.range is not None:
            raise unsupported(f"xtunitroot {word} with an in range is")
        chosen = read(read_options(parts.options or ""), OPTIONS[word])
        run(session, word, panel_series(session, parts.subject, parts.condition, demean="demean" in chosen), chosen)
        return
    if word != "fisher":
        raise StataError(198, f"xtunitroot {word}: invalid subcommand" if word else "subcommand required")
    parts = split_line(rest)
    typed: dict[str, str | None] = {}
    for item in read_options(parts.options or ""):
        full = next((name for name in _OPTIONS if name.startswith(item.word) and len(item.word) > 1), None)
        if full is None:
            raise StataError(198, f"option {item.named} not allowed")
        typed[full] = item.value
    if ("dfuller" in typed) == ("pperron" in typed):
        raise StataError(198, "you must specify either dfuller or pperron")
    if "noconstant" in typed or parts.range is not None:
        raise unsupported("xtunitroot fisher with noconstant or an in range is")
    if "trend" in typed and "drift" in typed:
        raise StataError(198, "trend and drift may not be specified together")
    if not str(typed.get("lags") or "").isdigit():
        raise StataError(198, "option lags() required")
    _fisher(session, parts.subject, parts.condition, typed)


def _fisher(session: Session, subject: str, condition: str | None, typed: dict[str, str | None]) -> None:
    series = panel_series(session, subject, condition, demean="demean" in typed)
    lags = int(str(typed["lags"]))
    p = [_p_value(y, lags, typed) for y in series.panels]
    counts = np.array(series.counts, dtype=np.float64)
    result = combine(np.array(p))
    _print(session, series.name, result, counts, lags, typed)
    p_P, p_Z, p_L, p_Pm = result.p_values
    session.r = ResultSet(
        scalars={
            "P": result.P, "df_P": 2.0 * result.panels, "p_P": p_P, "Z": result.Z, "p_Z": p_Z, "L": result.L,
            "df_L": float(result.logit_df), "p_L": p_L, "Pm": result.Pm, "p_Pm": p_Pm, "N": float(counts.sum()),
            "N_g": float(result.panels), "N_t": float(counts.mean()),
        },
        macros={"test": "fisher", "urtest": "dfuller" if "dfuller" in typed else "pperron",
                **({"demean": "demean"} if "demean" in typed else {})},
    )  # fmt: skip


def panel_series(session: Session, subject: str, condition: str | None, *, demean: bool) -> PanelSeries:
    """The variable by panel on the sample. Raises r(459) without panels, r(2000), and refuses gaps."""
    settings = require_time(session.data)
    if not settings.panel:
        raise StataError(459, "panel variable not set; use xtset panelvar timevar")
    terms = parse_varlist(session, [subject])
    if len(terms) != 1 or len(terms[0]) != 1 or terms[0][0].kind == "i":
        raise invalid_syntax("one variable required")
    require_numeric(session, terms)
    part = terms[0][0]
    data = session.data
    y = apply_operators(data, data.numeric(part.variable), part.operator)
    inner = Line("xtunitroot", "")
    inner.condition = condition
    time, panel = data.numeric(settings.time), data.numeric(settings.panel)
    rows = inner.sample(session) & ~is_missing(y) & ~is_missing(time) & ~is_missing(panel)
    if not rows.any():
        raise no_observations()
    if demean:
        y = _demeaned(y, time, rows)
    starts = np.flatnonzero(np.diff(panel[rows])) + 1
    panels = np.split(y[rows], starts)
    for times in np.split(time[rows], starts):
        if np.any(np.abs(np.diff(times) - settings.delta) > 1e-9):
            raise unsupported("xtunitroot over panels with gaps is")
    return PanelSeries(operated_name(part), panels, demean)


def _demeaned(y: FloatArray, time: FloatArray, rows: BoolArray) -> FloatArray:
    """The series less its mean over panels in each period."""
    _, ids = np.unique(time[rows], return_inverse=True)
    means = np.bincount(ids, weights=y[rows]) / np.bincount(ids)
    out = y.copy()
    out[rows] = y[rows] - means[ids]
    return out


def _p_value(y: FloatArray, lags: int, typed: dict[str, str | None]) -> float:
    """Of one panel's test. Raises r(2001) for a panel that is too short."""
    case: unit_roots.Case = "trend" if "trend" in typed else "constant"
    n = len(y)
    drop = 0 if "pperron" in typed else lags
    if n - 1 - drop <= drop + 3:
        raise StataError(2001, "insufficient number of time periods to compute the test")
    trend = [np.arange(1.0 + drop, n)] if case == "trend" else []
    if "pperron" in typed:
        X = np.column_stack([y[:-1], *trend])
        return unit_roots.mackinnon_p(unit_roots.phillips_perron(y[1:], X, lags, constant=True).z_t, case)
    change = np.diff(y)
    X = np.column_stack([y[lags:-1], *(change[lags - j : len(change) - j] for j in range(1, lags + 1)), *trend])
    fit = least_squares(X, change[lags:])
    df = len(change) - lags - fit.rank
    statistic = quotient(fit.coefficients[0], math.sqrt(fit.inverse[0, 0] * fit.rss / df))
    return float(student.cdf(statistic, df)) if "drift" in typed else unit_roots.mackinnon_p(statistic, case)


def _print(
    session: Session, name: str, result: Combined, counts: FloatArray, lags: int, typed: dict[str, str | None]
) -> None:
    log = session.log
    augmented = "dfuller" in typed
    titles = (
        f"Fisher-type unit-root test for {name}",
        "Based on augmented Dickey–Fuller tests" if augmented else "Based on Phillips–Perron tests",
    )
    balanced = len(set(counts.tolist())) == 1
    periods = f"{counts[0]:>6.0f}" if balanced else f"{counts.mean():>6.2f}"
    average = "Number of periods" if balanced else "Avg. number of periods"
    width = len(average)
    log.line()
    for title in titles:
        log.line(title)
    log.line("-" * max(len(title) for title in titles))
    log.line(f"{'H0: All panels contain unit roots':<44}{'Number of panels':<{width}} = {result.panels:>6}")
    log.line(f"{'Ha: At least one panel is stationary':<44}{average} = {periods}")
    log.line()
    log.line(f"{'AR parameter: Panel-specific':<44}Asymptotics: T -> Infinity")
    log.line("Panel means:  Included")
    removed = "Cross-sectional means removed" if "demean" in typed else ""
    log.line(f"{'Time trend:   ' + ('Included' if 'trend' in typed else 'Not included'):<44}{removed}".rstrip())
    plural = "" if lags == 1 else "s"
    if augmented:
        drift = "Drift term:   " + ("Included" if "drift" in typed else "Not included")
        log.line(f"{drift:<44}ADF regressions: {lags} lag{plural}")
    else:
        log.line(f"{'Newey–West lags: ' + str(lags) + ' lag' + plural}")
    log.line("-" * 78)
    log.line(" " * 34 + "Statistic      p-value")
    log.line("-" * 78)
    labels = (
        (f"Inverse chi-squared({2 * result.panels})", "P", result.P), ("Inverse normal", "Z", result.Z),
        (f"Inverse logit t({result.logit_df})", "L*", result.L), ("Modified inv. chi-squared", "Pm", result.Pm),
    )  # fmt: skip
    for (label, letter, value), p in zip(labels, result.p_values, strict=True):
        log.line(f" {label:<26}{letter:<4}{value:>12.4f}{p:>13.4f}")
    log.line("-" * 78)
    log.line(" P statistic requires number of panels to be finite.")
    log.line(" Other statistics are suitable for finite or infinite number of panels.")
    log.line("-" * 78)
