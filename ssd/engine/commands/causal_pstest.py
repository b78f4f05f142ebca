"""pstest: balance of covariates before and after matching."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource, parse_varlist, require_numeric
from ssd.engine.commands.graph_diagnostics import show_panel
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.graphics.model import Graph, Layer, Panel, RefLine, Style, Text, Ticks
from ssd.engine.graphics.options import Options
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.formats import format_value
from ssd.engine.output.log import Log
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import ResultSet
from ssd.engine.stats.design import build
from ssd.engine.stats.distributions import chi2_tail, two_sided
from ssd.engine.stats.moments import moments, percentiles
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

_WEIGHT, _TREATED, _INDEX = "__ssd_weight", "__ssd_treated", "__ssd_index"


@command(
    "pstest",
    "[anything(everything)] [if] [in] [, Treated(varname) BOTH RAW SUPport(varname) MWeight(varname) NOTable LABel "
    "ONLYsig GRaph ATU DENSity BOX HIST RUBin DISt OUTlier *]",
    stored="r(meanbias) r(medbias) r(B) r(R) r(r2) r(chiprob); with both: r(meanbiasbef) r(medbiasbef) r(Bbef) r(Rbef) "
    "r(r2bef) r(chiprobbef) and the same with aft; r(exog)",
    refused="density, box, hist, rubin, dist, outlier",
)
def pstest(session: Session, line: Line) -> None:
    """Balance of covariates between treated and controls after psmatch2, and before it with both."""
    for name in ("density", "box", "hist", "rubin", "dist", "outlier"):
        if line.flag(name):
            raise unsupported(f"option {name} of pstest is")
    if line.flag("both") and line.flag("raw"):
        raise StataError(198, "Error: choose between both and raw")
    words = split_words(line.anything) or split_words(session.r.macros.get("exog", ""))
    if not words:
        raise StataError(198, "Error: specify covariates")
    groups = _Groups.read(session, line)
    terms = parse_varlist(session, words)
    require_numeric(session, terms)
    source = SessionSource(session)
    design = build(terms, source, groups.rows & ~is_missing(groups.treated_values), constant=False)
    balances: list[_Balance] = []
    for column in design.columns:
        if column.status == "base":
            continue
        name = column.name
        if line.flag("label") and name in session.data.variables:
            name = session.data.variables[name].label or name
        balances.append(_balance(name, column.values(source), groups))
    summaries = {}
    if line.flag("both"):
        summaries["bef"] = _summary(session, words, groups, balances, matched=False)
    summaries["aft"] = _summary(session, words, groups, balances, matched=True)
    log = session.log
    if line.flag("both"):
        if not line.flag("notable"):
            _print_both(log, balances, groups)
        log.line()
        _print_both_summary(log, summaries)
    else:
        shown = [each for each in balances if not line.flag("onlysig") or each.matched.p < 0.1]
        if not line.flag("notable"):
            _print_matched(log, shown, balances, groups)
        log.line()
        _print_matched_summary(log, summaries["aft"])
    if line.flag("graph"):
        _draw(session, balances, str(line.options.get("*") or ""), both=line.flag("both"))
    elif str(line.options.get("*") or "").strip():
        Options(str(line.options["*"])).finish()
    results = ResultSet(macros={"exog": " ".join(words)})
    for suffix, summary in summaries.items():
        for key, value in summary.stored.items():
            results.scalars[f"{key}{suffix if line.flag('both') else ''}"] = value if math.isfinite(value) else MISSING
    session.r = results


@dataclass
class _Groups:
    """Treatment, support and matching weights of the observations of if and in."""

    rows: BoolArray
    treated_values: FloatArray
    support: BoolArray
    weight: FloatArray
    """Missing for observations that were not matched."""

    @classmethod
    def read(cls, session: Session, line: Line) -> _Groups:
        data = session.data
        typed, raw = line.text_option("treated"), line.flag("raw")
        if (not typed and "_treated" not in data.variables) or (raw and not typed):
            raise StataError(198, "Error: provide treatment indicator variable")
        treated = data.numeric(typed or "_treated")
        weight_name = line.text_option("mweight")
        if weight_name:
            weight = data.numeric(weight_name).copy()
        elif raw:
            weight = np.ones(data.n_obs)
        elif "_weight" in data.variables:
            weight = data.numeric("_weight").copy()
        else:
            raise StataError(198, "Error: provide weight")
        named = line.text_option("support")
        if named:
            support = data.numeric(named)
        else:
            support = np.ones(data.n_obs) if raw or "_support" not in data.variables else data.numeric("_support")
        whole = treated == (0.0 if line.flag("atu") else 1.0)
        weight = np.where(whole, support, weight)
        rows = line.sample(session)
        if not (rows & (treated == 1.0)).any() or not (rows & (treated == 0.0)).any():
            raise no_observations()
        return cls(rows, treated, support == 1.0, weight)

    def limits(self, *, matched: bool) -> tuple[float, float]:
        """2.5th and 97.5th percentile of F for a ratio of variances of two groups as large as the treated."""
        from scipy.special import fdtri

        inside = self.rows & (self.treated_values == 1.0) & (self.support | (not matched))
        df = max(int(inside.sum()) - 1, 1)
        return float(fdtri(df, df, 0.025)), float(fdtri(df, df, 0.975))


@dataclass(frozen=True)
class _Side:
    """One variable in one sample."""

    treated: float
    control: float
    bias: float
    t: float
    p: float
    ratio: float
    """Ratio of variances; nan for variables of two values."""


@dataclass(frozen=True)
class _Balance:
    name: str
    raw: _Side
    matched: _Side

    @property
    def reduction(self) -> float:
        if self.raw.bias == 0.0:
            return math.nan
        return -100.0 * (abs(self.matched.bias) - abs(self.raw.bias)) / abs(self.raw.bias)


def _balance(name: str, x: FloatArray, groups: _Groups) -> _Balance:
    known = groups.rows & ~is_missing(x)
    binary = bool(np.all((x[known] == 0.0) | (x[known] == 1.0)))
    treated, control = groups.treated_values == 1.0, groups.treated_values == 0.0
    ones = np.ones(len(x))
    spread = (_variance(x[known & treated], ones[known & treated])
              + _variance(x[known & control], ones[known & control])) / 2.0  # fmt: skip
    inside = known & groups.support & ~is_missing(groups.weight) & (groups.weight != 0.0)
    return _Balance(
        name,
        _side(x, known & treated, known & control, ones, spread, binary),
        _side(x, inside & treated, inside & control, groups.weight, spread, binary),
    )


def _variance(x: FloatArray, w: FloatArray) -> float:
    value = moments(x, w, "iweight").variance
    return value if value < MISSING else math.nan


def _side(x: FloatArray, first: BoolArray, second: BoolArray, w: FloatArray, spread: float, binary: bool) -> _Side:
    if not first.any() or not second.any():
        return _Side(*[math.nan] * 6)
    m1, m0 = (float(np.average(x[rows], weights=w[rows])) for rows in (first, second))
    v1, v0 = _variance(x[first], w[first]), _variance(x[second], w[second])
    n1, n0 = float(w[first].sum()), float(w[second].sum())
    rss = float(w[first] @ (x[first] - m1) ** 2 + w[second] @ (x[second] - m0) ** 2)
    df = n1 + n0 - 2.0
    error = math.sqrt(rss / df * (1.0 / n1 + 1.0 / n0)) if df > 0.0 else 0.0
    t = (m1 - m0) / error if error > 0.0 else math.nan
    bias = 100.0 * (m1 - m0) / math.sqrt(spread) if spread > 0.0 else math.nan
    ratio = math.nan if binary or not v0 > 0.0 else v1 / v0
    return _Side(m1, m0, bias, t, two_sided(t, df) if math.isfinite(t) else math.nan, ratio)


@dataclass
class _Summary:
    stored: dict[str, float] = field(default_factory=dict)
    chi2: float = math.nan
    off: float = math.nan
    """Percentage of continuous variables with a ratio of variances outside the limits."""


def _summary(
    session: Session, words: list[str], groups: _Groups, balances: list[_Balance], *, matched: bool
) -> _Summary:
    """Probit of the treatment on the covariates, Rubin's B and R of its index, and the distribution of the bias."""
    data = session.data
    weight = groups.weight if matched else np.ones(data.n_obs)
    use = groups.rows & (groups.support | (not matched)) & ~is_missing(weight)
    made = {_WEIGHT: np.where(use, weight, MISSING), _TREATED: groups.treated_values}
    summary = _Summary()
    try:
        for name, values in made.items():
            data.add(name, values.copy(), "double")
        session.run(f"probit {_TREATED} {' '.join(words)} [iweight={_WEIGHT}] if {_WEIGHT} < .", quiet=True)
        session.run(f"predict double {_INDEX} if e(sample), xb", quiet=True)
        e = session.e.scalars
        index = data.numeric(_INDEX)
        summary.chi2 = e["chi2"]
        summary.stored = {"r2": e["r2_p"], "chiprob": chi2_tail(e["chi2"], e["df_m"]) if e["df_m"] else math.nan}
    finally:
        data.drop([name for name in (*made, _INDEX) if name in data.variables])
    inside = use & ~is_missing(index) & (weight != 0.0)
    first, second = (inside & (groups.treated_values == side) for side in (1.0, 0.0))
    a, b = (moments(index[rows], weight[rows], "iweight") for rows in (first, second))
    pooled = (a.variance + b.variance) / 2.0
    biases = np.array([abs((each.matched if matched else each.raw).bias) for each in balances])
    known = biases[np.isfinite(biases)]
    summary.stored.update(
        B=100.0 * (a.mean - b.mean) / math.sqrt(pooled) if pooled > 0.0 else math.nan,
        R=a.variance / b.variance if b.variance > 0.0 else math.nan,
        meanbias=float(known.mean()) if len(known) else math.nan,
        medbias=float(percentiles(known, np.array([50.0]))[0]) if len(known) else math.nan,
    )
    ratios = np.array([(each.matched if matched else each.raw).ratio for each in balances])
    ratios = ratios[np.isfinite(ratios)]
    low, high = groups.limits(matched=matched)
    if len(ratios):
        summary.off = 100.0 * float(np.mean((ratios < low) | (ratios > high)))
    return summary


def _number(value: float, fmt: str, width: int) -> str:
    return format_value(value if math.isfinite(value) else MISSING, fmt).strip().rjust(width)


def _star(ratio: float, limits: tuple[float, float]) -> str:
    return "*" if math.isfinite(ratio) and not limits[0] <= ratio <= limits[1] else ""


def _test(side: _Side, limits: tuple[float, float]) -> str:
    p = f"{side.p:05.3f}" if math.isfinite(side.p) else "    ."
    return f"{_number(side.t, '%7.2f', 7)}  {p} |{_number(side.ratio, '%6.2f', 6)}{_star(side.ratio, limits)}"


def _means(side: _Side) -> str:
    bias = _number(side.bias, "%7.1f", 7)
    return f"{_number(side.treated, '%7.0g', 7)}  {_number(side.control, '%7.0g', 7)}  {bias}"


def _print_both(log: Log, balances: list[_Balance], groups: _Groups) -> None:
    width = max([22, *(len(each.name) for each in balances)])
    rule = [width + 4, 34, 15, 10]
    raw, matched = groups.limits(matched=False), groups.limits(matched=True)
    log.line()
    log.line("-".join("-" * length for length in rule))
    pad = " " * (width - 22)
    log.line(" " * 14 + pad + "  Unmatched |       Mean               %reduct |     t-test    |  V(T)/")
    log.line("Variable      " + pad + "    Matched | Treated Control    %bias  |bias| |    t    p>|t| |  V(C)")
    log.line("+".join("-" * length for length in rule))
    for each in balances:
        log.line(f"{each.name:<{width + 1}}U  |{_means(each.raw)}{' ' * 8} |{_test(each.raw, raw)}")
        reduction = _number(each.reduction, "%8.1f", 8)
        log.line(f"{'':<{width + 1}}M  |{_means(each.matched)}{reduction} |{_test(each.matched, matched)}")
        log.line(" " * (width + 1) + "   |" + " " * 34 + "|" + " " * 15 + "|")
    log.line("-".join("-" * length for length in rule))
    log.line(
        f"* if variance ratio outside [{raw[0]:4.2f}; {raw[1]:4.2f}] for U and "
        f"[{matched[0]:4.2f}; {matched[1]:4.2f}] for M"
    )


def _print_both_summary(log: Log, summaries: dict[str, _Summary]) -> None:
    log.line("-" * 11 + "-" + "-" * 71)
    log.line(" Sample    | Ps R2   LR chi2   p>chi2   MeanBias   MedBias      B      R     %Var")
    log.line("-" * 11 + "+" + "-" * 71)
    for title, key in ((" Unmatched |", "bef"), (" Matched   |", "aft")):
        text = title + _overall(summaries[key], "%6.3f", 6)
        stored = summaries[key].stored
        text = f"{text:<69}{_number(stored['R'], '%5.2f', 5)}{_unequal(stored['R'])}"
        log.line(f"{text:<78}{_number(summaries[key].off, '%3.0f', 3)}")
    log.line("-" * 11 + "-" + "-" * 71)
    log.line("* if B>25%, R outside [0.5; 2]")


def _overall(summary: _Summary, fmt: str, width: int) -> str:
    s = summary.stored
    return (
        f"{_number(s['r2'], fmt, width)} {_number(summary.chi2, '%9.2f', 9)} {_number(s['chiprob'], '%8.3f', 8)}   "
        f"{_number(s['meanbias'], '%6.1f', 6)}    {_number(s['medbias'], '%6.1f', 6)}    "
        f"{_number(s['B'], '%6.1f', 6)}{'*' if s['B'] >= 25.0 else ''}"
    )


def _unequal(ratio: float) -> str:
    return "" if 0.5 <= ratio <= 2.0 else "*"


def _print_matched(log: Log, shown: list[_Balance], balances: list[_Balance], groups: _Groups) -> None:
    width = max([22, *(len(each.name) for each in balances)])
    rule = [width + 2, 26, 15, 10]
    limits = groups.limits(matched=True)
    log.line()
    log.line("-".join("-" * length for length in rule))
    log.line(" " * (width + 1) + " |       Mean               |     t-test    |  V(T)/")
    log.line("Variable".ljust(width + 1) + " | Treated Control    %bias |    t    p>|t| |  V(C)")
    log.line("+".join("-" * length for length in rule))
    for each in shown:
        log.line(f"{each.name:<{width + 1}} |{_means(each.matched)} |{_test(each.matched, limits)}")
    log.line("-".join("-" * length for length in rule))
    log.line(f"* if variance ratio outside [{limits[0]:4.2f}; {limits[1]:4.2f}]")


def _print_matched_summary(log: Log, summary: _Summary) -> None:
    log.line("-" * 70)
    log.line("Ps R2   LR chi2   p>chi2   MeanBias   MedBias      B       R     %Var ")
    log.line("-" * 70)
    ratio = summary.stored["R"]
    text = f"{_overall(summary, '%5.3f', 5)}   {_number(ratio, '%5.2f', 5)}{_unequal(ratio)}"
    log.line(f"{text:<66}{_number(summary.off, '%3.0f', 3)}")
    log.line("-" * 70)
    log.line("* if B>25%, R outside [0.5; 2]")


def _draw(session: Session, balances: list[_Balance], text: str, *, both: bool) -> None:
    """Standardized bias of each covariate, the largest on top."""
    known = [each for each in balances if math.isfinite((each.raw if both else each.matched).bias)]
    ordered = sorted(known, key=lambda each: (each.raw if both else each.matched).bias)
    at = np.arange(1.0, len(ordered) + 1.0)
    matched = np.array([each.matched.bias for each in ordered])
    circle, cross = (Style(marker_color=("black", 1.0), marker=(shape, False)) for shape in "ox")
    layers = []
    if both:
        raw = np.array([each.raw.bias for each in ordered])
        layers.append(Layer("scatter", raw, at, label="Unmatched", style=circle))
    layers.append(Layer("scatter", matched, at, label="Matched", style=cross))
    panel = Panel(layers=layers)
    panel.x.title = Text("Standardized % bias across covariates")
    panel.x.lines.append(RefLine(0.0))
    panel.y.title = Text("")
    panel.y.ticks = Ticks([float(v) for v in at], [abbreviate(each.name, 24) for each in ordered], grid=True)
    panel.y.low, panel.y.high = 0.5, len(ordered) + 0.5
    graph = Graph()
    graph.legend.shown = both
    show_panel(session, panel, Options(text), graph)
