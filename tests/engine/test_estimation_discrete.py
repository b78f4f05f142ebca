"""Models of discrete outcomes. Expected numbers were computed with R 4 (glm to convergence 1e-14)."""

from __future__ import annotations

import numpy as np
import pytest

from ssd.engine.stats.binary import Cloglog, Logit, Probit
from ssd.engine.stats.censored import Tobit
from ssd.engine.stats.counts import NegativeBinomial, Poisson
from ssd.engine.stats.generalized import LINKS, GeneralizedLinear
from ssd.engine.stats.ordered import Multinomial, Ordered
from tests.engine.conftest import Run
from tests.engine.estimation_data import CARS

N = 60
RNG = np.random.default_rng(7)
BINARY = (RNG.random(N) < 0.5).astype(float)
COUNT = RNG.poisson(2.0, N).astype(float)
CATEGORY = RNG.integers(0, 4, N).astype(np.intp)
SHIFTS = np.array([0.0, -1.0, 0.3, 1.4])


@pytest.mark.parametrize(
    ("model", "indices"),
    [
        (Logit(BINARY), 1),
        (Probit(BINARY), 1),
        (Cloglog(BINARY), 1),
        (Poisson(COUNT), 1),
        (NegativeBinomial(COUNT), 2),
        (Ordered(CATEGORY, 4, "logit"), 4),
        (Ordered(CATEGORY, 4, "probit"), 4),
        (Multinomial(CATEGORY - 1), 3),
        (Tobit(COUNT, COUNT <= 1.0, COUNT >= 4.0), 2),
        (GeneralizedLinear(COUNT + 1.0, "gamma", "log", np.ones(N)), 1),
        (GeneralizedLinear(BINARY, "binomial", "probit", np.ones(N)), 1),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else str(value),
)
def test_derivatives_match_finite_differences(model, indices: int) -> None:
    at = RNG.normal(scale=0.1, size=(N, indices)) + (SHIFTS[:indices] if isinstance(model, Ordered) else 0.0)
    _, scores, second = model.derivatives(at)
    step = 1e-6
    for e in range(indices):
        move = np.zeros(indices)
        move[e] = step
        slope = (model.log_likelihood(at + move) - model.log_likelihood(at - move)) / (2 * step)
        assert scores[:, e] == pytest.approx(slope, abs=1e-7)
        curve = (model.derivatives(at + move)[1] - model.derivatives(at - move)[1]) / (2 * step)
        assert second[:, :, e] == pytest.approx(curve, abs=1e-6)


@pytest.mark.parametrize("link", sorted(LINKS))
def test_response_derivatives_match_finite_differences(link: str) -> None:
    eta = np.linspace(0.2, 1.5, 9)[:, None]
    _, first, second = LINKS[link](eta)
    step = 1e-5
    slope = (LINKS[link](eta + step)[0] - LINKS[link](eta - step)[0]) / (2 * step)
    assert first[:, 0] == pytest.approx(slope, rel=1e-7, abs=1e-8)
    assert second[:, 0, 0] == pytest.approx(
        (LINKS[link](eta + step)[1] - LINKS[link](eta - step)[1])[:, 0] / (2 * step), rel=1e-6, abs=1e-7
    )


def test_logit_agrees_with_glm(run: Run) -> None:
    session, log = run(CARS + "logit am wt hp")
    b = session.e.matrices["b"]
    assert b.cols == ["am:wt", "am:hp", "am:_cons"]
    assert b.values[0] == pytest.approx([-8.0834751824446, 0.0362555960822, 18.8662987172041], rel=1e-8)
    assert session.e.scalars["ll"] == pytest.approx(-5.02955523613, rel=1e-10)
    assert "LR chi2(2)" in log


def test_odds_ratios_are_exponentials_with_delta_method_errors(run: Run) -> None:
    session, log = run(CARS + "logistic am wt hp")
    table = session.r.matrices["table"].values
    b, V = session.e.matrices["b"].values[0], session.e.matrices["V"].values
    assert table[0] == pytest.approx(np.exp(b), rel=1e-12)
    assert table[1] == pytest.approx(np.exp(b) * np.sqrt(np.diag(V)), rel=1e-12)
    assert "Odds ratio" in log


def test_average_marginal_effect_after_logit(run: Run) -> None:
    session, _ = run(CARS + "logit am wt hp\nmargins, dydx(wt)")
    assert session.r.matrices["table"].values[:2, 0] == pytest.approx([-0.35959620306, 0.057146462479], rel=1e-6)


def test_probit_agrees_with_glm(run: Run) -> None:
    session, _ = run(CARS + "probit am wt hp")
    assert session.e.matrices["b"].values[0] == pytest.approx(
        [-4.5422075730109, 0.0212590600278, 10.4055498514538], rel=1e-7
    )


def test_poisson_agrees_with_glm(run: Run) -> None:
    session, log = run(CARS + "poisson carb wt hp, irr")
    b, V = session.e.matrices["b"].values[0], session.e.matrices["V"].values
    assert b == pytest.approx([0.00448193579576, 0.00548724024914, 0.13878829095032], rel=1e-8)
    assert np.sqrt(V[1, 1]) == pytest.approx(0.00164414805107, rel=1e-8)
    assert session.e.scalars["ll"] == pytest.approx(-50.8218442471, rel=1e-10)
    assert "Note: _cons estimates baseline incidence rate." in log


def test_glm_gamma_with_log_link(run: Run) -> None:
    session, _ = run(CARS + "glm mpg wt hp, family(gamma) link(log)")
    assert session.e.matrices["b"].values[0] == pytest.approx(
        [-0.19698677149558, -0.00156010569992, 3.82587059595419], rel=1e-8
    )
    assert session.e.scalars["deviance"] == pytest.approx(0.368160828198, rel=1e-9)


def test_a_dummy_that_predicts_perfectly_is_omitted(run: Run) -> None:
    session, log = run(CARS + "generate one = am == 1 & mpg > 30\nlogit am one wt")
    assert "note: one != 0 predicts success perfectly;" in log
    assert session.e.scalars["N"] == 32 - int((session.data.numeric("one") == 1).sum())


def test_probabilities_of_ordered_outcomes_sum_to_one(run: Run) -> None:
    session, _ = run(CARS + "ologit carb wt hp\npredict double p1 p2 p3 p4 p5 p6, pr")
    total = sum(session.data.numeric(f"p{i}") for i in range(1, 7))
    assert total == pytest.approx(np.ones(32), abs=1e-12)


def test_binary_mlogit_equals_logit(run: Run) -> None:
    multinomial, _ = run(CARS + "mlogit am wt hp, baseoutcome(0)")
    binary, _ = run(CARS + "logit am wt hp")
    names = multinomial.e.matrices["b"].cols
    position = names.index("1:wt")
    assert multinomial.e.matrices["b"].values[0, position] == pytest.approx(
        binary.e.matrices["b"].values[0, 0], rel=1e-7
    )


def test_likelihood_ratio_test_of_stored_models(run: Run) -> None:
    session, _ = run(CARS + "logit am wt hp\nestimates store big\nlogit am wt\nestimates store small\nlrtest big small")
    assert session.r.scalars["df"] == 1
    small, big = (session.state["estimates"][name].scalars["ll"] for name in ("small", "big"))
    assert session.r.scalars["chi2"] == pytest.approx(2 * (big - small))
