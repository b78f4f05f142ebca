"""hetprobit and scobit: binary outcomes with a variance function or a skewed logistic distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_binary import constant_only
from ssd.engine.commands.estimation import replay
from ssd.engine.commands.likelihood_equations import (
    LIKELIHOOD_STORED,
    VARLIST,
    WEIGHTS,
    Block,
    Footer,
    Opening,
    assemble,
    exponential_row,
    fit_blocks,
    joint_wald,
    log_fit,
    open_model,
    option_terms,
    slope_places,
    test_line,
    wald_on,
)
from ssd.engine.commands.maximum import ML_OPTIONS, MlResult, finish
from ssd.engine.commands.response_predictions import Prediction, Predictions, linear_form
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import Entry, count
from ssd.engine.stats.binary import Logit, Probit
from ssd.engine.stats.binary_scaled import HeteroskedasticProbit, SkewedLogit, skewed_probability
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.jets import exp, normal_probability

if TYPE_CHECKING:
    from ssd.engine.session import Session

_REFUSED = "het(, offset()), asis (perfect predictors are not looked for), constraints(), technique() other than nr"
_HETEROSKEDASTIC = VARLIST + WEIGHTS + "[, HET(string) OFFset(varname) LRMODEL WALDHET ASIS " + ML_OPTIONS + "]"


@command("hetprobit", _HETEROSKEDASTIC, minimum=7, by="recall",
         stored=LIKELIHOOD_STORED + " e(N_f) e(N_s) e(ll_c) e(chi2_c) e(df_m_c) e(p_c)", refused=_REFUSED)  # fmt: skip
def hetprobit(session: Session, line: Line) -> None:
    """Heteroskedastic probit regression."""
    _heteroskedastic(session, line)


@command("hetprob", _HETEROSKEDASTIC, by="recall", stored="as hetprobit", refused=_REFUSED)
def hetprob(session: Session, line: Line) -> None:
    """Heteroskedastic probit regression (name of hetprobit before version 13)."""
    _heteroskedastic(session, line)


def binary_outcome(opening: Opening) -> FloatArray:
    """0/1 outcome. Raises r(2000) when it does not vary."""
    y = np.asarray(opening.y != 0.0, dtype=np.float64)
    if np.unique(y).size < 2:
        raise StataError(
            2000,
            "outcome does not vary; remember:\n"
            "                                  0 = negative outcome,\n"
            "        all other nonmissing values = positive outcome",
        )
    return y


def outcome_entries(result: MlResult, opening: Opening, y: FloatArray) -> None:
    """The header's counts of zero and nonzero outcomes."""
    positive = float(opening.w[y == 1.0].sum()) if opening.sample.kind == "fweight" else float(y.sum())
    zero = opening.sample.n - positive
    result.header_extra = [Entry("Zero outcomes", count(zero)), Entry("Nonzero outcomes", count(positive))]
    result.scalars.update(N_f=zero, N_s=positive)


def _heteroskedastic(session: Session, line: Line) -> None:
    if replay(session, line, "hetprobit"):
        return
    typed = line.text_option("het")
    if not typed:
        raise StataError(198, "option het() required")
    terms, options = option_terms(session, typed)
    if "noconstant" in options:
        raise StataError(198, "option noconstant not allowed")
    if "offset" in options:
        raise unsupported("het(, offset()) is")
    opening = open_model(session, line, terms)
    y = binary_outcome(opening)
    main = opening.main
    scale = opening.block("lnsigma", terms, constant=False)
    if scale.size == 0:
        raise StataError(198, "het() must name at least one variable that varies")
    probit = fit_blocks(Probit(y), [main], np.zeros(main.size), opening.w)
    log_fit(opening, probit, "Fitting probit model:")
    model = HeteroskedasticProbit(y)
    fit = fit_blocks(model, [main, scale], np.append(probit.coefficients, np.zeros(scale.size)), opening.w)
    log_fit(opening, fit, "Fitting full model:")
    result = assemble(opening, [main, scale], fit, "Heteroskedastic probit model", "hetprobit", "hetpr_p")
    wald_on(result, [opening.depvar])
    if line.flag("lrmodel"):
        null_fit = constant_only("probit", y, opening.sample, opening.offset)
        ones = Block(opening.depvar, None, np.ones((len(y), 1)), opening.offset)
        start = np.append(0.0, fit.coefficients[main.size :])
        null = fit_blocks(model, [ones, scale], start, opening.w)
        result.ll_0 = max(null.log_likelihood, null_fit)
        result.chi2, result.chi2type = 2.0 * (fit.log_likelihood - result.ll_0), "LR"
    outcome_entries(result, opening, y)
    result.header_extra.append(Entry("", ""))
    robust = opening.vce.is_robust or line.flag("waldhet")
    variance = slope_places(result, ["lnsigma"])
    chi2, df = joint_wald(result, variance)
    if not robust:
        chi2, df = 2.0 * (fit.log_likelihood - probit.log_likelihood), len(variance)
        result.scalars["ll_c"] = probit.log_likelihood
    kind = "Wald" if robust else "LR"
    result.scalars.update(chi2_c=chi2, df_m_c=float(df), p_c=chi2_tail(chi2, df))
    result.macros.update(chi2_ct=kind, method="ml")
    Footer(session, result, lines=[test_line(f"{kind} test of lnsigma=0", df, chi2)]).attach()
    result.predictions.update(
        Predictions(
            opening.depvar,
            "pr",
            f"(option pr assumed; Pr({opening.depvar}))",
            {
                "pr": Prediction(f"Pr({opening.depvar})", lambda at: normal_probability(at[0] * exp(-at[1]))),
                "xb": linear_form(),
                "sigma": Prediction("Sigma", lambda at: exp(at[1])),
            },
        ).entries()
    )
    finish(session, line, result, opening.level)


@command("scobit", VARLIST + WEIGHTS + "[, OFFset(varname) OR ASIS " + ML_OPTIONS + "]", minimum=6, by="recall",
         stored=LIKELIHOOD_STORED + " e(N_f) e(N_s) e(alpha) e(ll_c) e(chi2_c)", refused=_REFUSED)  # fmt: skip
def scobit(session: Session, line: Line) -> None:
    """Skewed logistic regression."""
    if replay(session, line, "scobit"):
        return
    opening = open_model(session, line)
    y = binary_outcome(opening)
    main = opening.main
    logit = fit_blocks(Logit(y), [main], np.zeros(main.size), opening.w)
    log_fit(opening, logit, "Fitting logistic model:")
    blocks = [main, Block("lnalpha")]
    fit = fit_blocks(SkewedLogit(y), blocks, np.append(logit.coefficients, 0.0), opening.w)
    log_fit(opening, fit, "Fitting full model:")
    result = assemble(opening, blocks, fit, "Skewed logistic regression", "scobit", "scobit_p")
    wald_on(result, [opening.depvar])
    outcome_entries(result, opening, y)
    result.header_extra += [Entry("", "")]
    result.no_model_test = True
    result.untested = frozenset({"/:lnalpha"})
    place = len(result.names) - 1
    chi2 = max(2.0 * (fit.log_likelihood - logit.log_likelihood), 0.0)
    result.scalars["alpha"] = float(np.exp(result.b[place]))
    footer = Footer(session, result, [exponential_row("alpha", place)])
    if not opening.vce.is_robust:
        result.scalars.update(ll_c=logit.log_likelihood, chi2_c=chi2, p_c=chi2_tail(chi2, 1))
        result.macros["chi2_ct"] = "LR"
        footer.lines = [
            test_line("LR test of alpha=1", 1, chi2),
            "",
            "Note: Likelihood-ratio tests are recommended for inference with scobit models.",
        ]
    footer.attach()
    result.predictions.update(
        Predictions(
            opening.depvar,
            "pr",
            f"(option pr assumed; Pr({opening.depvar}))",
            {"pr": Prediction(f"Pr({opening.depvar})", skewed_probability), "xb": linear_form()},
        ).entries()
    )
    finish(session, line, result, opening.level, "Odds ratio" if line.flag("or") else None)
