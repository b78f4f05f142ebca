"""The optimization child: `python -m ssd.llm.optimize request.json`.

Fits a concave response to the spend of each channel and divides a budget over the channels. A process of its own,
so that the server never loads numeric libraries. The exit status is 0 when a result was written, whether it holds an
optimum or a named problem.

Response of a channel to spend x: y = c + a·ln(1 + x/s) with a ≥ 0, s > 0: concave, rising, no further gain at once.
Fitted by least squares: for given s the best c and a are those of a simple regression, s is searched on a grid and
refined (variable projection: Golub and Pereyra 1973, SIAM Journal on Numerical Analysis 10).

maximize_revenue: the division of the whole budget with the greatest sum of responses. By the Karush-Kuhn-Tucker
conditions all channels inside their limits have the same marginal response λ = a/(s + x), so x = a/λ − s cut to the
limits, and λ is where the sum is the budget (Boyd and Vandenberghe 2004, Convex Optimization, section 5.5.3).

maximize_roas and minimize_cpa seek the greatest response per unit of spend, c left out: a ratio of a concave and a
linear function, solved by Dinkelbach's iteration (1967, Management Science 13), each round by the conditions above
with λ not below the present ratio. The budget is then a ceiling. Where no channel has a minimum the ratio would be
best at spending next to nothing; then the whole budget is divided instead and both goals agree with the first.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Goal = Literal["maximize_roas", "maximize_revenue", "minimize_cpa"]
LEAST_ROWS = 8
_POOR_FIT = 0.3


class ChannelRequest(msgspec.Struct, frozen=True):
    """One channel: the columns of its spend and response, and the limits of what it may get."""

    name: str
    spend: str
    response: str
    min: float = 0.0
    max: float | None = None


class OptimizationRequest(msgspec.Struct, frozen=True):
    """What the server asks of the child."""

    data_path: str
    """The prepared .dta."""
    result_path: str
    channels: list[ChannelRequest]
    total_budget: float
    goal: Goal
    memory_mb: int = 0
    cpu_seconds: int = 0


class Curve(msgspec.Struct, frozen=True):
    """y = intercept + scale·ln(1 + x/half) of one channel."""

    intercept: float
    scale: float
    half: float
    """Spend at which the marginal response is half of that at zero."""
    r_squared: float
    rows: int


class ChannelResult(msgspec.Struct, frozen=True):
    name: str
    curve: Curve
    current_spend: float
    """Mean of the data."""
    optimal_spend: float
    current_response: float
    """Of the curve at the mean spend, above its value at no spend; so is the next."""
    optimal_response: float
    marginal_response: float
    """Response to one more unit of spend at the optimum."""


class Optimum(msgspec.Struct, frozen=True):
    """The division of the budget that was computed."""

    goal: Goal
    total_budget: float
    total_spend: float
    total_response: float
    response_per_spend: float | None
    spend_per_response: float | None
    spends_whole_budget: bool
    channels: list[ChannelResult]
    warnings: list[str]


class OptimizationOutcome(msgspec.Struct, frozen=True):
    """What the child answers: an optimum, or why there is none."""

    optimum: Optimum | None = None
    problem: str | None = None


class NoOptimum(Exception):
    """There is no optimum, for a reason the researcher can act on."""


def fit(spend: Array, response: Array) -> Curve:
    """The curve of one channel from its rows. Raises NoOptimum for too few rows or spend that does not vary."""
    import numpy as np
    from scipy.optimize import minimize_scalar

    usable = np.isfinite(spend) & np.isfinite(response)
    x, y = spend[usable], response[usable]
    if x.size < LEAST_ROWS:
        raise NoOptimum(f"only {x.size} rows have spend and response; at least {LEAST_ROWS} are needed")
    if np.any(x < 0):
        raise NoOptimum("spend is negative in some rows")
    if np.ptp(x) == 0:
        raise NoOptimum("spend does not vary, so no response to it can be fitted")

    def linear(half: float) -> tuple[float, float, float]:
        """Intercept, scale ≥ 0 and the sum of squared residuals for one half."""
        z = np.log1p(x / half)
        centred = z - z.mean()
        scale = max(0.0, float(centred @ (y - y.mean()) / (centred @ centred)))
        intercept = float(y.mean() - scale * z.mean())
        residual = y - intercept - scale * z
        return intercept, scale, float(residual @ residual)

    largest = float(x.max())
    grid = np.log(largest) + np.linspace(np.log(1e-3), np.log(1e3), 61)
    errors = [linear(float(np.exp(point)))[2] for point in grid]
    place = int(np.argmin(errors))
    low, high = grid[max(0, place - 1)], grid[min(len(grid) - 1, place + 1)]
    refined = minimize_scalar(lambda point: linear(float(np.exp(point)))[2], bounds=(low, high), method="bounded",
                              options={"xatol": 1e-10})  # fmt: skip
    half = float(np.exp(refined.x)) if refined.fun <= errors[place] else float(np.exp(grid[place]))
    intercept, scale, squared = linear(half)
    total = float(((y - y.mean()) ** 2).sum())
    return Curve(intercept, scale, half, 1.0 - squared / total if total > 0 else 0.0, int(x.size))


def response(curve: Curve, spend: float) -> float:
    """What spend adds over no spend."""
    import math

    return curve.scale * math.log1p(spend / curve.half)


def marginal(curve: Curve, spend: float) -> float:
    return curve.scale / (curve.half + spend)


def divide(
    curves: list[Curve], least: list[float], most: list[float], budget: float, floor: float = 0.0
) -> list[float]:
    """The spends with the greatest sum of responses whose sum is `budget`; with a `floor` above zero, no unit is
    spent whose marginal response is below it, and the sum may stay under the budget. `sum(least) <= budget`."""
    from scipy.optimize import brentq

    def spends(price: float) -> list[float]:
        return [
            min(high, max(low, curve.scale / price - curve.half))
            for curve, low, high in zip(curves, least, most, strict=True)
        ]

    rising = [curve for curve in curves if curve.scale > 0]
    if not rising:
        return list(least)
    dearest = max(curve.scale / curve.half for curve in rising) * (1 + 1e-9)
    cheapest = max(floor, min(curve.scale / (curve.half + budget * 2 + 1) for curve in rising) * 1e-6)
    if cheapest >= dearest:
        return list(least)
    if sum(spends(cheapest)) <= budget:
        return spends(cheapest)
    import math

    excess: Callable[[float], float] = lambda log_price: sum(spends(math.exp(log_price))) - budget
    return spends(math.exp(brentq(excess, math.log(cheapest), math.log(dearest), xtol=1e-14, rtol=1e-14)))


def best_ratio(curves: list[Curve], least: list[float], most: list[float], ceiling: float) -> list[float]:
    """The spends with the greatest response per unit of spend, their sum at most `ceiling` and above zero."""
    spends = list(least)
    ratio = -1.0
    for _ in range(100):
        total = sum(spends)
        now = sum(response(curve, x) for curve, x in zip(curves, spends, strict=True)) / total
        if now - ratio <= 1e-13 * max(1.0, abs(now)):
            return spends
        ratio = now
        spends = divide(curves, least, most, ceiling, floor=ratio)
    return spends


def optimize(curves: list[Curve], request: OptimizationRequest) -> tuple[list[float], bool]:
    """Spend of each channel, and whether the whole budget had to be divided. Raises NoOptimum."""
    least = [channel.min for channel in request.channels]
    budget = request.total_budget
    most = [min(budget, channel.max if channel.max is not None else budget) for channel in request.channels]
    if sum(least) > budget * (1 + 1e-12):
        raise NoOptimum(f"the minima add up to {sum(least):g}, more than the budget of {budget:g}")
    if all(curve.scale == 0 for curve in curves):
        raise NoOptimum("no channel shows a rising response to spend")
    whole = request.goal == "maximize_revenue" or sum(least) <= 0
    spends = divide(curves, least, most, budget) if whole else best_ratio(curves, least, most, budget)
    return spends, whole


def solve(request: OptimizationRequest, columns: dict[str, Array]) -> Optimum:
    """Fit and divide. Raises NoOptimum naming the channel."""
    import numpy as np

    curves = []
    for channel in request.channels:
        try:
            curves.append(fit(columns[channel.spend], columns[channel.response]))
        except NoOptimum as problem:
            raise NoOptimum(f"{channel.name}: {problem}") from None
    spends, whole = optimize(curves, request)
    results, warnings = [], []
    for channel, curve, spend in zip(request.channels, curves, spends, strict=True):
        observed = columns[channel.spend]
        current = float(np.nanmean(observed))
        results.append(
            ChannelResult(
                channel.name, curve, current, spend, response(curve, current), response(curve, spend),
                marginal(curve, spend),
            )
        )  # fmt: skip
        if curve.scale == 0:
            warnings.append(f"{channel.name}: the response does not rise with spend; it gets its minimum.")
        elif curve.r_squared < _POOR_FIT:
            warnings.append(f"{channel.name}: spend explains little of the response (R² {curve.r_squared:.2f}).")
        if spend > float(np.nanmax(observed)) * 1.0001:
            warnings.append(f"{channel.name}: the optimum lies beyond the spend seen in the data.")
    total, gained = sum(spends), sum(item.optimal_response for item in results)
    return Optimum(
        goal=request.goal,
        total_budget=request.total_budget,
        total_spend=total,
        total_response=gained,
        response_per_spend=gained / total if total > 0 else None,
        spend_per_response=total / gained if gained > 0 else None,
        spends_whole_budget=whole,
        channels=results,
        warnings=warnings,
    )


def _columns(request: OptimizationRequest) -> dict[str, Any]:
    from ssd.engine.data.dta import read_dta
    from ssd.engine.missing import to_nan

    data = read_dta(request.data_path)
    wanted = {name for channel in request.channels for name in (channel.spend, channel.response)}
    found = {}
    for name in sorted(wanted):
        column = data.variables.get(name)
        if column is None:
            raise NoOptimum(f"the data have no column {name}")
        if column.is_string:
            raise NoOptimum(f"the column {name} holds text, not numbers")
        found[name] = to_nan(data.numeric(name))
    return found


def main(arguments: list[str]) -> int:
    request = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=OptimizationRequest)
    if request.memory_mb:
        resource.setrlimit(resource.RLIMIT_AS, (request.memory_mb << 20, request.memory_mb << 20))
    if request.cpu_seconds:
        resource.setrlimit(resource.RLIMIT_CPU, (request.cpu_seconds, request.cpu_seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        outcome = OptimizationOutcome(optimum=solve(request, _columns(request)))
    except NoOptimum as problem:
        outcome = OptimizationOutcome(problem=str(problem))
    Path(request.result_path).write_bytes(msgspec.json.encode(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
