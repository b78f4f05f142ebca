"""predict and margins after models with a normal random intercept: marginal and conditional means."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.estimation import Estimation, SessionSource
from ssd.engine.commands.margins_cells import Predictor, active_positions
from ssd.engine.commands.postestimation_predict import Linear, Request, linear_prediction
from ssd.engine.commands.postestimation_statistics import Function, Statistics
from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.design import Design
from ssd.engine.stats.generalized import LINKS
from ssd.engine.stats.response import Response, identity

if TYPE_CHECKING:
    from ssd.engine.session import Session

NODES = 60
"""Points of the rule that averages a prediction over the random intercept, beyond any visible error."""


def marginal(link: str, variance: bool = False) -> Response:
    """The mean averaged over the random intercept, as a response of x'b and ln sigma^2.

    With `variance` the second index is sigma^2 itself.
    """
    inner = LINKS[link]
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()

    def response(etas: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        eta = etas[:, 0]
        if variance:
            sigma = np.sqrt(etas[:, 1])
            s1, s2 = 0.5 / np.maximum(sigma, 1e-150), -0.25 / np.maximum(sigma, 1e-100) ** 3
        else:
            sigma = np.exp(0.5 * etas[:, 1])
            s1, s2 = 0.5 * sigma, 0.25 * sigma
        n = len(eta)
        m, d1, d2 = np.zeros(n), np.zeros((n, 2)), np.zeros((n, 2, 2))
        for a, w in zip(nodes, weights, strict=True):
            mean, slope, curve = inner((eta + sigma * a)[:, None])
            f1, f2 = w * slope[:, 0], w * curve[:, 0, 0]
            m += w * mean
            d1[:, 0] += f1
            d1[:, 1] += f1 * a * s1
            d2[:, 0, 0] += f2
            d2[:, 0, 1] += f2 * a * s1
            d2[:, 1, 1] += f2 * (a * s1) ** 2 + f1 * a * s2
        d2[:, 1, 0] = d2[:, 0, 1]
        return m, d1, d2

    return response


def ancillary(session: Session, name: str, source: SessionSource, rows: BoolArray) -> tuple[Linear, list[int]]:
    """A parameter of e(b) as a linear index with a constant only, and its place."""
    b, V = session.e.matrices["b"], session.e.matrices["V"]
    j = b.cols.index(name)
    return Linear(Design([], True), b.values[0, [j]], V.values[np.ix_([j], [j])], source, rows), [j]


def random_predictor(
    link: str, parameter: str, names: dict[str, tuple[str, str]], default: str, *, variance: bool = False
) -> Callable[[Session, Estimation, BoolArray, str, SessionSource], Predictor]:
    """margins' predictions.

    `names` gives for each statistic its kind (marginal, fixed, rate or xb) and label; `parameter` is the
    column of e(b) with ln sigma^2 or, with `variance`, sigma^2.
    """

    def make(session: Session, estimation: Estimation, rows: BoolArray, text: str, source: SessionSource) -> Predictor:
        words = text.replace(",", " ").split()
        wanted = next((word for word in words if word != "nooffset"), "")
        chosen = wanted or default
        if chosen not in names:
            raise StataError(198, f"prediction statistic {chosen} is not appropriate with margins")
        kind, label = names[chosen]
        offset = "nooffset" not in words and kind != "rate"
        linear = linear_prediction(session, estimation, rows, offset=offset, source=source)
        places = [active_positions(session, estimation, 0)]
        # The mixed-effects commands have their own default; the panel commands have margins take one that is not.
        shown = f"predict({chosen})" if wanted or (chosen != "xb" and not variance) else "predict()"
        label = label.format(depvar=session.e.macros.get("depvar", ""))
        if kind == "marginal":
            extra, place = ancillary(session, parameter, source, rows)
            return Predictor(marginal(link, variance), [linear, extra], [*places, place], label, shown)
        return Predictor(identity if kind == "xb" else LINKS[link], [linear], places, label, shown)

    return make


def random_statistics(link: str, parameter: str, names: dict[str, tuple[str, str]], depvar: str) -> Statistics:
    """predict's statistics, of the kinds `random_predictor` describes."""

    def function(kind: str) -> Function:
        def compute(request: Request) -> FloatArray:
            if kind == "rate":
                request.linear.offset = None
            eta = request.xb
            if kind == "xb":
                return eta
            if kind == "marginal":
                column = request.session.e.matrices["b"].cols.index(parameter)
                value = float(request.session.e.matrices["b"].values[0, column])
                return marginal(link)(np.column_stack([eta, np.full(len(eta), value)]))[0]
            return LINKS[link](eta[:, None])[0]

        return compute

    return Statistics(
        {name: function(kind) for name, (kind, _) in names.items()}, "xb", "(option xb assumed; linear prediction)",
        depvar,
    )  # fmt: skip
