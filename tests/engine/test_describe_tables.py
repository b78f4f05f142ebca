"""Descriptive commands against published Stata output and hand-computed values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ssd.engine.session import Session

GOLDEN = Path(__file__).parents[3] / "shared" / "golden"
Run = Callable[..., tuple[Session, str]]
needs_golden = pytest.mark.skipif(not (GOLDEN / "data").is_dir(), reason="published data not present")
AUTO = f'use "{GOLDEN / "data" / "auto.dta"}", clear\n'


@needs_golden
def test_summarize_prints_the_published_table_line_by_line(run: Run) -> None:
    _, log = run(AUTO + "summarize price rep78")
    assert (
        "    Variable |        Obs        Mean    Std. dev.       Min        Max\n"
        "-------------+---------------------------------------------------------\n"
        "       price |         74    6165.257    2949.496       3291      15906\n"
        "       rep78 |         69    3.405797    .9899323          1          5\n"
    ) in log


@needs_golden
def test_summarize_detail_prints_the_published_layout(run: Run) -> None:
    session, log = run(AUTO + "summarize price, detail")
    assert "10%         3895           3667       Obs                  74\n" in log
    assert "50%       5006.5                      Mean           6165.257\n" in log
    assert "99%        15906          15906       Kurtosis       4.819188\n" in log
    assert session.r.scalars["skewness"] == pytest.approx(1.653434, abs=5e-7)
    assert session.r.scalars["p75"] == 6342


@needs_golden
def test_tabulate_with_missing_shows_the_published_percentages(run: Run) -> None:
    session, log = run(AUTO + "tab rep78, missing")
    assert (
        "     Repair |\n"
        "record 1978 |      Freq.     Percent        Cum.\n"
        "------------+-----------------------------------\n"
        "          1 |          2        2.70        2.70\n"
    ) in log
    assert "          . |          5        6.76      100.00\n" in log
    assert session.r.scalars == {"N": 74.0, "r": 6.0}


@needs_golden
def test_two_way_chi2_agrees_with_the_published_test(run: Run) -> None:
    session, log = run(f'use "{GOLDEN / "data" / "hsb2.dta"}", clear\ntabulate prog ses, chi2 matcell(F)')
    assert "Pearson chi2(4) =  16.6044   Pr = 0.002" in log
    assert session.matrices["F"].values.tolist() == [[16, 20, 9], [19, 44, 42], [12, 31, 7]]


@needs_golden
def test_tabulate_summarize_prints_the_published_means(run: Run) -> None:
    _, log = run(AUTO + "tabulate foreign, summarize(mpg)")
    assert "   Domestic |   19.826923   4.7432972          52\n" in log
    assert "      Total |   21.297297   5.7855032          74\n" in log


@needs_golden
def test_correlations_agree_with_published_output(run: Run) -> None:
    session, log = run(
        AUTO + "correlate rep78 price trunk\npwcorr rep78 price trunk, sig\nspearman price trunk, matrix"
    )
    assert "       trunk |  -0.1572   0.3232   1.0000\n" in log
    assert "       trunk |  -0.1572   0.3143   1.0000 \n" in log
    assert session.r.scalars["rho"] == pytest.approx(0.3996, abs=5e-5)


@needs_golden
def test_classic_table_prints_the_published_cells(run: Run) -> None:
    data = GOLDEN / "data" / "auto2.dta"
    _, log = run(f'use "{data}", clear\ntable rep78, contents(n mpg mean mpg sd mpg median mpg)')
    assert "     Fair |          8      19.125    3.758324          18\n" in log
    assert "Excellent |         11    27.36364    8.732385          30\n" in log


@needs_golden
def test_mean_and_its_test_agree_with_published_output(run: Run) -> None:
    session, log = run(AUTO + "mean mpg headroom length\ntest mpg = 20")
    assert "         mpg |    21.2973   .6725511       19.9569    22.63769\n" in log
    assert session.e.scalars["df_r"] == 73


def test_tabulate_generates_one_indicator_per_category(run: Run) -> None:
    session, _ = run("set obs 4\ngen x = cond(_n < 3, 1, 2)\nreplace x = . in 4\nquietly tab x, gen(d)")
    assert session.data.numeric("d1")[:3].tolist() == [1, 1, 0]
    assert session.data.numeric("d2")[3] >= 2.0**1023


def test_frequency_weights_equal_repeated_observations(run: Run) -> None:
    text = "set obs 5\ngen x = _n^2\ngen w = _n\nsummarize x [fw=w], detail\nexpand w\nsummarize x, detail"
    session, log = run(text + "\nreturn list")
    blocks = log.split("Percentiles")
    assert blocks[1].split("return")[0].split("\n")[1] == blocks[2].split("\n")[1]
    assert session.r.scalars["N"] == 15


def test_percentiles_average_at_exact_positions(run: Run) -> None:
    # [R] summarize: with n p / 100 whole, the percentile is the mean of two neighbours.
    session, _ = run("set obs 4\ngen x = _n\nsummarize x, detail")
    assert (session.r.scalars["p25"], session.r.scalars["p50"], session.r.scalars["p10"]) == (1.5, 2.5, 1.0)


def test_unknown_and_refused_options_stop_the_command(run: Run) -> None:
    for line in ("summarize x, bogus", "tabulate x, wrap", "tabstat x, stat(nonsense)", "tabulate x, chi2"):
        session, _ = run(f"set obs 3\ngen x = _n\n{line}")
        assert session.state["rc"] == 198, line


def test_gamma_and_tau_b_standard_errors_follow_the_delta_method() -> None:
    """Numerical gradient of each measure over a multinomial table, an independent route to the ASE."""
    from ssd.engine.stats import crosstab

    table = np.array([[12.0, 5, 2], [7, 14, 6], [1, 8, 19]])
    n = table.sum()
    p = table / n
    for measure in (crosstab.gamma, crosstab.kendall_tau_b):
        gradient = np.zeros_like(p)
        for cell in np.ndindex(p.shape):
            step = np.zeros_like(p)
            step[cell] = 1e-6
            gradient[cell] = (measure((p + step) * n)[0] - measure((p - step) * n)[0]) / 2e-6
        variance = (np.sum(p * gradient**2) - np.sum(p * gradient) ** 2) / n
        assert measure(table)[1] == pytest.approx(np.sqrt(variance), rel=1e-5)


def test_fisher_exact_agrees_with_r() -> None:
    """R 4: fisher.test(matrix(c(3,1,2,4,6,2,0,5,4),3))$p.value; fisher.test(matrix(c(3,1,2,7),2))$p.value."""
    from ssd.engine.stats.crosstab import fisher_exact

    assert fisher_exact(np.array([[3.0, 4, 0], [1, 6, 5], [2, 2, 4]]))[0] == pytest.approx(0.123258736287, abs=1e-7)
    assert fisher_exact(np.array([[3.0, 2], [1, 7]]))[0] == pytest.approx(0.216783216783, abs=1e-7)


@needs_golden
def test_codebook_counts_values_and_missing(run: Run) -> None:
    _, log = run(AUTO + "codebook rep78")
    assert "                 Range: [1,5]" in log
    assert "         Unique values: 5 " in log
    assert "Missing .: 5/74" in log
    assert "                           30  3\n" in log


@needs_golden
def test_centile_and_ci_agree_with_the_manual(run: Run) -> None:
    """[R] ci prints 19.9569 22.63769 for mpg (also in the published mean); [R] centile 5006.5 for price."""
    session, log = run(AUTO + "ci means mpg\ncentile price")
    assert "         mpg |         74     21.2973    .6725511         19.9569    22.63769\n" in log
    assert session.r.scalars["c_1"] == 5006.5


@needs_golden
def test_tabstat_by_group_prints_published_statistics(run: Run) -> None:
    _, log = run(f'use "{GOLDEN / "data" / "lbw.dta"}", clear\ntabstat bwt, by(smoke) stat(mean sd n)')
    assert "nonsmoker |  3054.957   752.409       115\n" in log
    assert "    Total |  2944.286   729.016       189\n" in log


def test_misstable_counts_system_and_extended_missing(run: Run) -> None:
    session, log = run("set obs 4\ngen x = _n\nreplace x = . in 1\nreplace x = .a in 2\nmisstable summarize")
    assert session.r.scalars["max"] == 2
    row = next(line for line in log.splitlines() if line.strip().startswith("x |"))
    assert row.split("|")[1].split() == ["1", "1", "2"]
