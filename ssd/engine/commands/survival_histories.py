"""stvary, stfill, stbase: covariates over the records of a subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import not_missing
from ssd.engine.data.order import sort_key
from ssd.engine.data.survival import SurvivalSettings, at_risk_rows, require_survival, subject_numbers
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import BoolArray
from ssd.engine.output.survival import remind
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

IndexArray = NDArray[np.intp]


def _ordered(session: Session, settings: SurvivalSettings, mask: BoolArray) -> tuple[IndexArray, IndexArray]:
    """Places of the records at risk by subject and time, and the subject of each. Raises r(2000)."""
    rows = at_risk_rows(session.data, mask)
    if not rows.any():
        raise no_observations()
    places = np.flatnonzero(rows)
    subject = subject_numbers(session.data, settings, rows).astype(np.intp)
    order = np.lexsort((session.data.numeric("_t")[places], subject))
    return places[order].astype(np.intp), subject[order]


@command("stvary", "[varlist] [if] [in] [, noSHow]", by="recall", stored="r(cons) r(varies) r(never) r(always) r(miss)")
def stvary(session: Session, line: Line) -> None:
    """Report whether variables vary within subjects over time, and where they are missing."""
    settings = require_survival(session.data)
    places, subject = _ordered(session, settings, line.sample(session))
    remind(session.log, settings, hidden=line.flag("noshow"))
    own = {"_st", "_d", "_t", "_t0", settings.id, settings.time, settings.failure, settings.time0}
    names = [name for name in line.varlist if name not in own] if not line.anything.strip() else line.varlist
    count = int(subject.max()) + 1
    log = session.log
    log.line()
    log.line(f"{'':17}Subjects for whom the variable is")
    log.line(f"{'':34}{'Never':>17}{'Always':>10}{'Sometimes':>12}")
    log.line(f"{'Variable':>11} |{'Constant':>10}{'Varying':>11}{'Missing':>17}{'Missing':>10}{'Missing':>12}")
    log.line("-" * 12 + "+" + "-" * 67)
    for name in names:
        known = not_missing(session, name)[places]
        values = np.unique(sort_key(session.data.variable(name).values)[places], return_inverse=True)[1].reshape(-1)
        low, high = np.full(count, len(values) + 1), np.full(count, -1)
        np.minimum.at(low, subject[known], values[known])
        np.maximum.at(high, subject[known], values[known])
        present = np.bincount(subject[known], minlength=count)
        total = np.bincount(subject, minlength=count)
        some = present > 0
        constant, varying = int(np.sum(some & (low == high))), int(np.sum(some & (low < high)))
        never, always = int(np.sum(present == total)), int(np.sum(present == 0))
        log.line(f"{abbreviate(name, 11):>11} |{constant:>10,}{varying:>11,}{never:>17,}{always:>10,}"
                 f"{count - never - always:>12,}")  # fmt: skip
        session.r = ResultSet(scalars={
            "cons": float(constant), "varies": float(varying), "never": float(never), "always": float(always),
            "miss": float(count - never - always),
        })  # fmt: skip


@command("stfill", "varlist [if] [in] [, Baseline Forward noSHow]")
def stfill(session: Session, line: Line) -> None:
    """Fill in covariates with their value at baseline, or missing ones with the value before."""
    if line.flag("baseline") == line.flag("forward"):
        raise StataError(198, "one of baseline or forward must be specified")
    data = session.data
    settings = require_survival(data)
    if not settings.id:
        raise StataError(459, "stfill requires that you have previously stset an ID variable")
    places, subject = _ordered(session, settings, line.sample(session))
    remind(session.log, settings, hidden=line.flag("noshow"))
    session.log.line()
    first = np.concatenate([[True], subject[1:] != subject[:-1]])
    position = np.arange(len(places))
    start = np.maximum.accumulate(np.where(first, position, 0))
    for name in line.varlist:
        if line.flag("baseline"):
            origin, change, word = start, ~first, "baseline"
        else:
            known = not_missing(session, name)[places]
            latest = np.maximum.accumulate(np.where(known, position, -1))
            change = ~known & (latest >= start)
            origin, word = np.where(change, latest, position), "forward"
        column = data.strings(name).copy() if data.variables[name].is_string else data.numeric(name)
        column[places[change]] = column[places[origin[change]]]
        mask = np.zeros(data.n_obs, dtype=np.bool_)
        mask[places[change]] = True
        changes = data.replace(name, column, mask) if mask.any() else 0
        session.log.line("Values at baseline:" if word == "baseline" else "Values carried forward:")
        session.log.line(f"{name:>12}:  {changes:,} real change{'' if changes == 1 else 's'} made")


@command("stbase", "[if] [in] [, AT(real -1) GAP(name) Replace NOPreserve noSHow]", refused="at(), gap()")
def stbase(session: Session, line: Line) -> None:
    """Keep the first record of every subject, with the covariates at baseline and the outcome at the end."""
    if float(str(line.options.get("at"))) != -1.0 or line.options.get("gap"):
        raise unsupported("option at() or gap() of stbase is")
    data = session.data
    settings = require_survival(data)
    places, subject = _ordered(session, settings, line.sample(session))
    first = np.concatenate([[True], subject[1:] != subject[:-1]])
    last = np.concatenate([subject[1:] != subject[:-1], [True]])
    if np.any(data.numeric("_t0")[places[1:]][~first[1:]] != data.numeric("_t")[places[:-1]][~first[1:]]):
        raise unsupported("stbase with gaps is")
    names = ["_t", "_d", settings.time, *([settings.failure] if settings.failure else [])]
    columns = [data.numeric(name) for name in names]
    for name, column in zip(names, columns, strict=True):
        column[places[first]] = column[places[last]]
        mask = np.zeros(data.n_obs, dtype=np.bool_)
        mask[places[first]] = True
        data.replace(name, column, mask)
    keep = np.zeros(data.n_obs, dtype=np.bool_)
    keep[places[first]] = True
    remind(session.log, settings, hidden=line.flag("noshow"))
    dropped = int(np.count_nonzero(~keep))
    data.keep_observations(keep)
    session.log.line()
    session.log.line("notes:")
    session.log.line(f"  1. the data have {data.n_obs:,} subjects, one record each ({dropped:,} records dropped)")
    session.log.line("  2. covariates hold their values at baseline; _t and _d those at the end")
