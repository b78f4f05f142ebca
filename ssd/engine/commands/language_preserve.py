"""preserve and restore."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("preserve", "[, CHANGED]", minimum=4)
def preserve(session: Session, line: Line) -> None:
    """Keep a copy of the data until `restore` or the end of the program."""
    call = session.calls[-1]
    if call.preserved is not None:
        raise StataError(621, "already preserved")
    call.preserved = session.data.copy()


@command("restore", "[, PREserve NOT]")
def restore(session: Session, line: Line) -> None:
    """Bring back the preserved data, or (`not`) forget them."""
    call = session.calls[-1]
    if line.flag("preserve") and line.flag("not"):
        raise StataError(198, "options preserve and not may not be combined")
    if call.preserved is None:
        if line.flag("not"):
            return
        raise StataError(622, "nothing to restore")
    if not line.flag("not"):
        session.data = call.preserved.copy() if line.flag("preserve") else call.preserved
    if not line.flag("preserve"):
        call.preserved = None
