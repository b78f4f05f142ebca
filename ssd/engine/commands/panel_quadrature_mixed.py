"""melogit, meprobit, mecloglog, mepoisson, meologit, meoprobit with one random intercept; estat icc after them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import eform_heading, outcome_and_terms, replay
from ssd.engine.commands.maximum import MlResult, finish, iteration_log, likelihood_word
from ssd.engine.commands.panel_quadrature import (
    GroupedData,
    assemble,
    fit_random_intercept,
    heading,
    quadrature,
    random_result,
    refuse_features,
)
from ssd.engine.commands.panel_quadrature_mixed_predictions import add_postestimation
from ssd.engine.commands.panel_random_report import Row, Variance, chibar_line, print_rows
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.syntax import fill_line, split_line
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    chi2_entry,
    cluster_note,
    coefficient_row,
    count,
    number,
    print_header,
)
from ssd.engine.results import Matrix
from ssd.engine.stats.binary import Cloglog, Logit, Probit
from ssd.engine.stats.counts import Poisson
from ssd.engine.stats.distributions import critical, normal_quantile
from ssd.engine.stats.likelihood import Equation, Model, maximize
from ssd.engine.stats.ordered import Ordered
from ssd.engine.stats.quadrature import RandomIntercept

if TYPE_CHECKING:
    from ssd.engine.session import Session

_FIXED = (
    "[varlist(numeric fv ts default=none)] [if] [in] [fweight iweight pweight] [, OFFset(varname) Exposure(varname) "
    "INTMethod(string) INTPoints(integer 7) OR IRr EForm ASIS noGRoup noLRtest DIFficult COVariance(string) "
    "vce(string) Robust CLuster(varname) Level(cilevel) noLOg noCONStant BASElevels ITERate(integer 300) "
    "TOLerance(real 1e-6) noHEader noTABle TECHnique(string) CONSTraints(numlist)]"
)
_STORED = (
    "e(N) e(N_g) e(k) e(k_f) e(k_r) e(k_rs) e(k_rc) e(df_m) e(ll) e(ll_c) e(chi2) e(p) e(chi2_c) e(df_c) e(p_c) "
    "e(g_min) e(g_avg) e(g_max) e(N_clust) e(rank) e(cmd) e(cmd2) e(depvar) e(ivars) e(model) e(link) e(family) "
    "e(intmethod) e(n_quad) e(vce) e(b) e(V) r(table)"
)
_REFUSED = (
    "random coefficients, more than one level, crossed effects, weights, constraints(), binomial(), "
    "intmethod(laplace), startvalues(), predict with conditional() or marginal"
)


@dataclass(frozen=True)
class Kind:
    """One mixed-effects model."""

    command: str
    title: str
    link: str
    family: str
    comparison: str
    """What the likelihood-ratio test compares with."""
    within: float | None
    eform: str = ""
    note: str = ""
    model: Callable[[FloatArray], Model] | None = None
    """None for ordered outcomes."""

    @property
    def ordered(self) -> bool:
        return self.model is None


_LOGISTIC = math.pi**2 / 3.0
_GUMBEL = math.pi**2 / 6.0


@command("melogit", "*", by="recall", stored=_STORED, refused=_REFUSED)
def melogit(session: Session, line: Line) -> None:
    """Two-level logistic regression with a random intercept."""
    _mixed(session, line, Kind("melogit", "Mixed-effects logistic regression", "logit", "bernoulli", "logistic",
                               _LOGISTIC, "or", "baseline odds", Logit))  # fmt: skip


@command("meprobit", "*", by="recall", stored=_STORED, refused=_REFUSED)
def meprobit(session: Session, line: Line) -> None:
    """Two-level probit regression with a random intercept."""
    _mixed(session, line, Kind("meprobit", "Mixed-effects probit regression", "probit", "bernoulli", "probit", 1.0,
                               model=Probit))  # fmt: skip


@command("mecloglog", "*", by="recall", stored=_STORED, refused=_REFUSED)
def mecloglog(session: Session, line: Line) -> None:
    """Two-level complementary log-log regression with a random intercept."""
    _mixed(session, line, Kind("mecloglog", "Mixed-effects cloglog regression", "cloglog", "bernoulli", "cloglog",
                               _GUMBEL, "eform", "", Cloglog))  # fmt: skip


@command("mepoisson", "*", by="recall", stored=_STORED, refused=_REFUSED)
def mepoisson(session: Session, line: Line) -> None:
    """Two-level Poisson regression with a random intercept."""
    _mixed(session, line, Kind("mepoisson", "Mixed-effects Poisson regression", "log", "poisson", "Poisson", None,
                               "irr", "baseline incidence rate", Poisson))  # fmt: skip


@command("meologit", "*", by="recall", stored=_STORED + " e(cat)", refused=_REFUSED)
def meologit(session: Session, line: Line) -> None:
    """Two-level ordered logistic regression with a random intercept."""
    _mixed(session, line, Kind("meologit", "Mixed-effects ologit regression", "logit", "ordinal", "ologit", _LOGISTIC,
                               "or"))  # fmt: skip


@command("meoprobit", "*", by="recall", stored=_STORED + " e(cat)", refused=_REFUSED)
def meoprobit(session: Session, line: Line) -> None:
    """Two-level ordered probit regression with a random intercept."""
    _mixed(session, line, Kind("meoprobit", "Mixed-effects oprobit regression", "probit", "ordinal", "oprobit", 1.0))


def _read_line(session: Session, line: Line) -> str:
    """Fill `line` from the fixed part and all options; the group variable. Raises for other random parts."""
    pieces = line.text.split("||")
    grammar = compile_grammar(_FIXED)
    fixed = split_line(pieces[0])
    options = [fixed.options or ""]
    subjects = []
    for piece in pieces[1:]:
        parts = split_line(piece)
        if parts.range is not None or parts.weight is not None or parts.using is not None:
            raise invalid_syntax()
        if parts.condition is not None:
            if fixed.condition is not None:
                raise invalid_syntax()
            # An `if` after the last equation belongs to the whole command.
            fixed.condition = parts.condition
        options.append(parts.options or "")
        subjects.append(parts.subject)
    fixed.options = " ".join(options)
    fill_line(line, fixed, grammar, session)
    if not subjects:
        return ""
    if len(subjects) > 1:
        raise unsupported(f"{line.command} with more than one level is")
    name, colon, effects = subjects[0].partition(":")
    if not colon:
        raise StataError(198, "invalid specification of random effects; a colon must follow the group variable")
    if name.strip() == "_all" or effects.strip()[:2] in {"R.", "r."}:
        raise unsupported("crossed random effects are")
    if effects.strip():
        raise unsupported("random coefficients are")
    return session.variable_named(name.strip())


def _mixed(session: Session, line: Line, kind: Kind) -> None:
    group = _read_line(session, line)
    if not group and replay(session, line, kind.command):
        return
    refuse_features(line)
    for name in ("or", "irr", "eform"):
        if line.flag(name) and name != kind.eform:
            raise StataError(198, f"option {name} not allowed")
    if line.text_option("exposure") and kind.link != "log":
        raise StataError(198, "option exposure() not allowed")
    structure = line.text_option("covariance")
    known = ("independent", "exchangeable", "identity", "unstructured")
    if structure and not any(name.startswith(structure) for name in known):
        # With one random intercept the structures that are known all mean the same.
        raise unsupported(f"covariance({structure}) is")
    if not group:
        raise unsupported(f"{kind.command} without a random-effects equation is")
    method, points = quadrature(line)
    outcome, terms = outcome_and_terms(session, line.varlist)
    data = GroupedData.read(session, line, group, outcome, terms, binary=kind.family == "bernoulli",
                            constant=True if kind.ordered else None)  # fmt: skip
    if kind.family == "poisson" and np.any(data.y < 0.0):
        raise StataError(459, f"{data.depvar} must be greater than or equal to zero")
    model, equations, start, categories = _outcome_model(data, kind)
    pooled = maximize(model, equations, start, np.ones(len(data.y)))
    heading(data, "Fitting fixed-effects model:")
    iteration_log(session, line, pooled, data.vce, spaced=False)
    begin = np.append(pooled.coefficients, 0.0)
    heading(data, "Refining starting values:")
    if not line.flag("nolog"):
        first = RandomIntercept(model, equations, data.ids, points=points, method=method).log_likelihood(begin)
        session.log.line(f"Grid node 0:  {likelihood_word(data.vce)} = {number(first, '%10.0g'):>10}")
    heading(data, "Fitting full model:")
    likelihood, fit = fit_random_intercept(data, model, equations, begin)
    V = data.covariance(fit.covariance, fit.scores)
    sigma2 = math.exp(float(fit.coefficients[-1]))
    cuts = len(categories) - 1 if kind.ordered else 0
    extra = [*(f"cut{j + 1}" for j in range(cuts)), f"var(_cons[{group}])"]
    reported = np.append(fit.coefficients[len(fit.coefficients) - 1 - cuts : -1], sigma2)
    assembly = assemble(data, data.depvar, extra, fit.coefficients, V, reported, np.append(np.ones(cuts), sigma2))
    result = random_result(data, kind.command, kind.title, assembly, fit.log_likelihood)
    chi2_c = max(2.0 * (fit.log_likelihood - pooled.log_likelihood), 0.0)
    _describe(result, data, kind, points, method, fit.log_likelihood)
    if not data.vce.is_robust:
        result.scalars.update(ll_c=pooled.log_likelihood, chi2_c=chi2_c, df_c=1.0)
        result.macros["chi2_ct"] = "LR"
    if kind.ordered:
        result.matrices["cat"] = Matrix(categories.reshape(1, -1), ["r1"], [f"c{j + 1}" for j in range(cuts + 1)])
    mean, _ = likelihood.posterior(fit.coefficients)
    add_postestimation(result, data, kind.link, kind.within, mean[data.ids], categories)
    variance = Variance(float(fit.coefficients[-1]), math.sqrt(max(float(V[-1, -1]), 0.0)))

    def footer(table: CoefficientTable) -> None:
        _footer(session, line, data, kind, table, assembly.b, assembly.V, cuts, variance)
        if not data.vce.is_robust and not line.flag("nolrtest"):
            session.log.line(chibar_line(f"LR test vs. {kind.comparison} model", chi2_c, 4))

    result.footer = footer
    shown = bool(kind.eform) and line.flag(kind.eform)
    finish(session, line, result, data.level, eform_heading(kind.eform) if shown else None)


def _outcome_model(
    data: GroupedData, kind: Kind
) -> tuple[Model, list[Equation], FloatArray, FloatArray]:  # fmt: skip
    """Conditional model, its equations, a start for the pooled fit, and the categories of ordered outcomes."""
    if kind.model is not None:
        start = np.zeros(data.X.shape[1])
        if data.constant and kind.link == "log":
            exposure = np.ones(len(data.y)) if data.offset is None else np.exp(data.offset)
            start[-1] = math.log(max(float(data.y.sum()), 1e-300) / float(exposure.sum()))
        return kind.model(data.y), [data.equation], start, np.zeros(0)
    link: Literal["logit", "probit"] = "logit" if kind.link == "logit" else "probit"
    # Cut points stand for the constant, against which regressors were checked for collinearity.
    data.design.constant = data.constant = False
    data.X = data.X[:, :-1]
    if data.X.shape[1] == 0:
        raise unsupported(f"{kind.command} without regressors is")
    categories, index = np.unique(data.y, return_inverse=True)
    J = len(categories)
    if J < 2:
        raise StataError(148, f"{data.depvar} has only one category")
    shares = np.cumsum(np.bincount(index.reshape(-1)))[:-1] / len(data.y)
    cuts = [math.log(s / (1 - s)) if link == "logit" else normal_quantile(float(s)) for s in shares]
    model = Ordered(index.reshape(-1).astype(np.intp), J, link)
    equations = [data.equation, *(Equation(None) for _ in range(J - 1))]
    return model, equations, np.append(np.zeros(data.X.shape[1]), cuts), categories


def _describe(result: MlResult, data: GroupedData, kind: Kind, points: int, method: str, ll: float) -> None:
    """Stored names and the header of the mixed-effects commands."""
    result.scalars.update(
        n_quad=float(points), k_r=1.0, k_rs=1.0, k_rc=0.0, k_f=float(len(result.b) - 1), k_eq=2.0,
    )  # fmt: skip
    result.macros.update(
        cmd="meglm", cmd2=kind.command, ivars=data.group, model=kind.comparison.lower(), link=kind.link,
        family=kind.family, intmethod=method,
    )  # fmt: skip
    result.macros["cmd"] = kind.command
    session = data.session

    def header() -> None:
        sizes = data.sizes
        entries = [Entry("Number of obs", count(result.sample.n))]
        left = [kind.title]
        if not data.line.flag("nogroup"):
            entries += [
                Entry("Number of groups", count(float(len(sizes)))), Entry("", ""), Entry("Obs per group:", ""),
                Entry("              min", f"{sizes.min():,.0f}"), Entry("              avg", f"{sizes.mean():,.1f}"),
                Entry("              max", f"{sizes.max():,.0f}"), Entry("", ""),
            ]  # fmt: skip
            left += [f"Group variable: {data.group}", "", "", "", "", "", ""]
        entries += [Entry("Integration pts.", str(points)), Entry("", "")]
        left += [f"Integration method: {method}", ""]
        entries += chi2_entry("Wald", result.df_m, result.chi2)
        left += ["", f"{likelihood_word(data.vce)} = {number(ll, '%10.0g')}"]
        session.log.line()
        print_header(session.log, left, entries, label_width=17, value_width=10)
        if data.vce.kind == "cluster":
            groups = data.sample.n_clusters
            session.log.line(f"{cluster_note(groups, data.vce.cluster):>78}")

    result.header = header


def _footer(
    session: Session, line: Line, data: GroupedData, kind: Kind, table: CoefficientTable, b: FloatArray, V: FloatArray,
    cuts: int, variance: Variance,
) -> None:  # fmt: skip
    log, z = session.log, critical(table.level, None)
    rows = []
    for place in range(len(b) - 1 - cuts, len(b) - 1):
        value, se = float(b[place]), math.sqrt(float(V[place, place]))
        rows.append(Row(f"/cut{place - len(b) + cuts + 2}", value, se, value - z * se, value + z * se))
    lines: list[str] = []
    print_rows(lines.append, table, [rows] if rows else [])
    for text in lines[:-1]:
        log.line(text)
    log.line("-" * (table.width + 1) + "+" + "-" * 64)
    log.line(f"{data.group[: table.width]:<{table.width}} |")
    row = variance.variance_row(table.level, "var(_cons)")
    text = coefficient_row(row.value, row.se, 0.0, 0.0, row.low, row.high, tests=False)
    log.line(f"{row.label:>{table.width + 1}}|{text}")
    log.line("-" * (table.width + 66))
    if table.eform and kind.note:
        ratios = "odds ratios" if kind.eform == "or" else "incidence-rate ratios"
        log.line(f"Note: Estimates are transformed only in the first equation to {ratios}.")
        if data.constant:
            log.line(f"Note: _cons estimates {kind.note} (conditional on zero random effects).")
