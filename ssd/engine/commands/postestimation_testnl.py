"""testnl: Wald tests of nonlinear hypotheses by the delta method."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.postestimation_tests import (
    evaluate_at,
    gradient,
    parenthesised_groups,
    require_estimates,
)
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.quoting import top_level
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.distributions import chi2_tail, f_tail

if TYPE_CHECKING:
    from ssd.engine.session import Session

_METHODS = {"noadjust": 5, "bonferroni": 1, "holm": 1, "sidak": 1}


@command(
    "testnl", "anything(equalok everything) [, Mtest Mtest(string) ITERate(integer 100) DF(real -1) NOSVYadjust]",
    stored="r(p) r(chi2) r(F) r(df) r(df_r) r(G) r(R) r(mtest) r(mtmethod)",
)  # fmt: skip
def testnl(session: Session, line: Line) -> None:
    """Wald tests of nonlinear hypotheses after estimation."""
    names, b, V, _ = require_estimates(session)
    method = _method(line)
    conditions = _conditions(line.anything)
    gaps, rows, shown = [], [], []
    for number, sides in enumerate(conditions, start=1):
        shown.append(f"  ({number})  {' = '.join(sides)}")
        for other in sides[1:]:
            difference = f"({sides[0]})-({other})"
            gaps.append(evaluate_at(session, difference, names, b))
            rows.append(gradient(session, difference, names, b, V))
    gap, G = np.array(gaps), np.array(rows)
    middle = G @ V @ G.T
    if np.any(np.diag(middle) <= 0.0):
        raise StataError(498, "Jacobian is a zero vector; the hypotheses do not depend on estimated coefficients")
    statistic, rank = wald(gap, middle)
    if rank < len(gap):
        raise StataError(498, "Jacobian not full rank; the hypotheses are redundant or inconsistent")
    typed = line.options.get("df")
    df_r = float(typed) if isinstance(typed, int | float) and typed > 0 else None
    log = session.log
    log.line()
    for text in shown:
        log.line(text)
    log.line()
    scalars = {"df": float(rank)}
    results = ResultSet()
    p = chi2_tail(statistic, rank) if df_r is None else f_tail(statistic / rank, rank, df_r)
    if method is None:
        _print(session, statistic, rank, df_r, p)
    else:
        results.matrices["mtest"] = _separate(session, gap, middle, df_r, method, (statistic, rank, p))
        results.macros["mtmethod"] = method
    scalars |= {"p": p}
    scalars |= {"chi2": statistic} if df_r is None else {"F": statistic / rank, "df_r": df_r}
    results.scalars = {name: value if math.isfinite(value) else MISSING for name, value in scalars.items()}
    results.matrices["G"] = Matrix(G, [f"r{i + 1}" for i in range(len(gap))], list(names))
    results.matrices["R"] = Matrix(gap.reshape(-1, 1), [f"r{i + 1}" for i in range(len(gap))], ["c1"])
    session.r = results


def _method(line: Line) -> str | None:
    typed = line.options.get("mtest")
    if not typed:
        return None
    if typed is True:
        return "noadjust"
    word = str(typed).strip()
    found = next((name for name, least in _METHODS.items() if len(word) >= least and name.startswith(word)), None)
    if found is None:
        raise StataError(198, f"mtest({word}) invalid")
    return found


def _conditions(text: str) -> list[list[str]]:
    """The sides of each hypothesis: `a = b` or `(a = b) (c = d = e)`."""
    stripped = text.strip()
    groups = parenthesised_groups(stripped) if stripped.startswith("(") else None
    pieces = groups if groups and all(len(_sides(piece)) > 1 for piece in groups) else [stripped]
    conditions = [_sides(piece) for piece in pieces]
    if any(len(sides) < 2 or not all(sides) for sides in conditions):
        raise invalid_syntax()
    return conditions


def _sides(text: str) -> list[str]:
    """What stands between the single equal signs of an expression, outside parentheses and quotes."""
    sides, start = [], 0
    for position, char in top_level(text):
        if char == "=" and text[position + 1 : position + 2] != "=" and text[position - 1] not in "=<>!~":
            sides.append(text[start:position].strip())
            start = position + 1
    return [*sides, text[start:].strip()]


def _print(session: Session, W: float, df: int, df_r: float | None, p: float) -> None:
    """The two lines of the joint test."""
    if df_r is None:
        label, value, last = f"chi2({df})", W, "Prob > chi2"
    else:
        label, value, last = f"F({df}, {df_r:g})", W / df, "Prob > F"
    session.log.line(f"{label:>22} ={value:12.2f}")
    session.log.line(f"{last:>22} ={p:14.4f}")


def _separate(
    session: Session, gap: FloatArray, middle: FloatArray, df_r: float | None, method: str,
    joint: tuple[float, int, float],
) -> Matrix:  # fmt: skip
    """A test of each hypothesis by itself with p-values adjusted as `mtest()` says."""
    statistics = gap**2 / np.diag(middle)
    raw = np.array([chi2_tail(w, 1) if df_r is None else f_tail(w, 1, df_r) for w in statistics.tolist()])
    m = len(raw)
    adjusted = {
        "noadjust": raw, "bonferroni": np.minimum(1.0, m * raw), "sidak": 1.0 - (1.0 - raw) ** m, "holm": _holm(raw),
    }[method]  # fmt: skip
    log = session.log
    heading = "chi2" if df_r is None else f"F(df,{df_r:g})"
    rule = "-" * 39
    log.line(rule)
    log.line(f"{'':8}|{heading:>12}     df       p")
    log.line(f"{'-' * 8}+{'-' * 30}")
    for number, (w, p) in enumerate(zip(statistics.tolist(), adjusted.tolist(), strict=True), start=1):
        mark = " #" if method != "noadjust" else ""
        log.line(f"{f'({number})':^8}|{w:12.2f}{1:7d}{p:10.4f}{mark}")
    log.line(f"{'-' * 8}+{'-' * 30}")
    W, df, p_joint = joint
    log.line(f"{'all':^8}|{W if df_r is None else W / df:12.2f}{df:7d}{p_joint:10.4f}")
    log.line(rule)
    if method != "noadjust":
        log.line(f"{f'# {method.capitalize()}-adjusted p-values':>39}")
    values = np.column_stack([statistics, np.ones(m), adjusted])
    return Matrix(values, [f"r{i + 1}" for i in range(m)], ["chi2" if df_r is None else "F", "df", "p"])


def _holm(p: FloatArray) -> FloatArray:
    """Holm's step-down adjustment: each p-value times the number of hypotheses not smaller, made monotone."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, stepped)
    return adjusted
