"""Commands that open a window of Stata: in a batch run there is none, so they show a line and do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError
from ssd.engine.lang.quoting import split_comma, split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session


def _no_window(session: Session, what: str) -> None:
    session.log.line(f"({what}; there is no window in this run)")


@command("cls", "")
def cls(session: Session, line: Line) -> None:
    """Clear the Results window: nothing to do, the log keeps every line."""


@command("browse", "[varlist] [if] [in] [, noLabel]", minimum=2)
def browse(session: Session, line: Line) -> None:
    """Data Browser: the variables and the condition are checked, nothing is shown."""
    line.sample(session)
    _no_window(session, "browse shows data in the Data Editor")


@command("edit", "[varlist] [if] [in] [, noLabel]", minimum=2)
def edit(session: Session, line: Line) -> None:
    """Data Editor: the variables and the condition are checked, nothing is shown or changed."""
    line.sample(session)
    _no_window(session, "edit shows data in the Data Editor")


@command("help", "*", minimum=1)
def help_viewer(session: Session, line: Line) -> None:
    """Help: nothing is shown; docs/engine.md describes the commands."""
    _no_window(session, "help shows its text in the Viewer")


@command("findit", "*")
def findit(session: Session, line: Line) -> None:
    """Search for commands: nothing is searched."""
    _no_window(session, "findit shows what it finds in the Viewer")


@command("search", "*")
def search(session: Session, line: Line) -> None:
    """Search the help: nothing is searched."""
    _no_window(session, "search shows what it finds in the Viewer")


@command("view", "*")
def view(session: Session, line: Line) -> None:
    """Viewer: nothing is shown."""
    _no_window(session, "view shows a file in the Viewer")


@command("doedit", "*")
def doedit(session: Session, line: Line) -> None:
    """Do-file Editor: nothing is opened."""
    _no_window(session, "doedit opens the Do-file Editor")


@command("net", "*", refused="everything but install of packages whose commands the engine has")
def net(session: Session, line: Line) -> None:
    """net install: as ssc install, nothing is installed; the commands of the package must be in the engine."""
    main, _ = split_comma(line.text)
    words = split_words(main)
    if len(words) < 2 or not (len(words[0]) >= 3 and "install".startswith(words[0])):
        raise StataError(199, f"net {words[0] if words else ''}: the engine reads nothing from the net")
    session.run(f"ssc install {words[1]}")


@command("adoupdate", "*")
def adoupdate(session: Session, line: Line) -> None:
    """Update of installed packages: there is nothing to update, the commands are part of the engine."""
    session.log.line("(no packages installed; the commands of the engine are part of it)")
