"""What the maximum-likelihood commands share: iteration log, covariance, header, e()."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import Estimation, Sample, Vce, command_line, store, vce_macros
from ssd.engine.errors import StataError, insufficient_observations
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    chi2_entry,
    cluster_note,
    count,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.results import Matrix
from ssd.engine.stats.covariance import frequency_meat, meat, sandwich, wald
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.likelihood import Maximum
from ssd.engine.stats.linear import symmetric_inverse

if TYPE_CHECKING:
    from ssd.engine.session import Session

ML_OPTIONS = (
    "vce(string) Robust CLuster(varname) Level(cilevel) LOg noLOg noCONStant BASElevels ITERate(integer 300) "
    "TOLerance(real 1e-6) noHEader noTABle DIFficult TECHnique(string) CONSTraints(numlist)"
)


def ml_covariance(maximum: Maximum, sample: Sample, vce: Vce) -> FloatArray:
    """Covariance of maximum-likelihood coefficients: oim, opg, robust n/(n-1) or cluster G/(G-1)."""
    return score_covariance(maximum.covariance, maximum.scores, sample, vce)


def score_covariance(
    bread: FloatArray, scores: FloatArray, sample: Sample, vce: Vce, weights: FloatArray | None = None
) -> FloatArray:
    """`weights` are those of the likelihood; by default the weights as typed."""
    w = sample.likelihood_weights if weights is None else weights
    if sample.survey is not None:
        return sandwich(bread, sample.survey.meat(scores * w[:, None], sample.rows))
    if vce.kind == "opg":
        return symmetric_inverse(scores.T @ (scores * w[:, None]))
    if not vce.is_robust:
        return bread
    if vce.kind == "cluster":
        groups = sample.n_clusters
        if groups < 2:
            raise insufficient_observations()
        return sandwich(bread, meat(scores * w[:, None], sample.clusters, groups), groups / (groups - 1.0))
    n = sample.n
    if sample.frequencies is not None:
        return sandwich(bread, frequency_meat(scores, sample.frequencies), n / (n - 1.0))
    n = float(len(scores))
    return sandwich(bread, meat(scores * w[:, None]), n / (n - 1.0))


def likelihood_word(vce: Vce) -> str:
    return "Log pseudolikelihood" if vce.is_robust else "Log likelihood"


def log_heading(session: Session, line: Line, text: str) -> None:
    """The line that names a stage of the fit, after a blank one; nothing with nolog."""
    if not line.flag("nolog"):
        session.log.line()
        session.log.line(text)


def iteration_log(session: Session, line: Line, maximum: Maximum, vce: Vce, *, spaced: bool = True) -> None:
    """A blank line (when `spaced`) and one line per iteration, as Stata 18 prints them; nothing with nolog.

    Raises r(430) when the maximum took more iterations than `iterate()` allows.
    """
    last = len(maximum.iterations) - 1
    if last > int(str(line.options.get("iterate", 300))):
        raise StataError(430, "convergence not achieved")
    if line.flag("nolog"):
        return
    if spaced:
        session.log.line()
    for i, value in enumerate(maximum.iterations):
        mark = "(not concave)" if maximum.not_concave[i] and i < last else ""
        shown = f"{likelihood_word(vce)} = {number(value, '%10.0g'):>10}"
        session.log.line(f"{f'Iteration {i}:':<13} {shown}  {mark}".rstrip())


@dataclass
class MlResult:
    """A fitted model, ready to be shown and stored."""

    title: str
    command: str
    depvar: str
    designs: dict[str, Design]
    """Main equations by name, in the order of e(b)."""
    names: list[str]
    """Full names of e(b)."""
    b: FloatArray
    V: FloatArray
    ll: float
    ll_0: float | None
    df_m: int
    sample: Sample
    vce: Vce
    predict: str
    chi2: float = math.nan
    chi2type: str = "LR"
    pseudo: bool = True
    """Show the pseudo R-squared."""
    scalars: dict[str, float] = field(default_factory=dict)
    macros: dict[str, str] = field(default_factory=dict)
    matrices: dict[str, Matrix] = field(default_factory=dict)
    predictions: dict[str, object] = field(default_factory=dict)
    header_left: list[str] = field(default_factory=list)
    header_extra: list[Entry] = field(default_factory=list)
    df_t: float | None = None
    """Degrees of freedom when the table shows t."""
    hidden_equations: frozenset[str] = frozenset()
    base_equations: frozenset[str] = frozenset()
    footer: Callable[[CoefficientTable], None] | None = None
    no_footer: bool = False
    no_likelihood: bool = False
    """Leave out the log likelihood (two-step estimators)."""
    no_model_test: bool = False
    """Leave the test of the model out of the header."""
    constraint_lines: list[str] = field(default_factory=list)
    """Linear constraints as listed between header and table."""
    name_width: int = 12
    """Least width of the column of names."""
    untested: frozenset[str] = frozenset()
    """Ancillary parameters shown without statistic and p-value."""
    header: Callable[[], None] | None = None
    """Prints what stands above the table, in place of the usual header."""
    untransformed: frozenset[str] = frozenset()
    """Equations never shown exponentiated."""


def model_test(result: MlResult, slopes: Sequence[int], *, likelihood_ratio: bool) -> None:
    """Fill chi2 and chi2type: LR against the constant-only model, or Wald on the slopes."""
    if likelihood_ratio and result.ll_0 is not None:
        result.chi2 = 2.0 * (result.ll - result.ll_0)
        result.chi2type = "LR"
        return
    index = list(slopes)
    result.chi2type = "Wald"
    if index:
        result.chi2, rank = wald(result.b[index], result.V[np.ix_(index, index)])
        result.df_m = min(result.df_m, rank)
    else:
        result.chi2 = 0.0


def _constrained(result: MlResult) -> frozenset[str]:
    """Coefficients that the constraints leave no freedom."""
    if not result.constraint_lines:
        return frozenset()
    active = {
        (f"{eq}:" if eq else "") + name
        for eq, design in result.designs.items()
        for name, flag in zip(design.names, design.active, strict=True)
        if flag
    }
    spread = np.diag(result.V)
    scale = float(spread.max())
    return frozenset(
        name for name, v in zip(result.names, spread, strict=True) if name in active and v <= 1e-20 * scale
    )


def coefficient_table_of(
    result: MlResult, session: Session, line: Line, level: float, eform: str | None = None
) -> CoefficientTable:
    outcomes = result.macros.get("depvar", result.depvar).split()
    return CoefficientTable(
        result.names, result.b, result.V, result.depvar if len(outcomes) < 2 else "", result.df_t, level,
        result.vce.heading,
        coefficient_heading=eform or "Coefficient", eform=bool(eform),
        empty=frozenset(
            (f"{eq}:" if eq else "") + c.name for eq, d in result.designs.items() for c in d.columns
            if c.status == "empty"
        ),
        base_levels=line.flag("baselevels"), data=session.data, hidden_equations=result.hidden_equations,
        no_footer=result.no_footer, base_equations=result.base_equations, constrained=_constrained(result),
        width=result.name_width, untested=result.untested, untransformed=result.untransformed,
        offset=result.macros.get("offset", ""),
    )  # fmt: skip


def finish(session: Session, line: Line, result: MlResult, level: float, eform: str | None = None) -> None:
    """Store e() and print header, table and footer."""
    table = coefficient_table_of(result, session, line, level, eform)
    log = session.log

    def show() -> None:
        if not line.flag("noheader"):
            if result.header is not None:
                result.header()
            else:
                print_ml_header(session, result)
        if not line.flag("notable"):
            print_coefficients(log, table)
            if result.footer is not None:
                result.footer(table)

    estimation = Estimation(
        result.designs, table, show,
        (line.weight.kind, line.weight.expression) if line.weight is not None else ("", ""),
        dict(result.predictions), result.sample.w,
    )  # fmt: skip
    scalars = {
        "rank": float(np.linalg.matrix_rank(result.V)) if len(result.V) < 200 else float(len(result.V)),
        "N": result.sample.n, "ic": 0.0, "k": float(len(result.names)), "k_eq": float(len(result.designs)),
        "k_dv": 1.0, "converged": 1.0, "rc": 0.0, "ll": result.ll, "k_eq_model": 1.0, "df_m": float(result.df_m),
        "chi2": result.chi2,
        "p": chi2_tail(result.chi2, result.df_m) if result.df_m > 0 else MISSING,
    }  # fmt: skip
    if result.ll_0 is not None:
        scalars["ll_0"] = result.ll_0
        if result.pseudo:
            scalars["r2_p"] = 1.0 - result.ll / result.ll_0
    if result.vce.kind == "cluster":
        scalars["N_clust"] = float(result.sample.n_clusters)
    scalars.update(result.scalars)
    macros = {
        "cmd": result.command, "cmdline": command_line(line), "predict": result.predict,
        "estat_cmd": f"{result.command}_estat", "chi2type": result.chi2type, "opt": "moptimize", "which": "max",
        "ml_method": "e2", "user": "", "technique": "nr", "depvar": result.depvar, "title": result.title,
        **vce_macros(result.vce, "oim" if result.vce.kind != "opg" else "opg"), **result.macros,
    }  # fmt: skip
    store(session, line, estimation, sample=result.sample.rows, scalars=scalars, macros=macros,
          matrices=result.matrices)  # fmt: skip
    show()


def print_ml_header(session: Session, result: MlResult) -> None:
    log = session.log
    log.line()
    entries = [Entry("Number of obs", count(result.sample.n)), *result.header_extra]
    if not result.no_model_test:
        entries += chi2_entry(result.chi2type, result.df_m, result.chi2)
    left = [result.title, *result.header_left]
    ll_line = f"{likelihood_word(result.vce)} = {number(result.ll, '%10.0g')}"
    if result.pseudo and result.ll_0 is not None:
        entries.append(Entry("Pseudo R2", f"{1.0 - result.ll / result.ll_0:.4f}" if result.ll_0 else "."))
    left += [""] * (len(entries) - 1 - len(left))
    left.append("" if result.no_likelihood else ll_line)
    print_header(log, left, entries)
    log.line()
    for text in result.constraint_lines:
        log.line(text)
    if result.vce.kind == "cluster":
        log.line(f"{cluster_note(result.sample.n_clusters, result.vce.cluster):>78}")
