"""strate and stir: failure rates and their comparison."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import level_of
from ssd.engine.commands.survival_sample import group_records, open_analysis
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING
from ssd.engine.output.tables import number
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.distributions import critical
from ssd.engine.stats.survival_curves import select

if TYPE_CHECKING:
    from ssd.engine.session import Session


def _text(value: float, fmt: str = "%9.0g") -> str:
    return number(MISSING if math.isnan(value) else value, fmt)


@command("strate", "[varlist(default=none)] [if] [in] [, PER(real 1) SMR(varname) CLuster(varname) Jackknife MISSing "
         "Level(cilevel) OUTput(string) NOLIst GRaph noSHow]", by="recall", stored="r(table)",
         refused="smr(), cluster(), jackknife, missing, output(), graph")  # fmt: skip
def strate(session: Session, line: Line) -> None:
    """Tabulate failure rates by group."""
    for name in ("smr", "cluster", "output"):
        if line.text_option(name):
            raise unsupported(f"option {name}() of strate is")
    for name in ("jackknife", "missing", "graph"):
        if line.flag(name):
            raise unsupported(f"option {name} of strate is")
    per = float(str(line.options.get("per")))
    level = level_of(session, line)
    names = line.varlist
    _, records = open_analysis(session, line, names)
    groups = group_records(session, records, names)
    rows: list[list[float]] = []
    cells: list[list[str]] = []
    for g in range(groups.count):
        part = select(records, groups.ids == g)
        time, failed = part.time_at_risk / per, part.failures
        rate = failed / time if time > 0 else math.nan
        factor = math.exp(critical(level, None) / math.sqrt(failed)) if failed > 0 else math.nan
        rows.append([failed, time, rate, rate / factor, rate * factor])
        labels = [
            str(value) if isinstance(value, str) else session.data.labels_of(name).get(int(value), _text(float(value)))
            for name, value in zip(names, groups.values[g], strict=True)
        ]
        cells.append([*labels, _text(failed), *(_text(v, "%9.0g") for v in rows[-1][1:])])
    log = session.log
    log.line()
    log.line(f"Estimated failure rates and lower/upper bounds of {level:g}% confidence intervals")
    unit = "" if per == 1 else f" per {per:g}"
    log.line(f"({records.n:,} records included in the analysis{f'; rates{unit}' if unit else ''})")
    if not line.flag("nolist"):
        heads = [*names, "D", "Y", "Rate", "Lower", "Upper"]
        widths = [max(len(head), *(len(row[j]) for row in cells)) for j, head in enumerate(heads)]
        inner = sum(widths) + 3 * (len(widths) - 1) + 2
        log.line()
        log.line("  +" + "-" * inner + "+")
        log.line("  | " + "   ".join(f"{head:>{w}}" for head, w in zip(heads, widths, strict=True)) + " |")
        log.line("  |" + "-" * inner + "|")
        for row in cells:
            log.line("  | " + "   ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True)) + " |")
        log.line("  +" + "-" * inner + "+")
    table = np.array([[MISSING if math.isnan(v) else v for v in row] for row in rows])
    session.r = ResultSet(matrices={"table": Matrix(table, [f"r{i + 1}" for i in range(len(rows))],
                                                    ["D", "Y", "Rate", "Lower", "Upper"])})  # fmt: skip


@command("stir", "varname [if] [in] [, STrata(varlist) noSHow *]", stored="as ir")
def stir(session: Session, line: Line) -> None:
    """Incidence-rate comparison of the exposed with the unexposed."""
    strata = line.options.get("strata")
    names = [line.varlist[0], *([str(name) for name in strata] if isinstance(strata, list) else [])]
    settings, records = open_analysis(session, line, names)
    if settings.weight_kind:
        raise unsupported("stir with weights is")
    values = session.data.numeric(line.varlist[0])[records.rows]
    if np.unique(values).size != 2:
        raise StataError(459, f"{line.varlist[0]} must take on two values")
    data = session.data
    temporary = ("__ssd_d", "__ssd_e", "__ssd_y")
    full = np.full((3, data.n_obs), MISSING)
    full[0, records.rows] = records.d
    full[1, records.rows] = (values != values.min()).astype(np.float64)
    full[2, records.rows] = records.t - records.t0
    try:
        for name, column, label in zip(temporary, full, ("Failure", line.varlist[0], "Time"), strict=True):
            data.add(name, column, "double", label=label)
        extra = line.options.get("*")
        options = " ".join([f"by({' '.join(names[1:])})" if len(names) > 1 else "",
                            extra if isinstance(extra, str) else ""]).strip()  # fmt: skip
        session.run(f"ir {' '.join(temporary)}{', ' + options if options else ''}")
    finally:
        data.drop([name for name in temporary if name in data.variables])
