"""Stored estimates, comparison tables and estat subcommands."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.conftest import Run
from tests.engine.estimation_data import CARS

TWO = CARS + "quietly regress mpg wt\nestimates store small\nquietly regress mpg wt hp\nestimates store big\n"


def test_estimates_table_shows_models_side_by_side(run: Run) -> None:
    session, log = run(TWO + "estimates table small big, b(%7.3f) stats(N r2)")
    values = session.r.matrices["coef"]
    assert values.rows == ["wt", "hp", "_cons"]
    assert "          wt |   -5.344     -3.878" in log
    assert "           N |       32         32" in log


def test_restored_results_are_active_again(run: Run) -> None:
    session, log = run(TWO + "estimates restore small\ndisplay e(df_m)")
    assert session.e.scalars["df_m"] == 1
    assert "(results small are active now)" in log


def test_unknown_stored_name(run: Run) -> None:
    session, log = run(TWO + "estimates restore nobody")
    assert session.state["rc"] == 111
    assert "estimation result nobody not found" in log


def test_esttab_writes_comma_separated_values(run: Run, tmp_path) -> None:
    _, log = run(TWO + "esttab small big using models.csv, se b(3)")
    lines = (tmp_path / "models.csv").read_text(encoding="utf-8").splitlines()
    # Cells as ="text" keep parentheses and stars in a spreadsheet (help esttab, csv).
    assert lines[:2] == ["", '="",="(1)",="(2)"']
    assert '="wt",="-5.344***",="-3.878***"' in lines
    assert '="N",="32",="32"' in lines
    assert "(output written to models.csv)" in log


def test_esttab_does_not_overwrite_without_replace(run: Run, tmp_path) -> None:
    (tmp_path / "models.csv").write_text("kept")
    session, _ = run(TWO + "esttab using models.csv")
    assert session.state["rc"] == 602
    assert (tmp_path / "models.csv").read_text() == "kept"


def test_variance_inflation_of_two_regressors_is_the_same(run: Run) -> None:
    session, _ = run(CARS + "regress mpg wt hp\nestat vif")
    r = np.corrcoef(session.data.numeric("wt"), session.data.numeric("hp"))[0, 1]
    assert session.r.scalars["vif_1"] == pytest.approx(1 / (1 - r * r), rel=1e-10)
    assert session.r.scalars["vif_2"] == pytest.approx(1 / (1 - r * r), rel=1e-10)


def test_information_criteria(run: Run) -> None:
    session, _ = run(CARS + "regress mpg wt hp\nestat ic")
    ll = session.e.scalars["ll"]
    assert session.r.matrices["S"].values[0, 4] == pytest.approx(-2 * ll + 6)
    assert session.r.matrices["S"].values[0, 5] == pytest.approx(-2 * ll + 3 * np.log(32))


def test_estat_needs_a_known_subcommand(run: Run) -> None:
    session, log = run(CARS + "regress mpg wt\nestat nonsense")
    assert session.state["rc"] == 321
    assert "invalid subcommand nonsense" in log


def test_sargan_statistic_is_n_times_r_squared(run: Run) -> None:
    session, _ = run(
        CARS + "ivregress 2sls mpg (wt = hp carb)\npredict double u, residuals\nestat overid\n"
        "scalar sargan = r(sargan)\nregress u hp carb"
    )
    assert session.scalars["sargan"] == pytest.approx(32 * session.e.scalars["r2"], rel=1e-6)


def test_hausman_uses_the_shared_slopes(run: Run) -> None:
    session, _ = run(
        CARS + "xtset cyl\nquietly xtreg mpg wt hp, fe\nestimates store fe\nquietly regress mpg wt hp\n"
        "estimates store ols\nhausman fe ols"
    )
    fe, ols = (session.state["estimates"][name].matrices for name in ("fe", "ols"))
    gap = (fe["b"].values - ols["b"].values)[0, :2]
    D = fe["V"].values[:2, :2] - ols["V"].values[:2, :2]
    assert session.r.scalars["chi2"] == pytest.approx(gap @ np.linalg.inv(D) @ gap, rel=1e-6)
    assert session.r.scalars["df"] == 2
