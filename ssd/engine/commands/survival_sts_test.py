"""sts test: equality of survivor functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.survival_sample import Grouping, IndexArray, group_records, open_analysis, option_names
from ssd.engine.errors import StataError, unsupported
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import number
from ssd.engine.results import ResultSet
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.survival_curves import equality_test, weighting

if TYPE_CHECKING:
    from ssd.engine.session import Session

_TITLES = {
    "logrank": "Log-rank test", "wilcoxon": "Wilcoxon–Breslow–Gehan test", "tware": "Tarone–Ware test",
    "peto": "Peto–Peto–Prentice test", "fh": "Fleming–Harrington test",
}  # fmt: skip


def test_equality(session: Session, line: Line) -> None:
    if line.flag("cox"):
        raise unsupported("option cox of sts test is")
    for option in ("detail", "mat"):
        if line.options.get(option):
            raise unsupported(f"option {option} of sts test is")
    powers = line.options.get("fh")
    kinds = [kind for kind in ("logrank", "wilcoxon", "tware", "peto") if line.flag(kind)]
    if isinstance(powers, list) and powers:
        kinds.append("fh")
    if len(kinds) > 1:
        raise StataError(198, f"options {kinds[0]} and {kinds[1]} may not be combined")
    kind = kinds[0] if kinds else "logrank"
    p, q = (float(str(value)) for value in powers) if isinstance(powers, list) and powers else (0.0, 0.0)
    strata = option_names(line, "strata")
    settings, records = open_analysis(session, line, [*line.varlist, *strata])
    if settings.weight_kind == "pweight":
        raise StataError(101, "pweights not allowed")
    groups = group_records(session, records, line.varlist)
    if groups.count < 2:
        raise StataError(198, "only one group defined by varlist")
    stratum: IndexArray = group_records(session, records, strata).ids
    test = equality_test(records, groups.ids, groups.count, stratum, weighting(kind, p, q))
    chi2, df = test.chi2()
    log = session.log
    if not line.flag("notitle"):
        log.line()
        log.line("Stratified equality of survivor functions" if strata else "Equality of survivor functions")
        log.line(_TITLES[kind])
        log.line()
    ranks = kind != "logrank"
    heading = ", ".join(line.varlist)
    width = max(len("Total"), len(heading), *(len(label) for label in groups.labels))
    star = "(*)" if strata else ""
    log.line(f"{'':<{width}} |  Observed       Expected" + ("        Sum of" if ranks else ""))
    log.line(f"{heading:<{width}} |    events         events{star}" + ("         ranks" if ranks else ""))
    rule = "-" * (width + 1) + "+" + "-" * (38 if ranks else 25)
    log.line(rule)
    for g, label in enumerate(groups.labels):
        row = f"{number(test.observed[g], '%10.0g'):>10}     {test.expected[g]:10.2f}"
        row += f"    {number(test.score[g], '%10.0g'):>10}" if ranks else ""
        log.line(f"{label:>{width}} |{row}")
    log.line(rule)
    total = f"{number(float(test.observed.sum()), '%10.0g'):>10}     {test.expected.sum():10.2f}"
    log.line(f"{'Total':>{width}} |{total}" + (f"    {'0':>10}" if ranks else ""))
    if strata:
        log.line()
        log.line(f"(*) sum over calculations within {' '.join(strata)}")
    p_value = chi2_tail(chi2, df)
    results = {"df": float(df), "chi2": chi2, "p": p_value}
    log.line()
    _show_chi2(session, width, df, chi2, p_value)
    if line.flag("trend"):
        results.update(_trend(session, groups, test.trend, width))
    session.r = ResultSet(scalars=results)


def _show_chi2(session: Session, width: int, df: int, chi2: float, p_value: float) -> None:
    text = f"chi2({df}) ="
    session.log.line(f"{text:>{width + 20}}{format_value(chi2, '%7.2f'):>7}")
    session.log.line(f"{'Pr>chi2 =':>{width + 20}}{p_value:7.4f}")


def _trend(session: Session, groups: Grouping, statistic: object, width: int) -> dict[str, float]:
    """Test of a trend in the values of the group variable. Raises r(198) with fewer than three groups."""
    if groups.count < 3:
        raise StataError(198, "trend test requires 3 or more groups")
    scores = [values[0] for values in groups.values]
    if len(groups.names) > 1 or any(isinstance(value, str) for value in scores):
        raise StataError(198, "trend test requires one numeric variable")
    assert callable(statistic)
    chi2 = float(statistic(np.array(scores, dtype=np.float64)))
    p_value = chi2_tail(chi2, 1)
    session.log.line()
    session.log.line("Test for trend of survivor functions")
    session.log.line()
    _show_chi2(session, width, 1, chi2, p_value)
    return {"df_tr": 1.0, "chi2_tr": chi2, "p_tr": p_value}
