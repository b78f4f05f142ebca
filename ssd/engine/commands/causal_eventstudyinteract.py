"""eventstudyinteract: interaction-weighted dynamic effects of Sun and Abraham."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, SessionSource, estimation_of, level_of, store, take_sample
from ssd.engine.commands.estimation import parse_varlist as parse_terms
from ssd.engine.errors import StataError, no_observations
from ssd.engine.lang.scratch import next_temporary_name
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    cluster_note,
    count,
    f_entry,
    print_coefficients,
    print_header,
)
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.interaction_weighted import Shares, cohort_shares, combine

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass
class _Setting:
    outcome: str
    relative: list[str]
    """Indicators of relative time, as typed."""
    cohorts: list[float]
    rows: BoolArray
    indicators: FloatArray
    """Indicators of relative time, zero in the control cohort: (n_obs, L)."""
    shares: Shares


@command(
    "eventstudyinteract",
    "varlist(numeric min=2) [if] [in] [aweight fweight pweight] [, Absorb(string) COHORT(varname) "
    "CONTROL_cohort(varname) COVARIATEs(string) VCE(string) Level(cilevel)]",
    stored="e(N) e(N_clust) e(df_r) e(b_iw) e(V_iw) e(b_interact) e(V_interact) e(ff_w) e(Sigma_l) e(b) e(V) r(table)",
)
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def eventstudyinteract(session: Session, line: Line) -> None:
    """Interaction-weighted effects by relative time of a staggered treatment (Sun and Abraham)."""
    absorb, cohort, control = (line.text_option(name) or "" for name in ("absorb", "cohort", "control_cohort"))
    for name, value in (("absorb", absorb), ("cohort", cohort), ("control_cohort", control)):
        if not value:
            raise StataError(198, f"option {name}() required")
    setting = _setting(session, line, absorb, cohort, control)
    b, V = _interacted(session, line, setting, absorb, session.data.numeric(cohort))
    effects, covariance = combine(b, V, setting.shares)
    _report(session, line, setting, b, V, effects, covariance)


def _setting(session: Session, line: Line, absorb: str, cohort: str, control: str) -> _Setting:
    data = session.data
    source = SessionSource(session)
    outcome, relative = line.varlist[0], list(dict.fromkeys(line.varlist[1:]))
    words = [*line.varlist, line.text_option("covariates") or "", absorb]
    sample = take_sample(session, line, source, parse_terms(session, words))
    rows, when, status = sample.rows, data.numeric(cohort), data.numeric(control)
    compared = status == 0.0
    if not np.any(status[rows] == 1.0):
        raise StataError(459, f"no observations in the control cohort: {control} is nowhere 1")
    levels = np.unique(when[compared & ~is_missing(when)])
    if not len(levels):
        raise no_observations()
    indicators = np.column_stack([data.numeric(name) for name in relative])
    indicators = np.where((status == 1.0)[:, None], 0.0, indicators)
    used = rows & compared
    weight = line.weights(session)
    members = (when[used][:, None] == levels[None, :]).astype(np.float64)
    shares = cohort_shares(
        indicators[used], members, None if weight is None else weight[used],
        frequency=line.weight is not None and line.weight.kind == "fweight",
    )  # fmt: skip
    return _Setting(outcome, relative, [float(v) for v in levels], rows, indicators, shares)


def _interacted(
    session: Session, line: Line, setting: _Setting, absorb: str, when: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Effects by cohort and relative time of the interacted regression: (L, C), and their covariance.

    Leaves the regression's e() in the session.
    """
    data = session.data
    names: list[str] = []
    mark = next_temporary_name(session)
    try:
        data.add(mark, setting.rows.astype(np.float64), "byte")
        for j in range(len(setting.relative)):
            for level in setting.cohorts:
                name = next_temporary_name(session)
                data.add(name, np.where(when == level, setting.indicators[:, j], 0.0), "double")
                names.append(name)
        weight = f" [{line.weight.kind}={line.weight.expression}]" if line.weight else ""
        vce = f"vce({line.text_option('vce')})" if line.text_option("vce") else ""
        covariates = line.text_option("covariates") or ""
        session.run(
            f"reghdfe {setting.outcome} {' '.join(names)} {covariates} if {mark}{weight}, absorb({absorb}) {vce}",
            quiet=True,
        )
    finally:
        data.drop([name for name in (mark, *names) if name in data.variables])
    fitted = estimation_of(session).table
    k = len(names)
    return fitted.b[:k].reshape(len(setting.relative), -1).copy(), fitted.V[:k, :k].copy()


def _report(
    session: Session,
    line: Line,
    setting: _Setting,
    b: FloatArray,
    V: FloatArray,
    effects: FloatArray,
    covariance: FloatArray,
) -> None:
    behind = session.e
    fitted = estimation_of(session).table
    names = setting.relative
    table = CoefficientTable(
        names, effects, covariance, setting.outcome, fitted.df, level_of(session, line), fitted.vce_heading
    )
    clusters = int(behind.scalars.get("N_clust", 0))
    header = _header(behind)

    def show() -> None:
        log = session.log
        log.line()
        print_header(log, *header)
        if clusters:
            log.line(f"{cluster_note(clusters, behind.macros.get('clustvar', '')):>78}")
        print_coefficients(log, table)

    cohorts = [f"{value:g}" for value in setting.cohorts]
    size = len(names)
    variances = np.diag(V).reshape(size, -1)
    blocks = np.zeros((size * len(cohorts),) * 2)
    for j in range(size):
        part = slice(j * len(cohorts), (j + 1) * len(cohorts))
        blocks[part, part] = setting.shares.block(j, j)
    numbered = [f"r{i + 1}" for i in range(len(blocks))]
    matrices = {
        "b_iw": Matrix(effects.reshape(1, -1).copy(), ["r1"], names),
        "V_iw": Matrix(covariance.copy(), names, names),
        "b_interact": Matrix(b.T.copy(), cohorts, names),
        "V_interact": Matrix(variances.T.copy(), cohorts, names),
        "ff_w": Matrix(setting.shares.weights.T.copy(), cohorts, names),
        "Sigma_l": Matrix(blocks, numbered, [f"c{i + 1}" for i in range(len(blocks))]),
    }
    sample = behind.sample
    assert sample is not None
    kept = ("N", "N_clust", "df_r", "df_m", "F", "r2", "r2_a", "rmse", "N_hdfe")
    scalars = {str(key): behind.scalars[key] for key in kept if key in behind.scalars}
    macros = {
        "cmd": "eventstudyinteract", "depvar": setting.outcome, "title": "IW estimates for dynamic effects",
        "clustvar": behind.macros.get("clustvar", ""), "vce": behind.macros.get("vce", ""),
        "vcetype": behind.macros.get("vcetype", ""), "absvars": behind.macros.get("absvars", ""),
    }  # fmt: skip
    store(session, line, Estimation({}, table, show), sample=sample, scalars=scalars, macros=macros, matrices=matrices)
    show()


def _header(behind: ResultSet) -> tuple[list[str], list[Entry]]:
    e = behind.scalars
    absorbed = int(e.get("N_hdfe", 0))
    left = ["IW estimates for dynamic effects"]
    if absorbed:
        left.append(f"Absorbing {absorbed} HDFE group{'s' if absorbed > 1 else ''}")
    entries = [Entry("Number of obs", count(e["N"]))]
    if "F" in e:
        entries += f_entry(e.get("df_m", np.nan), e.get("df_r", np.nan), e["F"])
    for label, key in (("R-squared", "r2"), ("Adj R-squared", "r2_a"), ("Root MSE", "rmse")):
        if key in e:
            entries.append(Entry(label, f"{e[key]:.4f}"))
    return left, entries
