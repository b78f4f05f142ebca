"""sureg and reg3: systems of equations."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.constraints import Constraints, constraints_of
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Sample,
    SessionSource,
    build_regressors,
    level_of,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    replay,
    store,
    take_sample,
)
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable, number, print_coefficients
from ssd.engine.results import Matrix
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.linear import independent_columns, with_constant
from ssd.engine.stats.systems import SystemFit, fit_system
from ssd.engine.stats.terms import Component, Term, split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

_STORED = (
    "e(N) e(k) e(k_eq) e(mss_#) e(df_m#) e(rss_#) e(r2_#) e(chi2_#) e(p_#) e(F_#) e(df_r) e(rmse_#) e(cons_#) e(ll) "
    "e(ic) e(cmd) e(depvar) e(exog) e(endog) e(method) e(b) e(V) e(Sigma) r(table)"
)


@dataclass
class _Equation:
    name: str
    depvar: str
    outcome: Component
    terms: list[Term]
    constant: bool


def _equations(session: Session, text: str) -> list[_Equation]:
    """`(name: y x1 x2, noconstant) (y2 x3)`."""
    found = re.findall(r"\(([^()]*)\)", text)
    if not found or re.sub(r"\([^()]*\)", "", text).strip():
        raise invalid_syntax()
    equations: list[_Equation] = []
    for body in found:
        left, _, options = body.partition(",")
        constant = True
        if options.strip():
            word = options.strip()
            if not ("noconstant".startswith(word) and len(word) >= 6):
                raise StataError(198, f"option {word} not allowed")
            constant = False
        name = ""
        if ":" in left:
            name, _, left = left.partition(":")
        words = left.replace("=", " ").split()
        outcome, terms = outcome_and_terms(session, split_words(" ".join(words)))
        depvar = operated_name(outcome)
        used = {equation.name for equation in equations}
        base = name.strip() or depvar.replace(".", "_")
        unique, index = base, 2
        while unique in used:
            unique, index = f"{index}{base}", index + 1
        equations.append(_Equation(unique, depvar, outcome, terms, constant))
    return equations


@command(
    "sureg",
    "[anything(everything)] [if] [in] [aweight fweight] [, CORr ISure Small DFK Level(cilevel) CONSTraints(numlist) "
    "noHEader noTABle noLOg]",
    by="recall",
    stored=_STORED + " e(chi2_bp) e(df_bp)",
    refused="depname(), dfk2",
)
def sureg(session: Session, line: Line) -> None:
    """Seemingly unrelated regressions."""
    if not line.text.split(",")[0].strip() and replay(session, line, "sureg"):
        return
    _system(session, line, "sureg", None)


@command(
    "reg3",
    "[anything(everything)] [if] [in] [aweight fweight] [, IReg3 3sls SUre Small DFK Level(cilevel) EXog(string) "
    "ENDog(string) INst(string) CONSTraints(numlist) noHEader noTABle noLOg noFOoter]",
    by="recall",
    stored=_STORED,
    refused="2sls, ols, mvreg, allexog, corr(), dfk2",
)
def reg3(session: Session, line: Line) -> None:
    """Three-stage least squares."""
    if not line.text.split(",")[0].strip() and replay(session, line, "reg3"):
        return
    _system(session, line, "reg3", [] if not line.flag("sure") else None)


@dataclass
class _Fitted:
    equations: list[_Equation]
    designs: dict[str, Design]
    fit: SystemFit
    names: list[str]
    b: FloatArray
    V: FloatArray
    sample: Sample
    restrictions: Constraints | None
    rows: list[dict[str, float]]
    df_r: float | None
    exogenous: list[str]
    endogenous: list[str]
    title: str


def _names_of(equations: list[_Equation], session: Session, line: Line) -> tuple[list[Term], list[str]]:
    """Terms of the exogenous variables of a 3SLS system and the names of the endogenous ones."""
    extra = {key: line.text_option(key) or "" for key in ("exog", "endog", "inst")}
    endogenous = [equation.depvar for equation in equations] + session.expand_varlist(extra["endog"]) \
        if extra["endog"] else [equation.depvar for equation in equations]  # fmt: skip
    exogenous_typed = parse_varlist(session, split_words(extra["exog"])) if extra["exog"] else []
    exogenous_names = {operated_name(term[0]) for term in exogenous_typed}
    endogenous = [name for name in dict.fromkeys(endogenous) if name not in exogenous_names]
    if extra["inst"]:
        terms = parse_varlist(session, split_words(extra["inst"]))
        inside = {operated_name(term[0]) for term in terms}
        every = [operated_name(t[0]) for e in equations for t in e.terms]
        return terms, list(dict.fromkeys([*endogenous, *(name for name in every if name not in inside)]))
    terms = [term for equation in equations for term in equation.terms] + exogenous_typed
    seen: dict[tuple[str, ...], Term] = {}
    for term in terms:
        key = tuple(operated_name(part) for part in term)
        if not (len(term) == 1 and key[0] in endogenous):
            seen.setdefault(key, term)
    return list(seen.values()), endogenous


def _system(session: Session, line: Line, name: str, three_stage: list[str] | None) -> None:
    level = level_of(session, line)
    equations = _equations(session, line.anything)
    source = SessionSource(session)
    instrument_terms: list[Term] = []
    endogenous: list[str] = []
    if three_stage is not None:
        instrument_terms, endogenous = _names_of(equations, session, line)
    every = [(e.outcome,) for e in equations] + [t for e in equations for t in e.terms] + instrument_terms
    sample = take_sample(session, line, source, every)
    designs: dict[str, Design] = {}
    ys, Xs = [], []
    for equation in equations:
        regressors = build_regressors(session, source, equation.terms, sample, constant=equation.constant)
        designs[equation.name] = regressors.design
        Xs.append(with_constant(regressors.X, equation.constant))
        ys.append(source.get(equation.outcome.variable, equation.outcome.operator)[sample.rows])
    Z = None
    exogenous: list[str] = []
    if three_stage is not None:
        instruments = build_regressors(session, source, instrument_terms, sample, check=False)
        kept = independent_columns(instruments.X, sample.w)
        Z = with_constant(instruments.X[:, kept])
        exogenous = [c.name for c, keep in zip(instruments.design.columns, kept, strict=False) if keep]
        for equation, X in zip(equations, Xs, strict=True):
            if X.shape[1] > Z.shape[1]:
                raise StataError(481, f"equation is not identified -- does not meet order conditions\n"
                                 f"Equation {equation.name}")  # fmt: skip
    names = [f"{eq}:{each}" for eq, design in designs.items() for each in design.names]
    active = np.concatenate([design.active for design in designs.values()])
    restrictions = constraints_of(session, line, names, active)
    n = sample.n
    ks = np.array([float(X.shape[1]) for X in Xs])
    divisors = np.full((len(ys), len(ys)), n)
    if line.flag("dfk"):
        divisors = np.sqrt(np.outer(n - ks, n - ks))
    w = np.ones(len(ys[0])) if sample.w is None else sample.w
    fit = fit_system(
        ys, Xs, w, instruments=Z, constraint=None if restrictions is None else restrictions.pair, divisors=divisors,
        iterate=line.flag("isure") or line.flag("ireg3"),
    )  # fmt: skip
    b = np.zeros(len(names))
    b[active] = fit.b
    V = np.zeros((len(names), len(names)))
    V[np.ix_(active, active)] = fit.V
    small = line.flag("small")
    total_k = float(sum(ks)) - (0 if restrictions is None else len(restrictions.r))
    df_r = n * len(ys) - total_k if small else None
    rows = _equation_rows(equations, designs, names, b, V, fit, ys, w, n, small, df_r)
    title = _title(name, line, three_stage is not None)
    fitted = _Fitted(
        equations, designs, fit, names, b, V, sample, restrictions, rows, df_r, exogenous, endogenous, title
    )
    _finish(session, line, name, fitted, level)


def _title(name: str, line: Line, three_stage: bool) -> str:
    if name == "sureg" or not three_stage:
        return "Seemingly unrelated regression" + (", iterated" if line.flag("isure") or line.flag("ireg3") else "")
    return "Three-stage least-squares regression" + (", iterated" if line.flag("ireg3") else "")


def _equation_rows(
    equations: list[_Equation], designs: dict[str, Design], names: list[str], b: FloatArray, V: FloatArray,
    fit: SystemFit, ys: list[FloatArray], w: FloatArray, n: float, small: bool, df_r: float | None,
) -> list[dict[str, float]]:  # fmt: skip
    """Fit and test statistics of each equation."""
    rows = []
    for index, equation in enumerate(equations):
        design = designs[equation.name]
        at = [
            names.index(f"{equation.name}:{each}")
            for each, active in zip(design.names, design.active, strict=True)
            if active and each != "_cons"
        ]
        chi2, rank = wald(b[at], V[np.ix_(at, at)]) if at else (math.nan, 0)
        y = ys[index]
        rss = float(w @ fit.residuals[:, index] ** 2)
        mean = float(w @ y) / float(w.sum()) if equation.constant else 0.0
        tss = float(w @ (y - mean) ** 2)
        k = int(design.active.sum())
        row = {
            "mss": tss - rss, "rss": rss, "r2": 1.0 - rss / tss, "df_m": float(k - int(equation.constant)),
            "rmse": math.sqrt(rss / (n - k if small else n)), "cons": float(equation.constant),
        }  # fmt: skip
        if small and df_r is not None:
            F = chi2 / rank if rank else math.nan
            row.update(F=F, p=f_tail(F, rank, df_r))
        else:
            row.update(chi2=chi2, p=chi2_tail(chi2, rank))
        rows.append(row)
    return rows


def _finish(session: Session, line: Line, name: str, fitted: _Fitted, level: float) -> None:
    n, fit = fitted.sample.n, fitted.fit
    table = CoefficientTable(
        fitted.names, fitted.b, fitted.V, "", fitted.df_r, level, data=session.data, equation_headings=True
    )
    log = session.log
    M = len(fitted.equations)
    sigma = fit.residuals.T @ (fit.residuals * (np.ones(len(fit.residuals)) if fitted.sample.w is None
                                                else fitted.sample.w)[:, None]) / n  # fmt: skip
    scale = np.sqrt(np.diag(sigma))
    correlation = sigma / np.outer(scale, scale)
    first = np.sqrt(np.diag(fit.sigma))
    ols = fit.sigma / np.outer(first, first)
    chi2_bp = n * float(np.sum(np.tril(ols, -1) ** 2))

    def show() -> None:
        log.line()
        log.line(fitted.title)
        if not line.flag("noheader"):
            _print_equations(session, fitted, n)
        if fitted.restrictions is not None:
            for text in fitted.restrictions.lines:
                log.line(text)
        if not line.flag("notable"):
            print_coefficients(log, table)
        if name == "reg3" and not line.flag("nofooter") and fitted.exogenous:
            _print_list(session, "Endogenous", fitted.endogenous)
            _print_list(session, "Exogenous", fitted.exogenous)
            log.line("-" * 78)
        if name == "sureg" and line.flag("corr"):
            _print_correlation(session, fitted, ols, chi2_bp)

    estimation = Estimation(
        fitted.designs, table, show,
        (line.weight.kind, line.weight.expression) if line.weight is not None else ("", ""), {}, fitted.sample.w,
    )  # fmt: skip
    estimation.predictions["statistics"] = _statistics(fitted.equations)
    _, logdet = np.linalg.slogdet(sigma)
    scalars = {"N": n, "k": float(len(fitted.names)), "k_eq": float(M), "ic": float(fit.iterations),
               "ll": -0.5 * n * (M * (math.log(2.0 * math.pi) + 1.0) + logdet)}  # fmt: skip
    for index, row in enumerate(fitted.rows, 1):
        scalars.update({(f"df_m{index}" if key == "df_m" else f"{key}_{index}"): value for key, value in row.items()})
    if fitted.df_r is not None:
        scalars["df_r"] = fitted.df_r
    if name == "sureg" and line.flag("corr"):
        scalars.update(chi2_bp=chi2_bp, df_bp=M * (M - 1) / 2.0)
    method = {"sureg": "isure" if line.flag("isure") else "sure"}.get(
        name, "ireg3" if line.flag("ireg3") else "3sls" if fitted.exogenous else "sure"
    )
    macros = {
        "cmd": name, "depvar": " ".join(e.depvar for e in fitted.equations), "method": method,
        "eqnames": " ".join(e.name for e in fitted.equations), "exog": " ".join(fitted.exogenous),
        "endog": " ".join(fitted.endogenous), "predict": "reg3_p", "small": "small" if fitted.df_r else "",
    }  # fmt: skip
    eqnames = [e.name for e in fitted.equations]
    matrices = {"Sigma": Matrix(sigma, eqnames, list(eqnames))}
    store(session, line, estimation, sample=fitted.sample.rows, scalars=scalars, macros=macros, matrices=matrices)
    session.e.hidden["residual correlation"] = correlation
    show()


def _statistics(equations: list[_Equation]) -> Statistics:
    depvars = {equation.name: equation.depvar for equation in equations}

    def residuals(request: object) -> FloatArray:
        from ssd.engine.commands.postestimation_predict import Request, _equation_name

        assert isinstance(request, Request)
        name = _equation_name(request.estimation, request.line.text_option("equation")) or next(iter(depvars))
        y = request.session.evaluate_numbers(depvars[name])[request.rows]
        return y - request.xb

    return Statistics({"residuals": residuals}, "xb", "(option xb assumed; fitted values)", equations[0].depvar)


def _print_equations(session: Session, fitted: _Fitted, n: float) -> None:
    log = session.log
    log.line("-" * 78)
    test = "F" if fitted.df_r is not None else "chi2"
    tail = "P>F" if fitted.df_r is not None else "P>chi2"
    log.line(f'Equation             Obs   Params         RMSE  "R-squared"{test:>11}{tail:>9}')
    log.line("-" * 78)
    for equation, row in zip(fitted.equations, fitted.rows, strict=True):
        value = row.get("chi2", row.get("F", math.nan))
        name = equation.name if len(equation.name) <= 12 else equation.name[:10] + "~" + equation.name[-1]
        log.line(
            f"{name:<16}{n:>8,.0f}{row['df_m']:>9.0f}{number(row['rmse'], '%9.0g'):>13}{row['r2']:>11.4f}"
            f"{value:>12.2f}{row['p']:>9.4f}"
        )
    log.line("-" * 78)
    log.line()


def _print_list(session: Session, label: str, names: list[str]) -> None:
    text = f"{label}: "
    for name in names:
        if len(text) + len(name) > 78:
            session.log.line(text.rstrip())
            text = " " * (len(label) + 2)
        text += name + " "
    session.log.line(text.rstrip())


def _print_correlation(session: Session, fitted: _Fitted, correlation: FloatArray, chi2: float) -> None:
    log = session.log
    names = [equation.name[:12] for equation in fitted.equations]
    log.line()
    log.line("Correlation matrix of residuals:")
    log.line()
    log.line(" " * 12 + "".join(f"{name:>14}" for name in names))
    for i, name in enumerate(names):
        log.line(f"{name:>12}" + "".join(f"{correlation[i, j]:>14.4f}" for j in range(i + 1)))
    df = len(names) * (len(names) - 1) // 2
    log.line()
    log.line(f"Breusch–Pagan test of independence: chi2({df}) = {chi2:9.3f}, Pr = {chi2_tail(chi2, df):.4f}")
