"""Commands of a do-file without running it: for `check` and for safety scans."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from ssd.engine.commands import load
from ssd.engine.errors import StataError
from ssd.engine.lang.expressions import split_expression
from ssd.engine.lang.prefixes import split_prefixes
from ssd.engine.lang.program import Statement, parse_program, walk
from ssd.engine.lang.quoting import split_colon

if TYPE_CHECKING:
    from ssd.engine.commands.declare import Registry

_WORD: Final = re.compile(r"[^\W\d][\w.]*|!|\S")
_MACRO: Final = re.compile(r"`(?!\")[^`']*'|\$\{[^{}]*\}|\$\w+")
"""A macro reference with none inside it."""
CONTROL: Final = ("foreach", "forvalues", "while", "if", "else", "program", "mata", "python")
"""Words of the language itself, reported under these names."""
_COLON_COMMANDS: Final = frozenset(
    """
    bootstrap jackknife permute simulate statsby rolling svy mi xi nestreg stepwise frame frames collect bayes fmm fp
    mfp bs sw estimates eststo table
    """.split()  # noqa: SIM905 - a list of names reads best as text
)


def commands_of(text: str) -> list[tuple[int, str, str]]:
    """(line number, canonical command name, text) of every command, in blocks and programs too.

    A name that is no built-in command is given as typed. Commands after `if exp` and after prefix
    commands (`bootstrap …: regress …`) are listed too. Raises r(198) for malformed blocks.
    """
    registry = load()
    found: list[tuple[int, str, str]] = []
    for statement in walk(parse_program(text)):
        found.extend((statement.line, name, body) for name, body in _commands(statement, registry))
    return found


def _commands(statement: Statement, registry: Registry) -> list[tuple[str, str]]:
    text = split_prefixes(statement.text).command
    return _commands_in(text, registry, has_body=statement.body is not None or statement.definition is not None)


def _commands_in(text: str, registry: Registry, *, has_body: bool) -> list[tuple[str, str]]:
    text = split_prefixes(text).command
    match = _WORD.match(text)
    if match is None:
        return []
    word, rest = match.group(), text[match.end() :].strip()
    control = _control_word(word)
    if control == "else":
        return [("else", text), *(_commands_in(rest, registry, has_body=has_body) if rest else [])]
    if control == "if":
        inner = _command_after(rest)
        return [("if", text), *(_commands_in(inner, registry, has_body=has_body) if inner else [])]
    if control is not None:
        return [(control, text)]
    name = registry.canonical(word) or word
    commands = [(name, text)]
    if name in _COLON_COMMANDS:
        after = split_colon(rest)
        if after is not None and after[1]:
            commands.extend(_commands_in(after[1], registry, has_body=has_body))
    return commands


def _command_after(text: str) -> str:
    """The command behind the condition of a single-line `if`, unexpanded macros standing for operands."""
    command = split_expression(_with_operands_for_macros(text))[1]
    return text[len(text) - len(command) :] if command else ""


def _with_operands_for_macros(text: str) -> str:
    """The text with every macro reference replaced by a name of the same length."""
    masked = text
    while (reference := _MACRO.search(masked)) is not None:
        masked = masked[: reference.start()] + "m" * len(reference.group()) + masked[reference.end() :]
    return masked


def _control_word(word: str) -> str | None:
    if len(word) >= 4 and "forvalues".startswith(word):
        return "forvalues"
    if len(word) >= 2 and "program".startswith(word):
        return "program"
    return word if word in CONTROL else None


def unsupported_in(text: str) -> list[tuple[int, str]]:
    """(line number, message) of every command that neither the engine nor the do-file itself defines."""
    registry = load()
    commands = commands_of(text)
    defined = {name for _, command, body in commands if command == "program" for name in _program_names(body)}
    found = []
    for line, name, _ in commands:
        if name in ("mata", "python"):
            found.append((line, f"{name} not supported by this engine"))
        elif name.startswith(("`", "$")) or name in defined or name in CONTROL or name in "{}*":
            continue
        elif registry.canonical(name) is None:
            found.append((line, f"command {name} is unrecognized"))
    return found


def _program_names(text: str) -> list[str]:
    match = re.match(r"pr\w*\s+(?:de\w*\s+)?([^\W\d]\w*)", text)
    return [match[1]] if match else []


def check_file(path: Path, out: TextIO) -> int:
    """Print what is not supported in a do-file, with line numbers; 1 if there is anything, else 0."""
    from ssd.engine.lang.interpreter import read_text

    try:
        problems = unsupported_in(read_text(path))
    except StataError as error:
        number = getattr(error, "typed", None)
        line = number[0].number if number else 0
        problems = [(line, error.message)]
    for line, message in problems:
        out.write(f"{path}:{line}: {message.splitlines()[0]}\n")
    return 1 if problems else 0
