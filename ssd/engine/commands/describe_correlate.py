"""correlate, pwcorr, pcorr: product-moment correlations."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import Selection, numeric_columns, numeric_varlist, select
from ssd.engine.errors import StataError, no_observations
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.tables import abbreviate, count, number, right, rule
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.arithmetic import quotient, square_root
from ssd.engine.stats.correlation import (
    correlation_matrix,
    correlation_p,
    covariance_matrix,
    partial_correlations,
)
from ssd.engine.stats.moments import moments


@command(
    "correlate",
    "[varlist] [if] [in] [aweight fweight] [, Means NOFormat Covariance Wrap]",
    minimum=3,
    by="recall",
    stored="r(N) r(rho) r(cov_12) r(Var_1) r(Var_2) r(C)",
    refused="pweights; wrap has no effect",
)
def correlate(session: Session, line: Line) -> None:
    """Correlation or covariance matrix of the complete observations."""
    names = numeric_varlist(session, line)
    if not line.anything.strip():
        dropped = [n for n, v in session.data.variables.items() if v.is_string]
        for name in dropped:
            session.log.line(f"({name} ignored because string variable)")
    chosen = select(session, line, names)
    if not chosen.mask.any():
        raise no_observations()
    columns = numeric_columns(session, names, chosen.mask)
    covariance = (
        covariance_matrix(columns, chosen.weights, chosen.kind) if chosen.n > 1 else np.full((len(names),) * 2, MISSING)
    )
    shown = covariance if line.flag("covariance") else correlation_matrix(covariance)
    log = session.log
    if chosen.kind == "aweight" and chosen.weights is not None:
        log.line(f"(sum of wgt is {number(float(chosen.weights.sum()), '%16.0gc')})")
    log.line(f"(obs={count(chosen.n)})")
    if line.flag("means"):
        _means(session, names, columns, chosen)
    else:
        log.line()
    fmt = "%8.0g" if line.flag("covariance") else "%8.4f"
    cells = [[[number(float(shown[i, j]), fmt)] for j in range(i + 1)] for i in range(len(names))]
    _triangle(session, names, cells)
    log.line()
    scalars = {"N": chosen.n}
    if len(names) > 1:
        first = float(shown[1, 0])
        scalars |= (
            {"cov_12": first, "Var_1": float(covariance[0, 0]), "Var_2": float(covariance[1, 1])}
            if line.flag("covariance")
            else {"rho": first}
        )
    session.r = ResultSet(scalars=scalars, matrices={"C": Matrix.of(shown, names, names)})


def _means(session: Session, names: list[str], columns: FloatArray, chosen: Selection) -> None:
    session.log.line()
    session.log.line("    Variable |         Mean    Std. dev.          Min          Max")
    session.log.line(rule(13, 52))
    for position, name in enumerate(names):
        m = moments(columns[:, position], chosen.weights, chosen.kind)
        cells = "".join(right(number(v), 13) for v in (m.mean, m.sd, m.minimum, m.maximum))
        session.log.line(f"{right(abbreviate(name, 12), 12)} |{cells}")
    session.log.line()
    session.log.line()


def _triangle(session: Session, names: list[str], cells: list[list[list[str]]], tail: str = "") -> None:
    """A lower triangle in panels of columns; each cell may hold several lines."""
    per_panel = max(1, (session.log.linesize - 15) // 9)
    for start in range(0, len(names), per_panel):
        panel = range(start, min(start + per_panel, len(names)))
        if start > 0:
            session.log.line()
        session.log.line(" " * 13 + "|" + "".join(right(abbreviate(names[j], 8), 9) for j in panel))
        session.log.line(rule(13, 9 * len(panel)))
        for i in range(start, len(names)):
            shown = [cells[i][j] for j in panel if j <= i]
            for depth in range(len(shown[0])):
                first = right(abbreviate(names[i], 12), 12) if depth == 0 else " " * 12
                session.log.line(f"{first} |" + "".join(right(c[depth], 9) + tail for c in shown).rstrip(" ") + tail)


@command(
    "pwcorr",
    "[varlist] [if] [in] [aweight fweight] [, Obs SIG LISTwise CASEwise Bonferroni SIDak Print(real 1) STar(real -1)]",
    by="recall",
    stored="r(N) r(rho) r(C)",
    refused="none",
)
def pwcorr(session: Session, line: Line) -> None:
    """Pairwise correlations with significance."""
    names = numeric_varlist(session, line)
    listwise = line.flag("listwise") or line.flag("casewise")
    chosen = select(session, line, names if listwise else None)
    k = len(names)
    values = [session.data.numeric(name)[chosen.mask] for name in names]
    matrix, sizes = np.full((k, k), MISSING), np.zeros((k, k))
    adjustment = "bonferroni" if line.flag("bonferroni") else "sidak" if line.flag("sidak") else ""
    star, limit = _number(line, "star", -1.0), _number(line, "print", 1.0)
    cells: list[list[list[str]]] = []
    for i in range(k):
        cells.append([])
        for j in range(i + 1):
            rho, n = _pair(values[i], values[j], chosen)
            matrix[i, j] = matrix[j, i] = rho
            sizes[i, j] = sizes[j, i] = n
            p = _adjusted(correlation_p(rho, n), k, adjustment)
            cells[-1].append(_pair_cell(line, rho, n, p, diagonal=i == j, star=star, limit=limit))
    session.log.line()
    _pairwise_triangle(session, names, cells)
    session.log.line()
    scalars = {"N": float(sizes[k - 1, k - 2] if k > 1 else sizes[0, 0])}
    if k > 1:
        scalars["rho"] = float(matrix[1, 0])
    session.r = ResultSet(scalars=scalars, matrices={"C": Matrix.of(matrix, names, names)})


def _number(line: Line, name: str, default: float) -> float:
    value = line.options.get(name)
    return float(value) if isinstance(value, (int, float)) and value is not False else default


def _pair(x: FloatArray, y: FloatArray, chosen: Selection) -> tuple[float, float]:
    both = ~is_missing(x) & ~is_missing(y)
    weights = None if chosen.weights is None else chosen.weights[both]
    n = float(weights.sum()) if weights is not None and chosen.kind == "fweight" else float(both.sum())
    if both.sum() < 2:
        return MISSING, n
    pair = covariance_matrix(np.column_stack([x[both], y[both]]), weights, chosen.kind)
    return float(correlation_matrix(pair)[1, 0]), n


def _adjusted(p: float, k: int, method: str) -> float:
    if p >= MISSING or not method:
        return p
    pairs = k * (k - 1) / 2
    return min(1.0, pairs * p) if method == "bonferroni" else min(1.0, 1 - (1 - p) ** pairs)


def _pair_cell(line: Line, rho: float, n: float, p: float, *, diagonal: bool, star: float, limit: float) -> list[str]:
    hidden = not diagonal and p < MISSING and p > limit
    mark = "*" if not diagonal and p <= star else " "
    lines = [(f"{rho:.4f}" if rho < MISSING else ".") + mark if not hidden else " "]
    if line.flag("sig"):
        lines.append("" if diagonal or hidden else (f"{p:.4f}" if p < MISSING else ".") + " ")
    if line.flag("obs"):
        lines.append("" if hidden else count(n) + " ")
    return lines


def _pairwise_triangle(session: Session, names: list[str], cells: list[list[list[str]]]) -> None:
    """As the correlate table, with a place for the star after each number and a blank line between stacked rows."""
    per_panel = max(1, (session.log.linesize - 15) // 9)
    stacked = len(cells[0][0]) > 1
    for start in range(0, len(names), per_panel):
        panel = range(start, min(start + per_panel, len(names)))
        if start > 0:
            session.log.line()
        session.log.line(" " * 13 + "|" + "".join(right(abbreviate(names[j], 8), 9) for j in panel))
        session.log.line(rule(13, 9 * len(panel)))
        for i in range(start, len(names)):
            shown = [cells[i][j] for j in panel if j <= i]
            for depth in range(len(shown[0])):
                first = right(abbreviate(names[i], 12), 12) if depth == 0 else " " * 12
                body = "".join(right(c[depth] or " ", 10)[(0 if at == 0 else 1) :] for at, c in enumerate(shown))
                session.log.line(f"{first} |{body}")
            if stacked:
                session.log.line(" " * 13 + "|")


@command(
    "pcorr",
    "varlist(min=2) [if] [in] [aweight fweight]",
    by="recall",
    stored="r(N) r(df) r(p_corr) r(sp_corr)",
)
def pcorr(session: Session, line: Line) -> None:
    """Partial and semipartial correlations of the first variable with each other."""
    from ssd.engine.stats.tails import t as student

    names = line.varlist
    chosen = select(session, line, names)
    if not chosen.mask.any():
        raise no_observations()
    columns = numeric_columns(session, names, chosen.mask)
    n = chosen.n
    if n <= len(names):
        raise StataError(2001, "insufficient observations")
    weights = chosen.frequencies()
    partial, semi, df = _weighted_partial(columns, weights, n)
    log = session.log
    log.line(f"(obs={count(n)})")
    log.line()
    log.line(f"Partial and semipartial correlations of {names[0]} with")
    log.line()
    log.line("               Partial   Semipartial      Partial   Semipartial   Significance")
    log.line("   Variable |    corr.         corr.      corr.^2       corr.^2          value")
    log.line("------------+-----------------------------------------------------------------")
    p_values = []
    for position, name in enumerate(names[1:]):
        r, s = float(partial[position]), float(semi[position])
        p = float(2 * student.sf(abs(r) * square_root(quotient(df, max(1.0 - r**2, 0.0))), df)) if r**2 < 1.0 else 0.0
        p_values.append(p)
        log.line(f"{right(abbreviate(name, 11), 11)} |{r:9.4f}{s:14.4f}{r**2:13.4f}{s**2:14.4f}{p:15.4f}")
    session.r = ResultSet(
        scalars={"N": n, "df": float(df)},
        matrices={
            "p_corr": Matrix.of(partial[:, None], names[1:], ["p_corr"]),
            "sp_corr": Matrix.of(semi[:, None], names[1:], ["sp_corr"]),
        },
    )


def _weighted_partial(columns: FloatArray, weights: FloatArray, n: float) -> tuple[FloatArray, FloatArray, int]:
    """Reduces the weighted problem to an unweighted one of the same cross products when weights are trivial."""
    if np.all(weights == 1.0):
        return partial_correlations(columns)
    inverse = np.linalg.inv(covariance_matrix(columns, weights, "fweight"))
    scale = np.sqrt(np.diag(inverse))
    partial = -inverse[0, 1:] / (scale[0] * scale[1:])
    df = int(n) - columns.shape[1]
    variance = float(covariance_matrix(columns, weights, "fweight")[0, 0])
    unexplained = 1.0 / (inverse[0, 0] * variance)
    semi = np.sign(partial) * np.sqrt(partial**2 / (1 - partial**2) * unexplained)
    return partial, semi, df
