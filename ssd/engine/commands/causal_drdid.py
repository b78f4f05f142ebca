"""drdid: doubly robust difference in differences for two groups and two periods."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.causal_csdid_data import Names, read_design
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    build_regressors,
    level_of,
    outcome_and_terms,
    replay,
    store,
    take_sample,
)
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.output.effects import print_effects
from ssd.engine.output.estimation import CoefficientTable, Entry, cluster_note, count, print_coefficients, print_header
from ssd.engine.stats.difference_in_differences import Method
from ssd.engine.stats.group_time import Panel, cluster_sums

if TYPE_CHECKING:
    from ssd.engine.session import Session

_MODELS: dict[Method, tuple[str, str]] = {
    "drimp": ("weighted least squares", "inverse probability tilting"),
    "dripw": ("least squares", "inverse probability"),
    "reg": ("regression adjustment", "none"),
    "ipw": ("weighted mean", "inverse probability"),
    "stdipw": ("weighted mean", "stabilized inverse probability"),
    "sipwra": ("regression adjustment", "inverse probability"),
}
_LEGEND = {
    "dripw": "Doubly Robust IPW",
    "drimp": "Doubly Robust Improved estimator",
    "reg": "Outcome regression or Regression augmented estimator",
    "ipw": "Abadie(2005) IPW estimator",
    "stdipw": "Standardized IPW estimator",
    "sipwra": "IPW and Regression adjustment estimator.",
}


@command(
    "drdid",
    "[varlist(numeric fv default=none)] [if] [in] [iweight pweight] [, Ivar(varname) TIme(varname) TReatment(varname) "
    "DRIMP DRIPW REG STDIPW IPW IPWRA ALL CLuster(varname) Level(cilevel) RC1 BOOT WBOOT REPS(string) STUB(string)]",
    stored="e(N) e(N_clust) e(cmd) e(depvar) e(method) e(treatvar) e(timevar) e(ivar) e(clustvar) e(att1) "
    "e(attvar1) e(b) e(V) r(table)",
    refused="rc1, boot, wboot, stub(); ipw and ipwra without ivar()",
)
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def drdid(session: Session, line: Line) -> None:
    """Doubly robust difference in differences of Sant'Anna and Zhao for panels and repeated cross sections."""
    if replay(session, line, "drdid"):
        return
    for name in ("rc1", "boot", "wboot", "reps", "stub"):
        if name in line.typed:
            raise unsupported(f"option {name} of drdid is")
    ivar, time, treatment, cluster = (line.text_option(name) or "" for name in ("ivar", "time", "treatment", "cluster"))
    if not time or not treatment:
        raise StataError(198, f"option {'treatment' if time else 'time'}() required")
    methods = _methods(session, line, panel=bool(ivar))
    source = SessionSource(session)
    depvar, terms = outcome_and_terms(session, line.varlist)
    needed = [name for name in (ivar, time, treatment, cluster) if name]
    sample = take_sample(session, line, source, [(depvar,), *terms], None, needed)
    when, status = source.get(time), source.get(treatment)
    for label, values in (("Time", when), ("Treatment", status)):
        found = len(np.unique(values[sample.rows]))
        if found != 2:
            raise StataError(498, f"{label} variable can only have 2 values in the working sample\nYours have {found}")
    regressors = build_regressors(session, source, terms, sample)
    group = np.where(status == status[sample.rows].max(), 1.0, 0.0)
    group[status >= MISSING] = MISSING
    names = Names(ivar, treatment, cluster)
    design = read_design(
        session, sample, names, source.get(depvar.variable, depvar.operator), when, group, regressors.X
    )
    treated, other = design.data.first == 1.0, design.data.first == 0.0
    n = len(treated)
    effects, influences, inside = [], [], np.zeros(n, dtype=np.bool_)
    for method in methods:
        inside, found_effect = design.data.compare(method, treated, other, 0, 1)
        if found_effect is None:
            raise StataError(
                498, "You do not have a 2x2 design with an estimable effect. Verify that you have both Treatment and "
                "control groups in both the Pre and post periods"
            )  # fmt: skip
        effects.append(found_effect[0])
        spread = np.zeros(n)
        spread[inside] = found_effect[1] * (n / len(found_effect[1]))
        influences.append(spread)
    rows = np.zeros(len(sample.rows), dtype=np.bool_)
    rows[np.flatnonzero(sample.rows)[inside[design.unit]]] = True
    psi = np.column_stack(influences)
    summed = psi if design.clusters is None else cluster_sums(psi, design.clusters)
    # Estimators are shown side by side for comparison only: no covariance between them.
    variances = (summed**2).sum(axis=0) / n**2
    clusters = 0 if design.clusters is None else int(design.clusters.max()) + 1
    macros = {
        "depvar": depvar.variable, "ivar": ivar, "timevar": time, "treatvar": treatment, "clustvar": cluster,
        "datatype": "panel" if isinstance(design.data, Panel) else "cross sections",
    }  # fmt: skip
    _report(session, line, methods, np.array(effects), variances, rows, clusters, macros)


def _methods(session: Session, line: Line, *, panel: bool) -> list[Method]:
    typed = [name for name in ("drimp", "dripw", "reg", "stdipw", "ipw", "ipwra", "all") if line.flag(name)]
    if len(typed) > 1:
        raise StataError(198, "Only one option allowed, more than 1 selected.")
    if not typed:
        session.log.line("No estimator selected. Using default drimp")
        return ["drimp"]
    name = typed[0]
    if name == "all":
        return ["dripw", "drimp", "reg", "ipw", "stdipw", "sipwra"] if panel else ["dripw", "drimp", "reg", "stdipw"]
    if name in {"ipw", "ipwra"} and not panel:
        raise unsupported(f"{name} without ivar() is")
    return [cast(Method, "sipwra" if name == "ipwra" else name)]


def _report(
    session: Session,
    line: Line,
    methods: list[Method],
    effects: FloatArray,
    variances: FloatArray,
    rows: BoolArray,
    clusters: int,
    macros: dict[str, str],
) -> None:
    every = len(methods) > 1
    treatment = macros["treatvar"]
    names = [f"ATET:{method}" for method in methods] if every else [f"ATET:r1vs0.{treatment}"]
    table = CoefficientTable(
        names, effects, np.diag(variances), "", None, level_of(session, line), equation_headings=True
    )
    n = float(np.count_nonzero(rows))

    def show() -> None:
        log = session.log
        title = "Doubly robust difference-in-differences" + (" estimator summary" if every else "")
        log.line()
        print_header(log, [title], [Entry("Number of obs", count(n))])
        if not every:
            outcome, model = _MODELS[methods[0]]
            log.line(f"Outcome model  : {outcome}")
            log.line(f"Treatment model: {model}")
        if clusters:
            log.line(f"{cluster_note(clusters, macros['clustvar']):>78}")
        if not every:
            print_effects(log, table, [("ATET", [(treatment, "(1 vs 0)", 0)])])
            return
        print_coefficients(log, table)
        log.line("Note: This table is provided for comparison across estimations only. You cannot use it")
        log.line("to compare estimates across different estimators")
        for method in methods:
            log.line(f"{method:<6}:{_LEGEND[method]}")

    scalars = {"N": n, "att1": float(effects[0]), "attvar1": float(variances[0])}
    if clusters:
        scalars["N_clust"] = float(clusters)
    store(
        session, line, Estimation({}, table, show), sample=rows, scalars=scalars,
        macros={"cmd": "drdid", "method": "all" if every else methods[0], **macros},
    )  # fmt: skip
    show()
