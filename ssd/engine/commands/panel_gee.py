"""xtgee and the population-averaged estimators of xtlogit, xtprobit, xtcloglog and xtpoisson; estat wcorrelation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_binary import restrict
from ssd.engine.commands.estimation import (
    SessionSource,
    Vce,
    build_regressors,
    eform_heading,
    key_values,
    level_of,
    offset_of,
    operated_name,
    outcome_and_terms,
    parse_vce,
    replay,
    take_sample,
)
from ssd.engine.commands.generalized import parse_family, parse_link, start_of_link
from ssd.engine.commands.maximum import MlResult, finish, model_test
from ssd.engine.commands.panel import panel_variable
from ssd.engine.commands.panel_gee_report import mean_predictor, mean_statistics, print_gee_header, show_correlation
from ssd.engine.data.timeseries import time_settings
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, number
from ssd.engine.results import Matrix
from ssd.engine.stats.covariance import group_ids, sandwich
from ssd.engine.stats.generalized import Family, GeneralizedLinear
from ssd.engine.stats.likelihood import Equation, maximize
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.panel_gee import Correlation, GeeFit, Panel, fit_gee

if TYPE_CHECKING:
    from ssd.engine.commands.estimation import Sample
    from ssd.engine.session import Session
    from ssd.engine.stats.design import Design

_FAMILIES = {"gaussian": "Gaussian", "binomial": "Binomial", "poisson": "Poisson", "gamma": "Gamma"}
_LINKS = {
    "identity": "Identity", "log": "Log", "logit": "Logit", "probit": "Probit", "cloglog": "Complementary log-log",
    "reciprocal": "Reciprocal",
}  # fmt: skip
_STORED = (
    "e(N) e(N_g) e(df_m) e(chi2) e(p) e(g_min) e(g_avg) e(g_max) e(chi2_dev) e(phi) e(dispers) e(tol) e(N_clust) "
    "e(rank) e(cmd) e(depvar) e(ivar) e(tvar) e(family) e(link) e(corr) e(scale) e(offset) e(model) e(vce) e(b) e(V) "
    "e(R) r(table)"
)


@command(
    "xtgee",
    "[varlist(numeric fv ts default=none)] [if] [in] [fweight iweight pweight] [, Family(string) Link(string) "
    "Corr(string) I(varname) T(varname) vce(string) Robust Exposure(varname) OFFset(varname) noCONStant FORCE NMP RGF "
    "SCAle(string) EForm Level(cilevel) noLOg BASElevels ITERate(integer 100) TOLerance(real 1e-6) noHEader noTABle]",
    by="recall",
    stored=_STORED,
    refused="weights, family(igaussian, nbinomial), corr(ar 2 and above, stationary, nonstationary, fixed), nmp, rgf, "
    "scale(dev), link(power, opower, nbinomial), vce(bootstrap)",
)
def xtgee(session: Session, line: Line) -> None:
    """Population-averaged panel-data models by generalized estimating equations."""
    if replay(session, line, "xtgee"):
        return
    for name in ("nmp", "rgf"):
        if line.flag(name):
            raise unsupported(f"option {name} is")
    family, trials = parse_family(line.text_option("family") or "gaussian")
    if family == "nbinomial":
        raise unsupported("family(nbinomial) of xtgee is")
    if trials and trials != "1":
        raise unsupported("family(binomial) with a number of trials is")
    link = parse_link(line.text_option("link"), family)
    eform = None
    if line.flag("eform"):
        eform = {"logit": eform_heading("or"), "log": eform_heading("irr")}.get(link, "exp(b)")
    fit_population_averaged(session, line, "xtgee", family, link, eform)


def linear_population_averaged(session: Session, line: Line) -> None:
    """xtreg, pa. Raises r(198) together with another estimator."""
    others = [name for name in ("fe", "be", "re", "mle", "wls", "sa", "theta", "nonest") if line.flag(name)]
    if others:
        raise StataError(198, f"options pa and {others[0]} may not be combined")
    fit_population_averaged(session, line, "xtreg", "gaussian", "identity", None)


def correlation_of(line: Line) -> Correlation:
    """corr() as one of those done here. Raises r(198)."""
    text = (line.text_option("corr") or "exchangeable").strip().lower()
    word = text.rstrip("0123456789 ")
    order = text[len(word) :].strip()
    if word == "ar":
        if order not in {"", "1"}:
            raise unsupported(f"corr({text}) is")
        return "ar"
    names: tuple[Correlation, ...] = ("independent", "exchangeable", "unstructured")
    found = next((name for name in names if len(word) >= 3 and name.startswith(word) and not order), None)
    if found is None:
        if word.startswith(("sta", "non", "fix")):
            raise unsupported(f"corr({text}) is")
        raise StataError(198, f"corr({text}) invalid")
    return found


@dataclass
class _Data:
    """Sample in group and time order."""

    sample: Sample
    design: Design
    panel: Panel
    depvar: str
    offset_name: str
    group: str
    time: str
    constant: bool


def fit_population_averaged(
    session: Session, line: Line, name: str, family: Family, link: str, eform: str | None
) -> None:
    """Fit, store and show a population-averaged model."""
    if line.weight is not None:
        raise unsupported(f"{line.weight.kind}s with {line.command} are")
    level = level_of(session, line)
    vce = parse_vce(session, line, ("conventional", "robust"), "conventional")
    correlation = correlation_of(line)
    data = _read(session, line, correlation, family)
    panel = data.panel
    tolerance = float(str(line.options.get("tolerance", 1e-6)))
    limit = int(str(line.options.get("iterate", 100)))
    fit = fit_gee(panel, family, link, correlation, _start(panel, family, link, data.constant), tolerance=tolerance,
                  limit=limit)  # fmt: skip
    if not line.flag("nolog"):
        session.log.line()
        for i, change in enumerate(fit.tolerances):
            session.log.line(f"{f'Iteration {i + 1}:':<13} Tolerance = {number(change, '%9.0g')}")
    groups = len(panel.sizes)
    dispersion = fit.pearson / len(panel.y)
    phi = _scale(line, family, dispersion)
    V = fit.model_covariance * phi
    if vce.is_robust:
        if groups < 2:
            raise StataError(2001, "insufficient observations")
        V = sandwich(fit.model_covariance, fit.scores.T @ fit.scores, groups / (groups - 1.0))
    _post(session, line, name, family, link, correlation, data, fit, V, phi, dispersion, vce, level, eform)


def _scale(line: Line, family: Family, dispersion: float) -> float:
    """1 for binomial and Poisson, else Pearson's chi-squared over N, or as scale() says."""
    text = (line.text_option("scale") or "").strip().lower() if "scale" in line.options else ""
    if text in {"", "phi"}:
        return 1.0 if family in {"binomial", "poisson"} else dispersion
    if text == "x2":
        return dispersion
    if text == "dev":
        raise unsupported("scale(dev) is")
    try:
        return float(text)
    except ValueError:
        raise StataError(198, "option scale() incorrectly specified") from None


def _read(session: Session, line: Line, correlation: Correlation, family: Family) -> _Data:
    group = panel_variable(session, line.text_option("i"))
    settings = time_settings(session.data)
    time = (line.text_option("t") if "t" in line.options else None) or (settings.time if settings else "") or ""
    if correlation in {"ar", "unstructured"} and not time:
        raise StataError(459, "must specify timevar; use xtset")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    needed = [group, *([time] if time else [])]
    none = Vce("conventional", typed=False)
    sample = take_sample(session, line, source, [(outcome,), *terms], None, needed)
    offset, offset_name = offset_of(session, line, sample.rows)
    if offset is not None:
        sample = restrict(session, sample, none, ~is_missing(offset[sample.rows]))
    if correlation in {"ar", "unstructured"}:
        delta = settings.delta if settings is not None else 1.0
        sample = _usable_groups(session, line, sample, group, time, float(delta or 1.0), correlation)
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    depvar = operated_name(outcome)
    if family == "binomial":
        y = (y != 0.0).astype(np.float64)
        if np.unique(y).size < 2:
            raise StataError(2000, "outcome does not vary")
    elif family in {"poisson", "gamma"} and np.any(y < 0.0):
        raise StataError(459, f"{depvar} must be greater than or equal to zero")
    ids = group_ids(key_values(session, group)[sample.rows])[0]
    times = session.data.numeric(time)[sample.rows] if time else np.zeros(len(y))
    order = np.lexsort((times, ids))
    panel = Panel(
        y[order], with_constant(regressors.X, constant)[order], ids[order], group_ids(times)[0][order],
        np.zeros(len(y)) if offset is None else offset[sample.rows][order],
    )  # fmt: skip
    return _Data(sample, regressors.design, panel, depvar, offset_name, group, time, constant)


def _usable_groups(
    session: Session, line: Line, sample: Sample, group: str, time: str, delta: float, correlation: Correlation
) -> Sample:
    """The sample without groups whose correlation over time is not defined, with Stata's notes."""
    ids, groups = group_ids(key_values(session, group)[sample.rows])
    times = session.data.numeric(time)[sample.rows]
    order = np.lexsort((times, ids))
    sizes = np.bincount(ids, minlength=groups)
    short = sizes < 2
    same = ids[order][1:] == ids[order][:-1]
    uneven = np.zeros(groups, dtype=np.bool_)
    if correlation == "ar" and not line.flag("force"):
        gaps = same & (np.abs(np.diff(times[order]) - delta) > 1e-9 * delta)
        uneven[ids[order][1:][gaps]] = True
    log = session.log
    if short.any():
        log.line("note: some groups have fewer than 2 observations;")
        log.line("      not possible to estimate correlations for those groups.")
        log.line(f"      {int(short.sum()):,} groups omitted from estimation.")
    if uneven.any():
        log.line("note: observations not equally spaced;")
        log.line(f"      modal spacing is delta {time} = {delta:g} unit{'s' if delta != 1 else ''};")
        log.line(f"      {int(uneven.sum()):,} groups omitted from estimation.")
    useless: BoolArray = np.asarray(short | uneven, dtype=np.bool_)
    if useless.all():
        raise StataError(2000, "no observations")
    return restrict(session, sample, Vce("conventional", typed=False), ~useless[ids])


def _start(panel: Panel, family: Family, link: str, constant: bool) -> FloatArray:
    """The coefficients of the generalized linear model."""
    start = np.zeros(panel.X.shape[1])
    if constant:
        start[-1] = start_of_link(link, float(panel.y.mean()))
    w = np.ones(len(panel.y))
    model = GeneralizedLinear(panel.y, family, link, w)
    return maximize(model, [Equation(panel.X, panel.offset)], start, w).coefficients


def _post(
    session: Session, line: Line, name: str, family: Family, link: str, correlation: Correlation, data: _Data,
    fit: GeeFit, V: FloatArray, phi: float, dispersion: float, vce: Vce, level: float, eform: str | None,
) -> None:  # fmt: skip
    design, sizes = data.design, data.panel.sizes
    depvar = data.depvar
    names = [f"{depvar}:{each}" for each in design.names]
    slopes = [j for j, flag in enumerate(design.active) if flag and design.names[j] != "_cons"]
    result = MlResult(
        "GEE population-averaged model", name, depvar, {depvar: design}, names, design.expand(fit.coefficients),
        design.expand(V), math.nan, None, len(slopes), data.sample, vce, "xtgee_p",
    )  # fmt: skip
    model_test(result, slopes, likelihood_ratio=False)
    result.pseudo = False
    result.scalars.update(
        N_g=float(len(sizes)), g_min=float(sizes.min()), g_avg=float(sizes.mean()), g_max=float(sizes.max()),
        chi2_dis=fit.pearson, dispers=dispersion, phi=phi, tol=1e-6, dif=fit.tolerances[-1],
    )  # fmt: skip
    shown = {"ar": "AR(1)"}.get(correlation, correlation)
    result.macros.update(
        ivar=data.group, tvar=data.time, family=_FAMILIES[family], link=link, corr=shown, model="pa",
        offset=data.offset_name, vce="robust" if vce.is_robust else "conventional",
        scale=f"{phi:g}" if family in {"binomial", "poisson"} else "x2", clustvar=data.group if vce.is_robust else "",
    )  # fmt: skip
    size = len(fit.correlation)
    labels = [f"c{j + 1}" for j in range(size)]
    result.matrices["R"] = Matrix(fit.correlation, [f"r{j + 1}" for j in range(size)], labels)
    result.predictions.update(
        offset=data.offset_name, statistics=mean_statistics(link, depvar), predictor=mean_predictor(link),
        estat={"wcorrelation": show_correlation},
    )  # fmt: skip
    result.header = lambda: print_gee_header(
        session, result, sizes, data.group, data.time, _FAMILIES[family], _LINKS[link], correlation, phi, vce
    )

    def footer(table: CoefficientTable) -> None:
        if not table.eform or not data.constant:
            return
        if link == "logit":
            session.log.line("Note: _cons estimates baseline odds (conditional on zero random effects).")
        elif link == "log" and family == "poisson":
            session.log.line("Note: _cons estimates baseline incidence rate (conditional on zero random effects).")

    result.footer = footer
    finish(session, line, result, level, eform)
    for missing in ("ll", "ic", "k_eq_model"):
        session.e.scalars.pop(missing, None)
