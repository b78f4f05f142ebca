"""predict, margins and estat icc after the mixed-effects models with one random intercept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from ssd.engine.commands.estimation import spread_over_sample
from ssd.engine.commands.panel_ordered_predictions import ordered_predictor, ordered_statistics
from ssd.engine.commands.panel_random_predictions import random_predictor
from ssd.engine.commands.panel_random_report import Variance
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError
from ssd.engine.lang.options import TypedOption
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import number
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.generalized import LINKS

if TYPE_CHECKING:
    from ssd.engine.commands.maximum import MlResult
    from ssd.engine.commands.panel_quadrature import GroupedData
    from ssd.engine.commands.postestimation_predict import Request
    from ssd.engine.session import Session


def add_postestimation(
    result: MlResult, data: GroupedData, link: str, within: float | None, effects_sorted: FloatArray,
    categories: FloatArray,
) -> None:  # fmt: skip
    """predict: mu with posterior means of the intercepts, eta, reffects; margins: the marginal mean; estat icc.

    `categories` are those of an ordered outcome, else empty; `within` is the latent variance within groups.
    """
    effects = np.empty(len(effects_sorted))
    effects[data.order] = effects_sorted
    parameter = f"/:var(_cons[{data.group}])"

    def own(request: Request) -> FloatArray:
        return spread_over_sample(request.session, effects, outside=0.0)[request.rows]

    statistics = Statistics({}, "xb", "(option xb assumed; linear prediction)", data.depvar)
    if len(categories):
        kind: Literal["logit", "probit"] = "logit" if link == "logit" else "probit"
        ordered = ordered_statistics(kind, data.depvar, categories, parameter)
        statistics.functions.update({"pr": ordered.functions["pr"]})
        result.predictions["predictor"] = ordered_predictor(kind, categories, parameter)
    else:
        statistics.functions["mu"] = lambda r: LINKS[link]((r.xb + own(r))[:, None])[0]
        names = {"mu": ("marginal", "Marginal predicted mean"), "xb": ("xb", "Linear prediction, fixed portion only")}
        result.predictions["predictor"] = random_predictor(link, parameter, names, "mu", variance=True)
        statistics.default = "mu"
        statistics.note = (
            "(option mu assumed)\n(predictions based on fixed effects and posterior means of random effects)"
        )
    statistics.functions.update({"eta": lambda r: r.xb + own(r), "reffects": own})
    statistics.in_sample = frozenset({"mu", "eta", "reffects"})
    result.predictions["statistics"] = statistics
    if within is not None:
        latent = within

        def icc(session: Session, _: str, options: list[TypedOption]) -> None:
            _intraclass(session, options, parameter, latent, data.group, bool(result.df_m))

        result.predictions["estat"] = {"icc": icc}


def _intraclass(
    session: Session, options: list[TypedOption], parameter: str, within: float, group: str, covariates: bool
) -> None:
    """The intraclass correlation on the latent scale, with limits on the logit scale ([ME] estat icc)."""
    level = float(session.settings.get("level", "95"))
    for item in options:
        if not "level".startswith(item.word) or not item.value:
            raise StataError(198, f"option {item.named} not allowed")
        level = float(item.value)
    b, V = session.e.matrices["b"], session.e.matrices["V"]
    j = b.cols.index(parameter)
    sigma2, se = float(b.values[0, j]), math.sqrt(float(V.values[j, j]))
    variance = Variance(math.log(sigma2), se / sigma2)
    row = variance.rho_row(level, within)
    log = session.log
    log.line()
    log.line(f"{'Residual intraclass' if covariates else 'Intraclass'} correlation")
    log.line()
    log.line("-" * 78)
    log.line(f"{'Level':>28} |        ICC   Std. err." + f"[{level:g}% conf. interval]".rjust(25))
    log.line("-" * 29 + "+" + "-" * 48)
    values = f"{number(row.value):>11}{number(row.se):>11}{number(row.low):>14}{number(row.high):>12}"
    log.line(f"{group[:28]:>28} |{values}")
    log.line("-" * 78)
    session.r = ResultSet(
        scalars={"icc2": row.value, "se2": row.se, "level": level}, macros={"label2": group},
        matrices={"ci2": Matrix(np.array([[row.low, row.high]]), ["icc2"], ["ll", "ul"])},
    )  # fmt: skip
