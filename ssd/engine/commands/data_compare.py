"""cf: comparison of the data with a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.data_files import load_dta
from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError
from ssd.engine.output.counting import counted
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("cf", "varlist using/ [, ALL Verbose]", stored="r(Nsum)")
def cf(session: Session, line: Line) -> None:
    """Compare variables with those of a file, observation by observation."""
    other = load_dta(session, line.using or "")
    data = session.data
    if other.n_obs != data.n_obs:
        raise StataError(9, f"master has {data.n_obs} obs., using {other.n_obs}")
    total = 0
    log = session.log
    for name in line.varlist:
        ours = data.variables[name]
        theirs = other.variables.get(name)
        shown = f"{abbreviate(name, 15):>16}:"
        if theirs is None:
            log.line(f"{shown}  does not exist in using")
            total += 1
            continue
        if ours.is_string != theirs.is_string:
            log.line(f"{shown}  {'string' if ours.is_string else 'numeric'} in master but "
                     f"{'string' if theirs.is_string else 'numeric'} in using")  # fmt: skip
            total += 1
            continue
        left = ours.values if ours.is_string else data.numeric(name)
        right = theirs.values if theirs.is_string else other.numeric(name)
        differ = np.flatnonzero(left != right)
        total += differ.size
        if differ.size:
            log.line(f"{shown}  {counted(int(differ.size), 'mismatch', 'mismatches')}")
            if line.flag("verbose"):
                for row in differ.tolist():
                    log.line(f"{'':>18}obs {row + 1:>4}. {left[row]} in master; {right[row]} in using")
        elif line.flag("all"):
            log.line(f"{shown}  match")
    session.r = ResultSet(scalars={"Nsum": float(total)})
    if total:
        raise StataError(9, "")
