"""xtivreg: instrumental variables and two-stage least squares for panel data."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Sample,
    SessionSource,
    Vce,
    key_values,
    level_of,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    parse_vce,
    replay,
    require_numeric,
    store,
    take_sample,
    vce_macros,
)
from ssd.engine.commands.panel import PanelFit, panel_variable, print_panel_header, print_variance_rows
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.data.timeseries import lagged, require_time
from ssd.engine.errors import StataError, insufficient_observations, invalid_syntax, no_observations, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, chi2_entry, cluster_note, f_entry, print_coefficients
from ssd.engine.stats.covariance import meat, sandwich, wald
from ssd.engine.stats.design import Column, Design, Part, build
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.linear import independent_columns
from ssd.engine.stats.panel import Panels, own_scales, r_squared, within
from ssd.engine.stats.panel_endogenous import TwoStage, fit_random_two_stage, project, two_stage
from ssd.engine.stats.terms import Term, split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

_TITLES = {
    "fe": "Fixed-effects (within) IV regression", "be": "Between-effects IV regression",
    "re": "G2SLS random-effects IV regression", "fd": "First-differenced IV regression",
}  # fmt: skip


@dataclass
class _Problem:
    """The command line on its sample: regressors X (endogenous first) and instruments Z, without constants."""

    depvar: str
    sample: Sample
    design: Design
    y: FloatArray
    X: FloatArray
    Z: FloatArray
    panels: Panels
    ivar: str
    vce: Vce
    endogenous: list[str]
    exogenous: list[str]
    level: float
    small: bool


@command(
    "xtivreg",
    "[anything(equalok everything)] [if] [in] [, FE BE RE FD EC2SLS NOSA I(varname) vce(string) Robust "
    "CLuster(varname) Level(cilevel) SMALL FIRST REGress THeta noHEader noTABle BASElevels]",
    by="recall",
    stored="e(N) e(N_g) e(df_m) e(df_r) e(df_rz) e(F) e(F_f) e(chi2) e(p) e(r2_w) e(r2_b) e(r2_o) e(sigma) "
    "e(sigma_u) e(sigma_e) e(rho) e(corr) e(rss) e(g_min) e(g_avg) e(g_max) e(theta) e(N_clust) e(cmd) e(model) "
    "e(depvar) e(ivar) e(instd) e(insts) e(small) e(vce) e(b) e(V) r(table)",
    refused="first, regress, theta, ec2sls with unbalanced panels, factor variables with fd, vce(robust) with be, "
    "vce(bootstrap), vce(jackknife)",
)
def xtivreg(session: Session, line: Line) -> None:
    """Instrumental-variables regression for panel data: fe, be, re, fd."""
    if replay(session, line, "xtivreg"):
        return
    for name in ("first", "regress", "theta"):
        if line.flag(name):
            raise unsupported(f"option {name} is")
    models = [name for name in ("fe", "be", "re", "fd") if line.flag(name)]
    if len(models) > 1:
        raise StataError(198, f"options {models[0]} and {models[1]} may not be combined")
    model = models[0] if models else "re"
    for name in ("ec2sls", "nosa"):
        if line.flag(name) and model != "re":
            raise StataError(198, f"option {name} may only be specified with the random-effects model")
    problem = _read(session, line, model)
    {"fe": _fixed, "be": _between, "re": _random, "fd": _differences}[model](session, line, problem)


def _split(body: str) -> tuple[str, str, str]:
    """Text outside the parentheses, endogenous variables, instruments. Raises r(198) without `(… = …)`."""
    depth = start = 0
    for index, char in enumerate(body):
        if char == "(":
            if depth == 0:
                start = index
            depth += 1
        elif char == ")":
            depth -= 1
            left, equals, right = body[start + 1 : index].partition("=")
            if depth == 0 and equals:
                return f"{body[:start]} {body[index + 1 :]}", left, right
    raise invalid_syntax("instruments must be given as (endogenous = instruments)")


def _read(session: Session, line: Line, model: str) -> _Problem:
    outer, endogenous_text, instrument_text = _split(line.anything)
    vce = parse_vce(session, line, ("conventional", "robust", "cluster"), "conventional")
    ivar = panel_variable(session, line.text_option("i"))
    if vce.kind == "robust":
        vce = Vce("cluster", ivar, typed=vce.typed)
    if vce.is_robust and model == "be":
        raise unsupported("vce(robust) with the between estimator is")
    source = SessionSource(session)
    outcome, exogenous_terms = outcome_and_terms(session, split_words(outer))
    endogenous_terms = parse_varlist(session, split_words(endogenous_text))
    instrument_terms = parse_varlist(session, split_words(instrument_text))
    for terms in (endogenous_terms, instrument_terms):
        require_numeric(session, terms)
    everything: list[Term] = [(outcome,), *exogenous_terms, *endogenous_terms, *instrument_terms]
    sample = take_sample(session, line, source, everything, vce, [ivar])
    designs = [build(t, source, sample.rows, constant=False) for t in (endogenous_terms, exogenous_terms,
                                                                       instrument_terms)]  # fmt: skip
    matrices = [design.matrix(source, sample.rows) for design in designs]
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    panels = Panels.of(key_values(session, ivar)[sample.rows])
    if model == "fd":
        sample, y, matrices, panels = _take_differences(session, sample, vce, ivar, y, matrices)
    matrices = _independent(session, designs, matrices, panels, model)
    X2, X1, Z = matrices
    if Z.shape[1] < X2.shape[1]:
        raise StataError(481, "equation not identified; must have at least as many instruments not in\n"
                         "the regression as there are instrumented variables")  # fmt: skip
    factors = {key: value for design in designs[:2] for key, value in design.factors.items()}
    bases = {key: value for design in designs[:2] for key, value in design.bases.items()}
    columns = [*designs[0].columns, *designs[1].columns]
    depvar = operated_name(outcome)
    if model == "fd":
        columns = [_differenced(column) for column in columns]
        depvar = f"D.{depvar}" if "." not in depvar else f"D{depvar}"
    design = Design(columns, True, factors=factors, bases=bases)
    return _Problem(
        depvar, sample, design, y, np.column_stack([X2, X1]), np.column_stack([X1, Z]), panels, ivar,
        vce, [c.name for c in designs[0].columns if c.active],
        [c.name for d in designs[1:] for c in d.columns if c.status != "base"], level_of(session, line),
        line.flag("small"),
    )  # fmt: skip


def _differenced(column: Column) -> Column:
    """The column under the difference operator. Refuses factor variables and interactions."""
    if len(column.parts) > 1 or column.parts[0].level is not None:
        raise unsupported("factor variables and interactions with fd are")
    part = column.parts[0]
    return Column((Part(part.variable, f"D{part.operator}"),), column.status)


def _take_differences(
    session: Session, sample: Sample, vce: Vce, ivar: str, y: FloatArray, matrices: list[FloatArray]
) -> tuple[Sample, FloatArray, list[FloatArray], Panels]:
    from ssd.engine.commands.estimation import finish_sample

    require_time(session.data)
    rows = sample.rows

    def difference(values: FloatArray) -> FloatArray:
        full = np.full(session.data.n_obs, MISSING)
        full[rows] = values
        before = lagged(session.data, full, 1)
        known = rows & ~is_missing(before)
        return np.where(known, np.where(known, full, 0.0) - np.where(known, before, 0.0), MISSING)

    dy = difference(y)
    inside: BoolArray = ~is_missing(dy)
    if not inside.any():
        raise no_observations()
    changed = [
        np.column_stack([difference(column)[inside] for column in X.T] or [np.zeros((int(inside.sum()), 0))])
        for X in matrices
    ]
    return (
        finish_sample(session, inside, None, "", vce), dy[inside], changed,
        Panels.of(key_values(session, ivar)[inside]),
    )  # fmt: skip


def _independent(
    session: Session, designs: list[Design], matrices: list[FloatArray], panels: Panels, model: str
) -> list[FloatArray]:
    """Drop columns that do not vary (within, between) or are collinear, with notes."""
    X2, X1, Z = matrices

    def transform(values: FloatArray) -> FloatArray:
        if model == "fe":
            return within(values, panels)
        return panels.means(values) if model == "be" else values

    def usable(front: FloatArray, new: FloatArray) -> BoolArray:
        joined = np.column_stack([front, new])
        scales = own_scales(joined, None) if model == "fe" else None
        return independent_columns(transform(joined), None, scales=scales)[front.shape[1] :]

    empty = np.zeros((len(X1), 0))
    kept1 = usable(empty, X1)
    designs[1].omit(kept1)
    X1 = X1[:, kept1]
    kept_z = usable(X1, Z)
    designs[2].omit(kept_z)
    Z = Z[:, kept_z]
    kept2 = usable(X1, X2)
    designs[0].omit(kept2)
    X2 = X2[:, kept2]
    for design in designs:
        for note in design.notes:
            session.log.line(note)
    return [X2, X1, Z]


def _with_ones(values: FloatArray) -> FloatArray:
    return np.column_stack([values, np.ones(len(values))])


def _covariance(problem: _Problem, fit: TwoStage, s2: float, k: int) -> FloatArray:
    """s2 (X'P X)^-1, or clustered with G/(G-1) (N-1)/(N-k) when small-sample statistics are asked for."""
    if not problem.vce.is_robust:
        return fit.inverse * s2
    clusters, G = problem.sample.clusters, problem.sample.n_clusters
    assert clusters is not None
    n = float(len(problem.y))
    correction = G / (G - 1.0)
    if problem.small:
        correction *= (n - 1.0) / (n - k)
    return sandwich(fit.inverse, meat(fit.projected * fit.residuals[:, None], clusters, G), correction)


def _fixed(session: Session, line: Line, p: _Problem) -> None:
    n, k, groups = len(p.y), p.X.shape[1], p.panels.count
    df = float(n - groups - k)
    if df <= 0:
        raise insufficient_observations()
    X, Z, y = _with_ones(within(p.X, p.panels)), _with_ones(within(p.Z, p.panels)), within(p.y, p.panels)
    fit = two_stage(y, X, Z)
    s2 = fit.rss / df
    V = _covariance(p, fit, s2, k + 1)
    effects = p.panels.means(p.y) - p.panels.means(p.X) @ fit.b[:k] - fit.b[k]
    fitted = p.X @ fit.b[:k]
    u = effects[p.panels.ids]
    corr = float(np.corrcoef(u, fitted)[0, 1]) if np.ptp(fitted) > 0 and np.ptp(u) > 0 else math.nan
    r2 = r_squared(p.X, p.y, fit.b[:k], p.panels)
    variation = float((y - y.mean()) @ (y - y.mean()))
    inside = 1.0 - fit.rss / variation if variation > 0.0 else math.nan
    r2 = type(r2)(inside if inside >= 0.0 else math.nan, r2.between, r2.overall)
    sigma_u = float(np.std(effects, ddof=1)) if groups > 1 else math.nan
    # Both models use the fitted endogenous variables of the within first stage.
    hat = p.X - within(p.X, p.panels) + fit.projected[:, :k]
    pooled = _residual_sum(_with_ones(hat), p.y)
    own = _residual_sum(fit.projected, y)
    F_f = (pooled - own) / (groups - 1.0) / s2 if groups > 1 and s2 > 0.0 else math.nan
    panel_fit = PanelFit(_TITLES["fe"], float(n), p.panels, r2, [], f"corr(u_i, Xb) = {corr:.4f}", sigma_u,
                         math.sqrt(s2))  # fmt: skip
    if not p.vce.is_robust:
        text = f" F test that all u_i=0: F({groups - 1:.0f},{df:.0f}) = {F_f:8.2f}"
        panel_fit.footer = text + f"Prob > F    = {f_tail(F_f, groups - 1, df):.4f}".rjust(78 - len(text))
    scalars = {"F_f": F_f, "p_f": f_tail(F_f, groups - 1, df), "df_a": groups - 1.0, "corr": corr, "rss": fit.rss,
               "df_rz": df}  # fmt: skip
    _finish(session, line, p, "fe", panel_fit, fit.b, V, df, scalars, {"effects": effects})


def _residual_sum(X: FloatArray, y: FloatArray) -> float:
    e = y - project(X, y[:, None])[:, 0]
    return float(e @ e)


def _between(session: Session, line: Line, p: _Problem) -> None:
    k, groups = p.X.shape[1], p.panels.count
    df = float(groups - k - 1)
    if df <= 0:
        raise insufficient_observations()
    fit = two_stage(p.panels.means(p.y), _with_ones(p.panels.means(p.X)), _with_ones(p.panels.means(p.Z)))
    s2 = fit.rss / df
    panel_fit = PanelFit(
        _TITLES["be"], float(len(p.y)), p.panels, r_squared(p.X, p.y, fit.b[:k], p.panels), [],
        f"sd(u_i + avg(e_i.)) = {math.sqrt(s2):9.7g}",
    )  # fmt: skip
    _finish(session, line, p, "be", panel_fit, fit.b, fit.inverse * s2, df, {"rss": fit.rss, "rmse": math.sqrt(s2)}, {})


def _random(session: Session, line: Line, p: _Problem) -> None:
    n, k, groups = len(p.y), p.X.shape[1], p.panels.count
    df = float(n - groups - k)
    if df <= 0 or groups <= k + 1:
        raise insufficient_observations()
    if line.flag("ec2sls") and np.ptp(p.panels.sizes) > 0.0:
        raise unsupported("ec2sls with unbalanced panels is")
    inner = two_stage(within(p.y, p.panels), _with_ones(within(p.X, p.panels)), _with_ones(within(p.Z, p.panels)))
    re = fit_random_two_stage(
        p.y, _with_ones(p.X), _with_ones(p.Z), p.panels, inner.rss / df, error_components=line.flag("ec2sls"),
        consistent=line.flag("nosa"),
    )  # fmt: skip
    V = _covariance(p, re.fit, re.fit.rss / (n - k - 1.0), k + 1)
    title = "EC2SLS random-effects IV regression" if line.flag("ec2sls") else _TITLES["re"]
    panel_fit = PanelFit(
        title, float(n), p.panels, r_squared(p.X, p.y, re.fit.b[:k], p.panels), [], "corr(u_i, X) = 0 (assumed)",
        re.sigma_u, re.sigma_e,
    )  # fmt: skip
    scalars = {"rss": re.fit.rss, "thta_min": float(re.theta.min()), "thta_max": float(re.theta.max())}
    if np.ptp(p.panels.sizes) == 0.0:
        scalars["theta"] = float(re.theta[0])
    _finish(session, line, p, "re", panel_fit, re.fit.b, V, n - k - 1.0, scalars,
            {"sigma_u": re.sigma_u, "sigma_e": re.sigma_e})  # fmt: skip


def _differences(session: Session, line: Line, p: _Problem) -> None:
    n, k = len(p.y), p.X.shape[1]
    df = float(n - k - 1)
    if df <= 0:
        raise insufficient_observations()
    fit = two_stage(p.y, _with_ones(p.X), _with_ones(p.Z))
    V = _covariance(p, fit, fit.rss / df, k + 1)
    panel_fit = PanelFit(_TITLES["fd"], float(n), p.panels, r_squared(p.X, p.y, fit.b[:k], p.panels), [], "",
                         math.nan, math.sqrt(fit.rss / df))  # fmt: skip
    _finish(session, line, p, "fd", panel_fit, fit.b, V, df, {"rss": fit.rss}, {})


def _finish(
    session: Session, line: Line, p: _Problem, model: str, fit: PanelFit, b: FloatArray, V: FloatArray, df: float,
    more: dict[str, float], predictions: dict[str, object],
) -> None:  # fmt: skip
    design, k = p.design, p.X.shape[1]
    if p.small:
        df_r = p.sample.n_clusters - 1.0 if p.vce.is_robust else df
        W, rank = wald(b[:k], V[:k, :k]) if k else (0.0, 0)
        F = W / rank if rank else math.nan
        fit.test = f_entry(rank, df_r, F)
        test = {"F": F, "df_r": df_r, "p": f_tail(F, rank, df_r)}
    else:
        df_r = None
        # The fixed-effects statistic takes in the constant, as Stata's does.
        tested = k + 1 if model == "fe" and not p.vce.is_robust else k
        W = wald(b[:tested], V[:tested, :tested])[0] if k else 0.0
        rank = k
        fit.test = chi2_entry("Wald", k, W)
        test = {"chi2": W, "p": chi2_tail(W, k) if k else MISSING}
    table = CoefficientTable(
        design.names, design.expand(b), design.expand(V), p.depvar, df_r, p.level, p.vce.heading,
        empty=frozenset(c.name for c in design.columns if c.status == "empty"), base_levels=line.flag("baselevels"),
        data=session.data, no_footer=model in {"fe", "re"},
    )  # fmt: skip

    def show() -> None:
        if not line.flag("noheader"):
            print_panel_header(session, fit, p.ivar)
            if p.vce.is_robust:
                session.log.line(f"{cluster_note(p.sample.n_clusters, p.vce.cluster):>78}")
        if line.flag("notable"):
            return
        print_coefficients(session.log, table)
        if model in {"fe", "re"}:
            print_variance_rows(session, fit, table.width)
            if fit.footer:
                session.log.line("-" * (table.width + 66))
        for label, names in (("Endogenous", p.endogenous), ("Exogenous", p.exogenous)):
            for index, part in enumerate(textwrap.wrap(" ".join(names), 66, break_on_hyphens=False)):
                session.log.line((f"{label}: ".ljust(12) if index == 0 else " " * 12) + part)

    sizes = fit.panels.sizes
    scalars = {
        "N": fit.n, "N_g": float(len(sizes)), "df_m": float(rank), "g_min": float(sizes.min()),
        "g_max": float(sizes.max()), "g_avg": float(sizes.mean()), "Tcon": float(np.ptp(sizes) == 0.0),
        "r2_w": fit.r2.within, "r2_b": fit.r2.between, "r2_o": fit.r2.overall, "sigma_u": fit.sigma_u,
        "sigma_e": fit.sigma_e, "sigma": math.hypot(fit.sigma_u, fit.sigma_e), "rho": fit.rho, "rank": float(k + 1),
        **test, **more,
    }  # fmt: skip
    if p.vce.is_robust:
        scalars["N_clust"] = float(p.sample.n_clusters)
    macros = {
        "cmd": "xtivreg", "depvar": p.depvar, "model": {"re": "g2sls", "fe": "fe", "be": "be", "fd": "fd"}[model],
        "ivar": p.ivar, "instd": " ".join(p.endogenous), "insts": " ".join(p.exogenous),
        "small": "small" if p.small else "", "title": fit.title, "predict": "xtivp_1",
        **vce_macros(p.vce, "conventional"),
    }  # fmt: skip
    statistics = Statistics(
        {"ue": lambda request: request.y - request.xb}, "xb", "(option xb assumed; fitted values)", p.depvar, p.ivar
    )
    estimation = Estimation({"": design}, table, show, predictions={"statistics": statistics, **predictions})
    store(session, line, estimation, sample=p.sample.rows, scalars=scalars, macros=macros)
    show()
