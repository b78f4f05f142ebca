"""fitstat: measures of fit after models for categorical and count outcomes (Long and Freese's SPost)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.category_predictions import probabilities
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, estimation_of, marked_sample
from ssd.engine.commands.postestimation_predict import Request, linear_prediction
from ssd.engine.commands.postestimation_statistics import inverse_link
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.results import ResultSet
from ssd.engine.stats.distributions import chi2_tail

if TYPE_CHECKING:
    from ssd.engine.session import Session

ERROR_VARIANCE = {"logit": math.pi**2 / 3.0, "logistic": math.pi**2 / 3.0, "ologit": math.pi**2 / 3.0,
                   "probit": 1.0, "oprobit": 1.0, "cloglog": math.pi**2 / 6.0}  # fmt: skip


def linear_index(session: Session, estimation: Estimation) -> FloatArray:
    sample = marked_sample(session)
    return linear_prediction(session, estimation, sample).xb(sample)


def outcome_values(session: Session) -> FloatArray:
    sample = marked_sample(session)
    return session.evaluate_numbers(session.e.macros["depvar"].split()[0])[sample]


_FITTED = ("logit", "logistic", "probit", "cloglog", "ologit", "oprobit", "mlogit", "poisson", "nbreg", "zip", "zinb",
           "regress", "tobit")  # fmt: skip


@command("fitstat", "[, SAVing(string) SAVE USing(string) DIFf FORCE BIC IC]",
         stored="r(N) r(dev) r(dev_df) r(ll) r(ll_0) r(lrx2) r(lrx2_df) r(lrx2_p) r(r2_mf) r(r2_mfadj) r(r2_ml) "
         "r(r2_cu) r(r2_mz) r(r2_ef) r(r2_tjur) r(r2_ct) r(r2_ctadj) r(v_error) r(v_ystar) r(aic) r(aic_n) r(bic) "
         "r(bic_p) r(r2) r(r2_adj)",
         refused="saving(), save, using(), diff, force, bic, ic")  # fmt: skip
def fitstat(session: Session, line: Line) -> None:
    """Measures of fit of the last model."""
    for option in ("saving", "using"):
        if line.text_option(option):
            raise unsupported(f"option {option}() is")
    for option in ("save", "diff", "force", "bic", "ic"):
        if line.flag(option):
            raise unsupported(f"option {option} is")
    estimation = estimation_of(session)
    name = session.e.macros.get("cmd", "")
    if name not in _FITTED:
        raise StataError(198, f"fitstat does not work with {name}")
    if "pseudolikelihood" in session.e.macros.get("crittype", "") or session.e.macros.get("vcetype") == "Robust":
        raise unsupported("fitstat after robust or clustered standard errors is")
    scalars = _measures(session, estimation, name)
    _print_fit(session, name, scalars)
    session.r = ResultSet(scalars=scalars)


def _measures(session: Session, estimation: Estimation, name: str) -> dict[str, float]:
    e = session.e.scalars
    n, ll, ll_0 = e["N"], e["ll"], e.get("ll_0", math.nan)
    parameters = float(np.count_nonzero(np.diag(session.e.matrices["V"].values) > 0.0))
    # The residual variance of regress counts among its parameters only in the information criteria of SPost 13.
    slopes = e["df_m"]
    lr = 2.0 * (ll - ll_0)
    found = {
        "N": n, "ll": ll, "ll_0": ll_0, "dev": -2.0 * ll, "dev_df": n - parameters, "lrx2": lr, "lrx2_df": slopes,
        "lrx2_p": chi2_tail(lr, slopes) if slopes else math.nan, "aic": -2.0 * ll + 2.0 * parameters,
        "aic_n": (-2.0 * ll + 2.0 * parameters) / n, "bic": -2.0 * ll + parameters * math.log(n),
        "bic_p": -lr + slopes * math.log(n), "bic_df": parameters,
    }  # fmt: skip
    if name == "regress":
        found.update(r2=e["r2"], r2_adj=e["r2_a"])
    else:
        found.update(r2_mf=1.0 - ll / ll_0, r2_mfadj=1.0 - (ll - parameters) / ll_0)
    found["r2_ml"] = 1.0 - math.exp(2.0 * (ll_0 - ll) / n)
    found["r2_cu"] = found["r2_ml"] / (1.0 - math.exp(2.0 * ll_0 / n))
    if name in ERROR_VARIANCE:
        spread = float(np.var(linear_index(session, estimation), ddof=1))
        found.update(v_error=ERROR_VARIANCE[name], v_ystar=spread + ERROR_VARIANCE[name])
        found["r2_mz"] = spread / found["v_ystar"]
    y = outcome_values(session)
    if name in {"logit", "logistic", "probit", "cloglog"}:
        positive = y != 0.0
        p = inverse_link(name, linear_index(session, estimation))
        mean = float(positive.mean())
        found["r2_ef"] = 1.0 - float(((positive - p) ** 2).sum() / ((positive - mean) ** 2).sum())
        found["r2_tjur"] = float(p[positive].mean() - p[~positive].mean())
        _count_measures(found, float(np.mean((p > 0.5) == positive)), max(mean, 1.0 - mean))
    elif name in {"ologit", "oprobit", "mlogit"}:
        sample = marked_sample(session)
        linear = linear_prediction(session, estimation, sample)
        columns = probabilities(Request(session, Line(name, ""), estimation, linear, sample))
        categories, place = np.unique(y, return_inverse=True)
        right = float(np.mean(columns.argmax(axis=1) == place.reshape(-1)))
        _count_measures(found, right, float(np.bincount(place.reshape(-1)).max()) / len(y) if len(categories) else 0.0)
    return found


def _count_measures(found: dict[str, float], right: float, largest: float) -> None:
    found["r2_ct"] = right
    found["r2_ctadj"] = (right - largest) / (1.0 - largest)


_SECTIONS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Log-likelihood", (("Model", "ll"), ("Intercept-only", "ll_0"))),
    ("Chi-square", (("Deviance(df={dev_df:.0f})", "dev"), ("LR(df={lrx2_df:.0f})", "lrx2"), ("p-value", "lrx2_p"))),
    ("R2", (("R2", "r2"), ("Adjusted R2", "r2_adj"), ("McFadden", "r2_mf"), ("McFadden(adjusted)", "r2_mfadj"),
            ("McKelvey & Zavoina", "r2_mz"), ("Cox-Snell/ML", "r2_ml"), ("Cragg-Uhler/Nagelkerke", "r2_cu"),
            ("Efron", "r2_ef"), ("Tjur's D", "r2_tjur"), ("Count", "r2_ct"), ("Count(adjusted)", "r2_ctadj"))),
    ("IC", (("AIC", "aic"), ("AIC divided by N", "aic_n"), ("BIC(df={bic_df:.0f})", "bic"))),
    ("Variance of", (("e", "v_error"), ("y-star", "v_ystar"))),
)  # fmt: skip


def _print_fit(session: Session, name: str, found: dict[str, float]) -> None:
    log = session.log
    rule = "-" * 25 + "+" + "-" * 13
    log.line()
    log.line(" " * 25 + f"|{name:>12} ")
    for heading, rows in _SECTIONS:
        shown = [(label.format(**found), found[key]) for label, key in rows if key in found]
        if not shown:
            continue
        log.line(rule)
        log.line(f"{heading:<25}|")
        for label, value in shown:
            log.line(f"{label:>24} |{value:>12.3f} ")
