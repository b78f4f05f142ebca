"""predict and margins after xtologit and xtoprobit: probabilities marginal to the intercept or at its zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.category_predictions import chosen_outcome
from ssd.engine.commands.estimation import Estimation, SessionSource
from ssd.engine.commands.margins_cells import Predictor, active_positions
from ssd.engine.commands.panel_random_predictions import NODES, ancillary
from ssd.engine.commands.postestimation_predict import Request, linear_prediction
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.ordered import Ordered
from ssd.engine.stats.response import Response, identity

if TYPE_CHECKING:
    from typing import Literal

    from ssd.engine.session import Session

    Link = Literal["logit", "probit"]


def _probability(link: Link, outcome: int, categories: int) -> Response:
    """P(outcome) as a response of x'b and the cut points."""

    def response(etas: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        chosen = np.full(len(etas), outcome, dtype=np.intp)
        ll, S, H = Ordered(chosen, categories, link).derivatives(etas)
        p = np.exp(ll)
        return p, S * p[:, None], (H + S[:, :, None] * S[:, None, :]) * p[:, None, None]

    return response


def _marginal(inner: Response) -> Response:
    """The mean over a normal intercept whose variance is the last index."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()

    def response(etas: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        n, E = etas.shape
        sigma = np.sqrt(np.maximum(etas[:, -1], 1e-300))
        s1, s2 = 0.5 / np.maximum(sigma, 1e-150), -0.25 / np.maximum(sigma, 1e-100) ** 3
        m, d1, d2 = np.zeros(n), np.zeros((n, E)), np.zeros((n, E, E))
        for a, w in zip(nodes, weights, strict=True):
            moved = etas[:, :-1].copy()
            moved[:, 0] += sigma * a
            mean, slope, curve = inner(moved)
            m += w * mean
            d1[:, :-1] += w * slope
            d1[:, -1] += w * slope[:, 0] * a * s1
            d2[:, :-1, :-1] += w * curve
            d2[:, :-1, -1] += w * curve[:, :, 0] * (a * s1)[:, None]
            d2[:, -1, -1] += w * (curve[:, 0, 0] * (a * s1) ** 2 + slope[:, 0] * a * s2)
        d2[:, -1, :-1] = d2[:, :-1, -1]
        return m, d1, d2

    return response


def ordered_predictor(
    link: Link, categories: FloatArray, variance: str = "/:sigma2_u"
) -> Callable[[Session, Estimation, BoolArray, str, SessionSource], Predictor]:
    """margins' predictions: predict(pr outcome()), predict(pu0 outcome()), predict(xb)."""

    def make(session: Session, estimation: Estimation, rows: BoolArray, text: str, source: SessionSource) -> Predictor:
        inner = text.partition("outcome(")[2].partition(")")[0] if "outcome(" in text else ""
        words = [word for word in text.partition("outcome(")[0].split() if word != "nooffset"]
        wanted = words[0] if words else "pr"
        if wanted not in {"pr", "pu0", "xb"}:
            raise StataError(198, f"prediction statistic {wanted} is not appropriate with margins")
        linears = [linear_prediction(session, estimation, rows, offset="nooffset" not in text, source=source)]
        places = [active_positions(session, estimation, 0)]
        shown = f"predict({text.strip()})" if text.strip() else "predict(pr)"
        if wanted == "xb":
            return Predictor(identity, linears, places, "Linear prediction", shown)
        outcome = chosen_outcome(session, inner)
        names = [f"/:cut{j + 1}" for j in range(len(categories) - 1)]
        for name in [*names, *([variance] if wanted == "pr" else [])]:
            linear, place = ancillary(session, name, source, rows)
            linears.append(linear)
            places.append(place)
        label = (
            f"Pr({session.e.macros['depvar']}=={categories[outcome]:g}{' assuming u_i=0' if wanted == 'pu0' else ''})"
        )
        response = _probability(link, outcome, len(categories))
        return Predictor(_marginal(response) if wanted == "pr" else response, linears, places, label, shown)

    return make


def ordered_statistics(link: Link, depvar: str, categories: FloatArray, variance: str = "/:sigma2_u") -> Statistics:
    """predict's statistics: xb, pr and pu0 with outcome(). `variance` is the column of e(b) with sigma^2."""

    def indices(request: Request, averaged: bool) -> FloatArray:
        b = request.session.e.matrices["b"]
        names = [f"/:cut{j + 1}" for j in range(len(categories) - 1)] + ([variance] if averaged else [])
        eta = request.xb
        return np.column_stack([eta, *(np.full(len(eta), b.values[0, b.cols.index(name)]) for name in names)])

    def outcome_of(request: Request) -> int:
        return chosen_outcome(request.session, request.line.text_option("outcome"))

    def pr(request: Request) -> FloatArray:
        inner = _probability(link, outcome_of(request), len(categories))
        return _marginal(inner)(indices(request, True))[0]

    def pu0(request: Request) -> FloatArray:
        return _probability(link, outcome_of(request), len(categories))(indices(request, False))[0]

    def many(request: Request) -> FloatArray:
        etas = indices(request, True)
        columns = [_marginal(_probability(link, j, len(categories)))(etas)[0] for j in range(len(categories))]
        return np.column_stack(columns)

    note = "(option xb assumed; linear prediction)"
    return Statistics({"pr": pr, "pu0": pu0}, "xb", note, depvar, many=many)
