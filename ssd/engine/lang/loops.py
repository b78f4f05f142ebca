"""while, foreach and forvalues."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang import varlist as varlists
from ssd.engine.lang.calls import LoopBreak, LoopContinue
from ssd.engine.lang.expressions import split_expression
from ssd.engine.lang.macros import expand
from ssd.engine.lang.numbertext import number_text
from ssd.engine.lang.numlist import parse_numlist, sequence
from ssd.engine.lang.prefixes import split_prefixes
from ssd.engine.lang.program import Statement
from ssd.engine.lang.quoting import split_words

if TYPE_CHECKING:
    from ssd.engine.lang.interpreter import Interpreter

_FOREACH: Final = re.compile(r"(?P<macro>\w+)\s+(?P<how>in|of)\b\s*(?P<list>.*)", re.DOTALL)
_OF: Final = re.compile(r"(?P<kind>[a-z]+)\s*(?P<list>.*)", re.DOTALL)
_FORVALUES: Final = re.compile(r"(?P<macro>\w+)\s*=\s*(?P<range>.*)", re.DOTALL)
_OPERAND: Final = r"[^\s/()\[\]:]+"


def run_while(interpreter: Interpreter, statement: Statement, body: list[Statement]) -> None:
    """The condition is expanded and evaluated anew before every pass."""
    while True:
        command = split_prefixes(expand(statement.text, interpreter.session)).command
        condition, rest = split_expression(command[len("while") :])
        if rest or not condition:
            raise invalid_syntax()
        if not interpreter.is_true(condition):
            return
        if not _pass(interpreter, body):
            return


def _pass(interpreter: Interpreter, body: list[Statement]) -> bool:
    """One pass of a loop; False when it was left by `continue, break`."""
    call = interpreter.session.calls[-1]
    call.loops += 1
    try:
        interpreter.run_statements(body)
    except LoopContinue:
        return True
    except LoopBreak:
        return False
    finally:
        call.loops -= 1
    return True


def _run_over(interpreter: Interpreter, macro: str, values: Iterable[str], body: list[Statement]) -> None:
    table = interpreter.session.locals[-1]
    for value in values:
        table[macro] = value
        if not _pass(interpreter, body):
            break
    table.pop(macro, None)


def run_foreach(interpreter: Interpreter, text: str, body: list[Statement]) -> None:
    """`foreach x in list`, `foreach x of varlist|newlist|numlist|local|global list`."""
    match = _FOREACH.fullmatch(text)
    if match is None:
        raise invalid_syntax()
    if match["how"] == "in":
        values = split_words(match["list"])
    else:
        of = _OF.fullmatch(match["list"])
        if of is None:
            raise invalid_syntax()
        values = _values_of(interpreter, of["kind"], of["list"].strip())
    _run_over(interpreter, match["macro"], values, body)


def _values_of(interpreter: Interpreter, kind: str, text: str) -> list[str]:
    session = interpreter.session
    if _abbreviates(kind, "varlist", 3):
        return varlists.expand(text, session, ts=True, fv=True)
    if _abbreviates(kind, "newlist", 3):
        return varlists.new_names(text, session)[0]
    if _abbreviates(kind, "numlist", 3):
        return [number_text(value) for value in parse_numlist(text, missing=True)]
    if _abbreviates(kind, "local", 3):
        return split_words(expand(session.locals[-1].get(text, ""), session))
    if _abbreviates(kind, "global", 3):
        return split_words(expand(session.globals.get(text, ""), session))
    raise invalid_syntax()


def _abbreviates(word: str, full: str, minimum: int) -> bool:
    return len(word) >= minimum and full.startswith(word)


def run_forvalues(interpreter: Interpreter, text: str, body: list[Statement]) -> None:
    """`forvalues i = a/b`, `a(d)b`, `a t to b`, `a t : b`."""
    match = _FORVALUES.fullmatch(text)
    if match is None:
        raise invalid_syntax()
    start, step, end = _bounds(interpreter, match["range"].strip())
    values = sequence(start, step, end) if step != 0 else []
    if step == 0:
        raise StataError(198, "invalid syntax")
    _run_over(interpreter, match["macro"], map(number_text, values), body)


def _bounds(interpreter: Interpreter, text: str) -> tuple[float, float, float]:
    number = interpreter.session.evaluate_number
    slash = re.fullmatch(rf"({_OPERAND})\s*/\s*({_OPERAND})", text)
    if slash:
        return number(slash[1]), 1.0, number(slash[2])
    stepped = re.fullmatch(rf"({_OPERAND})\s*[(\[]\s*({_OPERAND})\s*[)\]]\s*({_OPERAND})", text)
    if stepped:
        return number(stepped[1]), number(stepped[2]), number(stepped[3])
    to = re.fullmatch(rf"({_OPERAND})\s+({_OPERAND})\s*(?:\bto\b|:)\s*({_OPERAND})", text)
    if to:
        first, second = number(to[1]), number(to[2])
        return first, second - first, number(to[3])
    raise invalid_syntax()
