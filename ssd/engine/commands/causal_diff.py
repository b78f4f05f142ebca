"""diff: difference in differences of two groups and two periods, also on kernel-matched observations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import key_values, not_missing
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import ResultSet
from ssd.engine.stats.distributions import two_sided
from ssd.engine.stats.kernel_matching import smoothed_matches

if TYPE_CHECKING:
    from ssd.engine.session import Session

_MARK, _SCORE = "__ssd_sample", "__ssd_pscore"
_KERNELS = {"epanechnikov": "epan", "gaussian": "normal", "biweight": "biweight", "uniform": "uniform"}


@command(
    "diff",
    "[varlist(numeric)] [if] [in] [fweight aweight pweight iweight] [, Period(varname) Treated(varname) Cov(string) "
    "id(varname) Kernel bw(real 0.06) KType(string) rcs QDid(real 0) PScore(varname) LOgit SUPport ADDcov(string) "
    "test REPort NOStar bs Reps(integer 50) CLuster(varname) robust ddd(string)]",
    stored="r(mean_c0) r(mean_t0) r(diff0) r(mean_c1) r(mean_t1) r(diff1) r(did) r(se_d0) r(se_d1) r(se_dd) r(p_dd); "
    "e() of the regression; the variable _diff, with kernel also _ps, _weights and _support",
    refused="qdid(), test, report, bs, ddd(), ktype(tricube), weights with kernel",
)
def diff(session: Session, line: Line) -> None:
    """Difference in differences: means before and after, their differences and the effect."""
    for name in ("qdid", "test", "report", "bs", "reps", "ddd"):
        if name in line.typed:
            raise unsupported(f"option {name} of diff is")
    plan = _Plan.read(session, line)
    data = session.data
    rows = _sample(session, line, plan)
    scores: FloatArray | None = None
    weights: FloatArray | None = None
    support = np.ones(data.n_obs, dtype=np.bool_)
    if plan.kernel:
        scores = _propensity(session, plan, rows)
        if plan.support:
            support = _support(session, plan, rows, scores)
        weights = _weights(session, plan, rows & support, scores)
    made = [name for name in ("_diff", *(("_weights", "_weights_rcs", "_support") if plan.kernel else ()))
            if name in data.variables]  # fmt: skip
    if plan.kernel and not plan.pscore and "_ps" in data.variables:
        made.append("_ps")
    data.drop(made)
    interaction = np.where(plan.known, plan.treated * plan.period, MISSING)
    data.add("_diff", interaction, "float", label="Diff-in-diff")
    _add_matching(session, plan, scores, weights, support)
    try:
        _regress(session, line, plan, rows)
    except StataError:
        data.drop([name for name in ("_diff", "_weights", "_weights_rcs") if name in data.variables])
        raise
    log = session.log
    if plan.kernel:
        log.line("KERNEL PROPENSITY SCORE MATCHING DIFFERENCE-IN-DIFFERENCES")
        if plan.rcs:
            log.line("    Repeated Cross Section - rcs option")
        if plan.support:
            log.line("    Estimation on common support")
    elif plan.cov:
        log.line("DIFFERENCE-IN-DIFFERENCES WITH COVARIATES")
    _print(session, line, plan)


@dataclass(frozen=True)
class _Plan:
    """Variables and options."""

    outcome: str
    period_name: str
    treated_name: str
    period: FloatArray
    treated: FloatArray
    known: BoolArray
    """Observations whose group and period are known."""
    cov: str
    addcov: str
    id: str
    kernel: bool
    kind: str
    bandwidth: float
    rcs: bool
    pscore: str
    model: str
    support: bool

    @classmethod
    def read(cls, session: Session, line: Line) -> _Plan:
        if len(line.varlist) != 1 or not line.text.partition(",")[0].strip():
            raise StataError(100 if len(line.varlist) < 1 else 103, "one outcome variable required")
        names = [line.text_option(option) or "" for option in ("period", "treated")]
        for option, name in zip(("period", "treated"), names, strict=True):
            if not name:
                raise StataError(198, f"Option {option}() not specified")
        data = session.data
        columns = []
        for name in names:
            if data.variables[name].is_string:
                raise StataError(109, "type mismatch")
            columns.append(data.numeric(name))
        known = ~is_missing(columns[0]) & ~is_missing(columns[1])
        for option, values in zip(("period", "treated"), columns, strict=True):
            if not np.all((values[known] == 0.0) | (values[known] == 1.0)):
                raise StataError(198, f"{option}() must be 0 or 1")
        kernel, rcs = line.flag("kernel"), line.flag("rcs")
        cov, pscore, ident = (line.text_option(name) or "" for name in ("cov", "pscore", "id"))
        if rcs and not kernel:
            raise StataError(198, "Option rcs requires specification of kernel")
        if kernel and not ident and not rcs:
            raise StataError(198, "id(varname) required with option kernel")
        if kernel and not cov and not pscore:
            raise StataError(198, "No covariates specified in cov(varlist)")
        if kernel and line.weight is not None:
            raise unsupported("weights with option kernel of diff are")
        if line.text_option("addcov") and not kernel:
            raise unsupported("addcov() without option kernel is")
        if rcs and (line.flag("support") or pscore):
            raise unsupported("rcs with support or pscore() is")
        typed = line.text_option("ktype") or "epanechnikov"
        if typed not in _KERNELS:
            if typed == "tricube":
                raise unsupported("ktype(tricube) of diff is")
            raise StataError(198, f"ktype({typed}) not recognized")
        bandwidth = float(cast(float, line.options["bw"]))
        if not bandwidth > 0.0:
            raise StataError(198, "bw() must be positive")
        return cls(
            line.varlist[0], names[0], names[1], columns[0], columns[1], known, cov,
            line.text_option("addcov") or "", ident, kernel, _KERNELS[typed], bandwidth, rcs, pscore,
            "logit" if line.flag("logit") else "probit", line.flag("support"),
        )  # fmt: skip

    def cell(self, treated: float, period: float) -> BoolArray:
        return np.asarray((self.treated == treated) & (self.period == period), dtype=np.bool_)


def _sample(session: Session, line: Line, plan: _Plan) -> BoolArray:
    rows = line.sample(session) & plan.known & ~is_missing(session.data.numeric(plan.outcome))
    if plan.id:
        rows &= not_missing(session, plan.id)
    for treated in (0.0, 1.0):
        for period in (0.0, 1.0):
            if not (rows & plan.cell(treated, period)).any():
                raise no_observations()
    return np.asarray(rows, dtype=np.bool_)


def _propensity(session: Session, plan: _Plan, rows: BoolArray) -> FloatArray:
    """Propensity scores at baseline (in both periods for repeated cross sections), nan elsewhere."""
    data = session.data
    if plan.pscore:
        given = data.numeric(plan.pscore)
        return np.where(rows & ~is_missing(given), given, np.nan)
    scores = np.full(data.n_obs, np.nan)
    for period in (0.0, 1.0) if plan.rcs else (0.0,):
        inside = rows & (plan.period == period)
        data.add(_MARK, inside.astype(np.float64), "byte")
        try:
            session.run(f"{plan.model} {plan.treated_name} {plan.cov} if {_MARK}", quiet=True)
            session.run(f"predict {_SCORE} if {_MARK}, pr", quiet=True)
            values = data.numeric(_SCORE)
        finally:
            data.drop([name for name in (_MARK, _SCORE) if name in data.variables])
        scores = np.where(inside & ~is_missing(values), values, scores)
    return scores


def _support(session: Session, plan: _Plan, rows: BoolArray, scores: FloatArray) -> BoolArray:
    """Scores between the smallest of the treated and the largest of the controls, carried to the second period."""
    carried = _carried(session, plan, scores)
    known = np.isfinite(carried) & rows
    if not (known & (plan.treated == 1.0)).any() or not (known & (plan.treated == 0.0)).any():
        raise no_observations()
    low = float(carried[known & (plan.treated == 1.0)].min())
    high = float(carried[known & (plan.treated == 0.0)].max())
    return np.asarray(known & (carried >= low) & (carried <= high), dtype=np.bool_)


def _carried(session: Session, plan: _Plan, values: FloatArray) -> FloatArray:
    """Baseline values given to the second observation of the same unit."""
    keys = np.unique(key_values(session, plan.id), return_inverse=True)[1]
    baseline = (plan.period == 0.0) & np.isfinite(values)
    by_unit = np.full(int(keys.max()) + 1, np.nan)
    by_unit[keys[baseline]] = values[baseline]
    return np.where(plan.period == 1.0, by_unit[keys], values)


def _weights(session: Session, plan: _Plan, rows: BoolArray, scores: FloatArray) -> FloatArray:
    """1 for the treated (of the second period in repeated cross sections), kernel weights for the others."""
    weights = np.zeros(session.data.n_obs)
    known = rows & np.isfinite(scores)
    if not plan.rcs:
        _match(plan, scores, known & plan.cell(1.0, 0.0), known & plan.cell(0.0, 0.0), weights)
        weights = np.where(np.isfinite(carried := _carried(session, plan, weights)), carried, 0.0)
        return np.where(rows & (plan.treated == 1.0), 1.0, weights)
    for treated, period in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0)):
        _match(plan, scores, known & plan.cell(1.0, period), known & plan.cell(treated, period), weights)
    return np.where(rows & plan.cell(1.0, 1.0), 1.0, weights)


def _match(plan: _Plan, scores: FloatArray, treated: BoolArray, donors: BoolArray, weights: FloatArray) -> None:
    """Add to `weights` of the donors the kernel weights of every treated observation."""
    queries, targets = np.flatnonzero(treated), np.flatnonzero(donors)
    if not len(queries) or not len(targets):
        raise no_observations()

    def distances(part: slice) -> FloatArray:
        return np.asarray(np.abs(scores[targets][None, :] - scores[queries[part]][:, None]))

    found = smoothed_matches(distances, len(queries), np.zeros((len(targets), 1)), plan.kind, plan.bandwidth)
    weights[targets] += found.use


def _add_matching(
    session: Session, plan: _Plan, scores: FloatArray | None, weights: FloatArray | None, support: BoolArray
) -> None:
    if scores is None or weights is None:
        return
    data = session.data
    if not plan.pscore:
        data.add("_ps", np.where(np.isfinite(scores), scores, MISSING), "float",
                 label="Estimated Propensity Score (pscore)")  # fmt: skip
    if plan.support:
        data.add("_support", support.astype(np.float64), "float", label="Common support of the Propensity Score")
    label = "Weights from the Kernel function" + (" for Repeated Cross Section" if plan.rcs else "")
    data.add("_weights_rcs" if plan.rcs else "_weights", weights, "float", label=label)


def _regress(session: Session, line: Line, plan: _Plan, rows: BoolArray) -> None:
    weight = ""
    if plan.kernel:
        weight = f" [aweight={'_weights_rcs' if plan.rcs else '_weights'}]"
    elif line.weight is not None:
        weight = f" [{line.weight.kind}={line.weight.expression}]"
    options = ["robust"] if line.flag("robust") else []
    cluster = line.text_option("cluster")
    if cluster:
        options = [f"vce(cluster {cluster})"]
    terms = f"{plan.outcome} {plan.period_name} {plan.treated_name} _diff {plan.addcov if plan.kernel else plan.cov}"
    session.data.add(_MARK, rows.astype(np.float64), "byte")
    try:
        tail = f", {' '.join(options)}" if options else ""
        session.run(f"regress {terms.strip()} if {_MARK}{weight}{tail}", quiet=True)
    finally:
        session.data.drop([_MARK])


def _print(session: Session, line: Line, plan: _Plan) -> None:
    log, e = session.log, session.e
    sample = e.sample
    assert sample is not None
    counts = {(t, p): int(np.count_nonzero(sample & plan.cell(t, p))) for t in (0.0, 1.0) for p in (0.0, 1.0)}
    log.line()
    log.line("DIFFERENCE-IN-DIFFERENCES ESTIMATION RESULTS")
    log.line(f"Number of observations in the DIFF-IN-DIFF: {sum(counts.values())}")
    log.line("            Before         After    ")
    for label, t in (("   Control:", 0.0), ("   Treated:", 1.0)):
        before, after = counts[t, 0.0], counts[t, 1.0]
        log.line(f"{label:<12}{before:<15}{after:<12}{before + after}")
    log.line(f"{'':12}{counts[0.0, 0.0] + counts[1.0, 0.0]:<15}{counts[0.0, 1.0] + counts[1.0, 1.0]}")
    b, V = e.matrices["b"], e.matrices["V"]
    df = e.scalars["df_r"]

    def combination(*names: str) -> tuple[float, float, float, float]:
        """Sum of coefficients, its standard error, t and p."""
        if any(name not in b.cols for name in names):
            return (math.nan,) * 4
        at = [b.cols.index(name) for name in names]
        value = float(b.values[0, at].sum())
        variance = float(V.values[np.ix_(at, at)].sum())
        error = math.sqrt(variance) if variance > 0.0 else math.nan
        return value, error, value / error, two_sided(value / error, df) if math.isfinite(error) else math.nan

    period, treated = plan.period_name, plan.treated_name
    rows = {
        "c0": combination("_cons"), "t0": combination("_cons", treated), "d0": combination(treated),
        "c1": combination("_cons", period), "t1": combination("_cons", period, treated, "_diff"),
        "d1": combination(treated, "_diff"), "dd": combination("_diff"),
    }  # fmt: skip
    stars = not line.flag("nostar")
    log.line("-" * 56)
    log.line(f" Outcome var.   | {abbreviate(plan.outcome, 7):<8}| S. Err. |   |t|   |  P>|t|")
    log.line("-" * 16 + ("+" + "-" * 9) * 4)
    for title, keys in (("Before", ("c0", "t0", "d0")), ("After", ("c1", "t1", "d1"))):
        log.line(_row(title, None))
        log.line(_row("   Control", rows[keys[0]], full=False))
        log.line(_row("   Treated", rows[keys[1]], full=False))
        log.line(_row("   Diff (T-C)", rows[keys[2]], stars=stars, signed=title == "Before"))
    log.line(_row("", None))
    log.line(_row("Diff-in-Diff", rows["dd"], stars=stars))
    log.line("-" * 56)
    log.line(f"R-square:{e.scalars['r2']:8.2f}")
    log.line("* Means and Standard Errors are estimated by linear regression")
    if line.flag("robust"):
        log.line("**Robust Std. Errors")
    if line.text_option("cluster"):
        log.line("**Clustered Std. Errors")
    if stars:
        log.line("**Inference: *** p<0.01; ** p<0.05; * p<0.1")
    names = {
        "c0": "mean_c0",
        "t0": "mean_t0",
        "d0": "diff0",
        "c1": "mean_c1",
        "t1": "mean_t1",
        "d1": "diff1",
        "dd": "did",
    }
    results = ResultSet()
    for key, (value, error, _, p) in rows.items():
        for name, number in ((names[key], value), (f"se_{key}", error), (f"p_{key}", p)):
            results.scalars[name] = number if math.isfinite(number) else MISSING
    session.r = results


def _row(
    label: str,
    numbers: tuple[float, float, float, float] | None,
    *,
    full: bool = True,
    stars: bool = False,
    signed: bool = False,
) -> str:
    cells = ["", "", "", ""]
    if numbers is not None:
        value, error, t, p = numbers
        cells[0] = _shown(value, 3)
        if full:
            cells[1:] = [_shown(error, 3), _shown(t if signed else abs(t), 2), _shown(p, 3)]
            if stars and math.isfinite(p):
                cells[3] += "***" if p < 0.01 else "**" if p < 0.05 else "*" if p < 0.1 else ""
    return f"{label:<16}| {cells[0]:<8}| {cells[1]:<8}| {cells[2]:<8}| {cells[3]}"


def _shown(value: float, decimals: int) -> str:
    return format_value(value if math.isfinite(value) else MISSING, f"%9.{decimals}f").strip()
