"""sample, bsample, split, mkspline."""

from __future__ import annotations

import re

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.order import IndexArray, group_numbers
from ssd.engine.data.storage import object_array
from ssd.engine.errors import StataError, invalid_syntax, no_observations, type_mismatch
from ssd.engine.expr import evaluate_rows
from ssd.engine.expr.values import number
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.lang.quoting import split_words
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.counting import counted
from ssd.engine.session import Session


def _strata(session: Session, names: object, rows: IndexArray) -> tuple[IndexArray, int]:
    if isinstance(names, list) and names:
        return group_numbers([key[rows] for key in session.data.keys(names)])
    return np.zeros(rows.size, dtype=np.intp), 1


@command("sample", "anything(id=#) [if] [in] [, count by(varlist)]")
def sample(session: Session, line: Line) -> None:
    """Keep a random sample."""
    size = session.evaluate_number(line.anything)
    if size < 0:
        raise StataError(198, "sample size must be positive")
    data = session.data
    mask = line.sample(session)
    rows = np.flatnonzero(mask)
    ids, n_groups = _strata(session, line.options.get("by"), rows)
    draws = session.rng.uniform(rows.size)
    order = np.lexsort((draws, ids))
    sizes = np.bincount(ids, minlength=n_groups)
    wanted = np.minimum(np.full(n_groups, size) if line.flag("count") else np.floor(sizes * size / 100.0 + 0.5), sizes)
    position = np.arange(rows.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = ~mask
    kept[rows[order[position < wanted[ids[order]]]]] = True
    gone = int(kept.size - np.count_nonzero(kept))
    data.keep_observations(kept)
    session.log.line(f"({counted(gone, 'observation')} deleted)")


@command("bsample", "[anything] [if] [in] [, STRata(varlist) CLuster(varlist) IDcluster(newvarname) Weight(varname)]")
def bsample(session: Session, line: Line) -> None:
    """Sampling with replacement."""
    data = session.data
    rows = np.flatnonzero(line.sample(session))
    if rows.size == 0:
        raise no_observations()
    strata, n_strata = _strata(session, line.options.get("strata"), rows)
    cluster = line.options.get("cluster")
    units, n_units = _strata(session, cluster, rows) if cluster else (np.arange(rows.size), rows.size)
    unit_stratum = np.zeros(n_units, dtype=np.intp)
    unit_stratum[units] = strata
    chosen: list[IndexArray] = []
    for stratum in range(n_strata):
        members = np.flatnonzero(unit_stratum == stratum)
        wanted = int(session.evaluate_number(line.anything)) if line.anything else members.size
        if wanted > members.size and not cluster and line.anything:
            raise StataError(498, "resample size must not be greater than number of observations")
        picks = np.floor(session.rng.uniform(wanted) * members.size).astype(np.intp)
        chosen.append(members[picks])
    picked = np.concatenate(chosen)
    weight = line.text_option("weight")
    if weight:
        times = np.bincount(picked, minlength=n_units).astype(np.float64)
        values = np.zeros(data.n_obs)
        values[rows] = times[units]
        data.replace(weight, values)
        return
    order = np.argsort(units, kind="stable")
    sizes = np.bincount(units, minlength=n_units)
    starts = np.cumsum(sizes) - sizes
    counts = sizes[picked]
    step = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    data.take(rows[order[np.repeat(starts[picked], counts) + step]])
    new = line.text_option("idcluster")
    if new:
        data.add(new, np.repeat(np.arange(1.0, picked.size + 1), counts), "long")


@command(
    "split",
    "varname [if] [in] [, Generate(name) Parse(string asis) Limit(integer 0) noTrim DESTRING IGnore(string) FORCE "
    "FLOAT PERCENT]",
    stored="r(nvars) r(varlist)", refused="ignore; percent",
)  # fmt: skip
def split(session: Session, line: Line) -> None:
    """Split string variables into parts."""
    from ssd.engine.errors import unsupported
    from ssd.engine.results import ResultSet

    if line.text_option("ignore") or line.flag("percent"):
        raise unsupported("split, ignore() and percent")
    data = session.data
    name = line.varlist[0]
    column = data.variables[name]
    if not column.is_string:
        raise type_mismatch()
    marks = split_words(line.text_option("parse") or '" "')
    pattern = re.compile("|".join(re.escape(mark) for mark in marks)) if marks != [" "] else None
    limit = line.options.get("limit")
    trim = not line.flag("notrim")
    pieces = []
    for text, chosen in zip(column.values.tolist(), line.sample(session).tolist(), strict=True):
        pieces.append(_parts(text, pattern, limit if isinstance(limit, int) else 0, trim=trim) if chosen else [])
    width = max(map(len, pieces), default=0)
    if width == 0:
        raise no_observations()
    stub = line.text_option("generate") or name
    made = [f"{stub}{position + 1}" for position in range(width)]
    for new in made:
        if new in data.variables:
            raise StataError(110, f"variable {new} already defined")
    for position, new in enumerate(made):
        texts = [row[position] if position < len(row) else "" for row in pieces]
        data.add(new, object_array(texts))
    session.log.line(f"variable{'s' if width > 1 else ''} created as string: ")
    session.log.line("  ".join(made))
    if line.flag("destring"):
        _destring_parts(session, made, force=line.flag("force"))
    session.r = ResultSet(scalars={"nvars": float(width), "k_new": float(width)}, macros={"varlist": " ".join(made)})


def _parts(text: str, pattern: re.Pattern[str] | None, limit: int, *, trim: bool) -> list[str]:
    if text == "":
        return []
    if pattern is None:
        parts = text.split(maxsplit=limit - 1 if limit > 0 else -1)
        return [part.strip() for part in parts]
    parts = pattern.split(text.strip() if trim else text, maxsplit=0)
    parts = parts[:limit] if limit > 0 else parts
    return [part.strip() if trim else part for part in parts]


def _destring_parts(session: Session, names: list[str], *, force: bool) -> None:
    session.run(f"destring {' '.join(names)}, replace{' force' if force else ''}")


@command(
    "mkspline",
    "anything =exp [if] [in] [fweight] [, Marginal Cubic NKnots(integer 5) Knots(numlist) Pctile DISPLAYknots]",
    refused="pctile with linear splines by number of knots uses quantiles",
)
def mkspline(session: Session, line: Line) -> None:
    """Linear and restricted cubic spline construction."""
    data = session.data
    x = number(evaluate_rows(line.expression or "", session))
    assert isinstance(x, np.ndarray)
    mask = line.sample(session) & (x < MISSING)
    words = line.anything.split()
    if line.flag("cubic"):
        _cubic(session, line, words[0], x.astype(np.float64), mask)
        return
    if not mask.any():
        raise no_observations()
    names, knots = words[::2], [float(word) for word in words[1::2]]
    if len(words) == 2 and words[1].isdigit():
        n = int(words[1])
        if n < 1:
            raise invalid_syntax()
        names = [f"{words[0]}{i + 1}" for i in range(n)]
        inside = x[mask]
        if line.flag("pctile"):
            from ssd.engine.commands.data_quantiles import quantiles

            percents = [100.0 * k / n for k in range(1, n)]
            knots = quantiles(inside, None, percents, alternative=False).tolist()
        else:
            low, high = float(inside.min()), float(inside.max())
            knots = [low + (high - low) * k / n for k in range(1, n)]
    elif len(words) == 1 and line.options.get("knots"):
        knots = [float(k) for k in parse_numlist(" ".join(map(str, line.options["knots"])))]  # type: ignore[arg-type]
        names = [f"{words[0]}{i + 1}" for i in range(len(knots) + 1)]
    if len(names) != len(knots) + 1 or sorted(knots) != knots or not knots:
        raise invalid_syntax()
    data.require_new(names)
    for name, values in zip(names, _linear(x, knots, marginal=line.flag("marginal")), strict=True):
        data.add(name, np.where(mask, values, MISSING))


def _linear(x: FloatArray, knots: list[float], *, marginal: bool) -> list[FloatArray]:
    if marginal:
        return [x, *(np.maximum(x - knot, 0.0) for knot in knots)]
    parts = [np.minimum(x, knots[0])]
    for low, high in zip(knots, [*knots[1:], np.inf], strict=True):
        parts.append(np.maximum(np.minimum(x, high), low) - low)
    return parts


_HARRELL = {3: (10, 50, 90), 4: (5, 35, 65, 95), 5: (5, 27.5, 50, 72.5, 95), 6: (5, 23, 41, 59, 77, 95),
            7: (2.5, 18.33, 34.17, 50, 65.83, 81.67, 97.5)}  # fmt: skip


def _cube(u: FloatArray) -> FloatArray:
    return np.maximum(u, 0.0) ** 3


def _cubic(session: Session, line: Line, stub: str, x: FloatArray, mask: object) -> None:
    """Harrell's restricted cubic spline, scaled by the squared distance of the outer knots."""
    from ssd.engine.commands.data_quantiles import quantiles

    selected = np.asarray(mask, dtype=np.bool_)
    if not selected.any():
        raise no_observations()
    given = line.options.get("knots")
    if isinstance(given, list) and given:
        t = np.array([float(k) for k in given])
    else:
        n = line.options.get("nknots")
        count = n if isinstance(n, int) else 5
        if count not in _HARRELL:
            raise StataError(198, "nknots() must be between 3 and 7")
        t = quantiles(x[selected], None, [float(p) for p in _HARRELL[count]], alternative=True)
    columns = [x]
    scale = (t[-1] - t[0]) ** 2
    safe = np.where(selected, x, 0.0)
    for k in t[:-2]:
        a, b = (t[-1] - k) / (t[-1] - t[-2]), (t[-2] - k) / (t[-1] - t[-2])
        columns.append((_cube(safe - k) - _cube(safe - t[-2]) * a + _cube(safe - t[-1]) * b) / scale)
    for position, values in enumerate(columns):
        session.data.add(f"{stub}{position + 1}", np.where(selected, values, MISSING))
