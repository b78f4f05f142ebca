"""stcox, shared(): gamma frailties shared within groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.maximum import MlResult, finish, likelihood_word, model_test
from ssd.engine.commands.survival_cox_predict import predict_cox
from ssd.engine.commands.survival_margins import hazard_predictor
from ssd.engine.commands.survival_models import ModelSetup, count_text, print_iterations
from ssd.engine.commands.survival_sample import group_records
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable, count, number
from ssd.engine.output.formats import format_value
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.survival_cox import RiskSets, fit, state
from ssd.engine.stats.survival_frailty import FrailtyFit, fit_frailty

if TYPE_CHECKING:
    from ssd.engine.session import Session

_MOST_GROUPS = 1500
"""The information matrix is dense in the groups; beyond this it takes minutes."""


def fit_shared(
    session: Session, line: Line, setup: ModelSetup, sets: RiskSets, design: Design, X: FloatArray, group: str,
    strata: list[str],
) -> None:  # fmt: skip
    """Fit, store and show the model. Raises r(459) with fewer than two groups."""
    groups = group_records(session, setup.records, [group])
    if groups.count < 2:
        raise StataError(459, f"shared() requires at least two groups in {group}")
    if groups.count > _MOST_GROUPS:
        raise unsupported(f"shared() with more than {_MOST_GROUPS:,} groups is")
    comparison = fit(sets, X, setup.offset)
    null = state(sets, X[:, :0], np.zeros(0), setup.offset).ll
    found = fit_frailty(sets, X, groups.ids, setup.offset, comparison.coefficients)
    if not line.flag("nolog"):
        session.log.line()
        print_iterations(session, line, comparison.iterations, setup.vce, "Fitting comparison Cox model:")
        session.log.line()
        print_iterations(session, line, [found.ll], setup.vce, "Estimating frailty variance:")
    names = list(design.names)
    result = MlResult("Cox regression", "cox", "_t", {"": design}, names, design.expand(found.coefficients),
                      design.expand(found.covariance), found.ll, None, int(design.active.sum()), setup.sample,
                      setup.vce, "stcox_p")  # fmt: skip
    model_test(result, [j for j, flag in enumerate(design.active) if flag], likelihood_ratio=False)
    sizes = np.bincount(groups.ids).astype(np.float64)
    chi2 = max(2.0 * (found.ll - comparison.ll), 0.0)
    result.scalars.update(
        setup.scalars(), theta=found.theta, se_theta=found.theta_error, ll_c=comparison.ll, ll_0=null, chi2_c=chi2,
        p_c=0.5 * chi2_tail(chi2, 1) if chi2 > 0 else 1.0, N_g=float(groups.count), g_min=float(sizes.min()),
        g_avg=float(sizes.mean()), g_max=float(sizes.max()),
    )  # fmt: skip
    ties = "efron" if sets.efron else "breslow"
    result.macros.update(cmd2="stcox", t0="_t0", ties=ties, method=ties, shared=group, strata=" ".join(strata),
                         offset=setup.offset_name, fr_title="Gamma shared frailty")  # fmt: skip
    result.predictions.update(offset=setup.offset_name, predict_several=predict_cox, predictor=hazard_predictor)
    result.no_footer = True
    result.header = lambda: _header(session, setup, result, group, sizes, ties)
    result.footer = lambda table: _footer(session, table, found, chi2)
    finish(session, line, result, setup.level, "Haz. ratio" if not line.flag("nohr") else None)


def _header(session: Session, setup: ModelSetup, result: MlResult, group: str, sizes: FloatArray, ties: str) -> None:
    log = session.log
    counts = setup.scalars()
    left = [
        "Gamma shared frailty", f"Group variable: {group}", "",
        f"No. of subjects = {count_text(counts['N_sub']):>6}", f"No. of failures = {count_text(counts['N_fail']):>6}",
        f"Time at risk    = {number(counts['risk'], '%12.0gc'):>6}", "",
        "", f"{likelihood_word(result.vce)} = {number(result.ll, '%10.0g')}",
    ]  # fmt: skip
    p = chi2_tail(result.chi2, result.df_m) if result.df_m else float("nan")
    right = [
        ("Number of obs", count(result.sample.n)), ("Number of groups", count(float(len(sizes)))),
        ("Obs per group:", ""), ("             min", f"{sizes.min():,.0f}"),
        ("             avg", number(float(sizes.mean()), "%9.0g")), ("             max", f"{sizes.max():,.0f}"),
        None, (f"Wald chi2({result.df_m})", format_value(result.chi2, "%9.2f").strip()),
        ("Prob > chi2", "." if np.isnan(p) else f"{p:.4f}"),
    ]  # fmt: skip
    width = max([6, *(len(entry[1]) for entry in right if entry is not None)])
    log.line()
    log.line(f"Cox regression with {ties.capitalize()} method for ties")
    for text, entry in zip(left, right, strict=True):
        if entry is None:
            log.line(text)
        elif not entry[1]:
            log.line(f"{text:<{78 - 19 - width}}{entry[0]}")
        else:
            log.line(f"{text:<{78 - 19 - width}}{entry[0]:<16} = {entry[1]:>{width}}")
    log.line()


def _footer(session: Session, table: CoefficientTable, found: FrailtyFit, chi2: float) -> None:
    log = session.log
    log.line("-" * (table.width + 1) + "+" + "-" * 64)
    error = "." if np.isnan(found.theta_error) else number(found.theta_error)
    log.line(f"{'theta':>{table.width}} |{number(found.theta):>11}{error:>11}")
    log.line("-" * (table.width + 66))
    p = 0.5 * chi2_tail(chi2, 1) if chi2 > 0 else 1.0
    text = f"LR test of theta=0: chibar2(01) = {number(chi2, '%8.2f')}"
    log.line(text + f"Prob >= chibar2 = {p:.3f}".rjust(78 - len(text)))
    log.line()
    log.line(f"Note: Standard errors of {'hazard ratios' if table.eform else 'coefficients'} are conditional on theta.")
