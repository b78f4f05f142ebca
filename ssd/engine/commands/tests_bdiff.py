"""bdiff (SSC): tests of the difference of coefficients between two groups by permutation or bootstrap."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.repeated_runs import run_quietly
from ssd.engine.data.order import IndexArray
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import Matrix, ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "bdiff", "[, GRoup(varname) MODel(string) Reps(integer 100) BSample SEED(integer -1) "
    "BDec(integer 3) PDec(integer 3) TItle(string)]",
    stored="r(b0_b1) r(p) r(freq) r(reps)", refused="surtest, first, detail",
)  # fmt: skip
def bdiff(session: Session, line: Line) -> None:
    """Difference of coefficients between two groups with an empirical p-value (Fisher's permutation test)."""
    group, model = line.text_option("group"), line.text_option("model")
    reps = line.options.get("reps")
    if group is None or model is None:
        raise StataError(198, "options group() and model() are required")
    if not isinstance(reps, int) or reps < 2:
        raise StataError(198, "reps() must be an integer greater than 1")
    if re.search(r"\sif\s", model):
        raise unsupported("if in model() of bdiff is")
    data = session.data
    codes = data.numeric(group)
    kept = codes < MISSING
    values = np.unique(codes[kept])
    if not kept.any():
        raise no_observations()
    if len(values) != 2:
        raise StataError(198, f"{group} must take on two values")
    seed = line.options.get("seed")
    if isinstance(seed, int) and seed >= 0:
        session.rng.seed(seed)
    first = kept & (codes == values[0])
    held, results = session.data, session.e
    try:
        names, observed = _difference(session, model, np.flatnonzero(first), np.flatnonzero(kept & ~first))
        drawn = np.array([_difference(session, model, *_drawn(session, first, kept, line.flag("bsample")), names)[1]
                          for _ in range(reps)])  # fmt: skip
    finally:
        session.data, session.e = held, results
    exceed = (drawn >= (0.0 if line.flag("bsample") else observed)).sum(axis=0)
    p = exceed / reps
    empirical = np.minimum(p, 1.0 - p)
    _print(session, line, names, observed, exceed, empirical, reps)
    labels = [name.rpartition(":")[2] for name in names]
    session.r = ResultSet(scalars={"reps": float(reps)})
    for key, numbers in (("b0_b1", observed), ("freq", exceed.astype(float)), ("p", empirical)):
        session.r.matrices[key] = Matrix(np.asarray(numbers, dtype=float).reshape(-1, 1), labels, [key])


def _drawn(session: Session, first: BoolArray, kept: BoolArray, bootstrap: bool) -> tuple[IndexArray, IndexArray]:
    """Positions of the two groups of one draw: labels permuted, or observations drawn anew within each group."""
    a, b = np.flatnonzero(first), np.flatnonzero(kept & ~first)
    if bootstrap:
        one, two = (part[(session.rng.uniform(part.size) * part.size).astype(np.intp)] for part in (a, b))
        return one, two
    members = np.concatenate([a, b])
    order = members[np.argsort(session.rng.uniform(members.size), kind="stable")]
    return order[: a.size], order[a.size :]


def _difference(
    session: Session, model: str, one: IndexArray, two: IndexArray, wanted: list[str] | None = None
) -> tuple[list[str], FloatArray]:
    """Coefficients of the first group minus those of the second. Raises r(498) when they are not the same ones."""
    whole = session.data
    found = []
    for rows in (one, two):
        session.data = whole.copy()
        session.data.take(np.sort(rows))
        try:
            run_quietly(session, model)
            b = session.e.matrices.get("b")
        finally:
            session.data = whole
        if b is None:
            raise StataError(301, "last estimates not found")
        found.append(dict(zip(b.cols, b.values[0].tolist(), strict=True)))
    names = wanted or [name for name in found[0] if name in found[1]]
    return names, np.array([found[0].get(name, 0.0) - found[1].get(name, 0.0) for name in names])


def _print(
    session: Session, line: Line, names: list[str], observed: FloatArray, exceed: FloatArray, p: FloatArray, reps: int
) -> None:
    log = session.log
    kind = "Bootstrap" if line.flag("bsample") else "Permutation"
    title = line.text_option("title")
    log.line()
    log.line(f"-{kind} ({reps} times)- Test of Group ({line.text_option('group')}) coefficients difference")
    if title:
        log.line(title)
    log.line()
    log.line("   Variables |      b0-b1    Freq     p-value")
    log.line("-------------+-------------------------------")
    places, p_places = _digits(line, "bdec"), _digits(line, "pdec")
    for name, value, count, probability in zip(names, observed, exceed, p, strict=True):
        shown = abbreviate(name.rpartition(":")[2], 12)
        log.line(f"{shown:>12} |{value:>11.{places}f}{int(count):>8}{probability:>12.{p_places}f}")
    log.line("---------------------------------------------")


def _digits(line: Line, name: str) -> int:
    value = line.options.get(name)
    return value if isinstance(value, int) and 0 <= value <= 8 else 3
