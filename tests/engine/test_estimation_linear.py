"""Linear models. Expected numbers were computed with R 4 (lm, vcov, direct sandwich formulas)."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.conftest import Run
from tests.engine.estimation_data import CARS


def coefficients(session) -> dict[str, float]:
    b = session.e.matrices["b"]
    return dict(zip(b.cols, b.values[0], strict=True))


def errors(session) -> dict[str, float]:
    V = session.e.matrices["V"]
    return dict(zip(V.cols, np.sqrt(np.diag(V.values)), strict=True))


def test_regress_agrees_with_lm(run: Run) -> None:
    session, log = run(CARS + "regress mpg wt hp i.cyl")
    b, se = coefficients(session), errors(session)
    assert b["_cons"] == pytest.approx(35.8459953151877, rel=1e-12)
    assert b["6.cyl"] == pytest.approx(-3.3590248959360, rel=1e-11)
    assert b["4b.cyl"] == 0.0
    assert se["8.cyl"] == pytest.approx(2.1704752896999, rel=1e-11)
    assert "         cyl |\n          6  |" in log
    assert "(base)" not in log


@pytest.mark.parametrize(
    ("vce", "wt", "hp"),
    [
        ("robust", 0.69312576932623, 0.00997903466556),
        ("hc2", 0.7167803515271, 0.0106259224671),
        ("hc3", 0.8090717356627, 0.0126175266073),
    ],
)
def test_heteroskedasticity_robust_errors(run: Run, vce: str, wt: float, hp: float) -> None:
    session, _ = run(CARS + f"regress mpg wt hp i.cyl, vce({vce})")
    assert errors(session)["wt"] == pytest.approx(wt, rel=1e-11)
    assert errors(session)["hp"] == pytest.approx(hp, rel=1e-11)


def test_clustered_errors_and_degrees_of_freedom(run: Run) -> None:
    session, log = run(CARS + "regress mpg wt hp, vce(cluster cyl)")
    assert errors(session)["wt"] == pytest.approx(0.69988089162960, rel=1e-11)
    assert errors(session)["_cons"] == pytest.approx(3.06122942461215, rel=1e-11)
    assert session.e.scalars["df_r"] == 2
    assert "(Std. err. adjusted for 3 clusters in cyl)" in log


def test_analytic_weights_agree_with_weighted_lm(run: Run) -> None:
    session, _ = run(CARS + "regress mpg wt hp [aw=carb]")
    assert coefficients(session)["hp"] == pytest.approx(-0.0265240444194, rel=1e-11)
    assert errors(session)["wt"] == pytest.approx(0.48441611144827, rel=1e-11)


def test_frequency_weights_equal_repeated_observations(run: Run) -> None:
    weighted, _ = run(CARS + "regress mpg wt hp [fw=carb], vce(robust)")
    repeated, _ = run(CARS + "expand carb\nregress mpg wt hp, vce(robust)")
    assert weighted.e.scalars["N"] == repeated.e.scalars["N"] == 90
    assert errors(weighted)["wt"] == pytest.approx(errors(repeated)["wt"], rel=1e-10)


def test_the_later_of_two_collinear_variables_is_omitted_with_a_note(run: Run) -> None:
    session, log = run(CARS + "generate double twice = 2*wt\nregress mpg wt twice hp")
    assert "note: twice omitted because of collinearity." in log
    assert "       twice |          0  (omitted)" in log
    assert coefficients(session)["o.twice"] == 0.0
    assert session.e.scalars["df_m"] == 2


def test_full_interaction_equals_separate_regressions(run: Run) -> None:
    pooled, _ = run(CARS + "regress mpg i.am##c.wt")
    manual, _ = run(CARS + "regress mpg wt if am == 1")
    b = coefficients(pooled)
    assert b["wt"] + b["1.am#c.wt"] == pytest.approx(coefficients(manual)["wt"], rel=1e-11)


def test_fixed_effects_equal_dummy_variable_regression(run: Run) -> None:
    within, log = run(CARS + "xtset cyl\nxtreg mpg wt hp, fe")
    dummies, _ = run(CARS + "regress mpg wt hp i.cyl")
    absorbed, _ = run(CARS + "areg mpg wt hp, absorb(cyl)")
    for name in ("wt", "hp"):
        assert coefficients(within)[name] == pytest.approx(coefficients(dummies)[name], rel=1e-11)
        assert errors(within)[name] == pytest.approx(errors(dummies)[name], rel=1e-11)
        assert errors(absorbed)[name] == pytest.approx(errors(dummies)[name], rel=1e-11)
    assert "Fixed-effects (within) regression" in log


def test_just_identified_instruments_give_the_ratio_of_covariances(run: Run) -> None:
    session, _ = run(CARS + "ivregress 2sls mpg (wt = hp)")
    data = session.data
    y, x, z = (data.numeric(name) for name in ("mpg", "wt", "hp"))
    assert coefficients(session)["wt"] == pytest.approx(np.cov(z, y)[0, 1] / np.cov(z, x)[0, 1], rel=1e-10)


def test_influence_statistics_agree_with_r(run: Run) -> None:
    session, _ = run(CARS + "regress mpg wt hp i.cyl\npredict double d, cooksd\npredict double r, rstudent")
    assert session.data.numeric("d")[:2] == pytest.approx([0.00300987811340, 0.00029033286836], rel=1e-9)
    assert session.data.numeric("r")[2] == pytest.approx(-1.551917419604, rel=1e-11)


def test_joint_test_equals_square_of_t_for_one_restriction(run: Run) -> None:
    session, _ = run(CARS + "regress mpg wt hp i.cyl\ntest wt")
    assert session.r.scalars["F"] == pytest.approx(4.42106672620**2, rel=1e-10)


def test_margins_of_an_interaction_agree_with_the_linear_combination(run: Run) -> None:
    session, log = run(CARS + "regress mpg c.wt##i.am hp\nmargins, dydx(wt am)")
    table = session.r.matrices["table"]
    values = dict(zip(table.cols, table.values.T, strict=True))
    assert values["wt"][:2] == pytest.approx([-3.96911135786, 0.94081720864], rel=1e-10)
    assert values["1.am"][:2] == pytest.approx([0.0437826708215, 1.50894047826], rel=1e-8)
    assert "Average marginal effects" in log


def test_delta_method_of_a_ratio(run: Run) -> None:
    session, _ = run(CARS + "regress mpg wt hp\nnlcom _b[wt]/_b[hp]")
    b, V = session.e.matrices["b"].values[0], session.e.matrices["V"].values
    gradient = np.array([1.0 / b[1], -b[0] / b[1] ** 2, 0.0])
    assert session.r.matrices["V"].values[0, 0] == pytest.approx(gradient @ V @ gradient, rel=1e-8)


def test_unknown_option_is_refused(run: Run) -> None:
    session, log = run(CARS + "regress mpg wt, nosuchoption")
    assert session.state["rc"] == 198
    assert "option nosuchoption not allowed" in log
