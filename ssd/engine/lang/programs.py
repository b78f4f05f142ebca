"""User programs: definition, arguments, what they return, cleaning up after them, ado-files."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.calls import Call, ExitLevel, Program
from ssd.engine.lang.program import Statement, parse_lines
from ssd.engine.lang.quoting import split_comma, split_words
from ssd.engine.lang.source import SourceLine, logical_lines

if TYPE_CHECKING:
    from ssd.engine.lang.interpreter import Interpreter
    from ssd.engine.session import Session

LANGUAGE_VERSION: Final = 18.0
"""The version of the language followed."""
_CODEWORDS: Final = (".", "BASE", "SITE", "PERSONAL", "PLUS", "OLDPLACE")
_KINDS: Final = (("rclass", 1), ("eclass", 1), ("sclass", 1), ("nclass", 1))


def positional(arguments: str, words: Sequence[str]) -> dict[str, str]:
    """Local macros a program starts with: `0`, `1`, `2`, …, `*`."""
    table = {"0": arguments, "*": " ".join(words)}
    for index, word in enumerate(words, start=1):
        table[str(index)] = word
    return table


def check_version(text: str) -> None:
    """Raises r(9) for a version newer than the language followed, r(198) for no version at all."""
    match = re.fullmatch(r"\d+(\.\d+)?", text)
    if match is None:
        raise invalid_syntax()
    if float(text) > LANGUAGE_VERSION:
        raise StataError(
            9,
            f"this engine follows version {LANGUAGE_VERSION:.1f} of the language; "
            f"it cannot run version {float(text):.1f} programs",
        )


def define(session: Session, text: str, statement: Statement) -> None:
    """`program [define] name [, options]` with the body that followed it."""
    match = re.fullmatch(
        r"pr\w*\s+(?:(?:de(?:f(?:i(?:ne?)?)?)?)\s+)?(?P<name>[^\W\d][\w.]*)\s*(?P<rest>.*)", text, re.DOTALL
    )
    if match is None:
        raise invalid_syntax()
    name = match["name"]
    if len(name) > 32:
        raise StataError(198, f"{name} invalid name")
    if name in session.programs:
        raise StataError(110, f"program {name} already defined")
    if session.interpreter.registry.canonical(name) == name:
        raise StataError(110, f"program {name} already defined\n{name} is a command of the engine")
    call = session.calls[-1]
    definition = statement.definition or []
    program = Program(name, "nclass", cast("list[object]", definition), file=call.file, version=call.version)
    _program_options(program, split_comma(match["rest"])[1] or "")
    session.programs[name] = program


def _program_options(program: Program, text: str) -> None:
    from ssd.engine.lang.options import read_options

    for option in read_options(text):
        word = option.word
        kind = next((full for full, minimum in _KINDS if len(word) >= minimum and full.startswith(word)), None)
        if kind is not None and option.value is None:
            program.kind = kind
        elif len(word) >= 5 and "sortpreserve".startswith(word):
            program.sort_preserve = True
        elif len(word) >= 2 and "byable".startswith(word) and option.value is not None:
            program.byable = "onecall" if option.value.strip().startswith("o") else "recall"
        elif word.startswith("prop") and option.value is not None:
            program.properties = option.value
        elif word == "plugin":
            raise StataError(198, "option plugin() not supported by this engine")
        else:
            raise StataError(198, f"option {option.named} not allowed")


def call_program(interpreter: Interpreter, program: Program, arguments: str, call: Call) -> None:
    """Run a program: new local macros, return class, sort order and preserved data restored at its end."""
    session = interpreter.session
    if program.statements is None:
        program.statements = parse_lines(cast("list[SourceLine]", program.source))
    order = _remember_order(session) if program.sort_preserve else None
    call.program = program
    if program.version:
        call.version = program.version
    table = positional(arguments.strip(), split_words(arguments))
    try:
        with interpreter.level(call, table):
            with suppress(ExitLevel):
                interpreter.run_statements(program.statements)
            if program.kind == "rclass":
                session.r = call.results
    finally:
        if order is not None:
            _restore_order(session, order)


_ORDER: Final = "__order"


def _remember_order(session: Session) -> list[str]:
    import numpy as np

    if session.data.variables:
        index = np.arange(session.data.n_obs, dtype=np.float64)
        session.data.add(_ORDER + str(len(session.calls)), index, "double")
    return list(session.data.sorted_by)


def _restore_order(session: Session, sorted_by: list[str]) -> None:
    name = _ORDER + str(len(session.calls))
    if name in session.data.variables:
        session.data.sort([name])
        session.data.drop([name])
        session.data.sorted_by = [key for key in sorted_by if key in session.data.variables]


def clean_up(session: Session, call: Call) -> None:
    """Remove a level's temporary variables, scalars, matrices and files; restore what it preserved."""
    if call.preserved is not None:
        session.data = call.preserved
        call.preserved = None
    for kind, name in call.temporary:
        if kind == "file":
            Path(name).unlink(missing_ok=True)
            continue
        session.scalars.pop(name, None)
        session.matrices.pop(name, None)
        if name in session.data.variables:
            changed = session.data.changed
            session.data.drop([name])
            session.data.changed = changed


def find_local(session: Session, word: str) -> Program | None:
    """A subroutine defined in the same ado-file as the running program."""
    call = session.calls[-1] if session.calls else None
    if call is None or call.program is None:
        return None
    return session.programs.get(f"{call.program.file}\n{word}")


def ado_path(session: Session) -> list[Path]:
    """Folders searched for ado-files, in order: the working folder, S_ADO, and `adopath +` additions."""
    added = session.state.get("adopath")
    if isinstance(added, list):
        return [session.path(folder) for folder in added]
    folders = [session.folder]
    entries = [entry.strip() for entry in os.environ.get("S_ADO", "").replace('"', "").split(";")]
    folders.extend(session.path(entry) for entry in entries if entry and entry not in _CODEWORDS)
    codewords = ("S_SITE", "S_PERSONAL", "S_PLUS")
    folders.extend(Path(os.environ[variable]) for variable in codewords if os.environ.get(variable))
    return folders


def find_ado(session: Session, name: str, suffix: str = ".ado") -> Path | None:
    """The file `name.ado` on the path, directly or in the folder of its first letter."""
    for folder in ado_path(session):
        for candidate in (folder / f"{name}{suffix}", folder / name[0].lower() / f"{name}{suffix}"):
            if candidate.is_file():
                return candidate
    return None


def load_ado(interpreter: Interpreter, word: str) -> Program | None:
    """Define the programs of `word.ado`; its main program, or None when there is no such file."""
    from ssd.engine.lang.interpreter import read_text

    session = interpreter.session
    path = find_ado(session, word)
    if path is None:
        return None
    before = set(session.programs)
    with interpreter.level(Call("do", path.name, str(path)), {}), session.log.silence(), suppress(ExitLevel):
        interpreter.run_statements(parse_lines(logical_lines(read_text(path))))
    for name in set(session.programs) - before - {word}:
        session.programs[f"{path}\n{name}"] = session.programs.pop(name)
    program = session.programs.get(word)
    if program is None:
        raise StataError(199, f"command {word} not defined by {path.name}")
    return program
