"""drop, keep and count."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.output.counting import counted
from ssd.engine.results import ResultSet
from ssd.engine.session import Session


def _selects_rows(line: Line) -> bool:
    return line.condition is not None or line.range is not None


def _delete(session: Session, line: Line, *, selected: bool) -> None:
    mask = line.sample(session)
    kept = ~mask if selected else mask
    gone = int(kept.size - np.count_nonzero(kept))
    if gone:
        session.data.keep_observations(kept)
    session.log.line(f"({counted(gone, 'observation')} deleted)")
    session.r = ResultSet(scalars={"N_drop": float(gone)})


@command("drop", "[varlist(default=none)] [if] [in]", by="vector", stored="r(N_drop)")
def drop(session: Session, line: Line) -> None:
    """Drop variables or observations."""
    if _selects_rows(line):
        if line.varlist:
            raise invalid_syntax()
        _delete(session, line, selected=True)
        return
    if not line.anything:
        raise invalid_syntax()
    if line.groups is not None:
        raise StataError(190, "request may not be combined with by")
    if line.anything == "_all":
        session.data.value_labels = {}
    session.data.drop(list(dict.fromkeys(line.varlist)))
    session.r = ResultSet(scalars={"k_drop": float(len(line.varlist))})


@command("keep", "[varlist(default=none)] [if] [in]", by="vector", stored="r(N_drop)")
def keep(session: Session, line: Line) -> None:
    """Keep variables or observations."""
    if _selects_rows(line):
        if line.varlist:
            raise invalid_syntax()
        _delete(session, line, selected=False)
        return
    if not line.varlist:
        raise invalid_syntax()
    if line.groups is not None:
        raise StataError(190, "request may not be combined with by")
    wanted = set(line.varlist)
    gone = [name for name in session.data.variables if name not in wanted]
    if gone:
        session.data.drop(gone)
    session.r = ResultSet(scalars={"k_drop": float(len(gone))})


@command("count", "[if] [in]", by="recall", minimum=3, stored="r(N)")
def count(session: Session, line: Line) -> None:
    """Count observations."""
    number = int(np.count_nonzero(line.sample(session)))
    session.log.line(f"  {number:,}")
    session.r = ResultSet(scalars={"N": float(number)})
