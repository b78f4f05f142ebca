"""One command line, macros expanded, taken apart: varlist, if, in, weight, using, =exp, options."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, cast

from ssd.engine.commands.declare import Command, Line, Weight
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang import varlist as varlists
from ssd.engine.lang.grammar import Grammar, Subject, compile_grammar
from ssd.engine.lang.options import match_options
from ssd.engine.lang.quoting import closing, split_comma, split_words, strip_quotes, top_level
from ssd.engine.output.display import DISPLAY_OPTIONS

if TYPE_CHECKING:
    from ssd.engine.session import Session

WeightKind = Literal["fweight", "aweight", "pweight", "iweight"]

_WEIGHT: Final = re.compile(r"\[\s*([A-Za-z]*)\s*=(?!=)")
_WEIGHT_WORDS: Final[dict[str, str]] = {
    "fweight": "fweight", "fw": "fweight", "freq": "fweight", "frequency": "fweight",
    "aweight": "aweight", "aw": "aweight", "cellsize": "aweight",
    "pweight": "pweight", "pw": "pweight",
    "iweight": "iweight", "iw": "iweight",
}  # fmt: skip
_ASSUMED: Final = {
    "fweight": "frequency weights assumed",
    "aweight": "analytic weights assumed",
    "pweight": "sampling weights assumed",
    "iweight": "importance weights assumed",
}


@dataclass
class Parts:
    """A command line split into its parts, each as text; None when absent."""

    subject: str = ""
    condition: str | None = None
    range: str | None = None
    weight: tuple[str, str] | None = None
    """Word and expression of `[word=expression]`."""
    using: str | None = None
    expression: str | None = None
    options: str | None = None


def split_line(text: str, *, equals: bool = False, equations: bool = False) -> Parts:
    """Split on the top-level comma and the keywords `if`, `in`, `using`, `[weight=…]`, and `=` when asked.

    With `equations`, `[price=mpg]` is no weight but stays in the subject: test compares equations so.
    Raises r(198) when a part appears twice or is empty.
    """
    main, options = split_comma(text)
    parts = Parts(options=options)
    marks = _marks(main, equals=equals)
    if equations:
        marks = [mark for mark in marks if mark[0] != "weight"]
    parts.subject = main[: marks[0][1]].strip() if marks else main.strip()
    for index, (kind, start, content) in enumerate(marks):
        end = marks[index + 1][1] if index + 1 < len(marks) else len(main)
        body = main[content:end].strip()
        if kind == "weight":
            close = closing(main, start)
            match = _WEIGHT.match(main, start)
            assert match is not None
            parts.weight = (match[1].lower(), main[match.end() : close].strip())
            tail = main[close + 1 : end].strip()
            if tail:
                parts.subject = f"{parts.subject} {tail}".strip()
            continue
        if getattr(parts, kind) is not None or not body:
            raise invalid_syntax()
        setattr(parts, kind, body)
    return parts


def _marks(main: str, *, equals: bool) -> list[tuple[str, int, int]]:
    """(kind, start of the mark, start of its content) in order of appearance."""
    marks: list[tuple[str, int, int]] = []
    word_end = -1
    for position, char in top_level(main):
        if char == "[" and _WEIGHT.match(main, position):
            marks.append(("weight", position, position))
            continue
        if (
            char == "="
            and equals
            and not any(mark[0] in ("condition", "range") for mark in marks)
            and not (position and main[position - 1] in "<>!~=")
            and not main.startswith("==", position)
            and not any(mark[0] == "expression" for mark in marks)
        ):
            marks.append(("expression", position, position + 1))
            continue
        if position < word_end or char not in "iu":
            continue
        if position and (main[position - 1].isalnum() or main[position - 1] in "_.#"):
            continue
        word = re.compile(r"\w+").match(main, position)
        assert word is not None
        word_end = word.end()
        kind = {"if": "condition", "in": "range", "using": "using"}.get(word.group())
        if kind is None or (word_end < len(main) and main[word_end] not in ' \t("`-'):
            continue
        if kind == "condition" and any(mark[0] == "condition" for mark in marks):
            continue
        marks.append((kind, position, word_end))
    return marks


def parse_range(text: str, n_obs: int) -> tuple[int, int]:
    """`in` text (`5`, `1/10`, `-5/l`, `f/3`) to 0-based half-open positions. Raises r(198)."""
    match = re.fullmatch(r"\s*([-+]?\d+|[fFlL])\s*(?:/\s*([-+]?\d+|[fFlL]))?\s*", text)
    if match is None:
        raise invalid_syntax(f"'{text}' invalid observation number")
    first = _observation(match[1], n_obs)
    last = _observation(match[2], n_obs) if match[2] else first
    if not (1 <= first <= n_obs and 1 <= last <= n_obs):
        raise StataError(198, "observation numbers out of range")
    if last < first:
        raise StataError(198, "observation numbers out of range")
    return first - 1, last


def _observation(text: str, n_obs: int) -> int:
    if text in "fF":
        return 1
    if text in "lL":
        return n_obs
    number = int(text)
    return n_obs + number + 1 if number < 0 else number


def parse_weight(word: str, expression: str, allowed: tuple[str, ...], session: Session) -> Weight:
    """The weight of `[word=expression]`. Raises r(101) when it is not among `allowed`."""
    if word in ("", "w", "weight"):
        if not allowed:
            raise StataError(101, "weights not allowed")
        kind = allowed[0]
        session.log.line(f"({_ASSUMED[kind]})")
    else:
        found = _WEIGHT_WORDS.get(word)
        if found is None:
            raise StataError(198, f"{word} invalid weight type")
        kind = found
        if not allowed:
            raise StataError(101, "weights not allowed")
    if kind not in allowed:
        raise StataError(101, f"{kind}s not allowed")
    if not expression:
        raise invalid_syntax()
    return Weight(cast(WeightKind, kind), expression)


@lru_cache(maxsize=1024)
def command_grammar(text: str) -> Grammar:
    """The compiled grammar of a built-in command; those that show coefficients take the display options, too."""
    grammar = compile_grammar(text)
    names = {option.name for option in grammar.options}
    if not {"baselevels", "level"} <= names:
        return grammar
    display = compile_grammar(f"[, {DISPLAY_OPTIONS}]").options
    return replace(grammar, options=(*grammar.options, *(option for option in display if option.name not in names)))


def parse_command(command: Command, text: str, session: Session) -> Line:
    """The `Line` a built-in command receives. `text` is everything after the command name."""
    line = Line(command.name, text)
    if command.grammar.strip() == "*":
        return line
    grammar = command_grammar(command.grammar)
    subject = grammar.subject
    equations = subject is not None and subject.kind == "anything" and subject.equal_ok and not grammar.weights
    parts = split_line(text, equals=grammar.expression != "no", equations=equations)
    fill_line(line, parts, grammar, session)
    return line


def fill_line(line: Line, parts: Parts, grammar: Grammar, session: Session) -> None:
    """Check every part against the grammar and store its value in `line`.

    Raises r(100) to r(103) and r(198) for what is missing, too much, or not declared.
    """
    _check_allowed(parts, grammar)
    line.anything = parts.subject
    if grammar.subject is None:
        if parts.subject:
            raise StataError(101, "varlist not allowed")
    else:
        line.varlist, line.types = read_subject(parts.subject, grammar.subject, session)
    line.condition = parts.condition
    if parts.range is not None:
        line.range = parse_range(parts.range, session.data.n_obs)
    if parts.weight is not None:
        line.weight = parse_weight(*parts.weight, grammar.weights, session)
    line.using = strip_quotes(parts.using) if parts.using is not None else None
    line.expression = parts.expression
    values, others, given = match_options(parts.options, grammar, session)
    line.options.update(values)
    line.typed = given
    if grammar.any_option:
        line.options["*"] = " ".join(str(item) for item in others)


def _check_allowed(parts: Parts, grammar: Grammar) -> None:
    for value, need, name in (
        (parts.condition, grammar.condition, "if"),
        (parts.range, grammar.range, "in"),
        (parts.using, grammar.using, "using"),
        (parts.expression, grammar.expression, "=exp"),
    ):
        if value is not None and need == "no":
            raise StataError(101, f"{name} not allowed")
        if value is None and need == "required":
            raise StataError(100, f"{name} required")
    if parts.weight is not None and not grammar.weights:
        raise StataError(101, "weights not allowed")
    if parts.weight is None and grammar.weights_required:
        raise StataError(100, "weight required")
    if parts.options is not None and parts.options.strip() and not grammar.options_allowed:
        from ssd.engine.lang.options import read_options

        typed = read_options(parts.options)
        raise StataError(198, f"option {typed[0].named} not allowed" if typed else "invalid syntax")


def read_subject(text: str, subject: Subject, session: Session) -> tuple[list[str], list[str]]:
    """Names (and types, for new variables) of the part before `if`. Raises r(100), r(102), r(103), r(109)."""
    kind = subject.kind
    types: list[str] = []
    if kind == "anything":
        if subject.required and not text:
            raise StataError(100, f"{subject.identifier or 'something'} required")
        return split_words(text), types
    if not text:
        if subject.required:
            raise StataError(100, f"{_required_word(subject)} required")
        if kind in ("varlist", "varname") and not subject.default_none and kind == "varlist":
            names = list(session.data.variables)
            return names, types
        return [], types
    if kind in ("varlist", "varname"):
        names = varlists.expand(text, session, fv=subject.fv, ts=subject.ts)
        _check_types(names, subject, session)
    elif kind in ("newvarlist", "newvarname"):
        names, types = varlists.new_names(text, session)
    else:
        names = text.split()
        for name in names:
            if not varlists.is_name(name):
                raise StataError(198, f"{name} invalid name")
    if subject.minimum is not None and len(names) < subject.minimum:
        raise StataError(102, "too few variables specified")
    if subject.maximum is not None and len(names) > subject.maximum:
        raise StataError(103, "too many variables specified")
    return names, types


def _required_word(subject: Subject) -> str:
    return subject.identifier or subject.kind


def _check_types(names: list[str], subject: Subject, session: Session) -> None:
    for name in names:
        column = session.data.variables.get(name)
        if column is None:
            continue
        if subject.numeric and column.is_string:
            raise StataError(109, f"string variables not allowed in varlist;\n{name} is a string variable")
        if subject.string and not column.is_string:
            raise StataError(109, f"numeric variables not allowed in varlist;\n{name} is a numeric variable")
