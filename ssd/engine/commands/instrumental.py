"""ivregress: single-equation instrumental-variables regression."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Sample,
    SessionSource,
    Vce,
    level_of,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    parse_vce,
    require_numeric,
    store,
    take_sample,
    vce_macros,
    weight_note,
)
from ssd.engine.commands.linear import LinearFit, fit_linear
from ssd.engine.errors import StataError, insufficient_observations, invalid_syntax
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    chi2_entry,
    cluster_note,
    count,
    f_entry,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.stats.covariance import sandwich, wald
from ssd.engine.stats.design import Column, Design, build
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.instrumental import InstrumentalFit, Moments, gmm, liml, two_stage
from ssd.engine.stats.linear import independent_columns, with_constant
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

_TITLES = {
    "2sls": "Instrumental variables 2SLS regression",
    "liml": "Instrumental variables LIML regression",
    "gmm": "Instrumental variables GMM regression",
}


@dataclass
class InstrumentalModel:
    """Everything estat needs about the last ivregress."""

    estimator: str
    depvar: str
    y: FloatArray
    endogenous: FloatArray
    exogenous: FloatArray
    """Included exogenous regressors without the constant."""
    instruments: FloatArray
    """Excluded instruments."""
    endogenous_names: list[str]
    sample: Sample
    vce: Vce
    constant: bool
    fit: InstrumentalFit
    wmatrix: str = ""

    def moments(self) -> Moments:
        X = with_constant(np.column_stack([self.endogenous, self.exogenous]), self.constant)
        Z = with_constant(np.column_stack([self.exogenous, self.instruments]), self.constant)
        return Moments(
            self.y,
            X,
            Z,
            self.sample.w,
            self.sample.kind == "fweight",
            self.sample.clusters,
            self.sample.n_clusters,
        )


@command(
    "ivregress",
    "[anything(equalok everything)] [if] [in] [aweight fweight iweight pweight] [, noCONStant vce(string) Robust "
    "CLuster(varname) Level(cilevel) FIRST SMALL noHEader noTABle WMATrix(string) BASElevels CENTER Igmm]",
    minimum=5,
    by="recall",
    stored="e(N) e(mss) e(df_m) e(rss) e(df_r) e(r2) e(r2_a) e(F) e(rmse) e(N_clust) e(chi2) e(kappa) e(J) e(rank) "
    "e(p) e(estimator) e(instd) e(insts) e(exogr) e(wmatrix) e(b) e(V) e(W) r(table)",
    refused="igmm, center, wmatrix(hac), vce(hac), vce(bootstrap), vce(jackknife)",
)
def ivregress(session: Session, line: Line) -> None:
    """Instrumental-variables regression: 2sls, liml, gmm."""
    from ssd.engine.errors import unsupported

    for name in ("igmm", "center"):
        if line.flag(name):
            raise unsupported(f"option {name} is")
    match = re.match(r"\s*(2sls|liml|gmm)\s+(.*)$", line.anything, re.DOTALL)
    if match is None:
        raise StataError(198, "must specify estimator 2sls, liml, or gmm" if line.anything else "invalid syntax")
    estimator, body = match.groups()
    outer, endogenous_text, instrument_text = split_equation(body)
    level = level_of(session, line)
    vce, wmatrix = _vce(session, line, estimator)
    source = SessionSource(session)
    outcome, exogenous_terms = outcome_and_terms(session, split_words(outer))
    endogenous_terms = parse_varlist(session, split_words(endogenous_text))
    instrument_terms = parse_varlist(session, split_words(instrument_text))
    for terms in (endogenous_terms, instrument_terms):
        require_numeric(session, terms)
    everything = [(outcome,), *exogenous_terms, *endogenous_terms, *instrument_terms]
    sample = take_sample(session, line, source, everything, vce)
    weight_note(session, sample, line)
    constant = not line.flag("noconstant")
    exogenous = build(exogenous_terms, source, sample.rows, constant=constant)
    endogenous = build(endogenous_terms, source, sample.rows, constant=False)
    instruments = build(instrument_terms, source, sample.rows, constant=False)
    X1, X2, Z = independent_groups(session, source, sample, exogenous, endogenous, instruments, constant)
    if Z.shape[1] < X2.shape[1]:
        raise StataError(481, "equation not identified; must have at least as many instruments not in\n"
                         "the regression as there are instrumented variables")  # fmt: skip
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    design = Design([*endogenous.columns, *exogenous.columns], constant)
    design.factors.update(exogenous.factors)
    design.bases.update(exogenous.bases)
    depvar = operated_name(outcome)
    names2 = [c.name for c in endogenous.columns if c.active]
    data = InstrumentalModel(estimator, depvar, y, X2, X1, Z, names2, sample, vce, constant, _EMPTY, wmatrix)
    fit, V, rank = _estimate(data, line.flag("small"))
    data.fit = fit
    if line.flag("first"):
        _first_stages(session, line, data, exogenous, instruments, level)
    _post(session, line, data, design, exogenous, instruments, fit, V, rank, level, constant)


_EMPTY = InstrumentalFit(np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0))


def split_equation(body: str) -> tuple[str, str, str]:
    """Text outside the parentheses, endogenous regressors, instruments."""
    depth, start = 0, -1
    for index, char in enumerate(body):
        if char == "(":
            if depth == 0:
                start = index
            depth += 1
        elif char == ")":
            depth -= 1
            inner = body[start + 1 : index]
            if depth == 0 and "=" in inner:
                left, _, right = inner.partition("=")
                return body[:start] + " " + body[index + 1 :], left, right
    raise invalid_syntax()


def _vce(session: Session, line: Line, estimator: str) -> tuple[Vce, str]:
    typed = line.text_option("wmatrix")
    if typed is not None and estimator != "gmm":
        raise StataError(198, "option wmatrix() not allowed")
    vce = parse_vce(session, line, ("unadjusted", "robust", "cluster"), "unadjusted")
    if estimator != "gmm":
        return vce, ""
    words = (typed or "robust").split()
    if "unadjusted".startswith(words[0]) and len(words[0]) >= 2:
        wmatrix = "unadjusted"
    elif "robust".startswith(words[0]):
        wmatrix = "robust"
    elif "cluster".startswith(words[0]) and len(words) == 2:
        wmatrix = f"cluster {session.variable_named(words[1])}"
    else:
        from ssd.engine.errors import unsupported

        raise unsupported(f"wmatrix({typed}) is")
    if not vce.typed:
        if wmatrix.startswith("cluster"):
            vce = Vce("cluster", wmatrix.split()[1], typed=False)
        else:
            vce = Vce(wmatrix, typed=False)
    return vce, wmatrix.split()[0]


def independent_groups(
    session: Session, source: SessionSource, sample: Sample, exogenous: Design, endogenous: Design, instruments: Design,
    constant: bool,
) -> tuple[FloatArray, FloatArray, FloatArray]:  # fmt: skip
    """Matrices of the three groups without collinear columns."""
    w = sample.w
    X1, X2, Z = (d.matrix(source, sample.rows) for d in (exogenous, endogenous, instruments))
    kept1 = independent_columns(X1, w, constant=constant)
    exogenous.omit(kept1)
    X1 = X1[:, kept1]
    kept_z = independent_columns(np.column_stack([X1, Z]), w, constant=constant)[X1.shape[1] :]
    instruments.omit(kept_z)
    Z = Z[:, kept_z]
    kept2 = independent_columns(np.column_stack([X1, X2]), w, constant=constant)[X1.shape[1] :]
    endogenous.omit(kept2)
    X2 = X2[:, kept2]
    for design in (exogenous, endogenous, instruments):
        for note in design.notes:
            session.log.line(note)
    return X1, X2, Z


def _estimate(data: InstrumentalModel, small: bool) -> tuple[InstrumentalFit, FloatArray, int]:
    moments = data.moments()
    n = data.sample.n
    k = moments.X.shape[1]
    if n <= k:
        raise insufficient_observations()
    if data.estimator == "gmm":
        clustered = data.wmatrix == "cluster"
        weighting = moments if clustered else Moments(*_without_clusters(moments))
        fit, V, W = gmm(weighting, data.wmatrix, n)
        XZ = moments.cross(moments.X, moments.Z)
        if data.vce.kind == "unadjusted":
            s2 = float(moments.weights @ fit.residuals**2) / n
            S = s2 * moments.cross(moments.Z, moments.Z)
        else:
            S = (moments if data.vce.kind == "cluster" else weighting).meat(moments.Z, fit.residuals)
        V = sandwich(fit.bread, XZ @ W @ S @ W @ XZ.T)
        return fit, V * (n / (n - k) if small else 1.0), k
    exogenous = with_constant(data.exogenous, data.constant)
    fit = two_stage(moments) if data.estimator == "2sls" else liml(moments, data.endogenous.shape[1], exogenous)
    rss = float(moments.weights @ fit.residuals**2)
    if data.vce.kind == "unadjusted":
        return fit, fit.bread * (rss / (n - k if small else n)), k
    correction = n / (n - k) if small else 1.0
    if data.vce.kind == "cluster":
        G = data.sample.n_clusters
        correction = G / (G - 1.0) * (n - 1.0) / (n - k) if small else 1.0
    else:
        moments = Moments(*_without_clusters(moments))
    return fit, sandwich(fit.bread, moments.meat(fit.projected, fit.residuals), correction), k


def _without_clusters(m: Moments) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray | None, bool]:
    return m.y, m.X, m.Z, m.w, m.frequencies


def _post(
    session: Session, line: Line, data: InstrumentalModel, design: Design, exogenous: Design, instruments: Design,
    fit: InstrumentalFit, V: FloatArray, rank: int, level: float, constant: bool,
) -> None:  # fmt: skip
    sample, vce, n = data.sample, data.vce, data.sample.n
    small = line.flag("small")
    w = np.ones(len(data.y)) if sample.w is None else sample.w
    rss = float(w @ fit.residuals**2)
    centre = w @ data.y / w.sum() if constant else 0.0
    tss = float(w @ (data.y - centre) ** 2)
    r2 = 1.0 - rss / tss
    k = rank
    df_m = k - int(constant)
    r2_a = 1.0 - (1.0 - r2) * (n - int(constant)) / (n - k)
    rmse = math.sqrt(rss / (n - k if small else n))
    W, rank_v = wald(fit.b[:df_m], V[:df_m, :df_m])
    df_r = float(sample.n_clusters - 1) if vce.kind == "cluster" else n - k
    scalars = {
        "N": n, "mss": tss - rss, "df_m": float(df_m), "rss": rss, "rmse": rmse, "rank": float(k), "iterations": 0.0,
    }  # fmt: skip
    if r2 >= 0:
        scalars.update(r2=r2, r2_a=r2_a)
    else:
        scalars.update(r2=math.nan, r2_a=math.nan)
    if small:
        F = W / df_m if df_m and rank_v == df_m else math.nan
        scalars.update(df_r=df_r, F=F, p=f_tail(F, df_m, df_r))
        test = f_entry(df_m, df_r, F)
    else:
        scalars.update(chi2=W, p=chi2_tail(W, rank_v))
        test = chi2_entry("Wald", rank_v, W)
    if data.estimator == "gmm":
        scalars["J"] = fit.J
    else:
        scalars["kappa"] = fit.kappa
    if vce.kind == "cluster":
        scalars["N_clust"] = float(sample.n_clusters)
    table = CoefficientTable(
        design.names, design.expand(fit.b), design.expand(V), data.depvar, df_r if small else None, level, vce.heading,
        base_levels=line.flag("baselevels"), data=session.data,
    )  # fmt: skip
    exogenous_names = [c.name for c in (*exogenous.columns, *instruments.columns) if c.active]

    def show() -> None:
        log = session.log
        if not line.flag("noheader"):
            log.line()
            entries = [Entry("Number of obs", count(n)), *test]
            left = [_TITLES[data.estimator]]
            if data.estimator == "gmm":
                entries += [
                    Entry("R-squared", f"{r2:.4f}" if r2 >= 0 else "."),
                    Entry("Root MSE", number(rmse, "%7.0g")),
                ]
                left += ["", "", "", f"GMM weight matrix: {data.wmatrix.capitalize()}"]
            else:
                if r2 >= 0:
                    entries.append(Entry("R-squared", f"{r2:.4f}"))
                entries.append(Entry("Root MSE", number(rmse, "%7.0g")))
            print_header(log, left, entries, label_width=15, value_width=10)
            log.line()
            if vce.kind == "cluster":
                log.line(f"{cluster_note(sample.n_clusters, vce.cluster):>78}")
        if not line.flag("notable"):
            print_coefficients(log, table)
            wrap_names(session, "Endogenous:", data.endogenous_names)
            wrap_names(session, "Exogenous: ", exogenous_names)

    estimation = Estimation(
        {"": design}, table, show, (line.weight.kind, line.weight.expression) if line.weight else ("", ""),
        {"kind": "ivregress", "model": data}, sample.w,
    )  # fmt: skip
    macros = {
        "cmd": "ivregress", "depvar": data.depvar, "title": _TITLES[data.estimator], "estimator": data.estimator,
        "instd": " ".join(data.endogenous_names), "insts": " ".join(exogenous_names),
        "exogr": " ".join(c.name for c in exogenous.columns if c.active), "small": "small" if small else "",
        "wmatrix": data.wmatrix, "constant": "" if constant else "noconstant", "predict": "ivregress_p",
        "estat_cmd": "ivregress_estat", "footnote": "ivreg_footnote", "marginsok": "XB default",
        "marginsnotok": "Residuals SCores", **vce_macros(vce, "unadjusted"),
    }  # fmt: skip
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros)
    show()


def wrap_names(session: Session, label: str, names: list[str]) -> None:
    """`label names …`, continued under the first name."""
    current = label
    for name in names:
        if len(current) + 1 + len(name) > 78:
            session.log.line(current)
            current = " " * len(label)
        current += " " + name
    session.log.line(current)


def first_stage(data: InstrumentalModel, position: int) -> LinearFit:
    """The regression of one endogenous variable on all exogenous variables."""
    X = np.column_stack([data.exogenous, data.instruments])
    vce = Vce("ols") if data.vce.kind == "unadjusted" else data.vce
    return fit_linear(data.endogenous[:, position], X, data.sample, vce, constant=data.constant)


def _first_stages(
    session: Session,
    line: Line,
    data: InstrumentalModel,
    exogenous: Design,
    instruments: Design,
    level: float,
) -> None:
    log = session.log
    log.line()
    log.line("First-stage regressions")
    log.line("-----------------------")
    columns: list[Column] = [*exogenous.columns, *instruments.columns]
    design = Design(columns, data.constant)
    for position, name in enumerate(data.endogenous_names):
        fit = first_stage(data, position)
        log.line()
        entries = [Entry("Number of obs", count(fit.n))]
        if data.vce.kind == "cluster":
            entries.append(Entry("No. of clusters", count(float(data.sample.n_clusters))))
        entries += f_entry(fit.df_m, fit.df_r, fit.F)
        entries += [Entry("R-squared", f"{fit.r2:.4f}"), Entry("Adj R-squared", f"{fit.r2_a:.4f}")]
        entries.append(Entry("Root MSE", number(fit.rmse, "%7.0g")))
        print_header(log, [], entries, label_width=15, value_width=10)
        log.line()
        print_coefficients(log, CoefficientTable(
            design.names, design.expand(fit.b), design.expand(fit.V), name, fit.df_r, level, data.vce.heading,
            data=session.data,
        ))  # fmt: skip
        log.line()
