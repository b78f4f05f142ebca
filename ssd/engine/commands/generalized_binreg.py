"""binreg: odds ratios, risk ratios and risk differences of a binomial outcome."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, command_line, replay, store, vce_macros
from ssd.engine.commands.likelihood_equations import VARLIST, WEIGHTS, open_model
from ssd.engine.commands.maximum import ML_OPTIONS, score_covariance
from ssd.engine.commands.response_predictions import Prediction, Predictions, linear_form
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray, is_missing
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
from ssd.engine.stats.generalized import LINKS, GeneralizedLinear
from ssd.engine.stats.jets import Jet, exp, logistic_cumulative
from ssd.engine.stats.likelihood import Equation, Maximum, maximize
from ssd.engine.stats.linear import symmetric_inverse

if TYPE_CHECKING:
    from ssd.engine.commands.likelihood_equations import Block, Opening
    from ssd.engine.session import Session

_KINDS = {
    "or": ("logit", "Odds ratio", "ln(u/(1-u))", "Logit"),
    "rr": ("log", "Risk ratio", "ln(u)", "Log"),
    "rd": ("identity", "Risk diff.", "u", "Identity"),
}
_MEANS: dict[str, Callable[[Jet], Jet]] = {"logit": logistic_cumulative, "log": exp, "identity": lambda x: x}


@command(
    "binreg",
    VARLIST + WEIGHTS + "[, OR RR HR RD N(string) Exposure(varname) OFFset(varname) COEFficients MU(varname) "
    "INIT(varname) ML SCAle(string) " + ML_OPTIONS + "]",
    by="recall",
    stored="e(N) e(k) e(df_m) e(df) e(phi) e(bic) e(deviance) e(deviance_p) e(dispers) e(dispers_p) e(chi2) e(p) "
    "e(N_clust) e(rank) e(m) e(varfunct) e(linkt) e(cmd) e(depvar) e(eform) e(b) e(V) r(table)",
    refused="hr, mu(), ml, scale(), constraints(), vce(oim, opg, hac, bootstrap), technique() other than nr",
)
def binreg(session: Session, line: Line) -> None:
    """Generalized linear models of the binomial family: odds ratios, risk ratios, risk differences."""
    if replay(session, line, "binreg"):
        return
    for option in ("hr", "ml"):
        if line.flag(option):
            raise unsupported(f"option {option} is")
    for option in ("mu", "init", "scale"):
        if line.text_option(option):
            raise unsupported(f"option {option}() is")
    chosen = [kind for kind in _KINDS if line.flag(kind)]
    if len(chosen) > 1:
        raise StataError(198, "only one of or, rr, hr, and rd may be specified")
    kind = chosen[0] if chosen else "or"
    opening = open_model(session, line, vces=("eim", "robust", "cluster"), default_vce="eim")
    trials = _trials(opening)
    y = opening.y / trials
    if np.any((y < 0.0) | (y > 1.0)):
        raise StataError(459, f"dependent variable {opening.depvar} has noninteger or out-of-range values")
    if y.min() == y.max():
        raise StataError(2000, "outcome does not vary")
    main = opening.main
    assert main.X is not None
    model = GeneralizedLinear(y, "binomial", _KINDS[kind][0], trials)
    start = np.zeros(main.size)
    share = float(opening.w @ (y * trials) / (opening.w @ trials))
    if opening.constant:
        start[-1] = {"or": math.log(share / (1.0 - share)), "rr": math.log(share), "rd": share}[kind]
    elif kind != "or":
        raise unsupported(f"{kind} without a constant is")
    fit = maximize(model, [main.equation], start, opening.w)
    _post(opening, main, model, fit, kind)


def _trials(opening: Opening) -> FloatArray:
    """Numbers of trials: n() as a number or variable, else one. Raises r(459) where they are not positive."""
    typed = opening.line.text_option("n")
    if not typed:
        return np.ones(opening.sample.count)
    values = np.broadcast_to(opening.session.evaluate_numbers(typed), opening.sample.rows.shape)
    trials = values[opening.sample.rows].copy()
    if np.any(is_missing(trials)) or np.any(trials <= 0.0):
        raise StataError(459, "n() must be positive")
    return trials


def _expected_information(opening: Opening, model: GeneralizedLinear, equation: Equation, fit: Maximum) -> FloatArray:
    """Inverse of X'WX with W = n (dmu/deta)^2 / (mu (1 - mu))."""
    X = equation.X
    assert X is not None
    eta = equation.index(fit.coefficients, len(X))
    mu, slope, _ = LINKS[model.link](eta[:, None])
    w = opening.w * model.trials * slope[:, 0] ** 2 / (mu * (1.0 - mu))
    return symmetric_inverse(X.T @ (X * w[:, None]))


def _post(opening: Opening, main: Block, model: GeneralizedLinear, fit: Maximum, kind: str) -> None:
    session, line, sample, vce, w = opening.session, opening.line, opening.sample, opening.vce, opening.w
    assert main.X is not None
    assert main.design is not None
    design = main.design
    bread = _expected_information(opening, model, main.equation, fit)
    V = score_covariance(bread, fit.scores, sample, vce)
    eta = main.equation.index(fit.coefficients, sample.count)
    mu = LINKS[model.link](eta[:, None])[0]
    k = main.size
    n = sample.n
    df = n - k
    deviance, pearson = float(w @ model.deviance(mu)), float(w @ model.pearson(mu))
    bic = deviance - df * math.log(n)
    link, heading, formula, link_name = _KINDS[kind]
    eform = kind != "rd" and not line.flag("coefficients")
    depvar = opening.depvar
    names = [f"{depvar}:{name}" for name in design.names]
    table = CoefficientTable(
        names, design.expand(fit.coefficients), design.expand(V), depvar, None, opening.level,
        vce.heading if vce.is_robust else "EIM",
        coefficient_heading=heading if eform or kind == "rd" else "Coefficient", eform=eform,
        base_levels=line.flag("baselevels"), data=session.data,
    )  # fmt: skip
    family = "Bernoulli" if not line.text_option("n") else "Binomial"
    df_m = k - int(opening.constant)
    chi2 = wald(fit.coefficients[:df_m], V[:df_m, :df_m])[0] if df_m else 0.0
    if not line.flag("nolog"):
        session.log.line()
        for i, value in enumerate(fit.iterations):
            shown = deviance + 2.0 * (fit.log_likelihood - value)
            session.log.line(f"{f'Iteration {i}:':<13} Deviance = {number(shown, '%9.0g'):>9}")

    def show() -> None:
        log = session.log
        if not line.flag("noheader"):
            log.line()
            entries = [
                Entry("Number of obs", count(n)), Entry("Residual df", count(df)), Entry("Scale parameter", "1"),
                Entry("(1/df) Deviance", number(quotient(deviance, df))),
                Entry("(1/df) Pearson ", number(quotient(pearson, df))),
            ]  # fmt: skip
            left = [
                "Generalized linear models", "Optimization     : MQL Fisher scoring", "                   (IRLS EIM)",
                f"Deviance         = {number(deviance, '%12.0g'):>12}",
                f"Pearson          = {number(pearson, '%12.0g'):>12}",
            ]  # fmt: skip
            print_header(log, left, entries, label_width=15, value_width=10)
            log.line()
            log.line(f"{'Variance function: V(u) = u*(1-u)':<50}[{family}]")
            log.line(f"{f'Link function    : g(u) = {formula}':<50}[{link_name}]")
            log.line()
            print_header(log, [""], [Entry("BIC", number(bic))], label_width=15, value_width=10)
            log.line()
            if vce.kind == "cluster":
                log.line(f"{cluster_note(sample.n_clusters, vce.cluster):>78}")
        if not line.flag("notable"):
            print_coefficients(log, table)
            if kind == "rd" and not line.flag("coefficients"):
                log.line("Coefficients are the risk differences.")
            elif table.eform and opening.constant:
                log.line(f"Note: _cons estimates baseline {'odds' if kind == 'or' else 'risk'}.")

    mean = _MEANS[link]
    predictions = Predictions(
        depvar, "mu", f"(option mu assumed; predicted mean {depvar})",
        {"mu": Prediction(f"Predicted mean {depvar}", lambda at: mean(at[0])), "xb": linear_form()},
    )  # fmt: skip
    weights = (line.weight.kind, line.weight.expression) if line.weight is not None else ("", "")
    estimation = Estimation(
        {depvar: design}, table, show, weights, {"offset": opening.offset_name, **predictions.entries()}, sample.w
    )
    scalars = {
        "N": n, "k": float(k), "k_eq": 1.0, "k_dv": 1.0, "df_m": float(df_m), "df": df, "phi": 1.0, "bic": bic,
        "deviance": deviance, "deviance_p": pearson,
        "dispers": quotient(deviance, df), "dispers_p": quotient(pearson, df),
        "chi2": chi2, "p": chi2_tail(chi2, df_m) if df_m else math.nan, "rank": float(k), "converged": 1.0,
    }  # fmt: skip
    if vce.kind == "cluster":
        scalars["N_clust"] = float(sample.n_clusters)
    macros = {
        "cmd": "binreg", "cmdline": command_line(line), "depvar": depvar, "title": "Generalized linear models",
        "eform": heading, "varfunct": family, "varfuncf": "u*(1-u)", "linkt": link_name, "linkf": formula,
        "offset": opening.offset_name, "predict": "glim_p", "chi2type": "Wald",
        "opt1": "MQL Fisher scoring", "opt2": "(IRLS EIM)", **vce_macros(vce, "eim"),
    }  # fmt: skip
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    show()
