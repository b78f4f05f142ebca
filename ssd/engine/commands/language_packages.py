"""ssc install: the engine installs nothing; packages whose commands it has are reported as there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.quoting import split_comma

if TYPE_CHECKING:
    from ssd.engine.session import Session

_MAIN_COMMAND: Final = {
    "estout": "esttab", "gtools": "gcollapse", "ftools": "fcollapse", "egenmore": "egen", "labutil": "labmask",
    "st0085_2": "esttab", "dm0042": "distinct", "dm0085": "missings",
}  # fmt: skip
"""Packages that are not called like one of their commands."""

_LIBRARIES: Final = frozenset({"moremata", "require", "avar"})
"""Packages other packages need, without commands of their own that do-files use."""


@command("ssc", "*", refused="everything but install (and describe) of packages whose commands the engine has")
def ssc(session: Session, line: Line) -> None:
    """Say whether the commands of a package are there; nothing is installed."""
    main, _ = split_comma(line.text)
    words = main.split()
    if not words:
        raise StataError(198, "ssc subcommand required")
    action = words[0]
    if not (len(action) >= 3 and "install".startswith(action)):
        raise unsupported(f"ssc {action} is")
    if len(words) != 2:
        raise StataError(198, "invalid syntax")
    package = words[1].lower()
    name = _MAIN_COMMAND.get(package, package)
    registry = session.interpreter.registry
    if name in registry.names():
        session.log.line(f"checking {package} consistency and verifying not already installed...")
        session.log.line("all files already exist and are up to date.")
        session.log.line(f"(the engine has {name} built in; nothing was installed)")
    elif package in _LIBRARIES:
        session.log.line(f"(the commands of the engine do not need {package}; nothing was installed)")
    else:
        raise StataError(199, f"ssc install: the engine installs no packages, and it has no command {name}")
