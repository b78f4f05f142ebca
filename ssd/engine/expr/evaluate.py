"""The vectorised evaluator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ssd.engine.data.storage import widen
from ssd.engine.data.timeseries import apply_operators
from ssd.engine.errors import StataError, invalid_syntax, name_not_found, type_mismatch, unsupported
from ssd.engine.expr.context import Context
from ssd.engine.expr.estimates import coefficient, standard_error
from ssd.engine.expr.functions import FUNCTIONS
from ssd.engine.expr.matrices import matrix_element, stored_matrix
from ssd.engine.expr.operators import binary, invert, negate
from ssd.engine.expr.parser import parse
from ssd.engine.expr.syntax import Binary, Call, Estimate, Name, Node, Number, Operated, Subscript, Text, Unary
from ssd.engine.expr.timeranges import with_time_ranges
from ssd.engine.expr.values import Operand, Value, is_string, number, string, truth
from ssd.engine.missing import MISSING, BoolArray, FloatArray

if TYPE_CHECKING:
    from ssd.engine.commands.declare import Groups
    from ssd.engine.data.storage import ObjectArray
    from ssd.engine.session import Session


def evaluate(
    text: str, session: Session, *, groups: Groups | None = None, mask: BoolArray | None = None
) -> FloatArray | ObjectArray | float | str:
    """Value of an expression: an array over observations, or a scalar when it names no variable and no `_n`.

    `groups` makes `_n`, `_N`, subscripts and running sums work within by-groups; `mask` limits running
    sums and random draws to the selected observations. Raises StataError: r(111) not found, r(109) type
    mismatch, r(133) unknown function, r(132) quotes and parentheses, r(198) invalid syntax.
    """
    node = parse(with_time_ranges(text, session))
    context = Context(session, groups, mask, rows=_names_rows(node, session))
    return _settled(value_of(node, context))


_BLOCK: Final = 32_768
"""Rows per piece: the columns of an expression then stay in the processor's cache (measured: a third of the time)."""


def _blocks(n_obs: int) -> Iterator[slice]:
    return (slice(start, min(start + _BLOCK, n_obs)) for start in range(0, n_obs, _BLOCK))


def is_elementwise(node: Node, session: Session) -> bool:
    """Whether each row's value depends on that row's numbers alone, through operators."""
    if isinstance(node, Number):
        return True
    if isinstance(node, Name):
        column = session.data.variables.get(node.name)
        if column is not None:
            return not column.is_string
        return isinstance(session.scalars.get(node.name), float)
    if isinstance(node, Unary):
        return is_elementwise(node.operand, session)
    return isinstance(node, Binary) and is_elementwise(node.left, session) and is_elementwise(node.right, session)


def evaluate_rows(
    text: str, session: Session, *, groups: Groups | None = None, mask: BoolArray | None = None
) -> FloatArray | ObjectArray:
    """Value for every observation, shape (n_obs,): scalars are repeated, random functions draw per row."""
    node = parse(with_time_ranges(text, session))
    n_obs = session.data.n_obs
    if n_obs > 2 * _BLOCK and is_elementwise(node, session):
        out = np.empty(n_obs)
        for block in _blocks(n_obs):
            out[block] = number(value_of(node, Context(session, groups, mask, rows=True, block=block)))
        return out
    return rows_of(value_of(node, Context(session, groups, mask, rows=True)), n_obs)


def rows_of(operand: Operand, n_obs: int) -> FloatArray | ObjectArray:
    """A value repeated for every observation unless it is a column already."""
    value = _settled(operand)
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, str):
        repeated: ObjectArray = np.empty(n_obs, dtype=object)
        repeated[:] = value
        return repeated
    return np.full(n_obs, value)


def evaluate_condition(text: str, session: Session, *, groups: Groups | None = None) -> BoolArray:
    """Observations where the expression is true (nonzero, missing included), shape (n_obs,)."""
    node = parse(with_time_ranges(text, session))
    n_obs = session.data.n_obs
    if n_obs > 2 * _BLOCK and is_elementwise(node, session):
        chosen = np.empty(n_obs, dtype=np.bool_)
        for block in _blocks(n_obs):
            chosen[block] = truth(value_of(node, Context(session, groups, None, rows=True, block=block)))
        return chosen
    outcome = truth(value_of(node, Context(session, groups, None, rows=True)))
    if isinstance(outcome, np.ndarray):
        return outcome
    return np.full(session.data.n_obs, outcome, dtype=np.bool_)


def evaluate_number(text: str, session: Session) -> float:
    """A scalar; for a column its first observation (`.` without observations). Raises r(109) for a string."""
    value = evaluate_scalar(text, session)
    if isinstance(value, str):
        raise type_mismatch()
    return value


def evaluate_scalar(text: str, session: Session) -> float | str:
    """What `display` shows: a number or a string; for a column its first observation."""
    value = _settled(value_of(parse(text), Context(session, None, None, rows=False)))
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return str(value[0]) if value.size else ""
        return float(value[0]) if value.size else MISSING
    return value


def _settled(value: Operand) -> Value:
    return value if is_string(value) else number(value)  # type: ignore[return-value]


def _names_rows(node: Node, session: Session) -> bool:
    """Whether the value depends on the observation."""
    if isinstance(node, Name):
        return node.name == "_n" or node.name in session.data.variables or (
            node.name not in session.scalars and any(v.startswith(node.name) for v in session.data.variables)
        )  # fmt: skip
    if isinstance(node, Operated):
        return True
    if isinstance(node, Unary):
        return _names_rows(node.operand, session)
    if isinstance(node, Binary):
        return _names_rows(node.left, session) or _names_rows(node.right, session)
    if isinstance(node, Call):
        function = FUNCTIONS.get(node.function)
        if function is not None and "x" in function.kinds:
            return node.function == "e" and node.arguments == (Name("sample"),)
        return any(_names_rows(item, session) for item in node.arguments)
    if isinstance(node, Subscript):
        return any(_names_rows(item, session) for item in node.indices)
    return False


def value_of(node: Node, context: Context) -> Operand:
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Name):
        return _named(node.name, context)
    if isinstance(node, Binary):
        return binary(node.operator, value_of(node.left, context), value_of(node.right, context))
    if isinstance(node, Unary):
        operand = value_of(node.operand, context)
        return negate(operand) if node.operator == "-" else invert(operand)
    if isinstance(node, Call):
        return _called(node, context)
    if isinstance(node, Subscript):
        return _subscripted(node, context)
    if isinstance(node, Operated):
        return _operated(node, context)
    return _estimated(node, context)


def _named(name: str, context: Context) -> Operand:
    if name == "_n":
        return context.position() if context.rows or context.n_obs else 1.0
    if name == "_N":
        return context.size()
    if name == "_pi":
        return float(np.pi)
    if name == "_rc":
        return float(context.session.rc)
    variable = name if name in context.data.variables else None
    if variable is None and name not in context.session.scalars:
        variable = context.variable(name)
    if variable is not None:
        column = context.data.variables[variable]
        if context.block is not None:
            part = column.values[context.block]
            return part if column.type == "double" else widen(part, column.type)
        return column.values if column.is_string else context.data.numeric(variable)
    if name in context.session.scalars:
        value = context.session.scalars[name]
        return value if isinstance(value, str) else float(value)
    if name in context.session.matrices:
        matrix = context.session.matrices[name].values
        if matrix.size == 1:
            return float(matrix[0, 0])
        raise type_mismatch()
    raise name_not_found(name)


def _called(node: Call, context: Context) -> Operand:
    function = FUNCTIONS.get(node.function)
    if function is None:
        raise StataError(133, f"unknown function {node.function}()")
    letters = function.letters
    count = len(node.arguments)
    if count < function.required or (count > len(letters) and not function.repeats):
        raise invalid_syntax()
    arguments: list[Any] = [context] if function.context else []
    for position, argument in enumerate(node.arguments):
        kind = letters[min(position, len(letters) - 1)]
        if kind == "x":
            arguments.append(argument)
            continue
        value = value_of(argument, context)
        if kind == "n":
            value = number(value)
        elif kind == "s":
            value = string(value)
        elif not is_string(value):
            value = number(value)
        arguments.append(value)
    result: Operand = function.run(*arguments)
    return result


def _subscripted(node: Subscript, context: Context) -> Operand:
    if len(node.indices) == 2:
        matrix = stored_matrix(node.base, context)
        return matrix_element(matrix, *(value_of(index, context) for index in node.indices))
    if not isinstance(node.base, Name) or len(node.indices) != 1:
        raise invalid_syntax()
    name = context.variable(node.base.name)
    if name is None:
        raise name_not_found(node.base.name)
    column = context.data.variables[name]
    values = column.values if column.is_string else context.data.numeric(name)
    gap: float | str = "" if column.is_string else MISSING
    index = number(value_of(node.indices[0], context))
    running = context.running
    if running is not None and running.name == name:
        return _taken(values, index, gap, context, running.values)
    if isinstance(index, float) and context.groups is None:
        return values[int(index) - 1] if 1.0 <= index < context.n_obs + 1.0 else gap
    return _taken(values, index, gap, context)


def _taken(
    values: FloatArray | ObjectArray,
    index: float | FloatArray,
    gap: float | str,
    context: Context,
    changed: FloatArray | ObjectArray | None = None,
) -> FloatArray | ObjectArray:
    """The observations an index names; those before the reading one from `changed`, if given."""
    wanted = np.broadcast_to(np.asarray(index, dtype=np.float64), (context.n_obs,))
    if context.groups is None:
        start: Any = 0.0
        size: Any = float(context.n_obs)
    else:
        start = context.groups.starts[context.groups.ids]
        size = context.groups.sizes[context.groups.ids]
    inside = (wanted >= 1.0) & (wanted < size + 1.0)
    position = (np.where(inside, np.trunc(wanted) - 1.0, 0.0) + start).astype(np.intp)
    picked = values[position] if context.n_obs else values
    if changed is not None and context.n_obs:
        picked = np.where(position < np.arange(context.n_obs), changed[position], picked)
    picked[~inside] = gap
    return picked


def _operated(node: Operated, context: Context) -> Operand:
    name = context.variable(node.name)
    if name is None:
        raise name_not_found(node.name)
    values = context.data.numeric(name)
    if node.operators[0].isdigit():
        level = float(node.operators.rstrip("bn"))
        return np.where(values < MISSING, (values == level).astype(np.float64), MISSING)
    if context.running is not None and context.running.name == name:
        return _operated_in_turn(node.operators, values, context)
    return apply_operators(context.data, values, node.operators)


def _operated_in_turn(operators: str, old: FloatArray, context: Context) -> Operand:
    """Leads see old values, lags new ones; in differences an observation's own value is the old one."""
    assert context.running is not None
    new = apply_operators(context.data, context.running.values, operators)  # type: ignore[arg-type]
    letters = {letter.upper() for letter in operators if letter.isalpha()}
    if letters == {"L"}:
        return new
    if letters == {"F"}:
        return apply_operators(context.data, old, operators)
    if letters <= {"D", "S"}:
        known = (new < MISSING) & (old < MISSING)
        own = np.where(known, old, 0.0) - np.where(known, np.asarray(context.running.values, dtype=np.float64), 0.0)
        return np.where(known, np.where(known, new, 0.0) + own, MISSING)
    raise unsupported(f"replacing a variable by its own {operators}.")


def _estimated(node: Estimate, context: Context) -> Operand:
    find = coefficient if node.kind == "b" else standard_error
    return find(context.session.e, node.equation, node.name)
