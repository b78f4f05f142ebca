"""fracreg and betareg: outcomes that are shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import replay
from ssd.engine.commands.likelihood_equations import (
    LIKELIHOOD_STORED,
    VARLIST,
    WEIGHTS,
    Block,
    Footer,
    Opening,
    assemble,
    fit_blocks,
    joint_wald,
    log_fit,
    open_model,
    option_terms,
    slope_places,
    test_line,
    wald_on,
)
from ssd.engine.commands.maximum import ML_OPTIONS, MlResult, finish, model_test
from ssd.engine.commands.postestimation_statistics import Function
from ssd.engine.commands.response_predictions import Prediction, Predictions, linear_form
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.stats.binary_scaled import MEANS, SCALES, BetaShare, FractionalResponse, HeteroskedasticProbit
from ssd.engine.stats.distributions import chi2_tail, normal_quantile
from ssd.engine.stats.jets import exp, normal_probability
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

_NAMES = {"logit": ("logistic", 3), "probit": ("probit", 2)}


@command("fracreg", "[anything(everything)] [if] [in] " + WEIGHTS + "[, HET(string) OFFset(varname) OR " + ML_OPTIONS
         + "]", by="recall", stored=LIKELIHOOD_STORED + " e(r2_p) e(estimator)",
         refused="het(, offset()), vce(oim), constraints(), technique() other than nr")  # fmt: skip
def fracreg(session: Session, line: Line) -> None:
    """Fractional response regression: logit, probit and heteroskedastic probit."""
    if not line.anything.strip() and replay(session, line, "fracreg"):
        return
    words = split_words(line.anything)
    link = next((name for name, (_, least) in _NAMES.items() if words and name.startswith(words[0])
                 and len(words[0]) >= least), None)  # fmt: skip
    if link is None:
        raise StataError(198, "must specify estimator probit or logit")
    typed = line.text_option("het")
    if typed and link == "logit":
        raise StataError(198, "option het() not allowed with fracreg logit")
    if line.flag("or") and link == "probit":
        raise StataError(198, "option or not allowed with fracreg probit")
    terms, options = option_terms(session, typed) if typed else ([], {})
    if options:
        raise unsupported(f"{next(iter(options))} within het() is")
    opening = open_model(
        session, line, terms, vces=("robust", "cluster"), default_vce="robust", words=_outcome_words(words)
    )
    y = opening.y
    if np.any((y < 0.0) | (y > 1.0)):
        raise StataError(459, f"{opening.depvar} must be between 0 and 1")
    if y.min() == y.max():
        raise StataError(2000, f"{opening.depvar} does not vary")
    _fit_fractional(opening, y, link, opening.block("lnsigma", terms, constant=False)
                    if typed else None)  # fmt: skip


def _outcome_words(words: list[str]) -> list[str]:
    """The varlist behind the estimator. Raises r(100)."""
    if len(words) < 2:
        raise StataError(100, "varlist required")
    return words[1:]


def _fit_fractional(opening: Opening, y: FloatArray, link: str, scale: Block | None) -> None:
    session, line = opening.session, opening.line
    main = opening.main
    start = np.zeros(main.size)
    share = float(opening.w @ y / opening.w.sum())
    constant_fit = None
    model = FractionalResponse(y, link)
    if opening.constant:
        start[-1] = np.log(share / (1.0 - share)) if link == "logit" else normal_quantile(share)
        ones = Block(opening.depvar, None, np.ones((len(y), 1)), opening.offset)
        constant_fit = fit_blocks(model, [ones], start[-1:], opening.w)
    fit = fit_blocks(model, [main], start, opening.w)
    blocks, title = [main], f"Fractional {_NAMES[link][0]} regression"
    if scale is not None:
        log_fit(opening, fit, "Fitting fractional probit model:")
        blocks, title = [main, scale], "Fractional heteroskedastic probit regression"
        fit = fit_blocks(HeteroskedasticProbit(y), blocks, np.append(fit.coefficients, np.zeros(scale.size)), opening.w)
        log_fit(opening, fit, "Fitting full model:")
    else:
        log_fit(opening, fit)
    ll_0 = None if constant_fit is None or scale is not None else constant_fit.log_likelihood
    result = assemble(opening, blocks, fit, title, "fracreg", "fracreg_p", ll_0)
    wald_on(result, [opening.depvar])
    result.pseudo = scale is None
    result.macros.update(estimator=link)
    depvar = opening.depvar
    mean = Prediction(f"Conditional mean of {depvar}", lambda at: MEANS[link](at[0]))
    statistics = {"cmean": mean, "xb": linear_form()}
    if scale is not None:
        statistics["cmean"] = Prediction(mean.label, lambda at: normal_probability(at[0] * exp(-at[1])))
        statistics["sigma"] = Prediction("Sigma", lambda at: exp(at[1]))
        chi2, df = joint_wald(result, slope_places(result, ["lnsigma"]))
        result.scalars.update(chi2_c=chi2, df_m_c=float(df), p_c=chi2_tail(chi2, df))
        result.macros["chi2_ct"] = "Wald"
        Footer(session, result, lines=[test_line("Wald test of lnsigma=0", df, chi2)]).attach()
    note = f"(option cm assumed; conditional mean of {depvar})"
    result.predictions.update(Predictions(depvar, "cmean", note, statistics).entries())
    if line.flag("or"):
        Footer(session, result, lines=["Note: _cons estimates baseline odds."] if opening.constant else []).attach()
    finish(session, line, result, opening.level, "Odds ratio" if line.flag("or") else None)


@command("betareg", VARLIST + WEIGHTS + "[, SCAle(string) LInk(string) SLInk(string) " + ML_OPTIONS + "]",
         minimum=7, by="recall", stored=LIKELIHOOD_STORED + " e(linkt) e(slinkt)",
         refused="constraints(), technique() other than nr")  # fmt: skip
def betareg(session: Session, line: Line) -> None:
    """Beta regression."""
    if replay(session, line, "betareg"):
        return
    link, slink = line.text_option("link") or "logit", line.text_option("slink") or "log"
    if link not in MEANS:
        raise StataError(198, f"link({link}) not allowed")
    if slink not in SCALES:
        raise StataError(198, f"slink({slink}) not allowed")
    typed = line.text_option("scale")
    terms, options = option_terms(session, typed) if typed else ([], {})
    if "offset" in options:
        raise unsupported("scale(, offset()) is")
    opening = open_model(session, line, terms)
    y = opening.y
    if np.any((y <= 0.0) | (y >= 1.0)):
        raise StataError(459, f"{opening.depvar} must be greater than zero and less than one")
    if y.min() == y.max():
        raise StataError(2000, f"{opening.depvar} does not vary")
    main = opening.main
    scale = opening.block("scale", terms, constant="noconstant" not in options)
    if scale.size == 0:
        raise StataError(198, "the scale equation needs a variable or a constant")
    model = BetaShare(y, link, slink)
    result = _fit_beta(opening, model, main, scale)
    result.header_left = [
        "", "", "", f"Link function      : g(u) = {_LINKS[link]:<19} [{_LINK_NAMES[link]}]",
        f"Slink function     : g(u) = {_SCALE_LINKS[slink]:<19} [{slink.capitalize()}]", "",
    ]  # fmt: skip
    result.macros.update(linkt=_LINK_NAMES[link], slinkt=slink.capitalize(), linkf=_LINKS[link])
    depvar = opening.depvar
    mean, spread = MEANS[link], SCALES[slink]
    statistics = {
        "cmean": Prediction(f"Conditional mean of {depvar}", lambda at: mean(at[0])),
        "cvariance": Prediction(
            f"Conditional variance of {depvar}",
            lambda at: mean(at[0]) * (1.0 - mean(at[0])) / (1.0 + spread(at[1])),
        ),
        "xb": linear_form(),
        "xbscale": Prediction("Linear prediction of the scale", lambda at: at[1]),
    }
    residual: dict[str, Function] = {}
    result.predictions.update(
        Predictions(depvar, "cmean", f"(option cm assumed; conditional mean of {depvar})", statistics, {}, residual)
        .entries()
    )  # fmt: skip
    finish(session, line, result, opening.level)


_LINKS = {"logit": "log(u/(1-u))", "probit": "invnormal(u)", "cloglog": "log(-log(1-u))", "loglog": "-log(-log(u))"}
_LINK_NAMES = {"logit": "Logit", "probit": "Probit", "cloglog": "Complementary log-log", "loglog": "Log-log"}
_SCALE_LINKS = {"log": "log(u)", "root": "sqrt(u)", "identity": "u"}


def _fit_beta(opening: Opening, model: BetaShare, main: Block, scale: Block) -> MlResult:
    y, w = model.y, opening.w
    mean = float(w @ y / w.sum())
    variance = max(float(w @ (y - mean) ** 2 / w.sum()), 1e-12)
    psi = max(mean * (1.0 - mean) / variance - 1.0, 0.1)
    at = {"logit": np.log(mean / (1.0 - mean)), "probit": normal_quantile(mean),
          "cloglog": np.log(-np.log1p(-mean)), "loglog": -np.log(-np.log(mean))}[model.link]  # fmt: skip
    first = {"log": np.log(psi), "root": np.sqrt(psi), "identity": psi}[model.scale_link]
    start = np.zeros(main.size + scale.size)
    if opening.constant:
        start[main.size - 1] = at
    assert scale.X is not None
    start[main.size :] = np.linalg.lstsq(scale.X, np.full(len(y), first), rcond=None)[0]
    null = None
    if opening.constant:
        ones = Block(opening.depvar, None, np.ones((len(y), 1)))
        small = np.concatenate([[at], [first]])
        null = fit_blocks(model, [ones, Block("scale", None, np.ones((len(y), 1)))], small, w)
    fit = fit_blocks(model, [main, scale], start, w)
    log_fit(opening, fit)
    # The constant-only model keeps the scale equation, so that the test is of the mean's slopes.
    if null is not None and scale.size > 1:
        ones = Block(opening.depvar, None, np.ones((len(y), 1)))
        null = fit_blocks(model, [ones, scale], np.append(at, start[main.size :]), w)
    ll_0 = None if null is None else null.log_likelihood
    result = assemble(opening, [main, scale], fit, "Beta regression", "betareg", "betareg_p", ll_0)
    wald_on(result, [opening.depvar])
    if ll_0 is not None and not opening.vce.is_robust:
        places = slope_places(result, [opening.depvar])
        model_test(result, places, likelihood_ratio=True)
        result.df_m = len(places)
    return result
