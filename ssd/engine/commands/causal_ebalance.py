"""ebalance: entropy balancing weights for the controls."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource, build_regressors, outcome_and_terms, take_sample
from ssd.engine.data.names import check_name
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.formats import format_value
from ssd.engine.output.log import Log
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.entropy_balance import entropy_balance
from ssd.engine.stats.linear import independent_columns
from ssd.engine.stats.moments import moments, skewness_kurtosis

if TYPE_CHECKING:
    from ssd.engine.session import Session

_STATISTICS = ["mean", "variance", "skewness"]


@command(
    "ebalance",
    "[varlist(numeric fv)] [if] [in] [, TARgets(numlist) GENerate(string) BASEwt(varname) NORMconst(real 1) "
    "MAXiter(integer 200) TOLerance(real 0.015) WTTreat KEEP(string) REPlace MANualtargets(numlist)]",
    stored="e(convg) e(maxdiff) e(preBal) e(postBal); the variable _webal or that of generate()",
    refused="manualtargets(), keep(), wttreat; the solution is exact, whatever tolerance() allows",
)
def ebalance(session: Session, line: Line) -> None:
    """Entropy balancing: weights that give the controls the moments of the treated."""
    for name in ("manualtargets", "keep", "wttreat"):
        if name in line.typed:
            raise unsupported(f"option {name} of ebalance is")
    source = SessionSource(session)
    treatment, terms = outcome_and_terms(session, line.varlist)
    if not terms:
        raise StataError(102, "too few variables specified")
    base_name = line.text_option("basewt")
    sample = take_sample(session, line, source, [(treatment,), *terms], None, [base_name] if base_name else [])
    d = source.get(treatment.variable, treatment.operator)[sample.rows]
    if not np.all((d == 0.0) | (d == 1.0)):
        raise StataError(198, f"treatment variable {treatment.variable} must be 0 or 1")
    treated = d == 1.0
    if not treated.any() or treated.all():
        raise no_observations()
    name = line.text_option("generate") or "_webal"
    check_name(name)
    regressors = build_regressors(session, source, terms, sample)
    names = [each for each, active in zip(regressors.design.names, regressors.design.active, strict=True)
             if active and each != "_cons"]  # fmt: skip
    X = regressors.X
    if not X.shape[1]:
        raise StataError(430, "convergence not achieved; no covariate varies")
    base = np.ones(len(d))
    if base_name:
        base = session.data.numeric(base_name)[sample.rows]
        if np.any(is_missing(base) | (base <= 0.0)):
            raise StataError(402, "basewt() must be positive")
    powers = _orders(line, len(names))
    targets = _powers(X, powers)
    inside = targets[~treated]
    kept = independent_columns(inside, None, constant=True)
    constant = inside.std(axis=0) <= 1e-12 * np.abs(inside).max(axis=0)
    means = np.average(targets[treated], axis=0, weights=base[treated])
    if np.any(constant & (np.abs(means - inside.mean(axis=0)) > 1e-9 * np.maximum(np.abs(means), 1.0))):
        raise StataError(430, "convergence not achieved; a covariate does not vary among the controls")
    total = float(base[treated].sum()) * float(cast(float, line.options["normconst"]))
    if not total > 0.0:
        raise StataError(198, "normconst() must be positive")
    if int(cast(int, line.options["maxiter"])) < 1:
        raise StataError(198, "maxiter() must be positive")
    found = entropy_balance(
        inside[:, kept], means[kept], base[~treated], total, int(cast(int, line.options["maxiter"]))
    )
    weights = np.where(treated, base, 0.0)
    weights[~treated] = found.weights
    values = np.full(session.data.n_obs, MISSING)
    values[sample.rows] = weights
    if name in session.data.variables:
        session.data.drop([name])
    session.data.add(name, values, "double", label="entropy balancing weights")
    before, after = _table(X, treated, base), _table(X, treated, weights)
    _print(session, line, treatment.variable, names, treated, weights, found.differences, name, before, after, powers)
    columns = [f"{group}:{each}" for group in ("Treat", "Control") for each in _STATISTICS]
    session.e = ResultSet(
        scalars={"convg": 1.0, "maxdiff": found.differences[-1]}, macros={"cmd": "ebalance"},
        matrices={"preBal": Matrix(before, names, columns), "postBal": Matrix(after, names, columns)},
    )  # fmt: skip


def _orders(line: Line, count: int) -> list[int]:
    """Highest moment of each covariate: one number for all or one for each."""
    typed = cast("list[float] | None", line.options.get("targets")) or [1.0]
    if any(value not in (1.0, 2.0, 3.0) for value in typed) or len(typed) not in (1, count):
        raise StataError(198, "targets() must hold one of 1, 2, 3, or one for each covariate")
    return [int(value) for value in (typed * count if len(typed) == 1 else typed)]


def _powers(X: FloatArray, orders: list[int]) -> FloatArray:
    """Covariates with their squares and cubes about the overall mean, as far as asked for."""
    centred = X - X.mean(axis=0)
    columns = [X[:, j] for j in range(X.shape[1])]
    for power in (2, 3):
        columns += [centred[:, j] ** power for j, order in enumerate(orders) if order >= power]
    return np.column_stack(columns)


def _table(X: FloatArray, treated: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], w: FloatArray) -> FloatArray:
    """Mean, variance and skewness of each covariate among treated and controls."""
    rows = []
    for j in range(X.shape[1]):
        row: list[float] = []
        for side in (treated, ~treated):
            found = moments(X[side, j], w[side], "aweight")
            row += [found.mean, found.variance, skewness_kurtosis(X[side, j], w[side])[0]]
        rows.append(row)
    return np.array(rows)


def _print(
    session: Session,
    line: Line,
    treatment: str,
    names: list[str],
    treated: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    weights: FloatArray,
    differences: list[float],
    name: str,
    before: FloatArray,
    after: FloatArray,
    powers: list[int],
) -> None:
    log = session.log
    log.line()
    log.line()
    log.line("Data Setup")
    log.line(f"Treatment variable:   {treatment}")
    parts = []
    for power, word in ((1, "1st"), (2, "2nd"), (3, "3rd")):
        chosen = [each for each, order in zip(names, powers, strict=True) if order >= power]
        if chosen:
            parts.append(f"{' '.join(chosen)} ({word} order)")
    log.line(f"Covariate adjustment: {'. '.join(parts)}.")
    log.line()
    log.line()
    log.line("Optimizing...")
    for number, difference in enumerate(differences, 1):
        log.line(f"Iteration {number}: Max Difference = {format_value(difference, '%9.0g').strip()}")
    log.line("maximum difference smaller than the tolerance level; convergence achieved")
    log.line()
    log.line()
    for title, side in (("Treated", treated), ("Control", ~treated)):
        total = format_value(float(weights[side].sum()), "%9.0g").strip()
        log.line(f"{title} units: {int(side.sum())}     total of weights: {total}")
    log.line()
    log.line()
    log.line("Before: without weighting" if not line.text_option("basewt") else "Before: with base weights")
    _print_table(log, names, before)
    log.line()
    log.line()
    log.line(f"After:  {name} as the weighting variable")
    _print_table(log, names, after)


def _print_table(log: Log, names: list[str], table: FloatArray) -> None:
    log.line()
    log.line(" " * 13 + "|" + "Treat".center(33) + "|" + "Control".center(33))
    heads = "".join(f"{each:>10} " for each in _STATISTICS)
    log.line(" " * 13 + "|" + heads + "|" + heads)
    log.line("-" * 13 + "+" + "-" * 33 + "+" + "-" * 33)
    for each, row in zip(names, table, strict=True):
        cells = [f"{format_value(value, '%9.4g').strip():>10} " for value in row]
        log.line(f"{abbreviate(each, 12):>12} |" + "".join(cells[:3]) + "|" + "".join(cells[3:]))
