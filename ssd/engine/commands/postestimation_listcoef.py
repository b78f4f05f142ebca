"""listcoef: factor and percent changes and standardized coefficients (Long and Freese's SPost)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, SessionSource, estimation_of, marked_sample
from ssd.engine.commands.postestimation_fit import ERROR_VARIANCE, linear_index, outcome_values
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import fixed
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.arithmetic import quotient
from ssd.engine.stats.distributions import two_sided

if TYPE_CHECKING:
    from ssd.engine.session import Session


_ODDS = ("logit", "logistic", "ologit", "clogit")
_COUNTS = ("poisson", "nbreg")
_LISTED = (*_ODDS, *_COUNTS, "probit", "oprobit", "regress", "cloglog", "tobit")


@command("listcoef", "[varlist(default=none)] [, Factor Percent Std Help CONStant PValue(real 0)]",
         stored="r(table)", refused="after mlogit, slogit, zip and zinb; pvalue(), varlist")  # fmt: skip
def listcoef(session: Session, line: Line) -> None:
    """Transformed coefficients: factor or percent changes and standardized coefficients."""
    estimation = estimation_of(session)
    name = session.e.macros.get("cmd", "")
    if name not in _LISTED:
        raise unsupported(f"listcoef after {name} is")
    if "pvalue" in line.typed or line.varlist:
        raise unsupported("pvalue() and a varlist with listcoef are")
    kinds = [option for option in ("factor", "percent", "std") if line.flag(option)]
    if len(kinds) > 1:
        raise StataError(198, "only one of factor, percent and std may be specified")
    kind = kinds[0] if kinds else ("factor" if name in (*_ODDS, *_COUNTS) else "std")
    if kind != "std" and name not in (*_ODDS, *_COUNTS):
        raise StataError(198, f"option {kind} is not available after {name}")
    if kind == "std" and name in (*_COUNTS, "clogit"):
        raise StataError(198, f"option std is not available after {name}")
    sample = marked_sample(session)
    equation, design = next(iter(estimation.designs.items()))
    X = design.matrix(SessionSource(session), sample)
    columns = [column.name for column in design.columns if column.active]
    weights = estimation.normalised
    sd = _deviations(X, np.ones(len(X)) if weights is None else weights)
    stored = session.e.matrices["b"].cols
    prefix = f"{equation}:" if equation else ""
    b = session.e.matrices["b"].values[0]
    V = session.e.matrices["V"].values
    rows = []
    sd_y = _outcome_deviation(session, estimation, name)
    for column, s in zip(columns, sd, strict=True):
        place = stored.index(prefix + column)
        rows.append((column, float(b[place]), math.sqrt(float(V[place, place])), float(s)))
    constant = prefix + "_cons"
    _print_coefficients(session, name, kind, rows, sd_y, estimation.table.df,
                        (float(b[stored.index(constant)]), math.sqrt(float(V[stored.index(constant)][stored.index(
                            constant)]))) if constant in stored else None, line.flag("help"))  # fmt: skip


def _deviations(X: FloatArray, w: FloatArray) -> FloatArray:
    mean = w @ X / w.sum()
    return np.asarray(np.sqrt(w @ (X - mean) ** 2 / (w.sum() - 1.0)), dtype=np.float64)


def _outcome_deviation(session: Session, estimation: Estimation, name: str) -> float:
    """Standard deviation of the outcome, latent where the model has one."""
    if name in ERROR_VARIANCE:
        return math.sqrt(float(np.var(linear_index(session, estimation), ddof=1)) + ERROR_VARIANCE[name])
    return float(np.std(outcome_values(session), ddof=1))


_COLUMN_HELP = {
    "b": "raw coefficient", "e^b": "exp(b) = factor change in {thing} for unit increase in X",
    "e^bStdX": "exp(b*SD of X) = change in {thing} for SD increase in X",
    "%": "percent change in {thing} for unit increase in X",
    "%StdX": "percent change in {thing} for SD increase in X", "SDofX": "standard deviation of X",
    "bStdX": "x-standardized coefficient", "bStdY": "y-standardized coefficient",
    "bStdXY": "fully standardized coefficient",
}  # fmt: skip


def _print_coefficients(
    session: Session, name: str, kind: str, rows: list[tuple[str, float, float, float]], sd_y: float,
    df: float | None, constant: tuple[float, float] | None, explain: bool,
) -> None:  # fmt: skip
    log = session.log
    letter = "z" if df is None else "t"
    thing = "odds" if name in _ODDS else "expected count"
    heads = {"factor": ["e^b", "e^bStdX"], "percent": ["%", "%StdX"], "std": ["bStdX", "bStdY", "bStdXY"]}[kind]
    title = {
        "factor": f"Factor change in {thing}", "percent": f"Percentage change in {thing}",
        "std": "Unstandardized and standardized estimates",
    }[kind]  # fmt: skip
    log.line()
    log.line(f"{name} (N={session.e.scalars['N']:.0f}): {title} ")
    log.line()
    if name in {"logit", "logistic"} and kind != "std":
        log.line(f"  Odds of: {_outcome_label(session, 1)} vs {_outcome_label(session, 0)}")
        log.line()
    elif kind == "std":
        log.line(f"  {'Observed' if name not in ERROR_VARIANCE else 'Latent'} SD: {sd_y:.4f}")
        log.line()
    widths = [10 if kind == "std" or i else 9 for i in range(len(heads))] + [11]
    head = f"{'b':>10}{letter:>9}{f'P>|{letter}|':>9}" + "".join(
        f"{text:>{width}}" for text, width in zip([*heads, "SDofX"], widths, strict=True)
    )
    width = max([12, *(len(row[0]) for row in rows)]) if rows else 12
    log.line("-" * (width + len(head) + 3))
    log.line(" " * width + " |" + head)
    log.line("-" * (width + 1) + "+" + "-" * (len(head) + 1))
    values = []
    for column, b, se, sd in rows:
        t = quotient(b, se)
        if kind == "std":
            extra = [b * sd, b / sd_y, b * sd / sd_y]
        else:
            extra = [float(np.exp(b)), float(np.exp(b * sd))]
            if kind == "percent":
                extra = [100.0 * (value - 1.0) for value in extra]
        decimals = 1 if kind == "percent" else 3
        cells = "".join(f"{fixed(value, decimals):>{size}}" for value, size in zip(extra, widths, strict=False))
        test = f"{fixed(b, 4):>10}{fixed(t, 3):>9}{fixed(two_sided(t, df), 3):>9}"
        log.line(f"{column:>{width}} |{test}{cells}{sd:>11.3f}")
        values.append([b, t, two_sided(t, df), *extra, sd])
    if constant is not None:
        t = constant[0] / constant[1]
        blanks = "".join(f"{'.':>{size}}" for size in widths)
        log.line(f"{'constant':>{width}} |{constant[0]:>10.4f}{t:>9.3f}{two_sided(t, df):>9.3f}{blanks}")
    log.line("-" * (width + len(head) + 3))
    if explain:
        meanings = {"b": _COLUMN_HELP["b"], letter: f"{letter}-score for test of b=0",
                    f"P>|{letter}|": f"p-value for {letter}-test"}  # fmt: skip
        meanings.update({each: _COLUMN_HELP[each].format(thing=thing) for each in [*heads, "SDofX"]})
        for label, text in meanings.items():
            log.line(f"{label:>8} = {text}")
    names = ["b", letter, "p", *heads, "SDofX"]
    table = np.array(values).reshape(len(rows), len(names))
    session.r = ResultSet(matrices={"table": Matrix(table, [row[0] for row in rows], names)})


def _outcome_label(session: Session, value: int) -> str:
    depvar = session.e.macros["depvar"]
    data = session.data
    if depvar not in data.variables:
        return str(value)
    return data.value_labels.get(data.variables[depvar].value_label, {}).get(value, str(value))
