"""Programming functions ([FN] Programming functions): cond, missing, inlist, stored results, c()."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ssd.engine.errors import StataError, invalid_syntax, name_not_found, type_mismatch
from ssd.engine.expr.context import Context
from ssd.engine.expr.registry import Table, entry, strict
from ssd.engine.expr.syntax import Call, Name, Node, Operated
from ssd.engine.expr.system import system_value
from ssd.engine.expr.text import add_mapped
from ssd.engine.expr.values import Operand, Value, is_string, number
from ssd.engine.lang.calls import by_state
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.results import ResultSet


def _cond(test: float | FloatArray, yes: Value, no: Value, unknown: Value | None = None) -> Value:
    if is_string(yes) != is_string(no):
        raise type_mismatch()
    if isinstance(test, float):
        if unknown is not None and not test < MISSING:
            return unknown
        return yes if test != 0.0 else no
    chosen: Any = np.where(test != 0.0, _shaped(yes, test), _shaped(no, test))
    if unknown is not None:
        chosen = np.where(test < MISSING, chosen, _shaped(unknown, test))
    result: Value = chosen
    return result


def _shaped(value: Value, like: FloatArray) -> Any:
    if isinstance(value, str):
        filled = np.empty(like.shape, dtype=object)
        filled[:] = value
        return filled
    return value


def _absent(value: Value) -> Any:
    if isinstance(value, str):
        return value == ""
    if isinstance(value, float):
        return not value < MISSING
    return value == "" if value.dtype == object else ~(value < MISSING)


def _flag(outcome: Any) -> Operand:
    return outcome.astype(np.bool_) if isinstance(outcome, np.ndarray) else float(outcome)


def _missing(*values: Value) -> Operand:
    outcome: Any = False
    for value in values:
        outcome = outcome | _absent(value)
    return _flag(outcome)


def _inlist(value: Value, *options: Value) -> Operand:
    if any(is_string(option) != is_string(value) for option in options):
        raise type_mismatch()
    outcome: Any = False
    for option in options:
        outcome = outcome | (value == option)
    return _flag(outcome)


def _inrange(value: Value, low: Value, high: Value) -> Operand:
    if is_string(low) != is_string(value) or is_string(high) != is_string(value):
        raise type_mismatch()
    if is_string(value):
        return _flag((value >= low) & (value <= high))  # type: ignore[operator]
    z, a, b = (np.asarray(item, dtype=np.float64) for item in (value, low, high))
    inside = (z < MISSING) & ((z >= a) | ~(a < MISSING)) & ((z <= b) | ~(b < MISSING))
    return float(inside) if inside.ndim == 0 else inside


def _float(x: Any) -> Any:
    return np.asarray(x, dtype=np.float32).astype(np.float64)


def _irecode(x: Any, *cuts: Any) -> Any:
    total = np.zeros(np.shape(x))
    for cut in cuts:
        total = total + (x > cut)
    return np.where(np.isnan(x), np.nan, total)


def _recode(x: Any, *cuts: Any) -> Any:
    outcome = np.broadcast_to(np.asarray(cuts[-1], dtype=np.float64), np.shape(x)).copy()
    for cut in reversed(cuts[:-1]):
        outcome = np.where(x <= cut, cut, outcome)
    return np.where(np.isnan(x), np.nan, outcome)


def _autocode(x: Any, n: Any, low: Any, high: Any) -> Any:
    width = (high - low) / n
    step = np.clip(np.ceil((x - low) / width), 1.0, n)
    return low + step * width


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.where(low <= high, np.clip(x, low, high), np.nan)


def _stored(results: ResultSet, name: str) -> Value:
    if name in results.scalars:
        return float(results.scalars[name])
    if name in results.macros:
        return results.macros[name]
    if name in results.matrices:
        matrix = results.matrices[name].values
        if matrix.size == 1:
            return float(matrix[0, 0])
        raise type_mismatch()
    return MISSING


def _name_of(node: Node) -> str:
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Operated):
        return f"{node.operators}.{node.name}"
    raise invalid_syntax()


def _r(context: Context, node: Node) -> Value:
    return _stored(context.session.r, _name_of(node))


def _s(context: Context, node: Node) -> Value:
    return context.session.s.macros.get(_name_of(node), "")


def _e(context: Context, node: Node) -> Value:
    name = _name_of(node)
    if name != "sample":
        return _stored(context.session.e, name)
    sample = context.session.e.sample
    if sample is None or len(sample) != context.n_obs:
        return np.zeros(context.n_obs)
    return sample.astype(np.float64)


def _c(context: Context, node: Node) -> Value:
    return system_value(context.session, _name_of(node))


def _scalar(context: Context, node: Node) -> Value:
    name = _name_of(node)
    if name not in context.session.scalars:
        raise name_not_found(name)
    return context.session.scalars[name]


def _matrix(context: Context, node: Node) -> Value:
    from ssd.engine.expr.evaluate import value_of

    return number(value_of(node, context))


def _file_exists(context: Context, name: str) -> float:
    return float((context.session.folder / Path(name).expanduser()).is_file())


def _dir_exists(context: Context, name: str) -> float:
    return float((context.session.folder / Path(name).expanduser()).is_dir())


def _has_eprop(context: Context, name: str) -> float:
    return float(name in context.session.e.macros.get("properties", "").split())


def _chop(x: Any, tolerance: Any) -> Any:
    return np.where(np.abs(x - np.rint(x)) < tolerance, np.rint(x), x)


def _by_index(context: Context) -> float:
    state = by_state(context.session)
    return float(state.index) if state is not None else 1.0


def _by_last_call(context: Context) -> float:
    state = by_state(context.session)
    return float(state is None or state.is_last)


def _byteorder() -> float:
    return 2.0


def _label_name(node: Node) -> str:
    if isinstance(node, Call):
        raise StataError(198, "invalid syntax")
    return _name_of(node)


def _frame_value(context: Context, link: Node, variable: Node, unmatched: Any = None) -> Value:
    """frval(linkvar, varname [, unmatched]): the linked frame's value for each observation."""
    from ssd.engine.commands.language_framelinks import linked_rows, looked_up
    from ssd.engine.data.names import match_variables
    from ssd.engine.data.storage import widen

    session = context.session
    name = session.variable_named(_name_of(link))
    other, rows = linked_rows(session, name)
    source = _name_of(variable)
    values = looked_up(session, name, source)
    if values.dtype != object:
        kind = other.variables[match_variables(other.variables, source)[0]].type
        values = widen(values, kind)
    if unmatched is not None:
        values = np.where(rows >= 0, values, unmatched)
    if context.rows:
        return values
    first = values[0] if len(values) else MISSING
    return first if isinstance(first, str) else float(first)


def programming_functions() -> Table:
    table: Table = {}
    entry(table, "cond", "naa|a", _cond)
    entry(table, "missing mi", "a+", _missing)
    entry(table, "inlist", "aa+", _inlist)
    entry(table, "inrange", "aaa", _inrange)
    entry(table, "float", "n", strict(_float))
    entry(table, "irecode", "nn+", strict(_irecode))
    entry(table, "recode", "nn+", strict(_recode))
    entry(table, "autocode", "nnnn", strict(_autocode))
    entry(table, "clip", "nnn", strict(_clip))
    entry(table, "chop", "nn", strict(_chop))
    entry(table, "byteorder", "", _byteorder)
    entry(table, "maxbyte", "", lambda: 100.0)
    entry(table, "maxint", "", lambda: 32740.0)
    entry(table, "maxlong", "", lambda: 2147483620.0)
    entry(table, "maxfloat", "", lambda: float.fromhex("0x1.fffffep126"))
    entry(table, "maxdouble", "", lambda: float.fromhex("0x1.fffffffffffffp1022"))
    entry(table, "minbyte", "", lambda: -127.0)
    entry(table, "minint", "", lambda: -32767.0)
    entry(table, "minlong", "", lambda: -2147483647.0)
    entry(table, "epsfloat", "", lambda: 2.0**-23)
    entry(table, "epsdouble", "", lambda: 2.0**-52)
    entry(table, "smallestdouble", "", lambda: 2.0**-1022)
    for name, run in (("r", _r), ("e", _e), ("s", _s), ("c", _c), ("scalar", _scalar), ("matrix", _matrix)):
        entry(table, name, "x", run, context=True)
    entry(table, "frval", "xx|a", _frame_value, context=True)
    entry(table, "fileexists", "s", _file_exists, context=True)
    entry(table, "direxists", "s", _dir_exists, context=True)
    entry(table, "has_eprop", "x", lambda c, n: _has_eprop(c, _label_name(n)), context=True)
    entry(table, "_by", "", lambda c: float(by_state(c.session) is not None), context=True)
    entry(table, "_byindex", "", _by_index, context=True)
    entry(table, "_bylastcall", "", _by_last_call, context=True)
    add_mapped(table, "tobytes", "s", lambda s: "".join(f"\\d{b:03d}" for b in s.encode()), text=True)
    return table
