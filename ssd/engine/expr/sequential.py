"""Expressions that refer to other observations of the variable being replaced.

`replace x = x[_n-1] + 1` runs from the first observation to the last: an earlier observation has its new
value already, a later one still its old (Stata manual [U] 13.7). The outcome is reached here by passes over
whole columns, each of which settles at least one more observation of every chain; in practice as many
passes run as the longest chain has links.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.data.storage import narrow, promoted, widen
from ssd.engine.expr.context import Context, Running
from ssd.engine.expr.evaluate import rows_of, value_of
from ssd.engine.expr.parser import parse
from ssd.engine.expr.syntax import Binary, Call, Name, Node, Operated, Subscript, Unary
from ssd.engine.expr.values import truth
from ssd.engine.missing import BoolArray, FloatArray

if TYPE_CHECKING:
    from ssd.engine.commands.declare import Groups
    from ssd.engine.data.storage import ObjectArray
    from ssd.engine.session import Session


def refers_to_others(text: str, name: str, session: Session) -> bool:
    """Whether the expression names other observations of `name`, by subscript or time-series operator."""
    context = Context(session, None, None, rows=True)

    def found(node: Node) -> bool:
        if isinstance(node, Operated):
            return context.variable(node.name) == name and not node.operators[0].isdigit()
        if isinstance(node, Subscript):
            own = isinstance(node.base, Name) and context.variable(node.base.name) == name
            return own or any(found(index) for index in node.indices)
        if isinstance(node, Unary):
            return found(node.operand)
        if isinstance(node, Binary):
            return found(node.left) or found(node.right)
        return isinstance(node, Call) and any(found(item) for item in node.arguments)

    return found(parse(text))


def replaced_in_turn(
    text: str, condition: str | None, name: str, base: BoolArray, session: Session, *, groups: Groups | None
) -> tuple[FloatArray | ObjectArray, BoolArray]:
    """New values of `name` and the observations they hold for, observation after observation.

    `base` are the observations selected by `in`. Raises what evaluating the expressions raises.
    """
    column = session.data.variables[name]
    old: FloatArray | ObjectArray = column.values if column.is_string else session.data.numeric(name)
    value, selecting = parse(text), None if condition is None else parse(condition)
    rounded = _rounding(column.type)
    state = session.rng.state_text()
    current = old
    for _ in range(old.size + 1):
        session.rng.restore(state)
        running = Running(name, current)
        mask = base
        if selecting is not None:
            chosen = truth(value_of(selecting, Context(session, groups, None, rows=True, running=running)))
            mask = base & np.broadcast_to(np.asarray(chosen, dtype=np.bool_), base.shape)
        new = rows_of(value_of(value, Context(session, groups, mask, rows=True, running=running)), old.size)
        if (new.dtype == object) != column.is_string:
            return new, mask
        settled = np.where(mask, rounded(new), old)
        if bool(np.all(settled == current)):
            return new, mask
        current = settled.astype(object) if column.is_string else settled
    return new, mask


def _rounding(kind: str) -> Callable[[FloatArray | ObjectArray], FloatArray | ObjectArray]:
    """What storing does to values before the next observation reads them."""

    def rounded(values: FloatArray | ObjectArray) -> FloatArray | ObjectArray:
        if values.dtype == object:
            return values
        numbers: FloatArray = values.astype(np.float64)
        wanted = promoted(kind, numbers)
        return widen(narrow(numbers, wanted), wanted)

    return rounded
