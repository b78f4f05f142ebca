"""manova: multivariate analysis of variance and covariance."""

from __future__ import annotations

import math

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import numeric_columns, select
from ssd.engine.commands.estimation import command_line
from ssd.engine.commands.tests_anova import term_columns, term_labels
from ssd.engine.errors import StataError, invalid_syntax, no_observations, unsupported
from ssd.engine.missing import MISSING
from ssd.engine.output.tables import abbreviate, clip, count, right
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.multivariate_anova import Hypothesis, hypothesis, residual_products

INDENT = " " * 14


@command(
    "manova",
    "anything(equalok) [if] [in] [fweight aweight] [, NOCONstant DROPEMPtycells]",
    stored="e(N) e(k) e(df_m) e(df_r) e(df_#) e(term_#) e(depvars) e(E) e(H_m) e(H_#) e(eigvals_m) e(eigvals_#) "
    "e(stat_m) e(stat_#)",
    refused="noconstant, dropemptycells, nested terms (|) and error terms (/); manovatest, test, margins and predict "
    "after it",
)
def manova(session: Session, line: Line) -> None:
    """Wilks, Pillai, Lawley-Hotelling and Roy tests of the terms of a linear model of several outcomes."""
    for name in ("noconstant", "dropemptycells"):
        if line.flag(name):
            raise unsupported(f"manova, {name} is")
    left, equal, rest = line.anything.partition("=")
    if not equal or not left.split() or not rest.split():
        raise invalid_syntax()
    if "|" in rest or "/" in rest:
        raise unsupported("manova with nested or error terms is")
    outcomes = list(dict.fromkeys(session.expand_varlist(left)))
    labels = term_labels(session, rest.split())
    involved = list(dict.fromkeys(part.removeprefix("c.") for label in labels for part in label.split("#")))
    chosen = select(session, line, [*outcomes, *involved])
    if not chosen.mask.any():
        raise no_observations()
    Y = numeric_columns(session, outcomes, chosen.mask)
    weights = chosen.frequencies()
    blocks = [term_columns(session, label, chosen) for label in labels]
    ones = np.ones((Y.shape[0], 1))
    E, rank = residual_products(Y, np.column_stack([ones, *blocks]), weights)
    v = chosen.n - rank
    if v < len(outcomes) or np.linalg.matrix_rank(E) < len(outcomes):
        raise StataError(2001, "insufficient residual degrees of freedom for the outcomes")
    if rank < 2:
        raise StataError(2001, "the terms of the model do not vary")
    total, _ = residual_products(Y, ones, weights)
    model = hypothesis("Model", total - E, rank - 1, E, v)
    terms = []
    for k, label in enumerate(labels):
        without, left_rank = residual_products(Y, np.column_stack([ones, *blocks[:k], *blocks[k + 1 :]]), weights)
        if rank > left_rank:
            terms.append(hypothesis(label.replace("c.", ""), without - E, rank - left_rank, E, v))
    _print(session, model, terms, chosen.n, v)
    _store(session, line, outcomes, model, terms, E, chosen.n, v, chosen.mask)


def _print(session: Session, model: Hypothesis, terms: list[Hypothesis], n: float, v: float) -> None:
    log = session.log
    log.line()
    log.line(f"{'':27}Number of obs = {count(n):>9}")
    log.line()
    log.line(f"{'':27}W = Wilks' lambda      L = Lawley-Hotelling trace")
    log.line(f"{'':27}P = Pillai's trace     R = Roy's largest root")
    log.line()
    log.line(f"{'Source':>24} |  Statistic{'df':>7}   F(df1,{'df2':>7}) ={'F':>4}   Prob>F")
    rule = INDENT + "-" * 11 + "+" + "-" * 50
    log.line(rule)
    if len(terms) > 1:
        _term(session, model)
        log.line(f"{'':24} |" + "-" * 50)
        log.line(f"{'Residual':>24} |{v:18.0f}")
        log.line(rule)
    for term in terms:
        _term(session, term)
        log.line(f"{'':24} |" + "-" * 50)
    log.line(f"{'Residual':>24} |{v:18.0f}")
    log.line(rule)
    log.line(f"{'Total':>24} |{n - 1:18.0f}")
    log.line(INDENT + "-" * 62)
    log.line(f"{'':27}e = exact, a = approximate, u = upper bound on F")


def _term(session: Session, term: Hypothesis) -> None:
    for k, statistic in enumerate(term.statistics):
        stub = right(clip(abbreviate(term.label, 24), 24), 24) if k == 0 else " " * 24
        df = f"{term.df:7.0f}" if k == 0 else " " * 7
        tail = f"{_fixed(statistic.f, 9, 2)}{_fixed(statistic.p, 7, 4)}"
        session.log.line(
            f"{stub} |{statistic.letter}{statistic.value:9.4f}{df}{statistic.df1:8.1f}{statistic.df2:8.1f}"
            f"{tail} {statistic.kind}"
        )


def _fixed(value: float, width: int, decimals: int) -> str:
    return f"{value:{width}.{decimals}f}" if math.isfinite(value) else f"{'.':>{width}}"


def _store(
    session: Session,
    line: Line,
    outcomes: list[str],
    model: Hypothesis,
    terms: list[Hypothesis],
    E: np.ndarray,
    n: float,
    v: float,
    sample: np.ndarray,
) -> None:
    scalars = {"N": n, "k": float(model.df + 1), "df_m": float(model.df), "df_r": v}
    macros = {"cmd": "manova", "cmdline": command_line(line), "depvars": " ".join(outcomes), "properties": "nob noV"}
    matrices = {"E": Matrix(E.copy(), list(outcomes), list(outcomes))}
    for key, each in (("m", model), *((str(k), term) for k, term in enumerate(terms, 1))):
        rows = [[s.value, s.df1, s.df2, s.f, s.p] for s in each.statistics]
        values = np.where(np.isfinite(rows), rows, MISSING)
        matrices[f"H_{key}"] = Matrix(each.H.copy(), list(outcomes), list(outcomes))
        matrices[f"eigvals_{key}"] = Matrix.of(each.eigenvalues[None, :])
        columns = ["statistic", "df1", "df2", "F", "pvalue"]
        matrices[f"stat_{key}"] = Matrix(values, [s.letter for s in each.statistics], columns)
        if key != "m":
            scalars[f"df_{key}"] = float(each.df)
            macros[f"term_{key}"] = each.label
    session.e = ResultSet(scalars=scalars, macros=macros, matrices=matrices, sample=sample.copy())
