"""egen functions of the egenmore package (SSC) that replication code uses."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from ssd.engine.commands.data_egen_call import Call
from ssd.engine.data import groupstats
from ssd.engine.data.order import group_numbers
from ssd.engine.data.storage import ObjectArray
from ssd.engine.errors import StataError, type_mismatch, unsupported
from ssd.engine.expr import evaluate_rows
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.lang.quoting import split_words, strip_quotes
from ssd.engine.missing import MISSING, FloatArray, from_nan

Result = tuple[FloatArray | ObjectArray, str | None]


def _by_group(compute: Callable[[groupstats.Cells], FloatArray]) -> Callable[[Call], Result]:
    def run(call: Call) -> Result:
        return call.spread(compute(call.cells())), None

    return run


def _product(call: Call) -> Result:
    """Product of the nonmissing values; pmiss(ignore) is the default, pmiss(missing) and pmiss(1) are egenmore's."""
    if call.text("pmiss", 5) not in (None, "ignore"):
        raise unsupported("egen prod(), pmiss() is")
    c = call.cells()
    product = np.ones(c.n_groups)
    with np.errstate(over="ignore", invalid="ignore"):
        np.multiply.at(product, c.ids, c.values)
    return call.spread(np.where(c.count > 0, from_nan(product), MISSING)), None


def _geometric(call: Call) -> Result:
    c = call.cells()
    positive = groupstats.Cells(c.values[c.values > 0], c.ids[c.values > 0], c.n_groups)
    mean = groupstats.mean(groupstats.Cells(np.log(positive.values), positive.ids, c.n_groups))
    usable = (mean < MISSING) & (positive.count == c.count)
    return call.spread(np.where(usable, np.exp(np.where(usable, mean, 0.0)), MISSING)), None


def _harmonic(call: Call) -> Result:
    c = call.cells()
    positive = c.values > 0
    inverse = groupstats.Cells(1.0 / c.values[positive], c.ids[positive], c.n_groups)
    mean = groupstats.mean(inverse)
    usable = (mean < MISSING) & (inverse.count == c.count)
    return call.spread(np.where(usable, 1.0 / np.where(usable, mean, 1.0), MISSING)), None


def _position(which: str) -> Callable[[Call], Result]:
    def run(call: Call) -> Result:
        """The first or last value of the group in the order of the data; …nm: that is not missing."""
        values = evaluate_rows(call.argument, call.session, groups=call.groups)
        text = values.dtype == object
        present = (values != "") if text else values < MISSING
        usable = call.mask & (present if which.endswith("nm") else True)
        at = np.flatnonzero(usable)
        if which.startswith("first"):
            at = at[::-1]
        chosen = np.full(call.n_groups, -1, dtype=np.intp)
        chosen[call.ids[at]] = at
        rows = chosen[call.ids]
        out = np.where(rows >= 0, values[np.maximum(rows, 0)] if len(values) else values, "" if text else MISSING)
        return (out.astype(object) if text else out), None

    return run


def _distinct(call: Call) -> Result:
    """nvals(): number of distinct values, missing ones with `missing`."""
    values = evaluate_rows(call.argument, call.session, groups=call.groups)
    text = values.dtype == object
    present = (values != "") if text else values < MISSING
    usable = call.mask & (present | call.flag("missing"))
    keys = np.unique(values.astype(str), return_inverse=True)[1] if text else values
    pairs, count = group_numbers([call.ids[usable], keys[usable]])
    owner = np.zeros(count, dtype=np.intp)
    owner[pairs] = call.ids[usable]
    return call.spread(np.bincount(owner, minlength=call.n_groups).astype(np.float64)), None


def _xtile(call: Call) -> Result:
    """Quantile categories within groups: nquantiles(#) or percentiles(numlist)."""
    typed = call.text("percentiles", 1)
    bands = int(call.real("nquantiles", 2.0, 1)) if typed is None else 0
    if call.text("weights", 1) is not None:
        raise unsupported("egen xtile(), weights() is")
    percents = [100.0 * k / bands for k in range(1, bands)] if typed is None else parse_numlist(typed)
    c = call.cells()
    x = call.values()
    where = call.mask & (x < MISSING)
    out = np.where(where, 1.0, MISSING)
    for percent in percents:
        out[where] += x[where] > groupstats.percentile(c, percent)[call.ids[where]]
    return out, "byte" if len(percents) < 100 else "int"


def _correlation(call: Call) -> Result:
    covariance = call.flag("covariance", 1)
    for name in ("spearman", "taua", "taub"):
        if call.flag(name):
            raise unsupported(f"egen corr(), {name} is")
    names = call.variables()
    if len(names) != 2:
        raise StataError(198, "corr() needs two variables")
    x, y = (call.session.data.numeric(name) for name in names)
    where = call.mask & (x < MISSING) & (y < MISSING)
    ids, a, b = call.ids[where], x[where], y[where]
    n = np.bincount(ids, minlength=call.n_groups).astype(np.float64)
    with np.errstate(all="ignore"):
        a, b = (v - (np.bincount(ids, v, call.n_groups) / n)[ids] for v in (a, b))
        product, aa, bb = (np.bincount(ids, v, call.n_groups) for v in (a * b, a * a, b * b))
        value = product / (n - 1.0) if covariance else product / np.sqrt(aa * bb)
    return call.spread(from_nan(np.where(n > 1, value, np.nan))), None


def _weighted_mean(call: Call) -> Result:
    typed = call.text("weight", 1)
    if typed is None:
        raise StataError(198, "option weight() required")
    weight = evaluate_rows(typed, call.session, groups=call.groups)
    if weight.dtype == object:
        raise type_mismatch()
    x = call.values()
    where = call.mask & (x < MISSING) & (weight < MISSING)
    ids = call.ids[where]
    with np.errstate(all="ignore"):
        mean = np.bincount(ids, (x * weight)[where], call.n_groups) / np.bincount(ids, weight[where], call.n_groups)
    return call.spread(from_nan(mean)), None


def _row_condition(how: str) -> Callable[[Call], Result]:
    def run(call: Call) -> Result:
        """Whether the condition, with @ for each variable in turn, holds in all, any or how many of them."""
        condition = call.text("cond", 1)
        symbol = call.text("symbol", 1) or "@"
        if condition is None or symbol not in condition:
            raise StataError(198, f"option cond() with {symbol} required")
        names = call.variables(string=True)
        hits = np.stack(
            [call.session.evaluate_condition(condition.replace(symbol, name), groups=call.groups) for name in names]
        )
        found = hits.all(axis=0) if how == "all" else hits.any(axis=0) if how == "any" else hits.sum(axis=0)
        return np.asarray(found, dtype=np.float64), "byte"

    return run


def _texts(call: Call) -> ObjectArray:
    values = evaluate_rows(call.argument, call.session, groups=call.groups)
    if values.dtype != object:
        raise type_mismatch()
    return values.astype(object)


def _needed(call: Call, name: str, minimum: int = 1) -> str:
    typed = call.text(name, minimum)
    if typed is None:
        raise StataError(198, f"option {name}() required")
    return strip_quotes(typed)


def _each(function: Callable[[str], float], texts: ObjectArray) -> FloatArray:
    return np.array([function(text) for text in texts.tolist()], dtype=np.float64)


def _occurrences(option: str) -> Callable[[Call], Result]:
    def run(call: Call) -> Result:
        """How often a string occurs, without overlaps; `insensitive` disregards case."""
        wanted = _needed(call, option)
        lower = call.flag("insensitive", 1)
        texts = _texts(call)
        if lower:
            wanted = wanted.lower()
            return _each(lambda text: float(text.lower().count(wanted)), texts), "int"
        return _each(lambda text: float(text.count(wanted)), texts), "int"

    return run


def _includes(call: Call) -> Result:
    wanted, lower = _needed(call, "substr", 3), call.flag("insensitive", 1)
    texts = _texts(call)
    if lower:
        return _each(lambda text: float(wanted.lower() in text.lower()), texts), "byte"
    return _each(lambda text: float(wanted in text), texts), "byte"


_KINDS: dict[str, Callable[[str], bool]] = {
    "alphabetic": str.isalpha, "numeric": str.isdigit, "space": str.isspace,
    "other": lambda c: not (c.isalnum() or c.isspace()),
}  # fmt: skip


def _sieve(call: Call) -> Result:
    """Keep or omit characters: classes with keep(), listed ones with char() or omit()."""
    keep, listed, omit = call.text("keep", 1), call.text("char", 1), call.text("omit", 1)
    if sum(each is not None for each in (keep, listed, omit)) != 1:
        raise StataError(198, "one of keep(), char() and omit() is required")
    if keep is not None:
        kinds = []
        for word in keep.split():
            kind = next((name for name in _KINDS if name.startswith(word)), None)
            if kind is None:
                raise StataError(198, f"keep({word}) invalid")
            kinds.append(_KINDS[kind])
        wanted: Callable[[str], bool] = lambda c: any(kind(c) for kind in kinds)
    elif listed is not None:
        wanted = lambda c: c in listed
    else:
        wanted = lambda c: c not in (omit or "")
    out = np.empty(call.session.data.n_obs, dtype=object)
    out[:] = ["".join(filter(wanted, text)) for text in _texts(call).tolist()]
    return out, None


def _word(call: Call) -> Result:
    position = int(call.real("word", 0.0, 1))
    if position == 0:
        raise StataError(198, "option word() required")
    out = np.empty(call.session.data.n_obs, dtype=object)
    found = []
    for text in _texts(call).tolist():
        words = text.split()
        at = position - 1 if position > 0 else len(words) + position
        found.append(words[at] if 0 <= at < len(words) else "")
    out[:] = found
    return out, None


def _words(call: Call) -> Result:
    return _each(lambda text: float(len(text.split())), _texts(call)), "byte"


def _substitute(call: Call) -> Result:
    """msub(): each string of find() replaced by that of replace(), at most n() times, whole words with `word`."""
    find = split_words(_needed(call, "find"))
    replace = split_words(call.text("replace", 1) or "")
    limit = int(call.real("n", 0.0, 1))
    whole = call.flag("word", 1)
    if replace and len(replace) != len(find):
        raise StataError(198, "find() and replace() must have as many elements")
    targets = replace or [""] * len(find)
    out = np.empty(call.session.data.n_obs, dtype=object)
    texts = _texts(call).tolist()
    for old, new in zip(find, targets, strict=True):
        pattern = re.compile(rf"\b{re.escape(old)}\b" if whole else re.escape(old))
        literal = new.replace("\\", r"\\")
        texts = [pattern.sub(literal, text, count=limit) for text in texts]
    out[:] = texts
    return out, None


def _record(call: Call) -> Result:
    """Largest value so far in the group, in order() within it; smallest with `min`."""
    smallest = call.flag("min")
    order_by = call.text("order", 1)
    if order_by is not None:
        raise unsupported("egen record(), order() is")
    x = call.values()
    rows = np.flatnonzero(call.mask)[np.argsort(call.ids[call.mask], kind="stable")]
    values = np.where(x[rows] < MISSING, -x[rows] if smallest else x[rows], -np.inf)
    levels, ranks = np.unique(np.append(values, -np.inf), return_inverse=True)
    # Ranks shifted by group keep one running maximum from reaching into the next group.
    shift = call.ids[rows] * len(levels)
    best = np.maximum.accumulate(ranks.reshape(-1)[:-1] + shift) - shift if rows.size else np.empty(0, dtype=np.intp)
    record = levels[best]
    out = np.full(x.size, MISSING)
    out[rows] = np.where(np.isfinite(record), -record if smallest else record, MISSING)
    return out, None


MORE_FUNCTIONS: dict[str, Callable[[Call], Result]] = {
    "prod": _product, "product": _product, "gmean": _geometric, "hmean": _harmonic,
    "semean": _by_group(groupstats.semean), "var": _by_group(groupstats.variance),
    "variance": _by_group(groupstats.variance), "first": _position("first"), "last": _position("last"),
    "firstnm": _position("firstnm"), "lastnm": _position("lastnm"), "nvals": _distinct, "nunique": _distinct,
    "xtile": _xtile, "corr": _correlation, "wtmean": _weighted_mean, "rall": _row_condition("all"),
    "rany": _row_condition("any"), "rcount": _row_condition("count"), "noccur": _occurrences("string"),
    "nss": _occurrences("find"), "incss": _includes, "sieve": _sieve, "wordof": _word, "nwords": _words,
    "msub": _substitute, "record": _record,
}  # fmt: skip
