"""permute: Monte Carlo permutation tests of any command's results."""

from __future__ import annotations

import math

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.repeated_runs import (
    Dots,
    detached,
    first_run,
    repeat_command,
    save_results,
    set_seed,
    split_prefix,
)
from ssd.engine.data.dataset import Dataset
from ssd.engine.data.order import group_numbers
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.tables import abbreviate, count, number, right
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.epidemiology import binomial_limits

GRAMMAR = (
    "Reps(integer 100) ENUMerate LEft RIght STRata(varlist) SAving(string) noDOTS DOTS(integer 1) SEED(integer -1) "
    "Level(cilevel) EPS(real 1e-7) NOLEgend NODROP NOWARN DOUBLE"
)
TESTS = ("lower", "upper", "two-sided")


@command(
    "permute",
    "*",
    stored="r(N) r(level) r(k_exp) r(reps) r(b) r(c_lower) r(c_upper) r(p_lower) r(p_upper) r(p_twosided) r(se_lower) "
    "r(se_upper) r(se_twosided) r(cmd) r(command) r(permvar)",
    refused="enumerate, reject(), trace, verbose",
)
def permute(session: Session, line: Line) -> None:
    """Permute a variable many times and compare a command's results with those of the data."""
    prefix = split_prefix(session, line, GRAMMAR)
    if prefix.options.get("enumerate") is True:
        raise unsupported("permute, enumerate is")
    reps = prefix.options.get("reps")
    if not isinstance(reps, int) or reps < 1:
        raise StataError(198, "reps() must be a positive integer")
    name, _, expressions = prefix.expressions.partition(" ")
    if not name:
        raise StataError(100, "varlist required")
    variable = session.variable_named(name)
    prefix.expressions = expressions.strip()
    given = prefix.options.get("strata")
    strata = [str(each) for each in given] if isinstance(given, list) else []
    set_seed(session, prefix)
    original, estimates = session.data, session.e
    reading, observed, _ = first_run(session, prefix, "pm")
    ids = group_numbers(original.keys(strata))[0] if strata else np.zeros(original.n_obs, dtype=np.intp)
    values = original.strings(variable) if original.variables[variable].is_string else original.numeric(variable)

    def shuffled(_: int) -> Dataset:
        data = detached(original)
        keys = session.rng.uniform(original.n_obs)
        target, source = np.argsort(ids, kind="stable"), np.lexsort((keys, ids))
        column = values.copy()
        column[target] = values[source]
        data.replace(variable, column)
        return data

    dots = Dots(session, "Permutations", reps, shown=prefix.options.get("nodots") is not True)
    try:
        rows = repeat_command(session, prefix, reading, shuffled, reps, dots)
    finally:
        session.data, session.e = original, estimates
    dots.close()
    save_results(session, prefix, reading, rows)
    eps = prefix.options.get("eps")
    outcome = _count(observed, rows, float(eps) if isinstance(eps, float) else 1e-7)
    level = prefix.options.get("level")
    usual = float(session.settings.get("level", "95"))
    shown_level = float(level) if isinstance(level, int | float) and level else usual
    shown = ["lower"] if prefix.options.get("left") is True else list(TESTS)
    shown = ["upper"] if prefix.options.get("right") is True else shown
    _report(session, variable, prefix.command, reading.labels, reading.texts, observed, outcome, shown_level, shown)
    _store(session, variable, prefix.command, reading.labels, observed, outcome, shown_level, reps)


def _count(observed: FloatArray, rows: FloatArray, eps: float) -> dict[str, FloatArray]:
    """Runs at least as extreme in each direction, p and its Monte Carlo error; values equal within eps count."""
    used = ~is_missing(rows)
    n = used.sum(axis=0).astype(np.float64)
    lower = (used & (rows <= observed + eps)).sum(axis=0).astype(np.float64)
    upper = (used & (rows >= observed - eps)).sum(axis=0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        p_lower, p_upper = lower / n, upper / n
        two = np.minimum(2.0 * np.minimum(p_lower, p_upper), 1.0)
        errors = {
            f"se_{key}": np.sqrt(p * (1.0 - p) / n)
            for key, p in (("lower", p_lower), ("upper", p_upper), ("two-sided", two))
        }
    return {
        "n": n, "c_lower": lower, "c_upper": upper, "p_lower": p_lower, "p_upper": p_upper, "p_two-sided": two, **errors
    }  # fmt: skip


def _report(
    session: Session,
    variable: str,
    text: str,
    labels: list[str],
    texts: list[str],
    observed: FloatArray,
    found: dict[str, FloatArray],
    level: float,
    shown: list[str],
) -> None:
    log = session.log
    log.line()
    title = "Monte Carlo permutation results"
    log.line(f"{title:<48}Number of observations = {count(session.data.n_obs)}")
    log.line(f"{f'Permutation variable: {variable}':<48}Number of permutations = {count(float(found['n'].max()))}")
    log.line()
    log.line(f"      Command: {text}")
    for label, expression in zip(labels, texts, strict=False):
        log.line(f"{label:>13}: {expression}")
    log.line()
    log.line("-" * 79)
    log.line(f"{'':12} |{'':47}Monte Carlo error")
    log.line(f"{'':12} |{'':46}{'-' * 19}")
    log.line(f"{'T':>12} |    T(obs)       Test       c       n      p  SE(p)   [{level:g}% CI(p)]")
    log.line("-" * 13 + "+" + "-" * 65)
    for j, label in enumerate(labels):
        for k, test in enumerate(shown):
            stub = right(abbreviate(label, 12), 12) if k == 0 else " " * 12
            value = f"{number(float(observed[j])):>10}" if k == 0 else " " * 10
            log.line(f"{stub} |{value}{test:>11}{_cells(found, test, j, level)}")
    log.line("-" * 79)
    log.line("Notes: For lower one-sided test, c = #{T <= T(obs)} and p = p_lower = c/n.")
    log.line("       For upper one-sided test, c = #{T >= T(obs)} and p = p_upper = c/n.")
    log.line("       For two-sided test, p = 2*min(p_lower, p_upper); SE and CI approximate.")


def _cells(found: dict[str, FloatArray], test: str, j: int, level: float) -> str:
    n, p, se = float(found["n"][j]), float(found[f"p_{test}"][j]), float(found[f"se_{test}"][j])
    if not math.isfinite(p):
        return f"{'.':>8}{0:>8}{'.':>7}"
    if test == "two-sided":
        from scipy.special import ndtri

        half = float(ndtri(0.5 + level / 200.0)) * se
        low, high, c = max(0.0, p - half), min(1.0, p + half), " " * 8
    else:
        low, high = binomial_limits(float(found[f"c_{test}"][j]), n, level)
        c = f"{found[f'c_{test}'][j]:8.0f}"
    shown = "".join(f"{_four(value):>7}" for value in (p, se, low, high))
    return f"{c}{n:8.0f}{shown}"


def _four(p: float) -> str:
    text = f"{p:.4f}"
    return text[1:] if text.startswith("0") else text


def _store(
    session: Session,
    variable: str,
    text: str,
    labels: list[str],
    observed: FloatArray,
    found: dict[str, FloatArray],
    level: float,
    reps: int,
) -> None:
    matrices = {"b": Matrix.of(observed[None, :], ["y1"], labels)}
    for key, values in found.items():
        name = {"n": "reps"}.get(key, key.replace("-", ""))
        kept = np.where(np.isfinite(values), values, MISSING)
        matrices[name] = Matrix.of(kept[None, :], ["r1"], labels)
    session.r = ResultSet(
        scalars={"N": float(session.data.n_obs), "level": level, "k_exp": float(len(labels)), "n_reps": float(reps)},
        macros={"cmd": "permute", "command": text, "permvar": variable},
        matrices=matrices,
    )
