"""egen functions over observations: means, ranks, groups, sequences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ssd.engine.commands.data_egen_call import Call
from ssd.engine.commands.data_labels import label_text
from ssd.engine.data import egenrows, groupstats
from ssd.engine.data.order import IndexArray, run_starts, sort_key, stable_order
from ssd.engine.data.storage import ObjectArray, stored_missing
from ssd.engine.errors import StataError, no_observations
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.output.formats import format_column, format_value

Result = tuple[FloatArray | ObjectArray, str | None]
"""Values over all observations and the storage type the function wants."""


def _statistic(compute: groupstats.Statistic) -> Callable[[Call], Result]:
    def run(call: Call) -> Result:
        return call.spread(compute(call.cells())), None

    return run


def _total(call: Call) -> Result:
    c = call.cells()
    sums = groupstats.total(c)
    if call.flag("missing"):
        sums = np.where(c.count > 0, sums, MISSING)
    return call.spread(sums), None


def _count(call: Call) -> Result:
    from ssd.engine.expr import evaluate_rows

    value = evaluate_rows(call.argument, call.session, groups=call.groups)
    present = (value != "") if value.dtype == object else value < MISSING
    counts = np.bincount(call.ids, present & call.mask, call.n_groups)
    return counts[call.ids].astype(np.float64), None


def _pctile(call: Call) -> Result:
    return call.spread(groupstats.percentile(call.cells(), call.real("p", 50.0))), None


def _mad(call: Call) -> Result:
    c = call.cells()
    middle = groupstats.percentile(c, 50.0)
    away = groupstats.Cells(np.abs(c.values - middle[c.ids]), c.ids, c.n_groups)
    return call.spread(groupstats.percentile(away, 50.0)), None


def _mdev(call: Call) -> Result:
    c = call.cells()
    away = groupstats.Cells(np.abs(c.values - groupstats.mean(c)[c.ids]), c.ids, c.n_groups)
    return call.spread(groupstats.mean(away)), None


def _std(call: Call) -> Result:
    mean, spread = call.real("mean", 0.0), call.real("std", 1.0)
    spread = call.real("sd", spread)
    c = call.cells()
    centre, scale = call.spread(groupstats.mean(c)), call.spread(groupstats.sd(c))
    x = call.values()
    ok = (x < MISSING) & (scale < MISSING) & (scale > 0)
    z = (np.where(ok, x, 0.0) - np.where(ok, centre, 0.0)) / np.where(ok, scale, 1.0)
    call.label = f"Standardized values of ({call.argument})"[:80]
    return np.where(ok, mean + spread * z, MISSING), None


def _rank(call: Call) -> Result:
    how = "field" if call.flag("field") else "track" if call.flag("track") else (
        "unique" if call.flag("unique") else "mean")  # fmt: skip
    x = call.values()
    where = call.mask & (x < MISSING)
    call.label = f"rank of ({call.argument})"[:80]
    return call.placed(egenrows.ranks(x[where], call.ids[where], how), where), None


def _mode(call: Call) -> Result:
    choose = "min" if call.flag("minmode", 3) else "max" if call.flag("maxmode", 3) else ""
    with_missing = call.flag("missing")
    names = call.session.data.variables
    if call.argument in names and names[call.argument].is_string:
        return _string_mode(call, choose, with_missing)
    x = call.values()
    where = call.mask & ((x < MISSING) | with_missing)
    result = egenrows.mode(x[where], call.ids[where], call.n_groups, choose)
    return call.spread(result), None


def _string_mode(call: Call, choose: str, with_missing: bool) -> Result:
    texts: ObjectArray = call.session.data.variables[call.argument].values
    levels = sorted(set(texts.tolist()))
    codes = sort_key(texts).astype(np.float64)
    where = call.mask & ((texts != "") | with_missing)
    best = egenrows.mode(codes[where], call.ids[where], call.n_groups, choose)[call.ids]
    out = np.empty(texts.size, dtype=object)
    out[:] = [levels[int(code)] if code < MISSING else "" for code in best.tolist()]
    return out, None


def _pc(call: Call) -> Result:
    proportion = call.flag("prop")
    c = call.cells()
    sums = call.spread(groupstats.total(c))
    x = call.values()
    ok = (x < MISSING) & (sums != 0)
    share = np.where(ok, x, 0.0) / np.where(ok, sums, 1.0)
    return np.where(ok, share * (1.0 if proportion else 100.0), MISSING), None


def _missing_rows(call: Call, names: list[str]) -> BoolArray:
    gone = np.zeros(call.session.data.n_obs, dtype=np.bool_)
    for name in names:
        column = call.session.data.variables[name]
        gone |= column.values == "" if column.is_string else stored_missing(column.values, column.type)
    return gone


def _group(call: Call) -> Result:
    names = call.variables(string=True)
    call.no_by()
    label, truncate = call.flag("label"), call.text("truncate", 5)
    label_name = call.text("lname", 5) or call.text("label")
    data = call.session.data
    where = call.mask.copy()
    if not call.flag("missing"):
        where &= ~_missing_rows(call, names)
    call.label = f"group({' '.join(names)})"[:80]
    rows = np.flatnonzero(where)
    if rows.size == 0:
        return np.full(data.n_obs, MISSING), None
    keys = [key[rows] for key in data.keys(names)]
    order = stable_order(keys)
    starts = run_starts([key[order] for key in keys], rows.size)
    step = np.zeros(rows.size)
    step[starts] = 1.0
    numbers = np.empty(rows.size)
    numbers[order] = np.cumsum(step)
    if label or label_name:
        call.value_label = label_name or call.name
        first = rows[order[starts]]
        shown = [_shown(call, name, first) for name in names]
        width = int(truncate) if truncate else 80
        data.value_labels[call.value_label] = {
            i + 1: " ".join(part[i][:width] for part in shown) for i in range(len(starts))
        }
    return call.placed(numbers, where), None


def _shown(call: Call, name: str, rows: IndexArray) -> list[str]:
    data = call.session.data
    column = data.variables[name]
    if column.is_string:
        return [str(text) for text in column.values[rows].tolist()]
    labels = data.labels_of(name)
    values = data.numeric(name)[rows]
    return [label_text(labels, value) or format_value(value, "%12.0g").strip() for value in values.tolist()]


def _tag(call: Call) -> Result:
    names = call.variables(string=True)
    where = call.mask.copy()
    if not call.flag("missing"):
        where &= ~_missing_rows(call, names)
    rows = np.flatnonzero(where)
    out = np.zeros(call.session.data.n_obs)
    if rows.size:
        keys = [key[rows] for key in call.session.data.keys(names)]
        order = stable_order(keys)
        out[rows[order[run_starts([key[order] for key in keys], rows.size)]]] = 1.0
    call.label = f"tag({' '.join(names)})"[:80]
    call.whole = True
    return out, "byte"


def _cut(call: Call) -> Result:
    call.no_by()
    at, groups = call.text("at"), call.text("group")
    codes, labels = call.flag("icodes"), call.flag("label")
    x = call.values()
    where = call.mask & (x < MISSING)
    if (at is None) == (groups is None):
        raise StataError(198, "either at() or group() must be specified")
    if at is not None:
        points = np.array(parse_numlist(at))
        if np.any(np.diff(points) <= 0):
            raise StataError(198, "at() values must be in ascending order")
    else:
        points = _quantile_points(x[where], int(float(groups or "2")))
    index = np.searchsorted(points, x, side="right") - 1
    last = points.size - 1 if at is not None else points.size
    inside = where & (index >= 0) & (index < last)
    if labels:
        call.value_label = call.name
        call.session.data.value_labels[call.name] = {i: f"{point:g}-" for i, point in enumerate(points.tolist())}
    chosen = np.clip(index, 0, points.size - 1)
    values = chosen.astype(np.float64) if codes or labels or groups is not None else points[chosen]
    return np.where(inside, values, MISSING), None


def _quantile_points(x: FloatArray, n: int) -> FloatArray:
    """Left ends of n groups of about equal size."""
    if x.size == 0:
        raise no_observations()
    ordered = np.sort(x)
    position = np.floor(np.arange(n) * ordered.size / n + 0.5).astype(np.intp)
    return np.unique(ordered[np.minimum(position, ordered.size - 1)])


def _concat(call: Call) -> Result:
    names = call.variables(string=True)
    punctuation, style = call.text("punct") or "", call.text("format")
    decode = call.flag("decode")
    data = call.session.data
    parts: list[list[str]] = []
    for name in names:
        column = data.variables[name]
        if column.is_string:
            parts.append([str(text) for text in column.values.tolist()])
            continue
        values = data.numeric(name)
        texts = [text.strip() for text in format_column(values, style or "%12.0g")]
        if decode:
            labels = data.labels_of(name)
            texts = [label_text(labels, v) or t for v, t in zip(values.tolist(), texts, strict=True)]
        parts.append(texts)
    out = np.empty(data.n_obs, dtype=object)
    out[:] = [punctuation.join(row) for row in zip(*parts, strict=True)]
    return out, None


def _seq(call: Call) -> Result:
    first, last = call.real("from", 1.0), call.text("to")
    block = max(int(call.real("block", 1.0)), 1)
    where = np.flatnonzero(call.mask)
    ids = call.ids[where]
    order = np.argsort(ids, kind="stable")
    starts = run_starts([ids[order]], ids.size)
    sizes = np.diff(np.append(starts, ids.size))
    position = np.empty(ids.size)
    position[order] = np.arange(ids.size) - np.repeat(starts, sizes)
    step = np.floor(position / block)
    if last is None:
        values = first + step
    else:
        end = call.session.evaluate_number(last)
        span = abs(end - first) + 1.0
        values = first + np.sign(end - first or 1.0) * (step % span)
    return call.placed(values, call.mask), None


def _fill(call: Call) -> Result:
    numbers = np.array(parse_numlist(call.argument))
    if numbers.size < 2:
        raise StataError(198, "fill() needs at least two numbers")
    position = np.arange(call.session.data.n_obs)
    for size in range(1, numbers.size // 2 + 1):
        if numbers.size % size == 0:
            steps = numbers[size:] - numbers[:-size]
            if np.all(steps == steps[0]):
                return numbers[position % size] + (position // size) * steps[0], None
    raise StataError(198, "pattern of fill() is not understood")


def _ma(call: Call) -> Result:
    span = int(call.real("t", 3.0))
    relaxed = call.flag("nomiss")
    if span < 1 or span % 2 == 0:
        raise StataError(198, "t() must be odd")
    x = call.values()
    half, n = span // 2, x.size
    total, count = np.zeros(n), np.zeros(n)
    for shift in range(-half, half + 1):
        source = np.arange(n) + shift
        inside = (source >= 0) & (source < n)
        source = np.clip(source, 0, max(n - 1, 0))
        use = inside & (x[source] < MISSING) & (call.ids[source] == call.ids)
        total += np.where(use, x[source], 0.0)
        count += use
    enough = count > 0 if relaxed else count == span
    return np.where(enough, total / np.maximum(count, 1), MISSING), None


GROUP_FUNCTIONS: dict[str, Callable[[Call], Result]] = {
    "mean": _statistic(groupstats.mean), "sum": _total, "total": _total, "count": _count,
    "sd": _statistic(groupstats.sd), "min": _statistic(groupstats.minimum), "max": _statistic(groupstats.maximum),
    "median": _statistic(lambda c: groupstats.percentile(c, 50.0)), "pctile": _pctile,
    "iqr": _statistic(groupstats.iqr), "skew": _statistic(lambda c: groupstats.moment_ratio(c, 3)),
    "kurt": _statistic(lambda c: groupstats.moment_ratio(c, 4)), "mad": _mad, "mdev": _mdev, "std": _std,
    "rank": _rank, "mode": _mode, "pc": _pc, "group": _group, "tag": _tag, "cut": _cut, "concat": _concat,
    "seq": _seq, "fill": _fill, "ma": _ma,
}  # fmt: skip
