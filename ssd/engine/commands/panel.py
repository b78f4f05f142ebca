"""xtreg: fixed-, between- and random-effects regression; xttest0."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Sample,
    SessionSource,
    Vce,
    build_regressors,
    key_values,
    level_of,
    marked_sample,
    operated_name,
    outcome_and_terms,
    parse_vce,
    replay,
    store,
    take_sample,
    vce_macros,
    weight_note,
)
from ssd.engine.data.timeseries import time_settings
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    chi2_entry,
    cluster_note,
    count,
    f_entry,
    fixed,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.stats.arithmetic import logarithm, quotient
from ssd.engine.stats.covariance import meat, sandwich, wald
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.linear import LeastSquares, independent_columns, least_squares, with_constant
from ssd.engine.stats.panel import (
    Panels,
    RSquared,
    breusch_pagan,
    fit_random,
    fit_within,
    own_scales,
    r_squared,
    within,
)

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass
class PanelFit:
    """What the header and footer of xtreg show."""

    title: str
    n: float
    panels: Panels
    r2: RSquared
    test: list[Entry]
    left: str
    sigma_u: float = math.nan
    sigma_e: float = math.nan
    footer: str = ""

    @property
    def rho(self) -> float:
        total = self.sigma_u**2 + self.sigma_e**2
        return self.sigma_u**2 / total if total > 0 else math.nan


def panel_variable(session: Session, typed: str | None) -> str:
    """The panel variable of xtset or option i(). Raises r(459)."""
    if typed:
        return session.variable_named(typed)
    settings = time_settings(session.data)
    if settings is None or not settings.panel:
        raise StataError(459, "must specify panelvar; use xtset")
    return settings.panel


@command(
    "xtreg",
    "[varlist(numeric fv ts default=none)] [if] [in] [fweight aweight pweight] [, FE BE RE MLE PA I(varname) "
    "vce(string) Robust CLuster(varname) Level(cilevel) SA THeta BASElevels noHEader noTABle WLS noCONStant NONEST "
    "noLOg CORR(string) FORCE]",
    by="recall",
    stored="e(N) e(N_g) e(df_m) e(df_r) e(df_a) e(F) e(F_f) e(chi2) e(p) e(r2) e(r2_w) e(r2_b) e(r2_o) e(sigma) "
    "e(sigma_u) e(sigma_e) e(rho) e(corr) e(rmse) e(rss) e(mss) e(tss) e(g_min) e(g_avg) e(g_max) e(Tbar) e(Tcon) "
    "e(N_clust) e(theta) e(model) e(ivar) e(b) e(V) e(bf) e(VCEf) r(table)",
    refused="wls, noconstant (other than with mle and pa), nonest, vce(bootstrap), vce(jackknife)",
)
def xtreg(session: Session, line: Line) -> None:
    """Linear models for panel data: fe, be, re, mle, pa."""
    if replay(session, line, "xtreg"):
        return
    if line.flag("pa"):
        from ssd.engine.commands.panel_gee import linear_population_averaged

        linear_population_averaged(session, line)
        return
    if line.text_option("corr") or line.flag("force"):
        raise StataError(198, f"option {'corr' if line.text_option('corr') else 'force'} not allowed")
    for name in ("wls", "nonest") if line.flag("mle") else ("wls", "noconstant", "nonest"):
        if line.flag(name):
            raise unsupported(f"option {name} is")
    models = [name for name in ("fe", "be", "re", "mle") if line.flag(name)]
    if models == ["re", "mle"]:
        models = ["mle"]
    if len(models) > 1:
        raise StataError(198, f"options {models[0]} and {models[1]} may not be combined")
    model = models[0] if models else "re"
    if line.weight is not None and model != "fe":
        raise StataError(101, f"weights not allowed with the {model} model")
    allowed = ("conventional", "oim", "robust", "cluster") if model == "mle" else ("conventional", "robust", "cluster")
    vce = parse_vce(session, line, allowed, "conventional")
    ivar = panel_variable(session, line.text_option("i"))
    if vce.kind == "robust":
        vce = Vce("cluster", ivar, typed=vce.typed)
    if model == "mle":
        from ssd.engine.commands.panel_mle import random_effects_ml, refuse_for_mle

        refuse_for_mle(line)
        random_effects_ml(session, line, vce, ivar)
        return
    if model == "be" and vce.is_robust:
        raise unsupported("vce(robust) with the between estimator is")
    run = {"fe": _fixed, "be": _between, "re": _random}[model]
    run(session, line, vce, ivar)


def _require_nested(panels: Panels, clusters: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> None:
    first = np.full(panels.count, -1)
    first[panels.ids[::-1]] = clusters[::-1]
    if np.any(first[panels.ids] != clusters):
        raise StataError(498, "panels are not nested within clusters")


def estimation_sample(
    session: Session, line: Line, vce: Vce, ivar: str
) -> tuple[SessionSource, str, FloatArray, Sample, list[object], Panels]:
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    sample = take_sample(session, line, source, [(outcome,), *terms], vce, [ivar])
    weight_note(session, sample, line)
    panels = Panels.of(key_values(session, ivar)[sample.rows])
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    return source, operated_name(outcome), y, sample, list(terms), panels


def within_regressors(
    session: Session, source: SessionSource, terms: list[object], sample: Sample, panels: Panels
) -> tuple[Design, FloatArray]:
    """Regressors that keep within variation; the others are noted as omitted."""
    regressors = build_regressors(session, source, terms, sample, check=False)  # type: ignore[arg-type]
    design, X = regressors.design, regressors.X
    design.notes.clear()
    kept = independent_columns(within(X, panels, sample.w), sample.w, scales=own_scales(X, sample.w))
    if not kept.all():
        design.omit(kept)
        X = np.asfortranarray(X[:, kept])
    for note in design.notes:
        session.log.line(note)
    return design, X


def _fixed(session: Session, line: Line, vce: Vce, ivar: str) -> None:
    level = level_of(session, line)
    source, depvar, y, sample, terms, panels = estimation_sample(session, line, vce, ivar)
    if sample.w is not None:
        first = np.zeros(panels.count)
        assert sample.raw is not None
        first[panels.ids] = sample.raw
        if not np.allclose(first[panels.ids], sample.raw):
            raise StataError(199, "weight must be constant within " + ivar)
    design, X = within_regressors(session, source, terms, sample, panels)
    w, n, k, groups = sample.w, sample.n, X.shape[1], panels.count
    ls = fit_within(X, y, panels, w)
    df_e = n - groups - k
    if df_e <= 0:
        raise insufficient_observations()
    s2 = ls.rss / df_e
    weights = np.ones(len(y)) if w is None else w
    tss = float(weights @ (y - weights @ y / weights.sum()) ** 2)
    tss_within = ls.tss
    r2 = r_squared(X, y, ls.coefficients[:k], panels, w)
    V = _fixed_covariance(ls, X, panels, sample, vce, n, k, s2)
    effects = panels.means(y, w) - panels.means(X, w) @ ls.coefficients[:k] - ls.coefficients[k]
    u = effects[panels.ids]
    sigma_u = _spread_of_effects(effects)
    corr = _correlation(u, X @ ls.coefficients[:k], w)
    if vce.is_robust:
        df_r = float(sample.n_clusters - 1)
        W, rank = wald(ls.coefficients[:k], V[:k, :k])
        F = W / k if k and rank == k else math.nan
        df_m, rmse = float(k - 1) if k else 0.0, math.sqrt(ls.rss / (n - k - 1.0))
        df_test = float(k)
    else:
        df_r = df_e
        F = quotient((tss_within - ls.rss) / k, s2) if k else 0.0
        df_m, rmse = float(k + groups - 1), math.sqrt(s2)
        df_test = float(k)
    pooled = least_squares(X, y, w)
    F_f = quotient((pooled.rss - ls.rss) / (groups - 1), s2) if groups > 1 else math.nan
    fit = PanelFit(
        "Fixed-effects (within) regression", n, panels, r2, f_entry(df_test, df_r, F),
        f"corr(u_i, Xb) = {fixed(corr, 4)}", sigma_u, math.sqrt(s2),
    )  # fmt: skip
    if not vce.is_robust:
        p = f_tail(F_f, groups - 1, df_e)
        text = f"F test that all u_i=0: F({groups - 1:.0f}, {df_e:.0f}) = {F_f:.2f}"
        fit.footer = f"{text:<60} Prob > F = {p:.4f}"[:120]
        fit.footer = text + f"Prob > F = {p:.4f}".rjust(78 - len(text))
    scalars = {
        "N": n, "N_g": float(groups), "df_m": df_m, "df_r": df_r, "df_a": float(groups - 1), "df_b": df_test,
        "F": F, "F_f": F_f, "r2": r2.within, "r2_w": r2.within, "r2_b": r2.between, "r2_o": r2.overall,
        "r2_a": 1.0 - (1.0 - r2.within) * (n - 1.0) / df_e, "rmse": rmse, "rss": ls.rss, "mss": tss_within - ls.rss,
        "tss": tss, "corr": corr, "sigma_u": sigma_u, "sigma_e": math.sqrt(s2),
        "sigma": math.sqrt(sigma_u**2 + s2), "rho": fit.rho, "rank": float(k + 1), "p": f_tail(F, df_test, df_r),
        "p_f": f_tail(F_f, groups - 1, df_e), "df1": float(groups - 1), "df2": df_e,
        "ll": -0.5 * n * (math.log(2 * math.pi) + logarithm(ls.rss / n) + 1.0),
        "ll_0": -0.5 * n * (math.log(2 * math.pi) + logarithm(tss_within / n) + 1.0),
    }  # fmt: skip
    _finish(session, line, vce, ivar, design, ls.coefficients, V, depvar, df_r, level, sample, fit, scalars, "fe",
            {"effects": effects, "ivar": ivar})  # fmt: skip


def _fixed_covariance(
    ls: LeastSquares, X: FloatArray, panels: Panels, sample: Sample, vce: Vce, n: float, k: int, s2: float
) -> FloatArray:
    """s^2 (X'X)^-1, or clustered with G/(G-1) (N-1)/(N-k-1), panels nested in clusters."""
    if not vce.is_robust:
        return ls.inverse * s2
    assert sample.clusters is not None
    _require_nested(panels, sample.clusters)
    full = with_constant(within(X, panels, sample.w))
    scores = full * (ls.residuals if sample.w is None else ls.residuals * sample.w)[:, None]
    G = sample.n_clusters
    return sandwich(ls.inverse, meat(scores, sample.clusters, G), G / (G - 1.0) * (n - 1.0) / (n - k - 1.0))


def _spread_of_effects(effects: FloatArray) -> float:
    """sigma_u: standard deviation of the estimated effects over panels."""
    if len(effects) < 2:
        return math.nan
    return float(np.std(effects, ddof=1))


def _correlation(a: FloatArray, b: FloatArray, w: FloatArray | None) -> float:
    weights = np.ones(len(a)) if w is None else w
    da, db = a - weights @ a / weights.sum(), b - weights @ b / weights.sum()
    scale = math.sqrt(float(weights @ da**2) * float(weights @ db**2))
    return float(weights @ (da * db)) / scale if scale > 0 else math.nan


def _between(session: Session, line: Line, vce: Vce, ivar: str) -> None:
    level = level_of(session, line)
    source, depvar, y, sample, terms, panels = estimation_sample(session, line, vce, ivar)
    regressors = build_regressors(session, source, terms, sample)  # type: ignore[arg-type]
    design, X = regressors.design, regressors.X
    means = panels.means(X)
    kept = independent_columns(means)
    if not kept.all():
        before = len(design.notes)
        design.omit(kept)
        for note in design.notes[before:]:
            session.log.line(note)
        X, means = X[:, kept], means[:, kept]
    ls = least_squares(means, panels.means(y))
    k, groups = X.shape[1], panels.count
    df_r = float(groups - ls.rank)
    if df_r <= 0:
        raise insufficient_observations()
    s2 = ls.rss / df_r
    V = ls.inverse * s2
    r2 = r_squared(X, y, ls.coefficients[:k], panels)
    F = quotient((ls.tss - ls.rss) / k, s2) if k else 0.0
    fit = PanelFit(
        "Between regression (regression on group means)", sample.n, panels, r2, f_entry(k, df_r, F),
        f"sd(u_i + avg(e_i.)) = {number(math.sqrt(s2))}",
    )  # fmt: skip
    scalars = {
        "N": sample.n, "N_g": float(groups), "df_m": float(k), "df_r": df_r, "F": F, "r2": r2.between,
        "r2_w": r2.within, "r2_b": r2.between, "r2_o": r2.overall, "rmse": math.sqrt(s2), "rss": ls.rss,
        "mss": ls.tss - ls.rss, "tss": ls.tss, "r2_a": 1.0 - (1.0 - r2.between) * (groups - 1.0) / df_r,
        "rank": float(ls.rank), "p": f_tail(F, k, df_r),
    }  # fmt: skip
    _finish(session, line, vce, ivar, design, ls.coefficients, V, depvar, df_r, level, sample, fit, scalars, "be",
            {"ivar": ivar})  # fmt: skip


def _random(session: Session, line: Line, vce: Vce, ivar: str) -> None:
    level = level_of(session, line)
    source, depvar, y, sample, terms, panels = estimation_sample(session, line, vce, ivar)
    regressors = build_regressors(session, source, terms, sample)  # type: ignore[arg-type]
    design, X = regressors.design, regressors.X
    re = fit_random(X, y, panels, swamy_arora=line.flag("sa"))
    ls, n, k = re.ls, sample.n, X.shape[1]
    if n <= k + 1.0:
        raise insufficient_observations()
    rmse = math.sqrt(ls.rss / (n - k - 1.0))
    V = ls.inverse * (ls.rss / (n - k - 1.0))
    if vce.is_robust:
        assert sample.clusters is not None
        _require_nested(panels, sample.clusters)
        G = sample.n_clusters
        scores = re.X * ls.residuals[:, None]
        correction = G / (G - 1.0) * (n - 1.0) / (n - k - 1.0)
        V = sandwich(ls.inverse, meat(scores, sample.clusters, G), correction)
    W, rank = wald(ls.coefficients[:k], V[:k, :k]) if k else (0.0, 0)
    r2 = r_squared(X, y, ls.coefficients[:k], panels)
    fit = PanelFit(
        "Random-effects GLS regression", n, panels, r2, chi2_entry("Wald", rank, W), "corr(u_i, X) = 0 (assumed)",
        re.sigma_u, re.sigma_e,
    )  # fmt: skip
    scalars = {
        "N": n, "N_g": float(panels.count), "df_m": float(rank), "chi2": W,
        "p": chi2_tail(W, rank) if rank else math.nan,
        "r2_w": r2.within, "r2_b": r2.between, "r2_o": r2.overall, "sigma": math.hypot(re.sigma_u, re.sigma_e),
        "sigma_u": re.sigma_u, "sigma_e": re.sigma_e, "rho": fit.rho, "rmse": rmse, "rank": float(ls.rank),
        "thta_min": float(re.theta.min()), "thta_max": float(re.theta.max()),
        "thta_5": float(np.quantile(re.theta, 0.05)), "thta_50": float(np.median(re.theta)),
        "thta_95": float(np.quantile(re.theta, 0.95)), "Tbar": re.t_bar,
    }  # fmt: skip
    if panels.sizes.min() == panels.sizes.max():
        scalars["theta"] = float(re.theta[0])
    _finish(session, line, vce, ivar, design, ls.coefficients, V, depvar, None, level, sample, fit, scalars, "re",
            {"ivar": ivar, "sigma_u": re.sigma_u, "sigma_e": re.sigma_e})  # fmt: skip


def _print_theta(session: Session, scalars: dict[str, float]) -> None:
    """Distribution of the share of the panel means that the transformation takes away, for unbalanced panels."""
    log = session.log
    low, fifth, middle, high, top = (scalars[f"thta_{key}"] for key in ("min", "5", "50", "95", "max"))
    log.line("------------------- theta --------------------")
    log.line("  min      5%       median        95%      max")
    log.line(f"{low:6.4f}{fifth:9.4f}{middle:11.4f}{high:11.4f}{top:9.4f}")
    log.line()


def _finish(
    session: Session, line: Line, vce: Vce, ivar: str, design: Design, b: FloatArray, V: FloatArray, depvar: str,
    df: float | None, level: float, sample: Sample, fit: PanelFit, scalars: dict[str, float], model: str,
    predictions: dict[str, object],
) -> None:  # fmt: skip
    sizes = fit.panels.sizes
    scalars.update(g_min=float(sizes.min()), g_max=float(sizes.max()), g_avg=float(sizes.mean()))
    scalars.setdefault("Tbar", float(sizes.mean()))
    scalars["Tcon"] = float(sizes.min() == sizes.max())
    if vce.kind == "cluster":
        scalars["N_clust"] = float(sample.n_clusters)
    table = CoefficientTable(
        design.names, design.expand(b), design.expand(V), depvar, df, level, vce.heading,
        empty=frozenset(c.name for c in design.columns if c.status == "empty"), base_levels=line.flag("baselevels"),
        data=session.data, no_footer=model != "be",
    )  # fmt: skip

    def show() -> None:
        if not line.flag("noheader"):
            theta = line.flag("theta") and model == "re"
            constant = f"theta        = {number(scalars['theta'])}" if theta and "theta" in scalars else ""
            print_panel_header(session, fit, ivar, constant)
            if theta and not constant:
                _print_theta(session, scalars)
            if vce.kind == "cluster":
                session.log.line(f"{cluster_note(sample.n_clusters, vce.cluster):>78}")
        if not line.flag("notable"):
            print_coefficients(session.log, table)
            if model != "be":
                print_variance_rows(session, fit, table.width)

    estimation = Estimation(
        {"": design}, table, show, (line.weight.kind, line.weight.expression) if line.weight else ("", ""),
        {"kind": f"xtreg_{model}", **predictions}, sample.w,
    )  # fmt: skip
    titles = {
        "fe": "Fixed-effects (within) regression",
        "be": "Between regression",
        "re": "Random-effects GLS",
    }
    macros = {
        "cmd": "xtreg", "cmd2": f"xtreg_{model}", "depvar": depvar, "model": model, "ivar": ivar,
        "title": titles[model], "predict": "xtrefe_p" if model != "be" else "xtreg_be_p",
        "typ": "GLS" if model == "re" else "",
        "estat_cmd": "xtreg_estat", "marginsnotok": "E U UE SCores STDP XBU", **vce_macros(vce, "conventional"),
    }  # fmt: skip
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    show()


def print_panel_header(session: Session, fit: PanelFit, ivar: str, below: str = "") -> None:
    """Title, groups, R-squared and test of the model."""
    log = session.log
    sizes = fit.panels.sizes
    log.line()
    title = [fit.title, f"Group variable: {ivar}"]
    entries = [Entry("Number of obs", count(fit.n)), Entry("Number of groups", count(float(len(sizes))))]
    print_header(log, title, entries, label_width=17, value_width=10)
    log.line()
    log.line(f"{'R-squared:':<48}Obs per group:")
    rows = (
        ("Within ", fit.r2.within, "min", f"{sizes.min():,.0f}"),
        ("Between", fit.r2.between, "avg", f"{sizes.mean():,.1f}"),
        ("Overall", fit.r2.overall, "max", f"{sizes.max():,.0f}"),
    )
    for name, value, label, size in rows:
        shown = "." if math.isnan(value) else f"{value:.4f}"
        log.line(f"     {name} = {shown}".ljust(48) + f"{label:>17} = {size:>10}")
    log.line()
    print_header(log, ["", fit.left, *([below] if below else [])], fit.test, label_width=17, value_width=10)
    log.line()


def print_variance_rows(session: Session, fit: PanelFit, width: int) -> None:
    """sigma_u, sigma_e and rho below the coefficients, and the footer."""
    log = session.log
    log.line("-" * (width + 1) + "+" + "-" * 64)
    log.line(f"{'sigma_u':>{width}} |{number(fit.sigma_u, '%10.0g'):>11}")
    log.line(f"{'sigma_e':>{width}} |{number(fit.sigma_e, '%10.0g'):>11}")
    log.line(f"{'rho':>{width}} |{number(fit.rho, '%10.0g'):>11}   (fraction of variance due to u_i)")
    log.line("-" * (width + 66))
    if fit.footer:
        log.line(fit.footer)


@command("xttest0", "[, ]", stored="r(lm) r(df) r(p)")
def xttest0(session: Session, line: Line) -> None:
    """Breusch and Pagan Lagrangian multiplier test for random effects."""
    from ssd.engine.commands.estimation import estimation_of
    from ssd.engine.results import ResultSet

    estimation = estimation_of(session)
    if session.e.macros.get("cmd") != "xtreg" or session.e.macros.get("model") != "re":
        raise StataError(301, "last estimates not found")
    rows = marked_sample(session)
    design = estimation.designs[""]
    source = SessionSource(session)
    depvar = session.e.macros["depvar"]
    y = session.evaluate_numbers(depvar)[rows]
    X = design.matrix(source, rows)
    ivar = session.e.macros["ivar"]
    panels = Panels.of(key_values(session, ivar)[rows])
    ls = least_squares(X, y)
    lm = breusch_pagan(ls.residuals, panels)
    sigma_u, sigma_e = session.e.scalars["sigma_u"], session.e.scalars["sigma_e"]
    if sigma_u == 0.0:
        lm = 0.0
    p = 0.5 * chi2_tail(lm, 1) if lm > 0 else 1.0
    total = float(np.var(y, ddof=1))
    log = session.log
    log.line()
    log.line("Breusch and Pagan Lagrangian multiplier test for random effects")
    log.line()
    log.line(f"        {depvar}[{ivar},t] = Xb + u[{ivar}] + e[{ivar},t]")
    log.line()
    log.line("        Estimated results:")
    log.line("                         |       Var     SD = sqrt(Var)")
    log.line("                ---------+-----------------------------")
    for name, variance in ((depvar[:8], total), ("e", sigma_e**2), ("u", sigma_u**2)):
        log.line(f"                {name:>8} |{number(variance):>11}{number(math.sqrt(variance)):>15}")
    log.line()
    log.line("        Test: Var(u) = 0")
    log.line(f"                             chibar2(01) = {lm:8.2f}")
    log.line(f"                          Prob > chibar2 = {p:8.4f}")
    session.r = ResultSet(scalars={"lm": lm, "df": 1.0, "p": p})
