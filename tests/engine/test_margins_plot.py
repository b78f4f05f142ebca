"""What marginsplot and binscatter draw: the numbers behind the marks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ssd.engine.graphics.model import Layer, Text
from ssd.engine.graphics.store import find
from ssd.engine.missing import FloatArray
from ssd.engine.session import Session

Run = Callable[..., tuple[Session, str]]
DATA = (
    "set obs 60\ngen x = _n\ngen g = mod(_n, 3)\ngen f = _n > 20\nlabel define f 0 no 1 yes\nlabel values f f\n"
    "gen y = 2 * x + 5 * g + mod(_n * 7, 13) + 3 * f\n"
)


def layers(session: Session, kind: str) -> list[Layer]:
    return [layer for layer in find(session, None).panels[0].layers if layer.kind == kind]


def test_at_values_lie_on_the_axis_and_levels_make_lines(run: Run) -> None:
    session, _ = run(DATA + "quietly regress y i.f##c.x\nquietly margins f, at(x=(10 20 30))\nmarginsplot\n")
    drawn = layers(session, "connected")
    assert [layer.label for layer in drawn] == ["no", "yes"]
    assert [layer.x.tolist() for layer in drawn] == [[10.0, 20.0, 30.0]] * 2
    b = session.r.matrices["b"].values[0]
    np.testing.assert_allclose(drawn[1].y, b[1::2])
    assert find(session, None).panels[0].x.title == Text("x")


def test_limits_are_those_of_the_table_and_noci_leaves_them_out(run: Run) -> None:
    session, _ = run(DATA + "quietly regress y i.g x\nquietly margins g\nmarginsplot\n")
    band = layers(session, "rcap")[0]
    table = session.r.matrices["table"]
    np.testing.assert_allclose(band.y, table.values[table.rows.index("ll")])
    assert find(session, None).title == Text("Predictive margins of g with 95% CIs")
    session, _ = run(DATA + "quietly regress y i.g x\nquietly margins g\nmarginsplot, noci\n")
    assert layers(session, "rcap") == []


def test_contrasts_and_pairs_are_labelled_by_what_they_compare(run: Run) -> None:
    session, _ = run(DATA + "quietly regress y i.g x\nquietly margins g, pwcompare\nmarginsplot\n")
    assert find(session, None).panels[0].x.ticks.texts == ["1 vs 0", "2 vs 0", "2 vs 1"]
    session, _ = run(DATA + "quietly regress y i.f x\nquietly margins r.f\nmarginsplot\n")
    assert find(session, None).panels[0].x.ticks.texts == ["yes vs no"]


def test_effects_of_several_variables_stand_side_by_side(run: Run) -> None:
    session, _ = run(DATA + "quietly regress y i.f x\nquietly margins, dydx(*)\nmarginsplot, horizontal\n")
    panel = find(session, None).panels[0]
    assert panel.y.ticks.texts == ["yes", "x"]
    assert panel.layers[0].horizontal


def test_marginsplot_without_margins_is_an_error(run: Run) -> None:
    _, log = run(DATA + "regress y x\ncapture noisily marginsplot\ndisplay _rc\n")
    assert "previous command was not margins" in log


def test_bins_hold_the_means_after_partialling_out(run: Run) -> None:
    session, _ = run(DATA + "binscatter y x, controls(i.g) nquantiles(5)\n")
    n = np.arange(1, 61)
    x, g, f = n.astype(float), n % 3, (n > 20).astype(float)
    y = 2 * x + 5 * g + n * 7 % 13 + 3 * f
    Z = np.column_stack([np.ones(60), g == 1, g == 2]).astype(float)

    def partial(v: FloatArray) -> FloatArray:
        return np.asarray(v - Z @ np.linalg.lstsq(Z, v, rcond=None)[0] + v.mean(), dtype=np.float64)

    rx, ry = partial(x), partial(y)
    order = np.argsort(rx, kind="stable").reshape(5, 12)
    points = layers(session, "scatter")[0]
    np.testing.assert_allclose(points.x, rx[order].mean(axis=1))
    np.testing.assert_allclose(points.y, ry[order].mean(axis=1))
    slope = np.linalg.lstsq(np.column_stack([Z, x]), y, rcond=None)[0][-1]
    line = layers(session, "line")[0]
    np.testing.assert_allclose((line.y[-1] - line.y[0]) / (line.x[-1] - line.x[0]), slope)


def test_coefplot_sets_models_side_by_side(run: Run) -> None:
    fit = "quietly regress y x i.g\nestimates store a\nquietly regress y x i.g f\nestimates store b\n"
    session, _ = run(DATA + fit + 'coefplot (a, label("One")) b, drop(_cons) coeflabels(x = "Slope")\n')
    panel = find(session, None).panels[0]
    assert panel.y.ticks.texts == ["Slope", "g=1", "g=2", "f"]
    marks = layers(session, "scatter")
    assert [layer.label for layer in marks] == ["One", "b"]
    np.testing.assert_allclose(marks[1].y, session.e.matrices["b"].values[0][[0, 2, 3, 4]])
    assert (marks[0].x < marks[1].x[:3]).all()


def test_coefplot_takes_the_level_and_leaves_intervals_out(run: Run) -> None:
    session, _ = run(DATA + "quietly regress y x\ncoefplot, levels(90) keep(x) eform\n")
    band = layers(session, "rcap")[0]
    b, se = session.e.matrices["b"].values[0][0], np.sqrt(session.e.matrices["V"].values[0, 0])
    assert band.y2 is not None
    np.testing.assert_allclose(np.log(band.y2), b + 1.671552763 * se, rtol=1e-8)
    session, _ = run(DATA + "quietly regress y x\ncoefplot, noci\n")
    assert layers(session, "rcap") == []
