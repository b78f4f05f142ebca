"""iqreg: interquantile range regression with bootstrap standard errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, level_of, replay, store
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.commands.quantile import _Problem as Problem
from ssd.engine.commands.quantile import _reps as replications
from ssd.engine.commands.quantile import _resampled as resampled
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.output.estimation import CoefficientTable, Entry, count, print_coefficients, print_header
from ssd.engine.stats.quantile import quantile_fit

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "iqreg",
    "[varlist(numeric fv ts default=none)] [if] [in] [, Quantiles(numlist) Level(cilevel) Reps(integer 20) noDOts "
    "BASElevels]",
    by="recall",
    stored="e(N) e(df_r) e(q0) e(q1) e(reps) e(sumrdev0) e(sumadev0) e(sumrdev1) e(sumadev1) e(r2_p0) e(r2_p1) "
    "e(cmd) e(depvar) e(vcetype) e(b) e(V) r(table)",
)
def iqreg(session: Session, line: Line) -> None:
    """Interquantile range regression: the difference of two quantile regressions."""
    if replay(session, line, "iqreg"):
        return
    low, high = _quantiles(line)
    level, reps = level_of(session, line), replications(line)
    problem = Problem(session, line)
    design = problem.regressors.design
    fits = [quantile_fit(problem.X, problem.y, q) for q in (low, high)]
    draws = resampled(session, problem, [low, high], reps)
    k = problem.X.shape[1]
    V = np.atleast_2d(np.cov(draws[:, k:] - draws[:, :k], rowvar=False))
    b = fits[1] - fits[0]
    deviations = [problem.deviations(q, fit) for q, fit in zip((low, high), fits, strict=True)]
    r2 = [1.0 - minimal / raw if raw > 0.0 else float("nan") for raw, minimal, _ in deviations]
    n = problem.sample.n
    df_r = n - k
    table = CoefficientTable(
        design.names, design.expand(b), design.expand(np.asarray(V, dtype=np.float64)), problem.depvar, df_r, level,
        "Bootstrap", base_levels=line.flag("baselevels"), data=session.data,
    )  # fmt: skip

    def show() -> None:
        log = session.log
        log.line()
        shown = [f"{q:.2f}".lstrip("0") for q in (low, high)]
        entries = [Entry("Number of obs", count(n)), Entry(f"{shown[1]} Pseudo R2", f"{r2[1]:.4f}"),
                   Entry(f"{shown[0]} Pseudo R2", f"{r2[0]:.4f}")]  # fmt: skip
        left = [f"{shown[1]}-{shown[0]} Interquantile regression", f"  bootstrap({reps}) SEs"]
        print_header(log, left, entries, label_width=13, value_width=10)
        log.line()
        print_coefficients(log, table)

    estimation = Estimation({"": design}, table, show, ("", ""), {})
    estimation.predictions["statistics"] = Statistics({}, "xb", "(option xb assumed; fitted values)", problem.depvar)
    scalars = {
        "N": n, "df_r": df_r, "q0": low, "q1": high, "reps": float(reps), "r2_p0": r2[0], "r2_p1": r2[1],
        "sumrdev0": deviations[0][0], "sumadev0": deviations[0][1], "sumrdev1": deviations[1][0],
        "sumadev1": deviations[1][1], "convcode": 0.0,
    }  # fmt: skip
    macros = {"cmd": "iqreg", "depvar": problem.depvar, "vcetype": "Bootstrap", "predict": "qreg_p"}
    store(session, line, estimation, sample=problem.sample.rows, scalars=scalars, macros=macros)
    show()


def _quantiles(line: Line) -> tuple[float, float]:
    typed = line.options.get("quantiles")
    values = [float(q) for q in typed] if isinstance(typed, list) else [0.25, 0.75]
    if len(values) != 2:
        raise invalid_syntax("quantiles() must hold two numbers")
    low, high = sorted(q / 100.0 if q >= 1.0 else q for q in values)
    if not 0.0 < low < high < 1.0:
        raise StataError(198, "quantiles() must be different and between 0 and 1")
    return low, high
