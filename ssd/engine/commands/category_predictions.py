"""predict and margins after ologit, oprobit and mlogit: probabilities of outcomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.estimation import Estimation, SessionSource
from ssd.engine.commands.margins_cells import Predictor, active_positions
from ssd.engine.commands.postestimation_predict import Linear, Request, linear_prediction
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.design import Design
from ssd.engine.stats.likelihood import Model
from ssd.engine.stats.ordered import Multinomial, Ordered
from ssd.engine.stats.response import Response

if TYPE_CHECKING:
    from ssd.engine.session import Session


def chosen_outcome(session: Session, typed: str | None) -> int:
    """Position of outcome(#k), outcome(value) or, when absent, the first outcome. Raises r(111)."""
    categories = _categories(session)
    if not typed:
        return 0
    text = typed.strip()
    if text.startswith("#"):
        position = int(text[1:]) - 1
        if not 0 <= position < len(categories):
            raise StataError(111, f"outcome {text} not found")
        return position
    try:
        hits = np.flatnonzero(categories == float(text))
    except ValueError:
        labels = session.e.macros.get("eqnames", "").split()
        hits = np.flatnonzero(np.array(labels) == text)
    if len(hits) == 0:
        raise StataError(111, f"outcome {text} not found")
    return int(hits[0])


def _categories(session: Session) -> FloatArray:
    matrices = session.e.matrices
    return np.asarray((matrices["out"] if "out" in matrices else matrices["cat"]).values[0], dtype=np.float64)


def every_outcome(session: Session) -> list[str]:
    """What margins predicts by default: the probability of each outcome, as texts of predict()."""
    return [f"pr outcome({value:g})" for value in _categories(session)]


def _outcome_label(session: Session, outcome: int) -> str:
    labels = session.e.macros.get("eqnames", "").split() if session.e.macros["cmd"] == "mlogit" else []
    return labels[outcome] if labels else f"{_categories(session)[outcome]:g}"


def outcome_title(session: Session, outcome: int) -> str:
    """How the probability of an outcome, by position, is labelled."""
    return f"Pr({session.e.macros['depvar']}=={_outcome_label(session, outcome)})"


def _model(session: Session, outcome: int, n: int) -> Model:
    """The likelihood of observing `outcome`, whose exponential is its probability."""
    command = session.e.macros["cmd"]
    if command == "mlogit":
        base = int(session.e.scalars["ibaseout"]) - 1
        position = -1 if outcome == base else outcome - int(outcome > base)
        return Multinomial(np.full(n, position, dtype=np.intp))
    categories = len(_categories(session))
    chosen = np.full(n, outcome, dtype=np.intp)
    return Ordered(chosen, categories, "logit" if command == "ologit" else "probit")


def _equations(
    session: Session, estimation: Estimation, rows: BoolArray, source: SessionSource
) -> tuple[list[Linear], list[list[int]]]:
    """Linear indices of the model and the places of their coefficients in e(b)."""
    names = list(estimation.designs)
    if session.e.macros["cmd"] == "mlogit":
        base = int(session.e.scalars["ibaseout"]) - 1
        used = [i for i in range(len(names)) if i != base]
        linears = [linear_prediction(session, estimation, rows, names[i], source=source) for i in used]
        return linears, [active_positions(session, estimation, i) for i in used]
    linears = [linear_prediction(session, estimation, rows, source=source)]
    places = [active_positions(session, estimation, 0)]
    b, V = session.e.matrices["b"], session.e.matrices["V"]
    for j, name in enumerate(b.cols):
        if name.startswith("/:cut"):
            linears.append(Linear(Design([], True), b.values[0, [j]], V.values[np.ix_([j], [j])], source, rows))
            places.append([j])
    return linears, places


def probabilities(request: Request) -> FloatArray:
    """P(outcome) for every outcome: (n, J)."""
    source = SessionSource(request.session)
    linears, _ = _equations(request.session, request.estimation, request.rows, source)
    n = int(np.count_nonzero(request.rows))
    etas = np.column_stack([np.broadcast_to(linear.xb(request.rows), (n,)) for linear in linears])
    J = len(_categories(request.session))
    columns = [np.exp(_model(request.session, j, n).log_likelihood(etas)) for j in range(J)]
    return np.column_stack(columns)


def category_statistics(depvar: str) -> Statistics:
    """predict's statistics: pr of one outcome or of all, xb."""

    def one(request: Request) -> FloatArray:
        position = chosen_outcome(request.session, request.line.text_option("outcome"))
        return np.asarray(probabilities(request)[:, position], dtype=np.float64)

    return Statistics({"pr": one}, "pr", "(option pr assumed; predicted probability)", depvar, many=probabilities)


def category_predictor() -> Callable[[Session, Estimation, BoolArray, str, SessionSource], Predictor]:
    """margins' prediction: the probability of predict(outcome())."""

    def make(session: Session, estimation: Estimation, rows: BoolArray, text: str, source: SessionSource) -> Predictor:
        inner = text.partition("(")[2].rpartition(")")[0] if "(" in text else ""
        word = text.partition("(")[0].replace("pr ", "").strip()
        if word not in {"", "p", "pr"} and not "outcome".startswith(word):
            raise StataError(198, f"prediction statistic {word} is not appropriate with margins")
        outcome = chosen_outcome(session, inner)
        linears, places = _equations(session, estimation, rows, source)

        def response(etas: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
            ll, S, H = _model(session, outcome, len(etas)).derivatives(etas)
            p = np.exp(ll)
            second = H + S[:, :, None] * S[:, None, :]
            return p, S * p[:, None], second * p[:, None, None]

        shown: Response = response
        return Predictor(
            shown, linears, places, outcome_title(session, outcome),
            f"predict({text.strip()})" if text.strip() else "predict(pr)",
        )  # fmt: skip

    return make
