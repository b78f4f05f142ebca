"""kap, kapwgt, kappa: agreement of raters."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import numeric_columns, select, value_text
from ssd.engine.errors import StataError, invalid_syntax, no_observations, unsupported
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.tables import abbreviate, clip, number, right
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.agreement import kappa_weights, many_rater_kappa, two_rater_kappa
from ssd.engine.stats.tails import norm


@command(
    "kap",
    "varlist(min=2 numeric) [if] [in] [fweight] [, Tab Wgt(string) Absolute]",
    by="recall",
    stored="r(N) r(prop_o) r(prop_e) r(kappa) r(z) r(se)",
    refused="more than two raters with missing ratings",
)
def kap(session: Session, line: Line) -> None:
    """Kappa of two unique raters, or of several raters whose identity does not matter."""
    if len(line.varlist) > 2:
        _several(session, line)
        return
    first, second = line.varlist
    chosen = select(session, line, line.varlist)
    if not chosen.mask.any():
        raise no_observations()
    a, b = session.data.numeric(first)[chosen.mask], session.data.numeric(second)[chosen.mask]
    levels = np.unique(np.concatenate([a, b]))
    kind = (line.text_option("wgt") or "").strip()
    typed_weights = _stored_weights(session).get(kind)
    if kind not in ("", "w", "w2") and typed_weights is None:
        raise StataError(111, f"kapwgt {kind} not found")
    if typed_weights is not None and line.flag("absolute"):
        levels = np.arange(1.0, typed_weights.shape[0] + 1)
        if not np.isin(np.concatenate([a, b]), levels).all():
            raise StataError(198, f"ratings must be 1 to {levels.size} with absolute")
    k = levels.size
    if k < 2:
        raise StataError(2001, "insufficient observations")
    cells = np.searchsorted(levels, a) * k + np.searchsorted(levels, b)
    table = np.bincount(cells, weights=chosen.frequencies(), minlength=k * k).astype(np.float64).reshape(k, k)
    if typed_weights is not None:
        if typed_weights.shape[0] != k:
            raise StataError(198, f"kapwgt {kind} defines {typed_weights.shape[0]} outcomes, the data have {k}")
        weights = typed_weights
    else:
        weights = kappa_weights(k, kind, levels if line.flag("absolute") else None)
    if line.flag("tab"):
        session.run(f"tabulate {first} {second}")
    _report_two(session, table, weights, kind)


def _report_two(session: Session, table: FloatArray, weights: FloatArray, kind: str) -> None:
    test = two_rater_kappa(table, weights)
    log = session.log
    log.line()
    if kind:
        log.line("Ratings weighted by:")
        for row in weights:
            log.line("".join(right(f"{v:.4f}", 10) for v in row))
        log.line()
    log.line("             Expected")
    log.line("Agreement   agreement     Kappa   Std. err.         Z      Prob>Z")
    log.line("-" * 65)
    log.line(
        f"{100 * test.observed:7.2f}%{100 * test.expected:11.2f}%"
        f"{test.kappa:11.4f}{test.se:11.4f}"
        + (f"{test.z:11.2f}{test.p:12.4f}" if test.se > 0 else f"{'.':>11}{'.':>12}")
    )
    scalars = {"N": float(table.sum()), "prop_o": test.observed, "prop_e": test.expected}
    scalars |= {"kappa": test.kappa, "z": test.z, "se": test.se}
    session.r = ResultSet(scalars=scalars, matrices={"table": Matrix.of(table)})


def _stored_weights(session: Session) -> dict[str, FloatArray]:
    found = session.state.setdefault("kappa_weights", {})
    assert isinstance(found, dict)
    return found


@command("kapwgt", "anything", stored="the weights, by name, for kap, wgt()")
def kapwgt(session: Session, line: Line) -> None:
    """Define weights for kap: a name and the lower triangle, rows set apart by a backslash."""
    name, _, rest = line.anything.strip().partition(" ")
    if not rest.strip():
        if name not in _stored_weights(session):
            raise StataError(111, f"kapwgt {name} not found")
        for row in _stored_weights(session)[name]:
            session.log.line("".join(right(f"{v:.4f}", 10) for v in row))
        return
    rows = [[session.evaluate_number(word) for word in row.split()] for row in rest.split("\\")]
    if any(len(row) != i + 1 for i, row in enumerate(rows)) or len(rows) < 2:
        raise invalid_syntax()
    weights = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        weights[i, : i + 1] = row
    weights = weights + np.tril(weights, -1).T
    if not np.all(np.diag(weights) == 1.0) or weights.min() < 0.0 or weights.max() > 1.0:
        raise StataError(198, "weights must lie between 0 and 1, with 1 on the diagonal")
    _stored_weights(session)[name] = weights


def _several(session: Session, line: Line) -> None:
    if line.flag("tab") or line.text_option("wgt") or line.flag("absolute"):
        raise StataError(198, "tab, wgt(), and absolute may not be used with more than two raters")
    chosen = select(session, line)
    ratings = numeric_columns(session, line.varlist, chosen.mask)
    known = ~is_missing(ratings)
    rated = known.sum(axis=1)
    ratings, weights = ratings[rated > 0], chosen.frequencies()[rated > 0]
    if ratings.size == 0:
        raise no_observations()
    if np.unique(rated[rated > 0]).size > 1:
        raise unsupported("kap with more than two raters and missing ratings is")
    values = np.unique(ratings[ratings < MISSING])
    counts = np.array([(ratings == value).sum(axis=1) for value in values], dtype=np.float64).T
    labels = [value_text(session, line.varlist[0], float(value)) for value in values]
    _report_many(session, np.repeat(counts, weights.astype(np.int64), axis=0), labels)


@command(
    "kappa",
    "varlist(min=1 numeric) [if] [in]",
    by="recall",
    stored="r(kappa) r(z)",
    refused="numbers of ratings that differ between subjects",
)
def kappa(session: Session, line: Line) -> None:
    """Kappa from variables that count how many raters chose each outcome."""
    chosen = select(session, line, line.varlist)
    counts = numeric_columns(session, line.varlist, chosen.mask)
    if counts.size == 0:
        raise no_observations()
    if len(line.varlist) < 2:
        raise StataError(102, "too few variables specified")
    if (counts < 0).any() or (counts != np.round(counts)).any():
        raise StataError(459, "counts must be whole and not negative")
    if np.unique(counts.sum(axis=1)).size > 1:
        raise unsupported("kappa with numbers of ratings that differ between subjects is")
    _report_many(session, counts, line.varlist)


def _report_many(session: Session, counts: FloatArray, labels: list[str]) -> None:
    m = counts[0].sum()
    if m < 2:
        raise StataError(2001, "insufficient observations")
    found = many_rater_kappa(counts)
    log = session.log
    log.line()
    if counts.shape[1] == 2:
        log.line("Two-outcomes, multiple raters:")
        log.line()
        log.line("         Kappa        Z        Prob>Z")
        log.line("-" * 33)
        log.line(f"{found.combined:14.4f}{found.combined_z:11.2f}{float(norm.sf(found.combined_z)):12.4f}")
    else:
        if len(labels) > 2:
            log.line(f"There are {number(float(m))} raters per subject:")
            log.line()
        log.line("         Outcome |    Kappa          Z     Prob>Z")
        log.line("-" * 17 + "+" + "-" * 31)
        for label, k, z in zip(labels, found.kappa, found.z, strict=True):
            p = float(norm.sf(z))
            row = f"{k:10.4f}{z:11.2f}{p:11.4f}" if np.isfinite(k) else f"{'.':>10}{'.':>11}{'.':>11}"
            log.line(f"{right(clip(abbreviate(label, 16), 16), 16)} |{row}")
        log.line("-" * 17 + "+" + "-" * 31)
        p = float(norm.sf(found.combined_z))
        log.line(f"{'combined':>16} |{found.combined:10.4f}{found.combined_z:11.2f}{p:11.4f}")
    scalars = {"kappa": found.combined, "z": found.combined_z}
    session.r = ResultSet(scalars={key: value if np.isfinite(value) else MISSING for key, value in scalars.items()})
