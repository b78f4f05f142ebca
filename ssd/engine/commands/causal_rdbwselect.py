"""rdbwselect: bandwidths of regression discontinuity designs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.causal_rd_sample import GRAMMAR, Design, read_design, selector_of
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, store
from ssd.engine.output.discontinuity import placed, side_header
from ssd.engine.output.estimation import CoefficientTable
from ssd.engine.stats.discontinuity_bandwidth import SELECTORS, Widths, bandwidths

if TYPE_CHECKING:
    from ssd.engine.session import Session

_RULE = ("-" * 19, "-" * 30, "-" * 29)


@command(
    "rdbwselect",
    f"varlist(numeric) [if] [in] [, {GRAMMAR}]",
    by="recall",
    stored="e(N_l) e(N_r) e(c) e(p) e(q) e(h_mserd) e(b_mserd) e(h_msetwo_l) e(h_msetwo_r) e(b_msetwo_l) "
    "e(b_msetwo_r) e(h_msesum) e(b_msesum) e(h_msecomb1) e(b_msecomb1) e(h_msecomb2_l) …, the same for cer*",
    refused="covs_drop(off)",
)
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def rdbwselect(session: Session, line: Line) -> None:
    """Bandwidths for rdrobust, optimal in mean squared error or in coverage error."""
    select = selector_of(line)
    design = read_design(session, line)
    names = SELECTORS if line.flag("all") else (select,)
    left, right, options = design.for_bandwidth
    found = dict(zip(names, bandwidths(left, right, options, design.choice, names), strict=True))
    _print(session, design, found)
    scalars = {
        "N_l": float(len(design.left.x)), "N_r": float(len(design.right.x)), "c": design.cutoff,
        "p": float(design.options.p), "q": float(design.options.q),
    }  # fmt: skip
    for name, (h_l, h_r, b_l, b_r) in found.items():
        if name.endswith(("two", "comb2")):
            scalars |= {f"h_{name}_l": h_l, f"h_{name}_r": h_r, f"b_{name}_l": b_l, f"b_{name}_r": b_r}
        else:
            scalars |= {f"h_{name}": h_l, f"b_{name}": b_l}
    macros = {
        "cmd": "rdbwselect", "depvar": design.outcome, "outcomevar": design.outcome, "runningvar": design.running,
        "kernel": design.options.kernel.capitalize(), "vce_select": design.vce_name, "clustvar": design.cluster,
        "bwselect": select, "covs": " ".join(design.covariates),
    }  # fmt: skip
    table = CoefficientTable([], np.zeros(0), np.zeros((0, 0)), design.outcome)
    estimation = Estimation({}, table, lambda: _print(session, design, found))
    store(session, line, estimation, sample=design.rows, scalars=scalars, macros=macros)


def _print(session: Session, design: Design, found: dict[str, Widths]) -> None:
    log, o = session.log, design.options
    log.line()
    log.line(f"{design.title('Bandwidth estimators for ')} local polynomial regression.{design.derivative_note}")
    log.line()
    ends = [f"{value:.3f}" for value in design.ends]
    rows = [
        ("Number of obs", f"{len(design.left.x):d}", f"{len(design.right.x):d}"),
        (f"Min of {design.running}", ends[0], ends[2]),
        (f"Max of {design.running}", ends[1], ends[3]),
        ("Order est. (p)", f"{o.p:d}", f"{o.p:d}"),
        ("Order bias (q)", f"{o.q:d}", f"{o.q:d}"),
    ]
    if design.mass_option == "check" or design.mass_points:
        rows.append(("Unique obs", f"{len(design.left.distinct):d}", f"{len(design.right.distinct):d}"))
    if design.cluster:
        rows.append(("Number of clusters", f"{design.left.n_clusters:d}", f"{design.right.n_clusters:d}"))
    side_header(
        log, f"Cutoff c = {design.cutoff:g}", rows,
        [("Number of obs", f"{len(design.left.x) + len(design.right.x):d}"),
         ("Kernel", o.kernel.capitalize()), ("VCE method", design.vce_name)],
    )  # fmt: skip
    log.line()
    treatment = f" Treatment Status: {design.fuzzy}." if design.fuzzy else ""
    log.line(f"Outcome: {design.outcome}. Running variable: {design.running}.{treatment}")
    log.line("-" * 80)
    log.line(placed((19, " |"), (30, "BW est. (h)"), (50, " |"), (60, "BW bias (b)")))
    log.line(
        placed((1, f"{'Method':>18} |"), (22, "Left of c"), (40, "Right of c"), (50, " |"), (53, "Left of c"),
               (70, "Right of c"))
    )  # fmt: skip
    log.line("+".join(_RULE))
    for name, (h_l, h_r, b_l, b_r) in found.items():
        if name == "cerrd" and len(found) > 1:
            log.line("+".join(_RULE))
        log.line(
            placed((1, f"{name:>18} |"), (22, f"{h_l:9.3f}"), (41, f"{h_r:9.3f}"), (50, " |"), (51, f"{b_l:9.3f}"),
                   (71, f"{b_r:9.3f}"))
        )  # fmt: skip
    log.line("-" * 80)
    if design.covariates:
        log.line(
            "Covariate-adjusted estimates. Additional covariates included: "
            f"{design.left.D.shape[1] - 1 - design.options.fuzzy}"
        )
    if design.mass_option == "check":
        log.line("Running variable checked for mass points.")
    if design.mass_option == "adjust" and design.mass_points:
        log.line("Estimates adjusted for mass points in the running variable.")
    if design.cluster:
        log.line(f"Std. Err. adjusted for clusters in {design.cluster}")
    if design.choice.regularize != 1.0:
        log.line(f"Scale regularization: {design.choice.regularize:g}")
