"""clogit, and xtlogit and xtpoisson with effects conditioned out or random."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.discrete_binary import restrict
from ssd.engine.commands.estimation import (
    Sample,
    SessionSource,
    Vce,
    build_regressors,
    key_values,
    level_of,
    offset_of,
    operated_name,
    outcome_and_terms,
    parse_vce,
    replay,
    take_sample,
)
from ssd.engine.commands.maximum import ML_OPTIONS, MlResult, finish, likelihood_word, model_test
from ssd.engine.commands.panel import panel_variable
from ssd.engine.commands.panel_count import gamma_poisson
from ssd.engine.commands.panel_gee import fit_population_averaged
from ssd.engine.commands.panel_quadrature_models import LOGIT, POISSON, QUADRATURE, chosen_model, fit_normal
from ssd.engine.commands.postestimation_statistics import Statistics, inverse_link
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.estimation import Entry, count, number
from ssd.engine.stats.covariance import IndexArray, group_ids, sandwich, sum_by_group
from ssd.engine.stats.design import Design
from ssd.engine.stats.grouped import Conditional, ConditionalPoisson, GroupMaximum, maximize_groups
from ssd.engine.stats.linear import independent_columns

if TYPE_CHECKING:
    from ssd.engine.commands.postestimation_predict import Request
    from ssd.engine.session import Session

_VARLIST = "[varlist(numeric fv ts default=none)] [if] [in] "
_STORED = (
    "e(N) e(N_g) e(N_drop) e(N_group_drop) e(k) e(df_m) e(r2_p) e(ll) e(ll_0) e(chi2) e(p) e(g_min) e(g_avg) e(g_max) "
    "e(N_clust) e(cmd) e(depvar) e(group) e(ivar) e(offset) e(vce) e(b) e(V) r(table)"
)


class _Panel:
    """Sample, groups and regressors of one command line."""

    def __init__(self, session: Session, line: Line, group: str, *, binary: bool) -> None:
        self.session, self.line, self.group = session, line, group
        self.level = level_of(session, line)
        self.vce: Vce = parse_vce(session, line, ("oim", "robust", "cluster"), "oim")
        source = SessionSource(session)
        outcome, terms = outcome_and_terms(session, line.varlist)
        self.depvar = operated_name(outcome)
        sample = take_sample(session, line, source, [(outcome,), *terms], self.vce, [group])
        offset, self.offset_name = offset_of(session, line, sample.rows)
        if offset is not None:
            sample = restrict(session, sample, self.vce, ~is_missing(offset[sample.rows]))
        y_all = source.get(outcome.variable, outcome.operator)
        self.dropped_groups = self.dropped = 0
        sample = self._drop_uninformative(sample, y_all, binary)
        self.sample: Sample = sample
        self.ids: IndexArray = group_ids(key_values(session, group)[sample.rows])[0]
        regressors = build_regressors(session, source, terms, sample, constant=False)
        self.design: Design = regressors.design
        self.X = self._drop_invariant(regressors.X)
        y = y_all[sample.rows]
        self.y: FloatArray = (y != 0.0).astype(np.float64) if binary else y
        self.offset = None if offset is None else offset[sample.rows]

    def _drop_uninformative(self, sample: Sample, y_all: FloatArray, binary: bool) -> Sample:
        """Leave out groups whose outcomes say nothing about the coefficients, with a note."""
        ids, groups = group_ids(key_values(self.session, self.group)[sample.rows])
        y = y_all[sample.rows]
        sizes = np.bincount(ids, minlength=groups)
        log = self.session.log
        if binary:
            positive = np.bincount(ids, weights=(y != 0.0).astype(np.float64), minlength=groups)
            useless = (positive == 0) | (positive == sizes)
            if np.any((positive > 1) & ~useless) and self.line.command in {"clogit", "xtlogit"}:
                log.line("note: multiple positive outcomes within groups encountered.")
            note = "all positive or\n      all negative outcomes."
        else:
            useless = (np.bincount(ids, weights=y, minlength=groups) == 0) | (sizes < 2)
            note = "all zero\n      outcomes or only one obs per group."
        if not useless.any():
            return sample
        self.dropped_groups, self.dropped = int(useless.sum()), int(sizes[useless].sum())
        if useless.all():
            raise StataError(2000, "outcome does not vary in any group")
        plural = "s" if self.dropped_groups != 1 else ""
        text = f"note: {self.dropped_groups:,} group{plural} ({self.dropped:,} obs) omitted because of {note}"
        for part in text.split("\n"):
            log.line(part)
        return restrict(self.session, sample, self.vce, ~useless[ids])

    def _drop_invariant(self, X: FloatArray) -> FloatArray:
        groups = int(self.ids.max()) + 1
        sizes = np.bincount(self.ids, minlength=groups)[:, None]
        centred = X - (sum_by_group(X, self.ids, groups) / sizes)[self.ids] if X.shape[1] else X
        from ssd.engine.stats.panel import own_scales

        kept = independent_columns(centred, None, constant=False, scales=own_scales(X, None))
        if not kept.all():
            active = [c for c in self.design.columns if c.active]
            for column, keep in zip(active, kept, strict=True):
                if not keep:
                    self.session.log.line(f"note: {column.name} omitted because of no within-group variance.")
            notes = list(self.design.notes)
            self.design.omit(kept)
            self.design.notes = notes
        return X[:, kept]

    @property
    def sizes(self) -> FloatArray:
        return np.bincount(self.ids).astype(np.float64)

    def covariance(self, fit: GroupMaximum) -> FloatArray:
        """oim, or clustered on groups (or on coarser clusters) by G/(G-1)."""
        if not self.vce.is_robust:
            return fit.covariance
        scores = fit.scores
        G = len(scores)
        if self.vce.kind == "cluster":
            clusters, G = group_ids(key_values(self.session, self.vce.cluster)[self.sample.rows])
            pairs = np.unique(np.column_stack([self.ids, clusters]), axis=0)
            if len(pairs) != len(scores):
                raise StataError(498, f"panels are not nested within {self.vce.cluster}")
            scores = sum_by_group(scores, pairs[:, 1].astype(np.intp), G)
        if G < 2:
            raise insufficient_observations()
        return sandwich(fit.covariance, scores.T @ scores, G / (G - 1.0))

    def log(self, fit: GroupMaximum, heading: str = "") -> None:
        if self.line.flag("nolog"):
            return
        if heading:
            self.session.log.line()
            self.session.log.line(heading)
        self.session.log.line()
        for i, value in enumerate(fit.iterations):
            shown = f"{likelihood_word(self.vce)} = {number(value, '%10.0g'):>10}"
            self.session.log.line(f"{f'Iteration {i}:':<13} {shown}")

    def group_entries(self) -> list[Entry]:
        sizes = self.sizes
        return [
            Entry("Number of groups", count(float(len(sizes)))), Entry("", ""), Entry("Obs per group:", ""),
            Entry("             min", f"{sizes.min():,.0f}"), Entry("             avg", f"{sizes.mean():,.1f}"),
            Entry("             max", f"{sizes.max():,.0f}"), Entry("", ""),
        ]  # fmt: skip

    def result(self, title: str, name: str, fit: GroupMaximum, ll_0: float | None) -> MlResult:
        design = self.design
        names = [f"{self.depvar}:{each}" for each in design.names]
        b, V = design.expand(fit.coefficients), design.expand(self.covariance(fit))
        df_m = int(design.active.sum())
        result = MlResult(title, name, self.depvar, {self.depvar: design}, names, b, V, fit.log_likelihood, ll_0, df_m,
                          self.sample, self.vce, f"{name}_p")  # fmt: skip
        slopes = [j for j, flag in enumerate(design.active) if flag]
        model_test(result, slopes, likelihood_ratio=not self.vce.is_robust and ll_0 is not None)
        sizes = self.sizes
        result.scalars.update(
            N_g=float(len(sizes)), g_min=float(sizes.min()), g_avg=float(sizes.mean()), g_max=float(sizes.max()),
            N_drop=float(self.dropped), N_group_drop=float(self.dropped_groups),
        )  # fmt: skip
        result.macros.update(offset=self.offset_name, ivar=self.group, group=self.group)
        result.predictions["offset"] = self.offset_name
        return result


@command(
    "clogit",
    _VARLIST + "[fweight iweight pweight] [, GRoup(varname) STRATA(varname) OFFset(varname) OR " + ML_OPTIONS + "]",
    minimum=4,
    by="recall",
    stored=_STORED,
    refused="weights, constraints(), nonest, vce(bootstrap)",
)
def clogit(session: Session, line: Line) -> None:
    """Conditional (fixed-effects) logistic regression."""
    if replay(session, line, "clogit"):
        return
    group = line.text_option("group") or line.text_option("strata")
    if not group:
        raise StataError(198, "option group() required")
    _refuse(line)
    panel = _Panel(session, line, session.variable_named(group), binary=True)
    _conditional_logit(session, line, panel, "clogit", "Conditional (fixed-effects) logistic regression")


def _refuse(line: Line) -> None:
    if line.options.get("constraints"):
        raise unsupported("option constraints() is")
    if line.weight is not None:
        raise unsupported(f"{line.weight.kind}s with {line.command} are")


def _conditional_logit(session: Session, line: Line, panel: _Panel, name: str, title: str) -> None:
    model = Conditional(panel.y, panel.X, panel.ids, offset=panel.offset)
    null = float(Conditional(panel.y, panel.X[:, :0], panel.ids, offset=panel.offset)(np.zeros(0))[0].sum())
    fit = maximize_groups(model, np.zeros(panel.X.shape[1]))
    panel.log(fit)
    result = panel.result(title, name, fit, null)
    if name == "xtlogit":
        _as_panel(panel, result)

    def pu0(request: Request) -> FloatArray:
        return inverse_link("logit", request.xb)

    def pc1(request: Request) -> FloatArray:
        """Probability of a positive outcome given one per group."""
        e = np.exp(request.xb)
        ids, groups = group_ids(key_values(session, panel.group)[request.rows])
        return np.asarray(e / np.bincount(ids, weights=e, minlength=groups)[ids], dtype=np.float64)

    note = "(option pc1 assumed; probability of success given one success within group)"
    result.predictions["statistics"] = Statistics({"pc1": pc1, "pu0": pu0}, "pc1", note, panel.depvar)
    finish(session, line, result, panel.level, "Odds ratio" if line.flag("or") else None)


_XT = _VARLIST + "[fweight iweight pweight] [, FE RE PA " + QUADRATURE
_XT_REFUSED = "weights, constraints(), lrmodel, vce(bootstrap)"


@command("xtlogit", _XT + "ASIS OR " + ML_OPTIONS + "]", by="recall", stored=_STORED, refused=_XT_REFUSED)
def xtlogit(session: Session, line: Line) -> None:
    """Fixed- and random-effects logit for panel data."""
    if replay(session, line, "xtlogit"):
        return
    model = chosen_model(line, ("re", "fe", "pa"))
    if model == "re":
        fit_normal(session, line, LOGIT)
        return
    if model == "pa":
        fit_population_averaged(
            session, line, "xtlogit", "binomial", "logit", "Odds ratio" if line.flag("or") else None
        )
        return
    _refuse(line)
    panel = _Panel(session, line, panel_variable(session, line.text_option("i")), binary=True)
    _conditional_logit(session, line, panel, "xtlogit", "Conditional fixed-effects logistic regression")


@command("xtpoisson", _XT + "Exposure(varname) NORMAL IRr " + ML_OPTIONS + "]", minimum=5, by="recall", stored=_STORED,
         refused=_XT_REFUSED)  # fmt: skip
def xtpoisson(session: Session, line: Line) -> None:
    """Fixed- and random-effects Poisson for panel data."""
    if replay(session, line, "xtpoisson"):
        return
    model = chosen_model(line, ("re", "fe", "pa"))
    if line.flag("normal") and model != "re":
        raise StataError(198, "option normal not allowed")
    if model == "pa":
        fit_population_averaged(session, line, "xtpoisson", "poisson", "log", "IRR" if line.flag("irr") else None)
        return
    if model == "re":
        if line.flag("normal"):
            fit_normal(session, line, POISSON)
        else:
            gamma_poisson(session, line)
        return
    _refuse(line)
    panel = _Panel(session, line, panel_variable(session, line.text_option("i")), binary=False)
    if np.any(panel.y < 0.0):
        raise StataError(459, f"{panel.depvar} must be greater than or equal to zero")
    fit = maximize_groups(ConditionalPoisson(panel.y, panel.X, panel.ids, panel.offset), np.zeros(panel.X.shape[1]))
    panel.log(fit)
    result = panel.result("Conditional fixed-effects Poisson regression", "xtpoisson", fit, None)
    _as_panel(panel, result)
    result.predictions["statistics"] = Statistics(
        {"nu0": lambda request: np.asarray(np.exp(request.xb), dtype=np.float64)}, "xb",
        "(option xb assumed; linear prediction)", panel.depvar,
    )  # fmt: skip
    finish(session, line, result, panel.level, "IRR" if line.flag("irr") else None)


def _as_panel(panel: _Panel, result: MlResult) -> None:
    result.header_extra = panel.group_entries()
    result.header_left = [f"Group variable: {panel.group}"]
    result.pseudo = False
    result.macros["model"] = "fe"
