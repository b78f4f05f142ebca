"""Time-series commands as a do-file meets them: graphs, replay, stored estimates, gaps, panels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.conftest import Run

WAVE = """
clear
set obs 60
generate t = tq(1990q1) + _n - 1
format t %tq
generate y = sin(_n) + cos(_n * _n) + _n / 20
generate x = cos(_n) + sin(3 * _n)
tsset t
"""


@pytest.mark.parametrize(
    "lines",
    ["ac y, lags(12)", "pac D.y, title(Partial) name(Graph, replace)", "varbasic y x", "tsline y x"],
)
def test_graph_can_be_exported(run: Run, tmp_path: Path, lines: str) -> None:
    session, log = run(WAVE + lines + "\ngraph export g.svg, replace\n")
    assert session.state["rc"] == 0, log
    assert "<svg" in (tmp_path / "g.svg").read_text(encoding="utf-8")


def test_irf_graph_has_one_panel_per_pair(run: Run, tmp_path: Path) -> None:
    session, log = run(
        WAVE + "quietly var y x\nirf set one, replace\nirf create a, step(4)\nirf graph oirf fevd\n"
        "graph export g.svg, replace\n"
    )
    assert session.state["rc"] == 0, log
    assert len(session.state["graphs"]["Graph"].panels) == 4
    assert (tmp_path / "one.irf").exists()


def test_irf_refuses_a_file_outside_the_run(run: Run) -> None:
    session, _ = run(WAVE + "quietly var y x\nirf set ../one, replace\n")
    assert session.state["rc"] == 603


def test_replay_and_stored_estimates(run: Run) -> None:
    session, log = run(
        WAVE + "arima y, ar(1) nolog\nestimates store a\nquietly regress y x\nestimates restore a\narima\nestat ic\n"
    )
    assert session.state["rc"] == 0, log
    assert log.count("ARIMA regression") == 2
    assert session.e.macros["cmd"] == "arima"


@pytest.mark.parametrize(
    ("lines", "rc"),
    [
        ("drop in 30\ncorrgram y", 498),
        ("drop in 30\ndfgls y", 498),
        ("drop in 30\narch y, arch(1)", 198),
        ("arima y, arima(1,0)", 198),
        ("arima y, arima(1,0,0) ar(2)", 198),
        ("arch y, garch(1)", 198),
        ("var y, lags(0)", 198),
        ("irf table oirf", 111),
        ("tsfilter hp y = x", 110),
        ("tssmooth ma m = y", 198),
        ("dfuller nothing", 111),
        ("tsset, clear\narima y, ar(1)", 111),
        ("quietly arima y, ar(1)\npredict p, leverage", 198),
        ("quietly regress y x\npredict p, dynamic(tq(1999q1))", 198),
    ],
)
def test_refusals(run: Run, lines: str, rc: int) -> None:
    session, log = run(WAVE + lines + "\n")
    assert session.state["rc"] == rc, log


def test_dynamic_forecasts_start_from_the_last_known_value(run: Run) -> None:
    session, log = run(
        WAVE + "arima y, arima(0,1,0) noconstant nolog\ntsappend, add(3)\n"
        "predict double f, y dynamic(tq(2005q1))\nscalar same = f[61] == y[60] & f[63] == y[60]\n"
    )
    assert session.state["rc"] == 0, log
    assert session.scalars["same"] == 1.0


def test_time_ranges_in_conditions(run: Run) -> None:
    session, log = run(
        WAVE + "count if tin(1991q1, 1991q4)\nscalar a = r(N)\ncount if tin(, 1990q2)\nscalar b = r(N)\n"
        "count if twithin(1991q1, 1991q4) & y < .\nscalar c = r(N)\n"
    )
    assert session.state["rc"] == 0, log
    assert [session.scalars[name] for name in "abc"] == [4.0, 2.0, 2.0]
