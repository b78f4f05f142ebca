"""didregress and xtdidregress: difference in differences with group (or panel) and time effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.causal_teffects import parenthesized
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, SessionSource, level_of, marked_sample, store
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.quoting import split_comma
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.effects import print_effects
from ssd.engine.output.estimation import CoefficientTable, Entry, cluster_note, count, print_header
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

_GRAMMAR = (
    "[anything(everything)] [if] [in] [aweight fweight iweight pweight] [, GRoup(string) TIMe(varname) VCE(string) "
    "Level(cilevel) NOLOg NOGTeffects NOINTeract AGGregate(string) WILDbootstrap WILDbootstrap(string)]"
)
_STORED = (
    "e(N) e(N_clust) e(df_r) e(r2) e(cmd) e(depvar) e(tvar) e(groupvars) e(timevar) e(treatment) e(clustvar) "
    "e(b) e(V) r(table)"
)
_REFUSED = (
    "several group variables (triple differences), continuous treatment, aggregate(), wildbootstrap, nogteffects, "
    "vce(hc2), vce(bootstrap), estat trendplots, estat ptrends, estat granger, estat bdecomp"
)


@command("didregress", _GRAMMAR, minimum=6, by="recall", stored=_STORED, refused=_REFUSED)
def didregress(session: Session, line: Line) -> None:
    """Difference in differences for repeated cross sections: group and time effects, clustered by group."""
    _estimate(session, line, panel=False)


@command("xtdidregress", _GRAMMAR, minimum=8, by="recall", stored=_STORED, refused=_REFUSED)
def xtdidregress(session: Session, line: Line) -> None:
    """Difference in differences for panel data: panel and time effects, clustered by group."""
    _estimate(session, line, panel=True)


def _estimate(session: Session, line: Line, *, panel: bool) -> None:
    for name in ("nogteffects", "nointeract", "wildbootstrap", "aggregate"):
        if line.options.get(name):
            raise unsupported(f"option {name} of {line.command} is")
    groups = parenthesized(line.anything)
    if len(groups) != 2:
        raise StataError(198, "outcome and treatment must be specified in parentheses")
    group_names = session.expand_varlist(line.text_option("group") or "")
    time = line.text_option("time")
    if not group_names or not time:
        raise StataError(198, f"option {'time' if group_names else 'group'}() required")
    if len(group_names) > 1:
        raise unsupported("group() with more than one variable is")
    treatment_text, treatment_options = split_comma(groups[1])
    if treatment_options:
        raise unsupported(f"treatment option {treatment_options.strip()} is")
    tvar = session.expand_varlist(treatment_text)
    if len(tvar) != 1:
        raise StataError(198, "one treatment variable required")
    words = split_words(groups[0])
    _check_vce(line)
    treated = SessionSource(session).get(tvar[0])
    known = treated[~is_missing(treated)]
    if not np.all((known == 0.0) | (known == 1.0)):
        raise unsupported("a treatment that is not 0 or 1 is")
    fitted = _fit(session, line, words, tvar[0], group_names[0], time, panel=panel)
    _report(session, line, fitted, tvar[0], group_names[0], time, panel=panel)


def _check_vce(line: Line) -> None:
    typed = (line.text_option("vce") or "").split()
    if typed and typed[0] not in {"robust", "r", "cluster", "cl"}:
        raise unsupported(f"vce({' '.join(typed)}) of {line.command} is")


def _fit(
    session: Session, line: Line, words: list[str], tvar: str, group: str, time: str, *, panel: bool
) -> CoefficientTable:
    """The two-way regression behind the command; leaves its e() in the session."""
    condition = f" if {line.condition}" if line.condition else ""
    if line.range is not None:
        condition += f" in {line.range[0] + 1}/{line.range[1]}"
    weight = f" [{line.weight.kind}={line.weight.expression}]" if line.weight else ""
    vce = line.text_option("vce") or f"cluster {group}"
    body = f"{words[0]} {tvar} {' '.join(words[1:])} i.{time}{condition}{weight}"
    text = f"xtreg {body}, fe vce({vce})" if panel else f"areg {body}, absorb({group}) vce({vce})"
    session.run(text, quiet=True)
    found = session.e.hidden["estimation"]
    assert isinstance(found, Estimation)
    return found.table


def _report(
    session: Session, line: Line, fitted: CoefficientTable, tvar: str, group: str, time: str, *, panel: bool
) -> None:
    behind = session.e
    sample = marked_sample(session)
    names = [f"ATET:r1vs0.{tvar}", *(f"Controls:{name.rpartition(':')[2]}" for name in fitted.names[1:])]
    if fitted.V[0, 0] <= 0.0:
        raise StataError(459, f"treatment {tvar} is collinear with the group and time effects")
    level = level_of(session, line)
    table = CoefficientTable(
        names, fitted.b, fitted.V, behind.macros["depvar"], fitted.df, level, "Robust", data=session.data
    )
    labels = session.data.labels_of(tvar)
    contrast = f"({labels.get(1, '1')} vs {labels.get(0, '0')})"
    counts = _timing(session, sample, tvar, group, time)
    clustvar = behind.macros.get("clustvar", "")
    clusters = int(behind.scalars.get("N_clust", 0))
    n = behind.scalars["N"]
    kind = "Longitudinal" if panel else "Repeated cross-sectional"

    def show() -> None:
        log = session.log
        _print_timing(session, counts, tvar, group, time)
        log.line()
        print_header(
            log,
            ["Difference-in-differences regression", f"Data type: {kind}"],
            [Entry("Number of obs", count(n))],
        )
        log.line()
        if clusters:
            log.line(f"{cluster_note(clusters, clustvar):>78}")
        print_effects(log, table, [("ATET", [(tvar, contrast, 0)])])
        log.line(f"Note: ATET estimate adjusted for {'panel' if panel else 'group'} effects and time effects.")

    kept = ("N", "N_clust", "df_r", "r2", "rank")
    scalars: dict[str, float] = {str(key): behind.scalars[key] for key in kept if key in behind.scalars}
    macros = {
        "cmd": line.command, "depvar": behind.macros["depvar"], "tvar": tvar, "treatment": tvar, "groupvars": group,
        "timevar": time, "clustvar": clustvar, "vce": behind.macros.get("vce", ""), "vcetype": "Robust",
        "title": "Difference-in-differences regression", "datatype": kind.lower(),
    }  # fmt: skip
    store(session, line, Estimation({}, table, show), sample=sample, scalars=scalars, macros=macros)
    show()


def _timing(session: Session, sample: BoolArray, tvar: str, group: str, time: str) -> tuple[FloatArray, FloatArray]:
    """First observed time of each control group and first treated time of each treated group."""
    data = session.data
    keys = data.strings(group).astype(str) if data.variables[group].is_string else data.numeric(group)
    _, ids = np.unique(keys[sample], return_inverse=True)
    when, treated = data.numeric(time)[sample], data.numeric(tvar)[sample] == 1.0
    size = int(ids.max()) + 1
    first = np.full(size, np.inf)
    start = np.full(size, np.inf)
    np.minimum.at(first, ids, when)
    np.minimum.at(start, ids[treated], when[treated])
    ever = np.isfinite(start)
    return first[~ever], start[ever]


def _print_timing(session: Session, counts: tuple[FloatArray, FloatArray], tvar: str, group: str, time: str) -> None:
    log = session.log
    rule = "-" * 13 + "+" + "-" * 21
    log.line()
    log.line("Number of groups and treatment time")
    log.line()
    log.line(f"Time variable: {time}")
    log.line(f"Control:       {tvar} = 0")
    log.line(f"Treatment:     {tvar} = 1")
    log.line("-" * 35)
    log.line("             |   Control  Treatment")
    log.line(rule)
    log.line("Group        |")
    log.line(f"{group[:12]:>12} |{counts[0].size:10,d}{counts[1].size:11,d}")
    log.line(rule)
    log.line("Time         |")
    for name, function in (("Minimum", np.min), ("Maximum", np.max)):
        cells = "".join(f"{function(part):{w}.0f}" if part.size else " " * (w - 1) + "."
                        for part, w in zip(counts, (10, 11), strict=True))  # fmt: skip
        log.line(f"{name:>12} |{cells}")
    log.line("-" * 35)
