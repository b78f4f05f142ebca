"""glm: generalized linear models."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_binary import restrict
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    build_regressors,
    level_of,
    offset_of,
    operated_name,
    outcome_and_terms,
    parse_vce,
    replay,
    store,
    take_sample,
    vce_macros,
)
from ssd.engine.commands.margins_cells import Predictor, active_positions
from ssd.engine.commands.maximum import likelihood_word, score_covariance
from ssd.engine.commands.postestimation_predict import linear_prediction
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import BoolArray, is_missing
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    cluster_note,
    count,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.stats.arithmetic import quotient
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.generalized import CANONICAL, LINKS, Family, GeneralizedLinear
from ssd.engine.stats.likelihood import Equation, maximize
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.response import identity

if TYPE_CHECKING:
    from ssd.engine.session import Session

_FAMILIES: tuple[tuple[Family, int], ...] = (
    ("gaussian", 3),
    ("binomial", 1),
    ("poisson", 1),
    ("gamma", 3),
    ("nbinomial", 2),
)
_TITLES = {
    "gaussian": "Gaussian",
    "binomial": "Bernoulli",
    "poisson": "Poisson",
    "gamma": "Gamma",
    "nbinomial": "Neg. Binomial",
}
_VARIANCES = {"gaussian": "1", "binomial": "u*(1-u)", "poisson": "u", "gamma": "u^2", "nbinomial": "u+(1)u^2"}
_FORMULAS = {
    "identity": ("Identity", "u"), "log": ("Log", "ln(u)"), "logit": ("Logit", "ln(u/(1-u))"),
    "probit": ("Probit", "invnorm(u)"), "cloglog": ("Complementary log-log", "ln(-ln(1-u))"),
    "reciprocal": ("Reciprocal", "1/u"),
}  # fmt: skip


@command(
    "glm",
    "[varlist(numeric fv ts default=none)] [if] [in] [fweight aweight iweight pweight] [, Family(string) Link(string) "
    "SCAle(string) vce(string) Robust CLuster(varname) Exposure(varname) OFFset(varname) EForm noCONStant noLOg "
    "Level(cilevel) BASElevels noHEader noTABle IRLS ITERate(integer 300)]",
    by="recall",
    stored="e(N) e(k) e(df_m) e(df) e(phi) e(aic) e(bic) e(ll) e(N_clust) e(chi2) e(p) e(deviance) e(deviance_p) "
    "e(dispers) e(dispers_p) e(dispers_s) e(deviance_s) e(rank) e(varfunct) e(linkt) e(b) e(V) r(table)",
    refused="irls, family(nbinomial ml, igaussian), link(power, opower, nbinomial, loglog), "
    "vce(eim, opg, hac, unbiased)",
)
def glm(session: Session, line: Line) -> None:
    """Generalized linear models: gaussian, binomial, poisson, gamma, negative binomial with given dispersion."""
    if replay(session, line, "glm"):
        return
    if line.flag("irls"):
        raise unsupported("option irls is")
    family, parameter = parse_family(line.text_option("family") or "gaussian")
    trials_text = parameter if family == "binomial" else ""
    shape = _dispersion(parameter) if family == "nbinomial" else 1.0
    variance_text = f"u+({number(shape)})u^2" if family == "nbinomial" else _VARIANCES[family]
    link = parse_link(line.text_option("link"), family)
    level = level_of(session, line)
    vce = parse_vce(session, line, ("oim", "robust", "cluster"), "oim")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    depvar = operated_name(outcome)
    sample = take_sample(session, line, source, [(outcome,), *terms], vce)
    offset, offset_name = offset_of(session, line, sample.rows)
    if offset is not None:
        sample = restrict(session, sample, vce, ~is_missing(offset[sample.rows]))
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    design, X = regressors.design, regressors.X
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    trials = np.ones(len(y))
    if family == "binomial":
        if trials_text:
            trials = np.broadcast_to(session.evaluate_numbers(trials_text), sample.rows.shape)[sample.rows]
            y = y / trials
        if np.any((y < 0) | (y > 1)):
            raise StataError(459, f"dependent variable {depvar} has noninteger or out-of-range values")
    elif family in {"poisson", "nbinomial"} and np.any(y < 0):
        raise StataError(459, f"dependent variable {depvar} has negative values")
    w = np.ones(len(y)) if sample.w is None else (sample.raw if sample.kind == "pweight" else sample.w)
    assert w is not None
    model = GeneralizedLinear(y, family, link, trials, shape)
    off = None if offset is None else offset[sample.rows]
    full = with_constant(X, constant)
    start = np.zeros(full.shape[1])
    if constant:
        start[-1] = start_of_link(link, float(w @ (y * trials) / (w @ trials)))
    fit = maximize(model, [Equation(full, off)], start, w)
    eta = full @ fit.coefficients + (0.0 if off is None else off)
    mu = LINKS[link](eta[:, None])[0]
    n, k = sample.n, full.shape[1]
    df = n - k
    deviance, pearson = float(w @ model.deviance(mu)), float(w @ model.pearson(mu))
    size = float(w.sum())
    ll = model.full_log_likelihood(mu, w)
    phi = _scale(line.text_option("scale"), family, deviance, pearson, df)
    V = score_covariance(fit.covariance * (1.0 if vce.is_robust else phi), fit.scores, sample, vce, w)
    if not line.flag("nolog"):
        session.log.line()
        for i in range(len(fit.iterations)):
            b_ll = (
                ll
                if i == len(fit.iterations) - 1 or family == "gaussian"
                else fit.iterations[i] + ll - fit.log_likelihood
            )
            session.log.line(f"{f'Iteration {i}:':<13} {likelihood_word(vce)} = {number(b_ll, '%10.0g'):>10}")
    aic, bic = (-2.0 * ll + 2.0 * k) / n, deviance - df * math.log(n)
    df_m = k - int(constant)
    W, _ = wald(fit.coefficients[:df_m], V[:df_m, :df_m]) if df_m else (0.0, 0)
    equation = depvar
    names = [f"{equation}:{name}" for name in design.names]
    heading = {"log": "IRR" if family in {"poisson", "nbinomial"} else "exp(b)", "logit": "Odds ratio"}.get(
        link, "exp(b)"
    )
    table = CoefficientTable(
        names, design.expand(fit.coefficients), design.expand(V), depvar, None, level,
        vce.heading if vce.is_robust else "OIM",
        coefficient_heading=heading if line.flag("eform") else "Coefficient", eform=line.flag("eform"),
        empty=frozenset(f"{equation}:{c.name}" for c in design.columns if c.status == "empty"),
        base_levels=line.flag("baselevels"), data=session.data, offset=offset_name,
    )  # fmt: skip
    scaled = bool(line.text_option("scale")) and phi != 1.0

    def show() -> None:
        log = session.log
        if not line.flag("noheader"):
            log.line()
            entries = [
                Entry("Number of obs", count(n)), Entry("Residual df", count(df)),
                Entry("Scale parameter", number(phi)), Entry("(1/df) Deviance", number(quotient(deviance, df))),
                Entry("(1/df) Pearson ", number(quotient(pearson, df))),
            ]  # fmt: skip
            left = [
                "Generalized linear models", "Optimization     : ML", "",
                f"Deviance         = {number(deviance, '%12.0g'):>12}",
                f"Pearson          = {number(pearson, '%12.0g'):>12}",
            ]  # fmt: skip
            print_header(log, left, entries, label_width=15, value_width=10)
            log.line()
            title = "Binomial" if trials_text else _TITLES[family]
            log.line(f"{f'Variance function: V(u) = {variance_text}':<50}[{title}]")
            name, formula = _FORMULAS[link]
            log.line(f"{f'Link function    : g(u) = {formula}':<50}[{name}]")
            log.line()
            print_header(log, [""], [Entry("AIC", number(aic))], label_width=15, value_width=10)
            word = "Log pseudolikelihood" if vce.is_robust else "Log likelihood  "
            print_header(
                log,
                [f"{word} = {number(ll, '%10.0g')}"],
                [Entry("BIC", number(bic))],
                label_width=15,
                value_width=10,
            )
            log.line()
            if vce.kind == "cluster":
                log.line(f"{cluster_note(sample.n_clusters, vce.cluster):>78}")
        if not line.flag("notable"):
            print_coefficients(log, table)
            if scaled:
                by = "Pearson X2-based" if (line.text_option("scale") or "").lower() == "x2" else "deviance-based"
                log.line(f"(Standard errors scaled using square root of {by} dispersion.)")

    estimation = Estimation(
        {equation: design}, table, show, (line.weight.kind, line.weight.expression) if line.weight else ("", ""),
        {"offset": offset_name, "predictor": _predictor_factory(link), "statistics": _statistics(link, depvar)}, w,
    )  # fmt: skip
    scalars = {
        "N": n, "k": float(k), "k_eq": 1.0, "k_dv": 1.0, "df_m": float(df_m), "df": df, "phi": phi, "aic": aic,
        "bic": bic, "ll": ll, "chi2": W, "p": chi2_tail(W, df_m), "deviance": deviance, "deviance_p": pearson,
        "deviance_s": quotient(deviance, phi), "dispers": quotient(deviance, df), "dispers_p": quotient(pearson, df),
        "rank": float(k), "converged": 1.0,
    }  # fmt: skip
    if vce.kind == "cluster":
        scalars["N_clust"] = float(sample.n_clusters)
    macros = {
        "cmd": "glm", "depvar": depvar, "title": "Generalized linear models", "varfunct": _TITLES[family],
        "varfuncf": variance_text, "linkt": _FORMULAS[link][0], "linkf": _FORMULAS[link][1], "offset": offset_name,
        "opt": "moptimize", "predict": "glim_p", "chi2type": "Wald", **vce_macros(vce, "oim"),
    }  # fmt: skip
    if size <= 0:
        raise StataError(2000, "no observations")
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    show()


def parse_family(text: str) -> tuple[Family, str]:
    words = text.split()
    name = words[0] if words else "gaussian"
    if name in {"normal", "bernoulli"}:
        name = {"normal": "gaussian", "bernoulli": "binomial"}[name]
    found = next((family for family, least in _FAMILIES if family.startswith(name) and len(name) >= least), None)
    if found is None:
        raise unsupported(f"family({text}) is")
    if len(words) > 1 and found not in {"binomial", "nbinomial"}:
        raise StataError(198, "family() incorrectly specified")
    return found, words[1] if len(words) > 1 else ""


def _dispersion(text: str) -> float:
    """k of family(nbinomial k), 1 when not given. Raises r(198) unless it is a positive number."""
    if text and "ml".startswith(text):
        raise unsupported("family(nbinomial ml) (see nbreg) is")
    try:
        value = float(text or 1.0)
    except ValueError:
        raise StataError(198, "family() incorrectly specified") from None
    if not 0.0 < value < math.inf:
        raise StataError(198, "family() incorrectly specified")
    return value


def parse_link(text: str | None, family: str) -> str:
    if not text:
        return CANONICAL[family]
    found = next(
        (
            name
            for name in LINKS
            if name.startswith(text) and len(text) >= min(len(name), 3 if name != "identity" else 1)
        ),
        None,
    )
    if text == "log":
        found = "log"
    if found is None:
        raise unsupported(f"link({text}) is")
    return found


def start_of_link(link: str, mean: float) -> float:
    from ssd.engine.stats.distributions import normal_quantile

    if link == "log":
        return math.log(max(mean, 1e-10))
    if link == "reciprocal":
        return 1.0 / mean
    if link == "identity":
        return mean
    p = min(max(mean, 1e-10), 1.0 - 1e-10)
    if link == "probit":
        return normal_quantile(p)
    return math.log(p / (1.0 - p)) if link == "logit" else math.log(-math.log1p(-p))


def _scale(text: str | None, family: str, deviance: float, pearson: float, df: float) -> float:
    """Dispersion: 1 for discrete families, Pearson's X2/df for continuous ones, or as scale() says."""
    if text is None or text == "":
        return quotient(pearson, df) if family in {"gaussian", "gamma"} else 1.0
    if text.lower() == "x2":
        return quotient(pearson, df)
    if text.lower() == "dev":
        return quotient(deviance, df)
    try:
        return float(text)
    except ValueError:
        raise StataError(198, "option scale() incorrectly specified") from None


def _predictor_factory(link: str) -> object:
    def make(session: Session, estimation: Estimation, rows: BoolArray, text: str, source: SessionSource) -> Predictor:
        words = text.replace(",", " ").split()
        linear = linear_prediction(session, estimation, rows, offset="nooffset" not in words, source=source)
        wanted = next((word for word in words if word != "nooffset"), "")
        if wanted not in {"", "mu", "xb", "eta"}:
            raise StataError(198, f"prediction statistic {wanted} is not appropriate with margins")
        raw = wanted in {"xb", "eta"}
        label = "Linear prediction" if raw else f"Predicted mean {session.e.macros['depvar']}"
        return Predictor(
            identity if raw else LINKS[link], [linear], [active_positions(session, estimation, 0)], label,
            f"predict({wanted})" if wanted else "predict()",
        )  # fmt: skip

    return make


def _statistics(link: str, depvar: str) -> Statistics:
    return Statistics(
        {
            "mu": lambda r: LINKS[link](r.xb[:, None])[0],
            "eta": lambda r: r.xb,
            "response": lambda r: r.y - LINKS[link](r.xb[:, None])[0],
        },
        "mu", f"(option mu assumed; predicted mean {depvar})", depvar,
    )  # fmt: skip
