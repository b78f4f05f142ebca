"""The optimum against closed forms and an independent optimizer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ssd.llm.optimize import (
    ChannelRequest,
    Curve,
    NoOptimum,
    OptimizationRequest,
    best_ratio,
    divide,
    fit,
    optimize,
    response,
    solve,
)


def curve(scale: float, half: float) -> Curve:
    return Curve(0.0, scale, half, 1.0, 10)


def request(goal: str, budget: float, *channels: ChannelRequest) -> OptimizationRequest:
    return OptimizationRequest("d", "r", list(channels), budget, goal)  # type: ignore[arg-type]


def test_a_curve_without_noise_is_found():
    x = np.linspace(1, 100, 40)
    found = fit(x, 7 + 30 * np.log1p(x / 20))
    assert (found.intercept, found.scale, found.half) == (
        pytest.approx(7, rel=1e-4), pytest.approx(30, rel=1e-4), pytest.approx(20, rel=1e-4),
    )  # fmt: skip
    assert found.r_squared == pytest.approx(1)


def test_the_fit_is_the_least_squares_one():
    rng = np.random.default_rng(1)
    x = rng.uniform(1, 50, 200)
    y = 5 + 12 * np.log1p(x / 8) + rng.normal(0, 2, 200)
    found = fit(x, y)

    def squared(p: np.ndarray) -> float:
        return float(((y - p[0] - p[1] * np.log1p(x / np.exp(p[2]))) ** 2).sum())

    best = minimize(squared, [0.0, 1.0, 1.0], method="Nelder-Mead", options={"maxiter": 20000, "fatol": 1e-12})
    assert squared(np.array([found.intercept, found.scale, math.log(found.half)])) <= best.fun * (1 + 1e-9)


def test_equal_channels_share_equally():
    assert divide([curve(10, 5)] * 4, [0.0] * 4, [100.0] * 4, 100.0) == pytest.approx([25.0] * 4)


def test_two_channels_have_the_closed_form():
    """a₁/(s₁+x) = a₂/(s₂+B−x) gives x = (a₁(s₂+B) − a₂s₁)/(a₁+a₂)."""
    spends = divide([curve(300, 40), curve(120, 10)], [0, 0], [100, 100], 100.0)
    assert spends[0] == pytest.approx((300 * 110 - 120 * 40) / 420)
    assert sum(spends) == pytest.approx(100)


def test_limits_hold_and_the_rest_moves_on():
    spends = divide([curve(300, 40), curve(120, 10)], [0, 5], [30, 100], 60.0)
    assert spends == pytest.approx([30, 30])


def test_maxima_below_the_budget_leave_money_over():
    assert divide([curve(3, 4), curve(2, 1)], [0, 0], [10, 10], 60.0) == pytest.approx([10, 10])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(1, 500), st.floats(0.5, 100), st.floats(0, 5)), min_size=2, max_size=6),
    st.floats(40, 1000),
)
def test_no_other_division_is_better(channels, budget):
    """An independent optimizer from several starts finds nothing above the water level."""
    curves = [curve(scale, half) for scale, half, _ in channels]
    least = [low for _, _, low in channels]
    most = [budget] * len(curves)

    def gained(x) -> float:
        return sum(response(c, value) for c, value in zip(curves, x, strict=True))

    spends = divide(curves, least, most, budget)
    assert sum(spends) == pytest.approx(budget, rel=1e-7)
    room = budget - sum(least)
    for start in ([low + room / len(curves) for low in least], [least[0] + room, *least[1:]]):
        other = minimize(lambda x: -gained(x), start, bounds=list(zip(least, most, strict=True)), method="SLSQP",
                         constraints={"type": "eq", "fun": lambda x: sum(x) - budget})  # fmt: skip
        if other.success and sum(other.x) <= budget * (1 + 1e-9):
            assert gained(spends) >= -other.fun * (1 - 1e-6)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(1, 500), st.floats(0.5, 100), st.floats(0.5, 5)), min_size=1, max_size=4),
    st.floats(40, 1000), st.integers(0, 1000),
)  # fmt: skip
def test_no_other_spend_has_a_better_ratio(channels, budget, seed):
    curves = [curve(scale, half) for scale, half, _ in channels]
    least = np.array([low for _, _, low in channels])
    best = best_ratio(curves, list(least), [budget] * len(curves), budget)

    def ratio(x) -> float:
        return sum(response(c, value) for c, value in zip(curves, x, strict=True)) / sum(x)

    assert sum(best) <= budget * (1 + 1e-9)
    rng = np.random.default_rng(seed)
    for _ in range(200):
        extra = rng.dirichlet(np.ones(len(curves))) * rng.uniform(0, budget - least.sum())
        assert ratio(least + extra) <= ratio(best) * (1 + 1e-9)


def test_a_ratio_goal_without_minima_divides_the_whole_budget():
    curves = [curve(300, 40), curve(120, 10)]
    channels = (ChannelRequest("a", "a", "b"), ChannelRequest("c", "c", "d"))
    whole, all_of_it = optimize(curves, request("minimize_cpa", 100.0, *channels))
    assert all_of_it
    assert whole == optimize(curves, request("maximize_revenue", 100.0, *channels))[0]


def test_a_channel_that_does_not_respond_gets_its_minimum():
    curves = [curve(0, 5), curve(10, 5)]
    channels = (ChannelRequest("a", "a", "b", min=2.0), ChannelRequest("c", "c", "d"))
    assert optimize(curves, request("maximize_revenue", 50.0, *channels))[0] == pytest.approx([2, 48])


@pytest.mark.parametrize(
    ("x", "y", "told"),
    [
        ([1.0] * 20, list(range(20)), "does not vary"),
        ([1.0, 2.0], [1.0, 2.0], "only 2 rows"),
        ([-1.0, *range(1, 20)], list(range(20)), "negative"),
        ([math.nan] * 15 + [1.0, 2, 3], list(range(18)), "only 3 rows"),
    ],
)
def test_data_that_allow_no_fit_are_named(x, y, told):
    with pytest.raises(NoOptimum, match=told):
        fit(np.array(x, float), np.array(y, float))


def test_falling_responses_have_no_optimum():
    x = np.linspace(1, 50, 30)
    with pytest.raises(NoOptimum, match="no channel"):
        solve(request("maximize_revenue", 10.0, ChannelRequest("a", "x", "y")), {"x": x, "y": -x})


def test_doubts_are_told():
    x = np.linspace(1, 50, 30)
    noise = np.random.default_rng(2).normal(0, 50, 30)
    found = solve(request("maximize_revenue", 500.0, ChannelRequest("a", "x", "y")), {"x": x, "y": x + noise})
    assert any("beyond the spend seen" in warning for warning in found.warnings)
    assert found.total_spend == pytest.approx(500)
