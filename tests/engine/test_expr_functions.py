"""Functions of expressions. Expected values: tables of distributions, arithmetic, the manual's own examples."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from ssd.engine.cli import new_session
from ssd.engine.errors import StataError
from ssd.engine.expr import evaluate
from ssd.engine.missing import EXTENDED, MISSING
from ssd.engine.session import Session


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return new_session(tmp_path, io.StringIO())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("round(5.6)", 6.0),
        ("round(-5.2)", -5.0),
        ("round(2.345, .1)", 2.3),
        ("int(-2.7)", -2.0),
        ("floor(-2.1)", -3.0),
        ("ceil(2.1)", 3.0),
        ("mod(7,3)", 1.0),
        ("mod(-1,3)", 2.0),
        ("mod(5,0)", MISSING),
        ("abs(-3)", 3.0),
        ("comb(5,2)", 10.0),
        ("lnfactorial(5)", 4.787491742782046),
        ("sign(-3)", -1.0),
        ("max(1,.,3)", 3.0),
        ("min(.,.a)", MISSING),
        ("invlogit(0)", 0.5),
        ("logit(.5)", 0.0),
        ("reldif(1,3)", 0.5),
        ("trunc(2.9)", 2.0),
        ("round(.a)", EXTENDED[1]),
        ("int(.z)", EXTENDED[26]),
        ("digamma(1)", -0.5772156649015329),
        ("atan2(1,1)", 0.7853981633974483),
    ],
)
def test_mathematics(session: Session, text: str, value: float) -> None:
    assert evaluate(text, session) == pytest.approx(value, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "value", "digits"),
    [
        ("normal(1.96)", 0.9750, 4),
        ("invnormal(.975)", 1.959964, 6),
        ("normalden(0)", 0.3989423, 7),
        ("invttail(10,.025)", 2.228139, 6),
        ("ttail(10,2.228139)", 0.025, 6),
        ("t(10,0)", 0.5, 10),
        ("chi2tail(1,3.841459)", 0.05, 6),
        ("invchi2(1,.95)", 3.841459, 6),
        ("invchi2tail(2,.05)", 5.991465, 6),
        ("Ftail(2,10,4.102821)", 0.05, 6),
        ("invFtail(2,10,.05)", 4.102821, 6),
        ("binomial(10,3,.5)", 0.171875, 9),
        ("binomialtail(10,8,.5)", 0.0546875, 9),
        ("binomialp(4,2,.5)", 0.375, 9),
        ("poisson(1,0)", 0.3678794, 7),
        ("poissonp(2,1)", 0.2706706, 7),
        ("poissontail(1,1)", 0.6321206, 7),
        ("gammap(1,1)", 0.6321206, 7),
        ("ibeta(1,1,.3)", 0.3, 9),
        ("F(1,10,0)", 0.0, 9),
        ("binormal(0,0,0)", 0.25, 6),
        ("binomial(10,3,invbinomial(10,3,.5))", 0.5, 9),
        ("binomialtail(10,3,invbinomialtail(10,3,.2))", 0.2, 9),
        ("hypergeometricp(10,4,5,2)", 0.4761905, 7),
        ("exponential(2,2)", 0.6321206, 7),
        ("tukeyprob(3,10,3.877676)", 0.95, 4),
        ("nbinomialp(1,0,.5)", 0.5, 9),
    ],
)
def test_distributions(session: Session, text: str, value: float, digits: int) -> None:
    assert evaluate(text, session) == pytest.approx(value, abs=0.6 * 10.0**-digits)


@pytest.mark.parametrize("text", ["invnormal(0)", "invttail(5,0)", "invchi2tail(3,0)", "binomial(5,9,.5)", "chi2(1,.)"])
def test_outside_the_domain_is_missing(session: Session, text: str) -> None:
    assert evaluate(text, session) == MISSING


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('substr("abcdef",2,3)', "bcd"), ('substr("abcdef",-3,2)', "de"), ('substr("abcdef",2,.)', "bcdef"),
        ('substr("abc",0,2)', ""), ('usubstr("中文字",2,1)', "文"), ('strlen("中文")', 6.0), ('ustrlen("中文")', 2.0),
        ('subinstr("this is this","is","X",1)', "thX is this"), ('subinstr("aXbX","X","",.)', "ab"),
        ('subinword("this is this","is","X",.)', "this X this"), ('word("a bb ccc",-1)', "ccc"),
        ('wordcount("a bb  ccc")', 3.0), ('strpos("this","is")', 3.0), ('strpos("this","z")', 0.0),
        ('strrpos("banana","an")', 4.0), ('upper("abc é")', "ABC é"), ('ustrupper("é")', "É"),
        ('proper("mR. joHn a. sMitH")', "Mr. John A. Smith"), ('strtrim("  a b  ")', "a b"),
        ('stritrim("a   b")', "a b"), ('strreverse("abc")', "cba"), ('string(3.5)', "3.5"),
        ('string(1234567.891,"%12.2fc")', "1,234,567.89"), ('strofreal(.)', "."), ('real("3.5e2")', 350.0),
        ('real("abc")', MISSING), ('strmatch("17.4","1??4")', 1.0), ('strmatch("17","1??4")', 0.0),
        ('abbrev("displacement",8)', "displa~t"), ('char(65)', "A"), ('uchar(20013)', "中"),
        ('plural(2,"horse")', "horses"), ('plural(1,"horse")', "horse"), ('strtoname("1 a")', "_1_a"),
        ('soundex("Robert")', "R163"), ('regexm("15jan1960","^[0-9]+")', 1.0), ('regexr("abc","b","X")', "aXc"),
        ('ustrregexra("a1b2","[0-9]","")', "ab"), ('ustrregexrf("a1b2","[0-9]","#")', "a#b2"),
        ('ustrregexm("省份","\\p{Han}+")', 1.0), ('ustrpos("中文字","字")', 3.0), ('indexnot("abc","ab")', 3.0),
    ],
)  # fmt: skip
def test_strings(session: Session, text: str, value: float | str) -> None:
    assert evaluate(text, session) == value


def test_regular_expression_groups_follow_the_observation(session: Session) -> None:
    texts = np.empty(3, dtype=object)
    texts[:] = ["a1", "zz", "b22"]
    session.data.add("s", texts)
    matched = evaluate('regexm(s, "([a-z])([0-9]+)")', session)
    assert matched.tolist() == [1.0, 0.0, 1.0]  # type: ignore[union-attr]
    session.run('gen d = regexs(2) if regexm(s, "([a-z])([0-9]+)")')
    assert session.data.strings("d").tolist() == ["1", "", "22"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("td(01jan1960)", 0.0),
        ("mdy(1,31,1960)", 30.0),
        ("mdy(2,30,2000)", MISSING),
        ("td(29feb2000)", 14669.0),
        ('date("1/15/08","MDY",2019)', 17546.0),
        ('date("20200131","YMD")', 21945.0),
        ('date("Jan 15, 2008","MDY")', 17546.0),
        ('date("15.1.2008","DMY")', 17546.0),
        ('date("2008-13-01","YMD")', MISSING),
        ("year(17546)", 2008.0),
        ("month(17546)", 1.0),
        ("day(17546)", 15.0),
        ("dow(17546)", 2.0),
        ("doy(17546)", 15.0),
        ("quarter(17546)", 1.0),
        ("tq(1960q2)", 1.0),
        ("tm(2010m12)", 611.0),
        ("tw(1960w1)", 0.0),
        ("th(1960h2)", 1.0),
        ("mofd(td(15jan2008))", 576.0),
        ("dofm(576)", 17532.0),
        ("qofd(td(01apr1960))", 1.0),
        ("yq(2001,3)", 166.0),
        ("ym(1960,1)", 0.0),
        ('clock("01jan1960 00:00:01","DMYhms")', 1000.0),
        ("tc(01jan1960 00:01)", 60000.0),
        ("hh(3600000)", 1.0),
        ('clock("1960-01-01T01:00:00Z","YMD#hms#")', 3600000.0),
        ('monthly("2010m12","YM")', 611.0),
        ('quarterly("1990q2","YQ")', 121.0),
        ("week(td(31dec1999))", 52.0),
        ("isleapyear(1900)", 0.0),
        ("age(td(29feb2000), td(28feb2001))", 0.0),
        ("dhms(1,1,1,1)", 90061000.0),
        ("yofd(17546)", 2008.0),
        ("lastdayofmonth(td(10feb2000))", 14669.0),
    ],
)
def test_dates(session: Session, text: str, value: float) -> None:
    assert evaluate(text, session) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('cond(1,"a","b")', "a"),
        ("cond(.,1,2,3)", 3.0),
        ("cond(.,1,2)", 1.0),
        ("missing(1,.a)", 1.0),
        ('missing("x","")', 1.0),
        ("inlist(3,1,2,3)", 1.0),
        ('inlist("a","b")', 0.0),
        ("inrange(5,1,.)", 1.0),
        ("inrange(.,1,9)", 0.0),
        ("float(.1)", 0.10000000149011612),
        ("irecode(3,1,2,5)", 2.0),
        ("recode(3,1,2,5)", 5.0),
        ("autocode(4.5,3,1,10)", 7.0),
        ("float(.1)==.1", 0.0),
        ('fileexists("nothing.txt")', 0.0),
        ("c(pi)", np.pi),
        ("maxbyte()", 100.0),
        ("r(nothing)", MISSING),
        ("clip(5,1,3)", 3.0),
    ],
)
def test_programming(session: Session, text: str, value: float | str) -> None:
    assert evaluate(text, session) == value


def test_types_are_checked_in_functions(session: Session) -> None:
    for text in ('cond(1,"a",2)', 'inlist(1,"a")', "strlen(3)", 'ln("a")'):
        with pytest.raises(StataError) as caught:
            evaluate(text, session)
        assert caught.value.rc == 109


def test_time_series_operators_respect_gaps_and_panels(session: Session) -> None:
    session.data.add("id", np.array([1.0, 1.0, 1.0, 2.0, 2.0]))
    session.data.add("t", np.array([1.0, 2.0, 4.0, 1.0, 2.0]))
    session.data.add("v", np.array([10.0, 13.0, 20.0, 5.0, 9.0]))
    session.run("quietly xtset id t")
    value = {text: evaluate(text, session).tolist() for text in ("L.v", "F.v", "D.v", "L2.v", "S2.v", "D2.v")}  # type: ignore[union-attr]
    m = MISSING
    assert value["L.v"] == [m, 10.0, m, m, 5.0]
    assert value["F.v"] == [13.0, m, m, 9.0, m]
    assert value["D.v"] == [m, 3.0, m, m, 4.0]
    assert value["L2.v"] == [m, m, 13.0, m, m]
    assert value["S2.v"] == [m, m, 7.0, m, m]
    assert value["D2.v"] == [m, m, m, m, m]
