"""predict and margins for models whose predictions are functions of their linear indices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.estimation import Estimation, SessionSource
from ssd.engine.commands.margins_cells import Predictor, active_positions
from ssd.engine.commands.postestimation_predict import Linear, Request, linear_prediction
from ssd.engine.commands.postestimation_statistics import Function, Statistics
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.design import Design
from ssd.engine.stats.jets import (
    Jet,
    binormal_probability,
    normal_density_of,
    normal_probability,
    tanh,
    variables,
)

if TYPE_CHECKING:
    from ssd.engine.session import Session

Formula = Callable[[Sequence[Jet]], Jet]
"""The predicted quantity given one jet per equation and ancillary parameter, in the order of e(b)."""


@dataclass(frozen=True)
class Prediction:
    label: str
    formula: Formula


@dataclass(frozen=True)
class Predictions:
    """The statistics of a model by predict's option name."""

    depvar: str
    default: str
    note: str
    simple: dict[str, Prediction]
    ranged: dict[str, Callable[[str], Prediction]] = field(default_factory=dict)
    """Statistics with an argument, as in e(a,b)."""
    extra: dict[str, Function] = field(default_factory=dict)
    """Statistics that predict offers and margins does not."""

    def named(self, name: str, argument: str | None) -> Prediction:
        """Raises r(198) for a statistic the model has not."""
        if argument is not None and name in self.ranged:
            return self.ranged[name](argument)
        if argument is None and name in self.simple:
            return self.simple[name]
        raise StataError(198, f"option {name}{'' if argument is None else '()'} not allowed")

    def statistics(self) -> Statistics:
        def simple(prediction: Prediction) -> Function:
            return lambda request: self._value(request, prediction)

        def ranged(name: str) -> Function:
            def function(request: Request) -> FloatArray:
                return self._value(request, self.named(name, request.line.text_option(name) or ""))

            return function

        functions: dict[str, Function] = {name: simple(each) for name, each in self.simple.items()}
        for name in self.ranged:
            plain = functions.get(name)
            with_range = ranged(name)

            def either(request: Request, name: str = name, plain: Function | None = plain,
                       with_range: Function = with_range) -> FloatArray:  # fmt: skip
                if request.line.text_option(name) is None and plain is not None:
                    return plain(request)
                return with_range(request)

            functions[name] = either
        functions.update(self.extra)
        return Statistics(functions, self.default, self.note, self.depvar)

    @staticmethod
    def _value(request: Request, prediction: Prediction) -> FloatArray:
        source = SessionSource(request.session)
        offset = not request.line.flag("nooffset")
        linears, _ = model_indices(request.session, request.estimation, request.rows, source, offset=offset)
        n = int(np.count_nonzero(request.rows))
        etas = np.column_stack([np.broadcast_to(linear.xb(request.rows), (n,)) for linear in linears])
        return prediction.formula(variables(etas, derivatives=False)).value

    def predictor(self) -> Callable[[Session, Estimation, BoolArray, str, SessionSource], Predictor]:
        def make(
            session: Session, estimation: Estimation, rows: BoolArray, text: str, source: SessionSource
        ) -> Predictor:
            words = text.replace(" ,", ",").replace(", ", ",").split()
            offset = "nooffset" not in words
            wanted = next((word for word in words if word != "nooffset"), "")
            name, bracket, rest = (wanted or self.default).partition("(")
            argument = rest.removesuffix(")") if bracket else None
            full = {"p": "pr", "ys": "ystar"}.get(name, name)
            if full not in self.simple and full not in self.ranged:
                raise StataError(198, f"prediction statistic {name} is not appropriate with margins")
            prediction = self.named(full, argument)
            linears, places = model_indices(session, estimation, rows, source, offset=offset)

            def response(etas: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
                jet = prediction.formula(variables(etas))
                return jet.value, jet.gradient, jet.hessian

            shown = f"predict({wanted})" if wanted else "predict()"
            return Predictor(response, linears, places, prediction.label, shown)

        return make

    def entries(self) -> dict[str, object]:
        """What MlResult.predictions holds."""
        return {"statistics": self.statistics(), "predictor": self.predictor()}


def linear_form(label: str = "Linear prediction") -> Prediction:
    return Prediction(label, lambda indices: indices[0])


def model_indices(
    session: Session, estimation: Estimation, rows: BoolArray, source: SessionSource, *, offset: bool = True
) -> tuple[list[Linear], list[list[int]]]:
    """Linear indices of all equations, then the ancillary parameters, with their places in e(b)."""
    linears, places = [], []
    for position, name in enumerate(estimation.designs):
        linears.append(
            linear_prediction(session, estimation, rows, name, offset=offset and position == 0, source=source)
        )
        places.append(active_positions(session, estimation, position))
    b, V = session.e.matrices["b"], session.e.matrices["V"]
    for j, name in enumerate(b.cols):
        if name.startswith("/"):
            linears.append(Linear(Design([], True), b.values[0, [j]], V.values[np.ix_([j], [j])], source, rows))
            places.append([j])
    return linears, places


def limits_of(text: str) -> tuple[float, float]:
    """The bounds of e(a,b), pr(a,b) or ystar(a,b); a period is no bound. Raises r(198)."""
    parts = text.split(",")
    if len(parts) != 2:
        raise invalid_syntax()
    try:
        low = -np.inf if parts[0].strip() == "." else float(parts[0])
        high = np.inf if parts[1].strip() == "." else float(parts[1])
    except ValueError:
        raise invalid_syntax() from None
    return low, high


def censored_predictions(depvar: str, sigma: Callable[[Sequence[Jet]], Jet]) -> Predictions:
    """xb, pr(a,b), e(a,b) and ystar(a,b) of a normal outcome with scale `sigma` ([R] tobit postestimation)."""

    def tails(at: Sequence[Jet], low: float, high: float) -> tuple[Jet, Jet, Jet]:
        """Probability below, at or under the upper limit, and the term phi(low) - phi(high)."""
        zero = at[0] * 0.0
        scale = sigma(at)
        under, over, difference = zero, zero, zero
        if np.isfinite(low):
            z = (low - at[0]) / scale
            under, difference = normal_probability(z), difference + normal_density_of(z)
        if np.isfinite(high):
            z = (high - at[0]) / scale
            over, difference = normal_probability(-z), difference - normal_density_of(z)
        return under, over, difference

    def probability(text: str) -> Prediction:
        low, high = limits_of(text)

        def formula(at: Sequence[Jet]) -> Jet:
            under, over, _ = tails(at, low, high)
            return 1.0 - under - over

        return Prediction(f"Pr({_range(depvar, low, high)})", formula)

    def truncated(text: str) -> Prediction:
        low, high = limits_of(text)

        def formula(at: Sequence[Jet]) -> Jet:
            under, over, difference = tails(at, low, high)
            return at[0] + sigma(at) * difference / (1.0 - under - over)

        return Prediction(f"E({depvar}|{_range(depvar, low, high)})", formula)

    def limited(text: str) -> Prediction:
        low, high = limits_of(text)

        def formula(at: Sequence[Jet]) -> Jet:
            under, over, difference = tails(at, low, high)
            inside = (1.0 - under - over) * at[0] + sigma(at) * difference
            if np.isfinite(low):
                inside = inside + under * low
            return inside + over * high if np.isfinite(high) else inside

        return Prediction(f"E({depvar}*|{_range(depvar, low, high)})", formula)

    return Predictions(
        depvar, "xb", "(option xb assumed; fitted values)", {"xb": linear_form()},
        {"pr": probability, "e": truncated, "ystar": limited},
    )  # fmt: skip


def _range(depvar: str, low: float, high: float) -> str:
    left = f"{low:g}<" if np.isfinite(low) else ""
    right = f"<{high:g}" if np.isfinite(high) else ""
    return f"{left}{depvar}{right}"


def bivariate_predictions(first: str, second: str) -> Predictions:
    """Joint, marginal and conditional probabilities of two probits ([R] biprobit postestimation)."""

    def joint(a: float, b: float) -> Formula:
        """Pr(first = 1 or 0, second = 1 or 0): signs 1 or -1."""
        return lambda at: binormal_probability(at[0] * a, at[1] * b, tanh(at[2]) * (a * b))

    statistics = {
        f"p{int(a > 0)}{int(b > 0)}": Prediction(f"Pr({first}={int(a > 0)},{second}={int(b > 0)})", joint(a, b))
        for a in (1.0, -1.0)
        for b in (1.0, -1.0)
    }
    both = joint(1.0, 1.0)
    statistics["pmarg1"] = Prediction(f"Pr({first}=1)", lambda at: normal_probability(at[0]))
    statistics["pmarg2"] = Prediction(f"Pr({second}=1)", lambda at: normal_probability(at[1]))
    statistics["pcond1"] = Prediction(f"Pr({first}=1|{second}=1)", lambda at: both(at) / normal_probability(at[1]))
    statistics["pcond2"] = Prediction(f"Pr({second}=1|{first}=1)", lambda at: both(at) / normal_probability(at[0]))
    statistics["xb1"] = statistics["xb"] = Prediction(f"Linear prediction of {first}", lambda at: at[0])
    statistics["xb2"] = Prediction(f"Linear prediction of {second}", lambda at: at[1])
    note = f"(option p11 assumed; Pr({first}=1,{second}=1))"
    return Predictions(first, "p11", note, statistics)
