"""streg: parametric survival models."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import replay
from ssd.engine.commands.maximum import MlResult, finish, model_test
from ssd.engine.commands.survival_models import (
    SHOW_OPTIONS,
    VCE_OPTIONS,
    ModelSetup,
    design_of,
    model_terms,
    open_model,
    print_iterations,
    print_survival_header,
    refuse_constraints,
    require_failures,
)
from ssd.engine.commands.survival_streg_predict import parametric_predictor, predict_parametric
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable, coefficient_row, number
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail, critical
from ssd.engine.stats.likelihood import Equation, Maximum, maximize
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.survival_parametric import Distribution, Parametric, distribution

if TYPE_CHECKING:
    from ssd.engine.session import Session

_NAMES = (
    ("exponential", 1, "exponential"), ("weibull", 1, "weibull"), ("gompertz", 3, "gompertz"),
    ("lognormal", 4, "lognormal"), ("lnormal", 2, "lognormal"), ("loglogistic", 4, "loglogistic"),
    ("llogistic", 2, "loglogistic"), ("ggamma", 4, "ggamma"), ("gamma", 3, "ggamma"),
)  # fmt: skip
_STORED = (
    "e(N) e(N_sub) e(N_fail) e(k) e(k_eq) e(k_aux) e(df_m) e(ll) e(ll_0) e(ll_c) e(N_clust) e(chi2) e(chi2_c) e(p) "
    "e(risk) e(tmin) e(tmax) e(aux_p) e(gamma) e(sigma) e(kappa) e(theta) e(rank) e(cmd) e(cmd2) e(cmdline) e(depvar) "
    "e(distribution) e(frm2) e(frailty) e(t0) e(title) e(offset) e(vce) e(vcetype) e(clustvar) e(chi2type) e(b) e(V) "
    "r(table)"
)
_GRAMMAR = (
    "[varlist(numeric fv ts default=none)] [if] [in] [, Distribution(string) FRailty(string) TIMe noCONStant "
    "OFFset(varname) STrata(varname) SHared(varname) ANCillary(string) ANC2(string) CONSTraints(numlist) COLlinear "
    "HR noHR TRatio noLRtest "
)


@command("streg", _GRAMMAR + VCE_OPTIONS + " " + SHOW_OPTIONS + "]", by="recall", stored=_STORED,
         refused="strata(), shared(), anc2(), constraints(), predict of times and hazards with frailty()")  # fmt: skip
def streg(session: Session, line: Line) -> None:
    """Parametric survival models: exponential, Weibull, Gompertz, lognormal, loglogistic, generalized gamma."""
    if not line.text.strip() and session.e.macros.get("cmd2") == "streg":
        replay(session, line, session.e.macros["cmd"])
        return
    refuse_constraints(line)
    for name in ("strata", "shared", "anc2"):
        if line.text_option(name):
            raise unsupported(f"option {name}() of streg is")
    kind = _distribution(line)
    frailty = _frailty(line)
    terms = model_terms(session, line.varlist)
    extra_terms = model_terms(session, (line.text_option("ancillary") or "").split())
    if extra_terms and not kind.ancillary:
        raise StataError(198, "option ancillary() not allowed with distribution(exponential)")
    setup = open_model(session, line, [*terms, *extra_terms], ("oim", "robust", "cluster", "opg"), "oim")
    require_failures(setup.records)
    constant = not line.flag("noconstant")
    design, X = design_of(setup, terms, constant=constant)
    designs = {"_t": design}
    Z: FloatArray | None = None
    if extra_terms:
        extra, Z = design_of(setup, extra_terms, constant=True)
        designs[kind.ancillary[0]] = extra
    _Fit(session, line, setup, kind, frailty, designs, X, Z, constant).run()


def _distribution(line: Line) -> Distribution:
    typed = (line.text_option("distribution") or "").strip()
    if not typed:
        raise StataError(198, "option distribution() required")
    name = next((full for word, least, full in _NAMES if word.startswith(typed) and len(typed) >= least), None)
    if name is None:
        raise StataError(198, f"distribution({typed}) not allowed")
    time = line.flag("time") or line.flag("tratio")
    if time and name == "gompertz":
        raise StataError(198, "option time not allowed with distribution(gompertz)")
    kind = distribution(name, time=time)
    if line.flag("tratio") and kind.hazard_metric:
        raise StataError(198, "option tratio not allowed in the hazard metric")
    return kind


def _frailty(line: Line) -> str:
    typed = (line.text_option("frailty") or "").strip()
    if not typed:
        return ""
    found = next((name for name in ("gamma", "invgaussian") if name.startswith(typed)), None)
    if found is None:
        raise StataError(198, f"frailty({typed}) not allowed")
    return found


class _Fit:
    """One streg: null and full model, results, what is printed."""

    def __init__(
        self, session: Session, line: Line, setup: ModelSetup, kind: Distribution, frailty: str,
        designs: dict[str, Design], X: FloatArray, Z: FloatArray | None, constant: bool,
    ) -> None:  # fmt: skip
        self.session, self.line, self.setup, self.kind, self.frailty = session, line, setup, kind, frailty
        self.designs, self.X, self.Z, self.constant = designs, X, Z, constant
        records = setup.records
        self.model = Parametric(kind, records.t0, records.t, records.d, frailty)
        self.plain = Parametric(kind, records.t0, records.t, records.d)
        self.w = records.w
        self.aux = list(kind.ancillary[1:] if Z is not None else kind.ancillary)
        self.aux += ["lntheta"] if frailty else []

    def _equations(self, X: FloatArray | None, *, full: bool, frailty: bool) -> list[Equation]:
        first = Equation(X, self.setup.offset)
        rest = [Equation(None) for _ in self.kind.ancillary]
        if full and self.Z is not None:
            rest[0] = Equation(with_constant(self.Z, True))
        return [first, *rest, *([Equation(None)] if frailty else [])]

    def _start(self, width: int, constant: bool) -> FloatArray:
        """Constant at the exponential rate, ancillary parameters at values that make the model exponential."""
        r = self.setup.records
        log_rate = math.log(max(r.failures, 0.5) / r.time_at_risk)
        b = np.zeros(width)
        if constant:
            b[-1] = log_rate if self.kind.hazard_metric else -log_rate
        aux = {"ln_p": 0.0, "gamma": 0.0, "lnsigma": 0.0, "lngamma": 0.0}
        return np.concatenate([b, [aux[name] for name in self.kind.ancillary]])

    def _maximize(self, X: FloatArray | None, start: FloatArray, *, full: bool, frailty: bool) -> Maximum:
        model = self.model if frailty else self.plain
        return maximize(model, self._equations(X, full=full, frailty=frailty), start, self.w)

    def _from_lognormal(self, X: FloatArray) -> FloatArray:
        """The lognormal model is the generalized gamma with kappa 0: a point from which the latter is found."""
        r = self.setup.records
        lognormal = Parametric(distribution("lognormal", time=True), r.t0, r.t, r.d)
        begin = np.zeros(X.shape[1] + 1)
        begin[-2 if self.constant else -1] = float(np.log(r.t).mean()) if self.constant else 0.0
        found = maximize(lognormal, [Equation(X, self.setup.offset), Equation(None)], begin, self.w)
        return np.append(found.coefficients, 0.1)

    def run(self) -> None:
        line, session, vce = self.line, self.session, self.setup.vce
        n = len(self.w)
        null: Maximum | None = None
        if self.constant:
            ones = np.ones((n, 1))
            begin = self._from_lognormal(ones) if self.kind.name == "gamma" else self._start(1, True)
            null = self._maximize(ones, begin, full=False, frailty=False)
        full_X = with_constant(self.X, self.constant)
        if self.kind.name == "gamma":
            start = self._from_lognormal(full_X)
        elif null is not None:
            start = np.concatenate([np.zeros(full_X.shape[1] - 1), null.coefficients])
        else:
            start = self._start(full_X.shape[1], self.constant)
        if self.Z is not None:
            k = full_X.shape[1]
            start = np.concatenate([start[:k], np.zeros(self.Z.shape[1]), start[k:]])
        plain = self._maximize(full_X, start, full=True, frailty=False)
        found, ll_0 = plain, None if null is None else null.log_likelihood
        if null is not None and self.Z is not None:
            k = self.Z.shape[1]
            begin = np.concatenate([null.coefficients[:1], np.zeros(k), null.coefficients[1:]])
            ll_0 = self._maximize(np.ones((n, 1)), begin, full=True, frailty=False).log_likelihood
        if self.frailty:
            found = self._maximize(full_X, np.append(plain.coefficients, -1.0), full=True, frailty=True)
            if self.Z is not None:
                raise unsupported("ancillary() with frailty() is")
            if null is not None:
                begin = np.append(null.coefficients, -1.0)
                ll_0 = self._maximize(np.ones((n, 1)), begin, full=False, frailty=True).log_likelihood
        if not line.flag("nolog"):
            session.log.line()
            if null is not None and self.kind.ancillary:
                print_iterations(session, line, null.iterations, vce, "Fitting constant-only model:")
                session.log.line()
                session.log.line("Fitting full model:")
                session.log.line()
            print_iterations(session, line, found.iterations, vce)
        self._finish(found, plain, ll_0)

    def _finish(self, found: Maximum, plain: Maximum, ll_0: float | None) -> None:
        line, setup = self.line, self.setup
        names = [f"{eq}:{name}" for eq, design in self.designs.items() for name in design.names]
        active = np.concatenate([design.active for design in self.designs.values()]).astype(bool)
        names += [f"/:{name}" for name in self.aux]
        active = np.concatenate([active, np.ones(len(self.aux), dtype=bool)])
        b, V = np.zeros(len(names)), np.zeros((len(names), len(names)))
        b[active] = found.coefficients
        V[np.ix_(active, active)] = setup.covariance(found.covariance, found.scores)
        design = self.designs["_t"]
        df_m = int(design.active.sum()) - int(self.constant)
        result = MlResult(self.kind.title, self.kind.name, "_t", self.designs, names, b, V, found.log_likelihood, ll_0,
                          df_m, setup.sample, setup.vce, "streg_p")  # fmt: skip
        slopes = [j for j, name in enumerate(design.names) if design.active[j] and name != "_cons"]
        model_test(result, slopes, likelihood_ratio=not setup.vce.is_robust and ll_0 is not None)
        result.untransformed = frozenset(self.kind.ancillary)
        titles = [self.kind.title]
        if self.frailty:
            titles.append("Gamma frailty" if self.frailty == "gamma" else "Inverse-Gaussian frailty")
        result.header = lambda: print_survival_header(setup, result, titles)
        result.pseudo = False
        self._store(result, found, plain)
        ratio = self.kind.hazard_metric and not line.flag("nohr")
        heading = "Haz. ratio" if ratio else ("Time ratio" if line.flag("tratio") else None)
        result.no_footer = True
        result.footer = lambda table: self._footer(table, result, found, plain)
        finish(self.session, line, result, setup.level, heading)

    def _store(self, result: MlResult, found: Maximum, plain: Maximum) -> None:
        setup, kind = self.setup, self.kind
        result.scalars.update(setup.scalars(), k_eq=float(1 + len(kind.ancillary) + bool(self.frailty)),
                              k_aux=float(len(self.aux)))  # fmt: skip
        values = dict(zip(self.aux, result.b[len(result.b) - len(self.aux) :], strict=True))
        stored = {"ln_p": "aux_p", "lnsigma": "sigma", "lngamma": "gamma", "lntheta": "theta"}
        for name, value in values.items():
            if name in stored:
                result.scalars[stored[name]] = math.exp(float(value))
            else:
                result.scalars[name] = float(value)
        if self.frailty:
            result.scalars.update(ll_c=plain.log_likelihood,
                                  chi2_c=max(2.0 * (found.log_likelihood - plain.log_likelihood), 0.0))  # fmt: skip
        name = next(full for word, _, full in _NAMES if full and distribution(full, time=False).name == kind.name)
        result.macros.update(
            cmd2="streg", t0="_t0", distribution=name, dist=name, frm2="hazard" if kind.hazard_metric else "time",
            fr_title=self.frailty, frailty=self.frailty, offset=setup.offset_name, stcurve="stcurve",
        )  # fmt: skip
        result.predictions.update(offset=setup.offset_name, predict_several=predict_parametric,
                                  predictor=parametric_predictor)  # fmt: skip

    def _footer(self, table: CoefficientTable, result: MlResult, found: Maximum, plain: Maximum) -> None:
        log = self.session.log
        z = critical(table.level, None)
        rows: list[tuple[str, float, float, float, float]] = []

        def exponentiated(label: str, source: str, sign: float = 1.0) -> None:
            if source not in self.aux:
                return
            j = result.names.index(f"/:{source}")
            value, se = sign * float(result.b[j]), math.sqrt(float(result.V[j, j]))
            rows.append((label, math.exp(value), math.exp(value) * se, math.exp(value - z * se),
                         math.exp(min(value + z * se, 700.0))))  # fmt: skip

        exponentiated("p", "ln_p")
        exponentiated("1/p", "ln_p", -1.0)
        exponentiated("sigma", "lnsigma")
        exponentiated("gamma", "lngamma")
        exponentiated("theta", "lntheta")
        if rows:
            log.line("-" * (table.width + 1) + "+" + "-" * 64)
            for label, value, se, low, high in rows:
                log.line(f"{label:>{table.width}} |" + coefficient_row(value, se, 0.0, 0.0, low, high, tests=False))
        log.line("-" * (table.width + 66))
        if self.frailty and not self.setup.vce.is_robust and not self.line.flag("nolrtest"):
            chi2 = result.scalars["chi2_c"]
            p = 0.5 * chi2_tail(chi2, 1) if chi2 > 0 else 1.0
            text = f"LR test of theta=0: chibar2(01) = {number(chi2, '%8.2f')}"
            log.line(text + f"Prob >= chibar2 = {p:.3f}".rjust(78 - len(text)))
        if table.eform and self.constant and self.kind.hazard_metric:
            log.line("Note: _cons estimates baseline hazard.")
