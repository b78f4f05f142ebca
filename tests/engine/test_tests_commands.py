"""Hypothesis tests against published Stata output, textbooks and R."""

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
FUEL = "input mpg1 mpg2\n20 24\n23 25\n21 21\n25 22\n18 23\n17 18\n18 17\n24 28\n20 24\n24 27\n23 21\n19 23\nend\n"
"""Mileage of 12 cars without and with a fuel treatment ([R] signrank)."""


@needs_golden
def test_ttest_by_group_prints_the_published_output(run: Run) -> None:
    session, log = run(AUTO + "ttest mpg, by(foreign) unequal")
    assert "Domestic |      52    19.82692     .657777    4.743297    18.50638    21.14747\n" in log
    assert "    diff |           -4.945804    1.555438               -8.120053   -1.771556\n" in log
    assert "    diff = mean(Domestic) - mean(Foreign)                         t =  -3.1797\n" in log
    assert "H0: diff = 0                     Satterthwaite's degrees of freedom =  30.5463\n" in log
    assert " Pr(T < t) = 0.0017         Pr(|T| > |t|) = 0.0034          Pr(T > t) = 0.9983\n" in log
    assert session.r.scalars["p"] == pytest.approx(0.0034, abs=5e-5)


@needs_golden
def test_one_sample_ttest_prints_the_published_output(run: Run) -> None:
    _, log = run(AUTO + "ttest mpg == 20")
    assert "     mpg |      74     21.2973    .6725511    5.785503     19.9569    22.63769\n" in log
    assert "H0: mean = 20                                    Degrees of freedom =       73\n" in log
    assert "0.0576" in log


@needs_golden
def test_two_variable_prtest_agrees_with_published_output(run: Run) -> None:
    data = GOLDEN / "data" / "bpwide.dta"
    session, log = run(
        f'use "{data}", clear\ngen after = bp_after > 160\ngen before = bp_before > 160\nprtest after = before'
    )
    assert session.r.scalars["z"] == pytest.approx(-1.5434, abs=5e-5)
    assert "-.207495    .0241617\n" in log


@needs_golden
def test_ranksum_prints_the_published_variances(run: Run) -> None:
    session, log = run(f'use "{GOLDEN / "data" / "fuel2.dta"}", clear\nranksum mpg, by(treat)')
    assert "Unadjusted variance      300.00\n" in log
    assert "Adjustment for ties       -4.04\n" in log
    assert "         z = -1.279\n" in log
    assert session.r.scalars["p"] == pytest.approx(0.2010, abs=5e-5)


@needs_golden
def test_kwallis_agrees_with_published_output(run: Run) -> None:
    session, log = run(f'use "{GOLDEN / "data" / "polymorphism.dta"}", clear\nkwallis age, by(genotype)')
    assert "chi2(2) = 12.060\n" in log
    assert "chi2(2) with ties = 12.073\n" in log
    assert session.r.scalars["p"] == pytest.approx(0.0024, abs=5e-5)


@needs_golden
def test_anova_agrees_with_published_output_and_regress_replays_it(run: Run) -> None:
    session, log = run(f'use "{GOLDEN / "data" / "polymorphism.dta"}", clear\nanova age genotype\nregress')
    assert session.e.scalars["mss"] == pytest.approx(2315.73355, abs=5e-6)
    assert session.e.scalars["rss"] == pytest.approx(8245.79187, abs=5e-6)
    assert session.e.scalars["F_1"] == pytest.approx(7.86, abs=5e-3)
    assert "-14.26786   4.440775" in log


def test_signrank_and_signtest_agree_with_the_manual(run: Run) -> None:
    """[R] signrank: z = -1.973, p = 0.0485; sign test p = 0.2266."""
    session, log = run(FUEL + "signrank mpg1 = mpg2")
    assert "Unadjusted variance      162.50\n" in log
    assert session.r.scalars["z"] == pytest.approx(-1.973, abs=5e-4)
    assert session.r.scalars["p"] == pytest.approx(0.0485, abs=5e-5)
    session, _ = run(FUEL + "signtest mpg1 = mpg2")
    assert session.r.scalars["p_2"] == pytest.approx(0.2266, abs=5e-5)


@needs_golden
def test_normality_tests_agree_with_the_manual(run: Run) -> None:
    """[R] swilk prints W 0.94821, V 3.335, z 2.627, p 0.00430 for mpg; [R] sktest 0.0015, 0.0804, 10.95."""
    _, log = run(AUTO + "swilk mpg\nsktest mpg")
    assert "         mpg |         74    0.94821      3.335     2.627    0.00430\n" in log
    assert "         mpg |        74         0.0015         0.0804         10.95     0.0042\n" in log


@needs_golden
def test_robust_variance_tests_agree_with_r_on_the_two_groups(run: Run) -> None:
    """W0 and W50 are one-way anovas of absolute deviations; scipy's levene is the independent route."""
    from scipy.stats import levene

    session, _ = run(AUTO + "robvar mpg, by(foreign)")
    mpg, foreign = session.data.numeric("mpg"), session.data.numeric("foreign")
    groups = [mpg[foreign == g] for g in (0, 1)]
    for key, centre in (("w0", "mean"), ("w50", "median")):
        found = levene(*groups, center=centre)
        assert session.r.scalars[key] == pytest.approx(found.statistic, rel=1e-10)
        assert session.r.scalars[f"p_{key}"] == pytest.approx(found.pvalue, rel=1e-8)


def test_oneway_prints_the_textbook_table(run: Run) -> None:
    """Four training programs of five workers (Notre Dame handout): F(3, 16) = 7.04, Bartlett 0.5685."""
    values = [9, 12, 14, 11, 13, 10, 6, 9, 9, 10, 12, 14, 11, 13, 11, 9, 8, 11, 7, 8]
    rows = "\n".join(f"{v} {i // 5 + 1}" for i, v in enumerate(values))
    session, log = run(f"input y g\n{rows}\nend\noneway y g, bonferroni")
    assert "Between groups           54.95      3   18.3166667      7.04     0.0031\n" in log
    assert "Bartlett's equal-variances test: chi2(3) =   0.5685    Prob>chi2 = 0.904\n" in log
    assert session.r.scalars["mss"] == pytest.approx(54.95, abs=1e-9)


def test_partial_sums_of_squares_agree_with_r(run: Run) -> None:
    """R 4: drop1(lm(y ~ a*b, contrasts = list(a = "contr.sum", b = "contr.sum")), . ~ ., test = "F")."""
    rows = "1 1 4\n1 1 6\n1 2 9\n2 1 7\n2 1 3\n2 2 12\n2 2 15\n2 2 11\n1 2 8\n1 1 5"
    session, _ = run(f"input a b y\n{rows}\nend\nanova y a##b")
    found = [session.e.scalars[f"ss_{k}"] for k in (1, 2, 3)]
    assert found == pytest.approx([10.4166666667, 74.8166666667, 10.4166666667], rel=1e-8)


def test_exact_rank_sum_agrees_with_enumeration() -> None:
    from itertools import combinations

    from ssd.engine.stats.correlation import ranks
    from ssd.engine.stats.rank_tests import rank_sum

    first, second = np.array([3.0, 5, 5, 9]), np.array([1.0, 2, 5, 4, 8])
    rank = ranks(np.concatenate([first, second]))
    sums = np.array([sum(rank[list(c)]) for c in combinations(range(9), 4)])
    observed = rank[:4].sum()
    expected = min(1.0, 2 * min(np.mean(sums <= observed + 1e-9), np.mean(sums >= observed - 1e-9)))
    assert rank_sum(first, second, exact=True).p_exact == pytest.approx(expected)


def test_kappa_agrees_with_the_textbook(run: Run) -> None:
    """Fleiss, Statistical Methods for Rates and Proportions, table 13.1: kappa = 0.676."""
    counts = {(1, 1): 75, (1, 2): 1, (1, 3): 4, (2, 1): 5, (2, 2): 4, (2, 3): 1, (3, 1): 0, (3, 2): 0, (3, 3): 10}
    rows = "\n".join(f"{a} {b} {n}" for (a, b), n in counts.items() if n)
    session, _ = run(f"input a b n\n{rows}\nend\nkap a b [fw=n]")
    assert session.r.scalars["prop_o"] == pytest.approx(0.89)
    assert session.r.scalars["kappa"] == pytest.approx(0.676, abs=5e-4)


def test_three_groups_in_by_are_refused(run: Run) -> None:
    session, log = run("set obs 9\ngen g = mod(_n, 3)\ngen y = _n\nttest y, by(g)")
    assert session.state["rc"] == 420
    assert "more than 2 groups found, only 2 allowed" in log


def test_ttesti_agrees_with_the_manual(run: Run) -> None:
    """[R] ttest: ttesti 24 62.6 15.8 75 gives t = -3.8448, p = 0.0008."""
    session, _ = run("ttesti 24 62.6 15.8 75")
    assert session.r.scalars["t"] == pytest.approx(-3.8448, abs=5e-5)
    assert session.r.scalars["p"] == pytest.approx(0.0008, abs=5e-5)


def test_sample_sizes_agree_with_r(run: Run) -> None:
    """R 4: power.t.test(delta=1, sd=2, power=.8) n = 63.766; power.prop.test(p1=.5, p2=.75, power=.9) n = 76.707;
    power.t.test(n=20, delta=1, sd=2, strict=TRUE) power = 0.3379390289."""
    session, _ = run("power twomeans 0 1, sd(2)")
    assert (session.r.scalars["N1"], session.r.scalars["N"]) == (64, 128)
    session, _ = run("power twoproportions .5 .75, power(.9)")
    assert session.r.scalars["N1"] == 77
    session, _ = run("power twomeans 0 1, sd(2) n1(20) n2(20)")
    assert session.r.scalars["power"] == pytest.approx(0.3379390289, abs=1e-8)
