"""Graphs: files written, what they hold, determinism, refusals."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ssd.engine.graphics.store import find
from ssd.engine.session import Session

Run = Callable[..., tuple[Session, str]]
DATA = 'set obs 60\ngen x = _n\ngen y = 2 * _n + mod(_n * 7, 13)\ngen g = 1 + (_n > 30)\nlabel variable y "Output"\n'
EVERY_KIND = [
    "twoway (scatter y x) (lfit y x)",
    "twoway (lfitci y x) (qfit y x)",
    "scatter y x, by(g)",
    "line y x, sort",
    "twoway connected y x if x < 10",
    "twoway area y x",
    "twoway bar y x in 1/8",
    "twoway rarea x y g",
    "gen lo = y - 5\ntwoway (rcap lo y x) (rspike lo y x)",
    "twoway lowess y x",
    "lowess y x",
    "twoway lpoly y x, bwidth(5) degree(1)",
    "kdensity y, normal",
    "histogram y, percent normal kdensity",
    "twoway histogram y, width(10) || kdensity y",
    "twoway function y = x^2, range(-2 2)",
    "graph bar (mean) y, over(g)",
    "graph hbar (count), over(g)",
    "graph dot (mean) y, over(g)",
    "graph box y, over(g)",
    "graph hbox y, over(g)",
    "graph pie, over(g)",
    "graph matrix x y g",
    "qnorm y",
    "pnorm y",
    "regress y x\nrvfplot, yline(0)",
    "regress y x i.g\ncoefplot, drop(_cons)",
    "gen t = x\ntsset t\ntsline y",
]


@pytest.mark.parametrize("command", EVERY_KIND)
def test_every_kind_of_graph_is_drawn(run: Run, tmp_path: Path, command: str) -> None:
    session, log = run(f"{DATA}{command}\ngraph export a.svg, replace")
    assert session.state["rc"] == 0, log
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


def test_png_has_the_width_asked_for_and_pdf_is_pdf(run: Run, tmp_path: Path) -> None:
    run(DATA + "scatter y x\ngraph export a.png, width(800)\ngraph export a.pdf")
    header = (tmp_path / "a.png").read_bytes()[:24]
    assert header[1:4] == b"PNG"
    assert int.from_bytes(header[16:20], "big") == 800
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_the_same_graph_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    text = DATA + 'scatter y x, title("T")\n'
    for suffix in ("svg", "png", "pdf"):
        run(f"{text}graph export a.{suffix}\nclear\n{text}graph export b.{suffix}")
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_svg_says_no_date(run: Run, tmp_path: Path) -> None:
    run(DATA + "scatter y x\ngraph export a.svg")
    assert "dc:date" not in (tmp_path / "a.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command",
    [
        "scatter y x, bogus(1)",
        "scatter y x, legend(bogus)",
        "scatter y x, title(a, bogus)",
        "graph bar y, over(g) foo",
        "scatter y x, mcolor(nocolour)",
        "scatter y x, text(1 2)",
        "graph set window fontmono x",
        "twoway lpoly y x",
    ],
)
def test_what_is_not_known_is_refused(run: Run, command: str) -> None:
    session, _ = run(f"{DATA}{command}")
    assert session.state["rc"] == 198


def test_a_saved_graph_is_drawn_as_it_was(run: Run, tmp_path: Path) -> None:
    run(
        DATA
        + 'scatter y x, title("T") text(1 1 "here") saving(a)\ngraph export a.svg\n'
        + "clear\ngraph drop _all\ngraph use a\ngraph export b.svg"
    )
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_graph_save_overwrites_only_with_replace(run: Run) -> None:
    session, _ = run(DATA + "scatter y x\ngraph save a.gph\ngraph save a, replace\ngraph save a.gph")
    assert session.state["rc"] == 602


def test_a_file_that_is_no_graph_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.gph").write_bytes(b"\x80StataGraph")
    session, _ = run("graph use a.gph")
    assert session.state["rc"] == 610


@pytest.mark.parametrize(
    ("command", "panels"),
    [("graph bar y, by(g)", 2), ("graph bar (mean) y x, over(g)", 1), ("graph box y, by(g, total)", 3)],
)
def test_by_gives_a_panel_for_each_group(run: Run, command: str, panels: int) -> None:
    session, _ = run(f"{DATA}{command}")
    assert session.state["rc"] == 0
    assert len(find(session, None).panels) == panels


def test_words_and_minor_ticks_stand_where_they_were_put(run: Run) -> None:
    session, _ = run(
        DATA + 'twoway (scatter y x) (scatteri 1 2 "p"), text(3 4 "a" "b", place(e)) xtick(1 2) ymtick(##5)'
    )
    panel = find(session, None).panels[0]
    assert [(note.x, note.y, note.text, note.horizontal) for note in panel.notes] == [(4.0, 3.0, "a\nb", "left")]
    assert (panel.x.minor, panel.y.minor_parts) == ([1.0, 2.0], 5)
    assert panel.layers[1].marker_labels == ["p"]


def test_export_refuses_to_overwrite_and_unknown_types(run: Run) -> None:
    session, _ = run(DATA + "scatter y x\ngraph export a.svg\ngraph export a.svg")
    assert session.state["rc"] == 602
    session, _ = run(DATA + "scatter y x\ngraph export a.emf")
    assert session.state["rc"] == 198


def test_export_stays_below_the_working_folder(run: Run) -> None:
    session, _ = run(DATA + "scatter y x\ngraph export ../a.svg")
    assert session.state["rc"] == 603


def test_axis_rules_titles_and_reference_lines_reach_the_graph(run: Run) -> None:
    text = 'scatter y x, xlabel(0(20)60, angle(45)) ylabel(0 "low" 100 "high") yline(50, lpattern(dash)) xtitle("Time")'
    session, _ = run(DATA + text)
    panel = find(session, None).panels[0]
    assert panel.x.ticks.positions == [0, 20, 40, 60]
    assert panel.x.ticks.angle == 45
    assert panel.y.ticks.texts == ["low", "high"]
    assert [line.value for line in panel.y.lines] == [50]
    assert panel.x.title is not None and panel.x.title.text == "Time"
    assert panel.y.title is not None and panel.y.title.text == "Output"


def test_if_condition_selects_the_points_of_one_plot_only(run: Run) -> None:
    session, _ = run(DATA + "twoway (scatter y x if g == 1) (scatter y x)")
    assert [layer.x.size for layer in find(session, None).panels[0].layers] == [30, 60]


def test_histogram_prints_its_bins_and_densities_integrate_to_one(run: Run) -> None:
    # [R] histogram: min(sqrt(60), 10 log10(60)) = 7 bins.
    session, log = run(DATA + "histogram x")
    assert "(bin=7, start=1, width=8.428571" in log
    layer = find(session, None).panels[0].layers[0]
    assert layer.y.sum() * 59 / 7 == pytest.approx(1.0)


def test_lfit_layer_is_the_least_squares_line(run: Run) -> None:
    session, _ = run(DATA + "twoway lfit y x")
    layer = find(session, None).panels[0].layers[0]
    slope, constant = np.polyfit(session.data.numeric("x"), session.data.numeric("y"), 1)
    assert layer.y == pytest.approx(constant + slope * layer.x, rel=1e-6)


def test_lowess_of_a_straight_line_is_that_line() -> None:
    from ssd.engine.graphics.smooth import lowess

    x = np.linspace(0, 1, 50)
    _, smooth = lowess(x, 3 * x + 1, 0.5, mean_only=False)
    assert smooth == pytest.approx(3 * x + 1, abs=1e-10)


def test_kernel_density_integrates_to_one() -> None:
    from ssd.engine.graphics.smooth import KERNELS, kernel_density

    x = np.sin(np.arange(200.0)) * 3
    for kernel in KERNELS:
        grid, density, h = kernel_density(x, None, kernel, 0.4, 4000)
        inside = np.trapezoid(density, grid)
        assert 0.9 < inside < 1.0 + 1e-6 and h == 0.4


def test_combine_by_name_dir_and_drop(run: Run, tmp_path: Path) -> None:
    session, log = run(
        DATA + "scatter y x, name(a)\nline y x, name(b)\ngraph combine a b, name(c)\ngraph export c.png, name(c)\n"
        "graph dir\ngraph drop a\nscatter y x, name(b)"
    )
    assert session.state["rc"] == 110
    assert re.search(r"a\s+b\s+c", log)
    assert (tmp_path / "c.png").stat().st_size > 5000


def test_chinese_titles_are_kept_as_text_or_drawn_with_a_chinese_font(run: Run, tmp_path: Path) -> None:
    from ssd.engine.graphics.fonts import cjk_family

    _, log = run(DATA + 'scatter y x, title("中文标题")\ngraph export a.svg')
    if cjk_family() is None:
        assert "no font with Chinese characters" in log
        assert "中文标题" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    else:
        assert "no font" not in log


def test_by_groups_without_observations_of_one_plot_are_left_empty(run: Run) -> None:
    text = "twoway (scatter y x if g == 1) (scatter y x if g == 2), by(g)\ngraph export a.svg"
    session, log = run(DATA + text)
    assert session.state["rc"] == 0, log
    panels = find(session, None).panels
    assert [[layer.x.size for layer in panel.layers] for panel in panels] == [[30, 0], [0, 30]]


def test_an_axis_shows_the_value_labels_of_its_own_variable(run: Run, tmp_path: Path) -> None:
    run(
        'set obs 3\ngen place = _n\nlabel define words 1 "first" 2 "second" 3 "third"\nlabel values place words\n'
        "gen low = place - 1\ngen high = place + 1\n"
        "twoway (rcap low high place, horizontal) (scatter place low), ylabel(1(1)3, valuelabel)\n"
        'graph export "a.svg", replace',
        tmp_path,
    )
    svg = (tmp_path / "a.svg").read_text("utf-8")
    assert all(f">{word}<" in svg or f"<!-- {word} -->" in svg for word in ("first", "second", "third"))


@pytest.mark.parametrize(
    "option",
    [
        "legend(on region(lcolor(red)))",
        "legend(on region(fcolor(gs14)))",
        "legend(on symxsize(26))",
        "xlabel(, noticks)",
        "xlabel(, labcolor(red))",
        "yscale(noline)",
        "graphregion(lcolor(red))",
        "plotregion(lcolor(red))",
        "plotregion(margin(zero))",
        'title("T", margin(large))',
        'title("T", ring(0))',
        "xscale(noextend)",
        "legend(on margin(large))",
        "legend(on span)",
        "graphregion(margin(large))",
        "xlabel(, tlength(2))",
    ],
)
def test_placing_options_take_effect_or_are_refused(run: Run, tmp_path: Path, option: str) -> None:
    plain = option.split("(", maxsplit=1)[0] if option.startswith("legend") else ""
    base = "legend(on)" if plain == "legend" else ""
    data = "set obs 20\ngenerate x = _n\ngenerate y = x^2\n"
    session, log = run(
        data + f"twoway line y x, {base}\ngraph export a.svg\ntwoway line y x, {option}\ngraph export b.svg\n"
    )
    if session.state["rc"]:
        assert session.state["rc"] == 198 and "not supported by this engine" in log
        return
    assert (tmp_path / "a.svg").read_bytes() != (tmp_path / "b.svg").read_bytes()


def test_common_axes_of_combined_graphs(run: Run, tmp_path: Path) -> None:
    lines = (
        "set obs 5\ngenerate x = _n\ngenerate y = x\ngenerate z = 100 * x\n"
        "twoway line y x, name(a)\ntwoway line z x, name(b)\n"
        "graph combine a b\ngraph export one.svg\ngraph combine a b, ycommon\ngraph export two.svg\n"
    )
    session, _ = run(lines)
    assert session.state["rc"] == 0
    assert (tmp_path / "one.svg").read_bytes() != (tmp_path / "two.svg").read_bytes()
