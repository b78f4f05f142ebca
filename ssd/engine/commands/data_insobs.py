"""insobs and splitsample: observations added in place, samples divided at random."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.names import check_name
from ssd.engine.errors import StataError, already_defined, unsupported
from ssd.engine.missing import MISSING
from ssd.engine.output.counting import counted

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("insobs", "anything [, Before(integer 0) After(integer 0)]")
def insobs(session: Session, line: Line) -> None:
    """Add observations with missing values, at the end or beside an observation."""
    data = session.data
    typed = session.evaluate_number(line.anything)
    if typed >= MISSING or typed < 1 or typed != int(typed):
        raise StataError(198, f"{line.anything} invalid: a positive integer expected")
    count = int(typed)
    if {"before", "after"} <= line.typed:
        raise StataError(198, "only one of before() and after() is allowed")
    place = data.n_obs
    for name, shift in (("before", -1), ("after", 0)):
        value = line.options.get(name)
        if name in line.typed and isinstance(value, int):
            if not 1 <= value <= data.n_obs:
                raise StataError(198, f"{name}({value}) invalid: no such observation")
            place = value + shift
    before = data.n_obs
    session.run(f"set obs {before + count}", quiet=True)
    order = np.concatenate([np.arange(place), np.arange(before, before + count), np.arange(place, before)])
    session.data.take(order.astype(np.intp))
    session.log.line(f"({counted(count, 'observation')} added)")


@command(
    "splitsample",
    "[varlist(default=none)] [if] [in] , Generate(string) [NSPLIT(integer 2) SPLIT(numlist >0) CLuster(varlist) "
    "RROUND BALance(varlist) RSEED(integer -1) SHOW STRok]",
    refused="cluster(), balance(), rround",
)
def splitsample(session: Session, line: Line) -> None:
    """Divide the observations at random into samples of equal or given sizes."""
    for name in ("cluster", "balance", "rround"):
        if line.options.get(name):
            raise unsupported(f"option {name} of splitsample is")
    data = session.data
    target, _, rest = (line.text_option("generate") or "").partition(",")
    target, replace = target.strip(), rest.strip() == "replace"
    check_name(target)
    if target in data.variables and not replace:
        raise already_defined(target)
    shares = line.options.get("split")
    number = line.options.get("nsplit")
    if isinstance(shares, list):
        parts = np.array([float(each) for each in shares])
    elif isinstance(number, int) and number >= 2:
        parts = np.ones(number)
    else:
        raise StataError(198, "nsplit() must be an integer of at least 2")
    seed = line.options.get("rseed")
    if isinstance(seed, int) and seed >= 0:
        session.rng.seed(seed)
    rows = line.sample(session)
    for name in line.varlist:
        if not data.variables[name].is_string:
            rows &= data.numeric(name) < MISSING
    members = np.flatnonzero(rows)
    # Sizes are the rounded cumulative shares, so that they differ by at most one from the exact ones.
    ends = np.floor(np.cumsum(parts) / parts.sum() * members.size + 0.5).astype(int)
    group = np.searchsorted(ends, np.arange(members.size), side="right") + 1.0
    values = np.full(data.n_obs, MISSING)
    shuffled = np.argsort(session.rng.uniform(members.size), kind="stable")
    values[members[shuffled]] = group
    if target in data.variables:
        data.drop([target])
    data.add(target, values, "byte" if len(parts) < 100 else "int")
    if line.flag("show"):
        session.run(f"tabulate {target}")
