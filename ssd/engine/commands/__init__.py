"""The built-in commands: one declaration each, found in the modules of this package."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from ssd.engine.commands.declare import Command, Registry

_START: Final = b"\n@command("
_NAME: Final = re.compile(rb'\s*"(\w+)",')
_MINIMUM: Final = re.compile(rb"\bminimum=(\d+)")


def load() -> Registry:
    """The registry of all commands.

    Only the declarations' names and abbreviations are read, from the source text: importing every
    module would cost a session several times its start-up time.
    """
    registry = Registry(_import)
    for name, minimum, module in _declared():
        registry.add(name, minimum, module)
    return registry


def load_all() -> list[Command]:
    """Every command, all modules imported (for the generated reference)."""
    registry = load()
    found = [registry.find(name) for name in registry.names()]
    return [declared for declared in found if declared is not None]


def _import(module: str) -> None:
    importlib.import_module(f"{__name__}.{module}")


@lru_cache(maxsize=1)
def _declared() -> tuple[tuple[str, int, str], ...]:
    """(name, shortest abbreviation, module) of each declaration."""
    found: list[tuple[str, int, str]] = []
    for folder in __path__:
        for path in sorted(Path(folder).glob("*.py")):
            if path.stem not in ("__init__", "declare"):
                found.extend((name, minimum, path.stem) for name, minimum in _declarations(path.read_bytes()))
    return tuple(found)


def _declarations(source: bytes) -> Iterator[tuple[str, int]]:
    # Plain searches of the bytes: megabytes of source are read at each start.
    start = source.find(_START)
    while start >= 0:
        match = _NAME.match(source, start + len(_START))
        if match is not None:
            end = source.find(b"\ndef ", match.end())
            minimum = _MINIMUM.search(source, match.end(), end if end >= 0 else len(source))
            yield match[1].decode(), int(minimum[1]) if minimum else len(match[1])
        start = source.find(_START, start + len(_START))
