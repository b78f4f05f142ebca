"""rdrobust: regression discontinuity by local polynomials with robust bias-corrected inference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.causal_rd_sample import GRAMMAR, Design, read_design, selector_of
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, level_of, store
from ssd.engine.errors import StataError
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.output.discontinuity import effect_heading, effect_line, side_header
from ssd.engine.output.estimation import CoefficientTable
from ssd.engine.results import Matrix
from ssd.engine.stats.discontinuity import Discontinuity, Effect, estimate
from ssd.engine.stats.discontinuity_bandwidth import Widths, bandwidths
from ssd.engine.stats.distributions import critical, two_sided

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "rdrobust",
    f"varlist(numeric) [if] [in] [, {GRAMMAR} H(string) B(string) RHO(real 0) SCALEPAR(real 1) Level(cilevel) "
    "NOWARNings]",
    by="recall",
    stored="e(N) e(N_l) e(N_r) e(N_h_l) e(N_h_r) e(N_b_l) e(N_b_r) e(c) e(p) e(q) e(h_l) e(h_r) e(b_l) e(b_r) "
    "e(tau_cl) e(tau_bc) e(tau_cl_l) e(tau_cl_r) e(tau_bc_l) e(tau_bc_r) e(bias_l) e(bias_r) e(se_tau_cl) "
    "e(se_tau_rb) e(pv_cl) e(pv_rb) e(ci_l_cl) e(ci_r_cl) e(ci_l_rb) e(ci_r_rb) e(tau_T_cl) e(tau_T_bc) "
    "e(se_tau_T_cl) e(se_tau_T_rb) e(beta_p_l) e(beta_p_r) e(V_cl_l) e(V_cl_r) e(V_rb_l) e(V_rb_r) e(b) e(V)",
    refused="vce(cr2), vce(cr3), covs_drop(off)",
)
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def rdrobust(session: Session, line: Line) -> None:
    """Sharp, fuzzy and kink RD by local polynomials with robust bias-corrected confidence intervals."""
    level = level_of(session, line)
    select = selector_of(line)
    design = read_design(session, line)
    widths, select = _chosen(session, line, design, select)
    fit = estimate(design.left, design.right, widths[:2], widths[2:], design.options)
    _report(session, line, fit, design, widths, select, level)


def _chosen(session: Session, line: Line, design: Design, select: str) -> tuple[Widths, str]:
    """h and b as typed or selected, and how."""
    h, b = _bandwidth(line, "h"), _bandwidth(line, "b")
    rho = float(cast(float, line.options["rho"]))
    if rho < 0.0:
        raise StataError(411, "rho() must be positive")
    if h is None and len(design.left.x) + len(design.right.x) < 20:
        session.log.line("Not enough observations to perform bandwidth calculations")
        session.log.line("Estimates computed using entire sample")
        h = (max(design.left.reach, design.right.reach),) * 2
    if h is not None:
        if rho > 0.0:
            b = (h[0] / rho, h[1] / rho)
        return (*h, *(b or h)), "Manual"
    if b is not None:
        raise StataError(198, "option b() requires option h()")
    left, right, options = design.for_bandwidth
    found = bandwidths(left, right, options, design.choice, (select,))[0]
    return (found[0], found[1], found[0] / rho, found[1] / rho) if rho > 0.0 else found, select


def _bandwidth(line: Line, name: str) -> tuple[float, float] | None:
    typed = line.text_option(name)
    if not typed:
        return None
    values = parse_numlist(typed)
    if len(values) > 2:
        raise StataError(125, f"{name}() only accepts two inputs")
    if not values or any(value <= 0.0 for value in values):
        raise StataError(411, f"{name}() must be positive")
    return float(values[0]), float(values[-1])


def _report(
    session: Session, line: Line, fit: Discontinuity, design: Design, widths: Widths, select: str, level: float
) -> None:
    z = critical(level, None)
    options, outcome, effect = design.options, design.outcome, fit.effect
    every = line.flag("all")

    def show() -> None:
        log = session.log
        log.line()
        log.line(f"{design.title()} estimates using local polynomial regression.{design.derivative_note}")
        log.line()
        side_header(
            log, f"Cutoff c = {design.cutoff:g}", _rows(fit, design, widths),
            [("Number of obs", f"{len(design.left.x) + len(design.right.x):d}"), ("BW type", select),
             ("Kernel", options.kernel.capitalize()), ("VCE method", design.vce_name)],
        )  # fmt: skip
        log.line()
        if fit.first_stage is not None:
            log.line(f"First-stage estimates. Outcome: {design.fuzzy}. Running variable: {design.running}.")
            _print_effect(session, fit.first_stage, level, every=every)
            log.line()
            log.line(
                f"Treatment effect estimates. Outcome: {outcome}. Running variable: {design.running}. "
                f"Treatment Status: {design.fuzzy}."
            )
        else:
            log.line(f"Outcome: {outcome}. Running variable: {design.running}.")
        _print_effect(session, effect, level, every=every)
        _notes(session, line, design)

    if every:
        names = ["Conventional", "Bias-corrected", "Robust"]
        b = np.array([effect.conventional, effect.corrected, effect.corrected])
        V = np.diag([effect.se**2, effect.se**2, effect.robust_se**2])
    else:
        names, b, V = ["RD_Estimate"], np.array([effect.conventional]), np.array([[effect.se**2]])
    table = CoefficientTable(names, b, V, outcome, None, level)
    macros = {
        "cmd": "rdrobust", "depvar": outcome, "runningvar": design.running, "outcomevar": outcome, "bwselect": select,
        "kernel": options.kernel.capitalize(), "vce_select": design.vce_name, "clustvar": design.cluster,
        "covs": " ".join(design.covariates), "fuzzyvar": design.fuzzy,
        "ci_rb": f"[{effect.corrected - z * effect.robust_se:.3f} ; {effect.corrected + z * effect.robust_se:.3f}]",
    }  # fmt: skip
    store(
        session, line, Estimation({}, table, show), sample=design.rows,
        scalars=_scalars(fit, design, widths, z, level), macros=macros, matrices=_matrices(fit),
    )  # fmt: skip
    show()


def _rows(fit: Discontinuity, design: Design, widths: Widths) -> list[tuple[str, str, str]]:
    o = design.options
    rows = [
        ("Number of obs", f"{len(design.left.x):d}", f"{len(design.right.x):d}"),
        ("Eff. Number of obs", f"{fit.n_h[0]:d}", f"{fit.n_h[1]:d}"),
        ("Order est. (p)", f"{o.p:d}", f"{o.p:d}"),
        ("Order bias (q)", f"{o.q:d}", f"{o.q:d}"),
        ("BW est. (h)", f"{widths[0]:.3f}", f"{widths[1]:.3f}"),
        ("BW bias (b)", f"{widths[2]:.3f}", f"{widths[3]:.3f}"),
        ("rho (h/b)", f"{widths[0] / widths[2]:.3f}", f"{widths[1] / widths[3]:.3f}"),
    ]
    if design.mass_option == "check" or design.mass_points:
        rows.append(("Unique obs", f"{len(design.left.distinct):d}", f"{len(design.right.distinct):d}"))
    if design.cluster:
        rows.append(("Number of clusters", f"{design.left.n_clusters:d}", f"{design.right.n_clusters:d}"))
    return rows


def _print_effect(session: Session, effect: Effect, level: float, *, every: bool) -> None:
    z = critical(level, None)

    def row(label: str, b: float, se: float, *, blank: bool = False) -> str:
        shown = None if blank else (b, se)
        return effect_line(label, shown, _ratio(b, se), two_sided(_ratio(b, se), None), (b - z * se, b + z * se))

    effect_heading(session.log, level)
    session.log.line(row("Conventional", effect.conventional, effect.se))
    if every:
        session.log.line(row("Bias-corrected", effect.corrected, effect.se))
    session.log.line(row("Robust", effect.corrected, effect.robust_se, blank=not every))
    session.log.line("-" * 80)


def _ratio(estimate: float, se: float) -> float:
    return estimate / se if se > 0.0 else math.nan


def _notes(session: Session, line: Line, design: Design) -> None:
    log = session.log
    if design.covariates:
        log.line(f"Covariate-adjusted estimates. Additional covariates included: {_n_covariates(design)}")
    if design.cluster:
        log.line(f"Std. Err. adjusted for clusters in {design.cluster}")
    if design.options.scale != 1.0:
        log.line(f"Scale parameter: {design.options.scale:g}")
    if design.choice.regularize != 1.0:
        log.line(f"Scale regularization: {design.choice.regularize:g}")
    if design.mass_option == "check":
        log.line("Running variable checked for mass points.")
    if design.mass_option == "adjust" and design.mass_points:
        log.line("Estimates adjusted for mass points in the running variable.")
    if design.sharp_bandwidth and not line.flag("nowarnings"):
        because = (
            " because perfect compliance was detected on at least one side of the threshold"
            if design.sharp_bandwidth == "compliance" else ""
        )  # fmt: skip
        log.line(f"WARNING: bandwidths automatically computed for sharp RD estimation{because}.")


def _n_covariates(design: Design) -> int:
    return int(design.left.D.shape[1]) - 1 - design.options.fuzzy


def _scalars(fit: Discontinuity, design: Design, widths: Widths, z: float, level: float) -> dict[str, float]:
    e = fit.effect
    left, right = design.sides
    scalars = {
        "N": float(len(left.x) + len(right.x)), "N_l": float(len(left.x)), "N_r": float(len(right.x)),
        "N_h_l": float(fit.n_h[0]), "N_h_r": float(fit.n_h[1]), "N_b_l": float(fit.n_b[0]),
        "N_b_r": float(fit.n_b[1]), "c": design.cutoff, "p": float(design.options.p), "q": float(design.options.q),
        "h_l": widths[0], "h_r": widths[1], "b_l": widths[2], "b_r": widths[3], "level": level,
        "tau_cl": e.conventional, "tau_bc": e.corrected, "tau_cl_l": e.sides[0], "tau_cl_r": e.sides[1],
        "tau_bc_l": e.sides[2], "tau_bc_r": e.sides[3], "bias_l": fit.bias[0], "bias_r": fit.bias[1],
        "se_tau_cl": e.se, "se_tau_rb": e.robust_se, "pv_cl": two_sided(_ratio(e.conventional, e.se), None),
        "pv_rb": two_sided(_ratio(e.corrected, e.robust_se), None), "ci_l_cl": e.conventional - z * e.se,
        "ci_r_cl": e.conventional + z * e.se, "ci_l_rb": e.corrected - z * e.robust_se,
        "ci_r_rb": e.corrected + z * e.robust_se,
    }  # fmt: skip
    t = fit.first_stage
    if t is not None:
        scalars |= {
            "tau_T_cl": t.conventional, "tau_T_bc": t.corrected, "se_tau_T_cl": t.se, "se_tau_T_rb": t.robust_se,
            "tau_T_cl_l": t.sides[0], "tau_T_cl_r": t.sides[1], "tau_T_bc_l": t.sides[2], "tau_T_bc_r": t.sides[3],
        }  # fmt: skip
    return scalars


def _matrices(fit: Discontinuity) -> dict[str, Matrix]:
    names = [f"r{i + 1}" for i in range(len(fit.beta[0]))]
    columns = [f"c{i + 1}" for i in range(len(names))]
    kept = {
        name: Matrix(beta.reshape(-1, 1).copy(), names, ["c1"])
        for name, beta in zip(("beta_p_l", "beta_p_r"), fit.beta, strict=True)
    }
    kept |= {
        name: Matrix(V.copy(), names, columns)
        for name, V in zip(("V_cl_l", "V_cl_r", "V_rb_l", "V_rb_r"), fit.V, strict=True)
    }
    return kept
