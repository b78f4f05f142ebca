"""simulate, statsby, rolling: a command's results over runs, groups or windows as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.repeated_runs import (
    Dots,
    detached,
    first_run,
    flags_of,
    repeat_command,
    results_data,
    run_quietly,
    save_results,
    set_seed,
    split_prefix,
)
from ssd.engine.data.dataset import Dataset
from ssd.engine.data.order import group_numbers
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.lang.quoting import split_comma
from ssd.engine.missing import MISSING, FloatArray, is_missing

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("simulate", "*", minimum=4, refused="trace, verbose, legend options", stored="data of results")
def simulate(session: Session, line: Line) -> None:
    """Monte Carlo simulation: run a command repeatedly and keep its results as data."""
    grammar = "Reps(integer 0) SEED(integer -1) SAving(string) noDOTS DOTS(integer 1) NOLEgend NOISily DOUBLE"
    prefix = split_prefix(session, line, grammar)
    reps = prefix.options["reps"]
    if not isinstance(reps, int) or reps < 1:
        raise StataError(198, "option reps() required")
    set_seed(session, prefix)
    original = session.data.copy()
    state = session.rng.state_text()
    reading, _, _ = first_run(session, prefix, "sim")
    session.rng.restore(state)
    if prefix.options.get("nolegend") is not True:
        session.log.line()
        session.log.line(f"      Command: {prefix.command}")
        for label, text in zip(reading.labels, reading.texts, strict=False):
            session.log.line(f"{label:>13}: {text}")
    dots = Dots(session, "Simulations", reps, shown=prefix.options.get("nodots") is not True)
    rows = np.full((reps, len(reading.labels)), MISSING)
    current = original
    for index in range(reps):
        session.data = current
        run_quietly(session, prefix.command)
        rows[index] = reading.read(session)
        current = session.data
        dots.add(failed=bool(np.any(is_missing(rows[index]))))
    dots.close()
    save_results(session, prefix, reading, rows)
    session.data = results_data(reading.variables, rows)
    session.data.label = f"simulate: {prefix.command.split()[0]}"


@command("statsby", "*", minimum=7, refused="subsets, total, basepop(), forcedrop, noisily", stored="data of results")
def statsby(session: Session, line: Line) -> None:
    """Collect a command's results over groups as data."""
    grammar = "BY(varlist) CLEAR SAving(string) noDOTS DOTS(integer 1) NOLEgend Total Subsets DOUBLE"
    prefix = split_prefix(session, line, grammar)
    names = prefix.options.get("by")
    if not isinstance(names, list) or not names:
        raise StataError(198, "option by() required")
    if prefix.options.get("subsets") is True:
        raise unsupported("option subsets of statsby is")
    saving = prefix.options.get("saving")
    original = session.data
    reading, overall, _ = first_run(session, prefix, "stat")
    session.data = original
    keys = original.keys(names)
    known = np.ones(original.n_obs, dtype=np.bool_)
    for name, key in zip(names, keys, strict=True):
        known &= (key != "") if original.variables[name].is_string else ~is_missing(key)
    base = np.flatnonzero(known)
    if not base.size:
        raise no_observations()
    ids, total = group_numbers([key[base] for key in keys])
    firsts = np.array([base[np.flatnonzero(ids == g)[0]] for g in range(total)])

    def part(group: int) -> Dataset:
        data = detached(original)
        data.keep_observations(flags_of(original.n_obs, base[ids == group]))
        return data

    dots = Dots(session, "Statsby groups", total, shown=prefix.options.get("nodots") is not True)
    if prefix.options.get("nolegend") is not True:
        session.log.line()
        session.log.line(f"      Command: {prefix.command}")
        for label, text in zip(reading.labels, reading.texts, strict=False):
            session.log.line(f"{label:>13}: {text}")
        session.log.line(f"{'By':>13}: {' '.join(names)}")
    try:
        rows = repeat_command(session, prefix, reading, part, total, dots)
    finally:
        session.data = original
    dots.close()
    result = detached(original)
    result.take(firsts)
    result.drop([name for name in result.variables if name not in names])
    for name, column in zip(reading.variables, rows.T, strict=True):
        result.add(name, column, "float")
    if prefix.options.get("total") is True:
        _append_total(result, reading.variables, overall)
    if isinstance(saving, str) and saving:
        from ssd.engine.commands.data_files import with_suffix
        from ssd.engine.data.dta import write_dta

        target, options = split_comma(saving)
        path = session.output_path(with_suffix(target.strip().strip('"'), ".dta"))
        if path.exists() and "replace" not in (options or ""):
            raise StataError(602, f"file {path.name} already exists")
        write_dta(result, path)
        return
    if prefix.options.get("clear") is not True and original.changed:
        raise StataError(4, "no; dataset in memory has changed since last saved")
    session.data = result


def _append_total(result: Dataset, names: Sequence[str], overall: FloatArray) -> None:
    result.set_obs(result.n_obs + 1)
    mask = flags_of(result.n_obs, np.array([result.n_obs - 1]))
    for name, value in zip(names, overall, strict=True):
        result.replace(name, np.full(result.n_obs, value), mask)


@command("rolling", "*", minimum=7, refused="panel data, rrecursive, keep()", stored="data of results")
def rolling(session: Session, line: Line) -> None:
    """Collect a command's results over a moving window of time as data."""
    grammar = (
        "Window(integer 0) STepsize(integer 1) RECursive RRecursive STart(string) End(string) CLEAR SAving(string) "
        "noDOTS NOLEgend NOISily"
    )
    prefix = split_prefix(session, line, grammar)
    settings = require_time(session.data)
    if settings.panel or prefix.options.get("rrecursive") is True:
        raise unsupported("rolling over panels and rrecursive are")
    window, step = prefix.options["window"], prefix.options["stepsize"]
    if not isinstance(window, int) or window < 1 or not isinstance(step, int) or step < 1:
        raise StataError(198, "option window() required")
    original = session.data
    time = original.numeric(settings.time)
    known = time[~is_missing(time)]
    typed = {key: prefix.options.get(key) for key in ("start", "end")}
    first = session.evaluate_number(str(typed["start"])) if typed["start"] else float(known.min())
    last = session.evaluate_number(str(typed["end"])) if typed["end"] else float(known.max())
    reading, _, _ = first_run(session, prefix, "stat")
    starts = np.arange(first, last - (window - 1) * settings.delta + 1e-9, step * settings.delta)
    recursive = prefix.options.get("recursive") is True
    bounds = [(first if recursive else s, s + (window - 1) * settings.delta) for s in starts]

    def part(index: int) -> Dataset:
        data = detached(original)
        data.keep_observations((time >= bounds[index][0]) & (time <= bounds[index][1]))
        return data

    dots = Dots(session, "Rolling replications", len(bounds), shown=prefix.options.get("nodots") is not True)
    try:
        rows = repeat_command(session, prefix, reading, part, len(bounds), dots)
    finally:
        session.data = original
    dots.close()
    result = Dataset()
    result.set_obs(len(bounds))
    fmt = original.variables[settings.time].format
    for position, name in enumerate(("start", "end")):
        result.add(name, np.array([b[position] for b in bounds]), "float", format=fmt)
    for name, column in zip(reading.variables, rows.T, strict=True):
        result.add(name, column, "float")
    if prefix.options.get("clear") is not True and original.changed:
        raise StataError(4, "no; dataset in memory has changed since last saved")
    session.data = result
