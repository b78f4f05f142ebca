"""numlabel: numbers in front of the texts of value labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("numlabel", "[namelist] [, Add Remove Mask(string) FORCE DETail]", refused="force, detail")
def numlabel(session: Session, line: Line) -> None:
    """Put the numbers in front of the texts of value labels, or take them off."""
    from ssd.engine.errors import unsupported

    for option in ("force", "detail"):
        if line.flag(option):
            raise unsupported(f"option {option} of numlabel is")
    if line.flag("add") == line.flag("remove"):
        raise StataError(198, "must specify one of the options add or remove")
    mask = line.text_option("mask")
    mask = "#. " if mask is None else mask
    if "#" not in mask:
        raise StataError(198, "mask must include numeral")
    known = session.data.value_labels
    names = line.anything.split() or list(line.varlist) or sorted(known)
    for name in names:
        if name not in known:
            raise StataError(111, f"value label {name} not found")
    for name in names:
        marked = {code: f"{mask.replace('#', str(code))}" for code in known[name]}
        carrying = [known[name][code].startswith(marked[code]) for code in known[name]]
        if line.flag("add"):
            if any(carrying):
                session.log.line(f"{name}: label(s) already have the mask")
                continue
            known[name] = {code: f"{marked[code]}{text}" for code, text in known[name].items()}
        else:
            known[name] = {code: text.removeprefix(marked[code]) for code, text in known[name].items()}
    session.data.changed = True
