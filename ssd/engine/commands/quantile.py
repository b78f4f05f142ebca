"""qreg, bsqreg and sqreg: quantile regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Regressors,
    Sample,
    SessionSource,
    build_regressors,
    level_of,
    operated_name,
    outcome_and_terms,
    replay,
    store,
    take_sample,
)
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable, Entry, count, number, print_coefficients, print_header
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.quantile import (
    KERNELS,
    bandwidth,
    check_loss,
    quantile_covariance,
    quantile_fit,
    sample_quantile,
    sparsity,
)

if TYPE_CHECKING:
    from ssd.engine.session import Session

_BANDWIDTHS = (("hsheather", 2), ("bofinger", 2), ("chamberlain", 2))
_METHODS = (("fitted", 3), ("residual", 3), ("kernel", 3))
_KERNEL_NAMES = (
    ("epanechnikov", 2), ("epan2", 5), ("biweight", 2), ("cosine", 3), ("gaussian", 2), ("parzen", 3),
    ("rectangle", 3), ("triangle", 3),
)  # fmt: skip
_GRAMMAR = "[varlist(numeric fv ts default=none)] [if] [in] "
_STORED = (
    "e(N) e(df_m) e(df_r) e(q) e(q_v) e(sum_adev) e(sum_rdev) e(r2_p) e(f_r) e(sparsity) e(bwidth) e(kbwidth) e(rank) "
    "e(convcode) e(cmd) e(depvar) e(bwmethod) e(denmethod) e(kernel) e(vce) e(b) e(V) r(table)"
)


def _named(word: str, names: tuple[tuple[str, int], ...]) -> str | None:
    return next((name for name, least in names if name.startswith(word) and len(word) >= least), None)


def _quantile(line: Line) -> float:
    typed = line.options.get("quantile")
    q = float(typed) if isinstance(typed, int | float) else 0.5
    if q >= 1.0:
        q /= 100.0
    if not 0.0 < q < 1.0:
        raise StataError(198, "quantile() must be between 0 and 1")
    return q


def _variance_method(line: Line) -> tuple[bool, str, str, str]:
    """iid?, density method, bandwidth and kernel of vce()."""
    typed = line.text_option("vce")
    if typed is None:
        return True, "fitted", "hsheather", ""
    kind, _, options = typed.partition(",")
    kind = kind.strip()
    if kind not in {"iid", "robust", "r", "ro", "rob", "robu", "robus"}:
        raise StataError(198, f"vcetype {kind} not allowed")
    method, width, kernel = "", "hsheather", ""
    for word in options.replace("(", " ( ").replace(")", " ) ").replace(" ( ", "(").replace(" )", ")").split():
        name, _, inner = word.partition("(")
        if (found := _named(name, _BANDWIDTHS)) is not None:
            width = found
        elif (found := _named(name, _METHODS)) is not None:
            method = found
            if inner:
                kernel = _named(inner.rstrip(")"), _KERNEL_NAMES) or ""
                if method != "kernel" or kernel not in KERNELS:
                    raise StataError(198, f"option {word} not allowed")
        else:
            raise StataError(198, f"option {word} not allowed")
    method = method or "fitted"
    if kind != "iid" and method == "residual":
        raise StataError(198, "option residual not allowed with vce(robust)")
    return kind == "iid", method, width, kernel or ("epanechnikov" if method == "kernel" else "")


class _Problem:
    """Outcome, regressors and sample of one command line."""

    def __init__(self, session: Session, line: Line) -> None:
        source = SessionSource(session)
        outcome, terms = outcome_and_terms(session, line.varlist)
        self.depvar = operated_name(outcome)
        self.sample: Sample = take_sample(session, line, source, [(outcome,), *terms])
        self.regressors: Regressors = build_regressors(session, source, terms, self.sample)
        self.X = with_constant(self.regressors.X)
        self.y: FloatArray = source.get(outcome.variable, outcome.operator)[self.sample.rows]
        if len(self.y) <= self.X.shape[1]:
            raise StataError(2001, "insufficient observations")

    def deviations(self, q: float, b: FloatArray) -> tuple[float, float, float]:
        """Raw and minimal sum of weighted deviations and the raw quantile."""
        w = np.ones(len(self.y))
        raw = float(sample_quantile(self.y, np.array([q]))[0])
        return check_loss(self.y - raw, q, w), check_loss(self.y - self.X @ b, q, w), raw


@command(
    "qreg",
    _GRAMMAR + "[, Quantile(real 0.5) Level(cilevel) vce(string) noLOg ITERate(integer 300) BASElevels]",
    by="recall",
    stored=_STORED,
    refused="weights, wlsiter(), trace",
)
def qreg(session: Session, line: Line) -> None:
    """Quantile regression."""
    if replay(session, line, "qreg"):
        return
    q = _quantile(line)
    level = level_of(session, line)
    iid, method, width, kernel = _variance_method(line)
    problem = _Problem(session, line)
    b = quantile_fit(problem.X, problem.y, q)
    h = bandwidth(width, q, problem.sample.n, level)
    found = sparsity(problem.X, problem.y, b, q, method, h, kernel, iid=iid)
    V = quantile_covariance(problem.X, q, found, iid=iid)
    raw, minimal, value = problem.deviations(q, b)
    df_r = problem.sample.n - problem.X.shape[1]
    design = problem.regressors.design
    table = CoefficientTable(
        design.names, design.expand(b), design.expand(V), problem.depvar, df_r, level, "" if iid else "Robust",
        base_levels=line.flag("baselevels"), data=session.data,
    )  # fmt: skip
    r2 = 1.0 - minimal / raw

    def show() -> None:
        _header(session, q, problem.sample.n, raw, minimal, value, r2)
        print_coefficients(session.log, table)

    scalars = {
        "N": problem.sample.n, "df_m": float(problem.X.shape[1] - 1), "df_r": df_r, "q": q, "q_v": value,
        "sum_adev": minimal, "sum_rdev": raw, "r2_p": r2, "bwidth": h, "kbwidth": found.kernel_h,
        "rank": float(problem.X.shape[1]), "convcode": 0.0,
    }  # fmt: skip
    if iid:
        scalars.update(sparsity=found.value, f_r=1.0 / found.value)
    macros = {
        "cmd": "qreg", "depvar": problem.depvar, "bwmethod": width, "denmethod": method, "kernel": kernel,
        "vce": "iid" if iid else "robust", "vcetype": "" if iid else "Robust", "predict": "qreg_p",
    }  # fmt: skip
    _store(session, line, problem, table, show, scalars, macros)


def _header(session: Session, q: float, n: float, raw: float, minimal: float, value: float, r2: float) -> None:
    log = session.log
    log.line()
    title = "Median regression" if q == 0.5 else f"{f'{q:g}'.lstrip('0')} Quantile regression"
    left = [
        title,
        f"  Raw sum of deviations {number(raw)} (about {number(value)})",
        f"  Min sum of deviations {number(minimal)}",
    ]
    entries = [Entry("Number of obs", count(n)), Entry("", ""), Entry("Pseudo R2", f"{r2:.4f}")]
    print_header(log, left, entries, label_width=13, value_width=10)
    log.line()


def _store(
    session: Session, line: Line, problem: _Problem, table: CoefficientTable, show: object,
    scalars: dict[str, float], macros: dict[str, str],
) -> None:  # fmt: skip
    assert callable(show)
    estimation = Estimation({"": problem.regressors.design}, table, show, ("", ""), {})
    estimation.predictions["statistics"] = _statistics(problem.depvar)
    store(session, line, estimation, sample=problem.sample.rows, scalars=scalars, macros=macros)
    show()


def _statistics(depvar: str) -> Statistics:
    return Statistics({"residuals": lambda r: r.y - r.xb}, "xb", "(option xb assumed; fitted values)", depvar)


def _resampled(session: Session, problem: _Problem, quantiles: list[float], reps: int) -> FloatArray:
    """Coefficients of all quantiles in bootstrap samples: (reps, len(quantiles) * k)."""
    n = len(problem.y)
    draws: list[FloatArray] = []
    while len(draws) < reps:
        rows = np.minimum((session.rng.uniform(n) * n).astype(np.intp), n - 1)
        X = problem.X[rows]
        if np.linalg.matrix_rank(X) == X.shape[1]:
            draws.append(np.concatenate([quantile_fit(X, problem.y[rows], q) for q in quantiles]))
    return np.array(draws)


def _reps(line: Line) -> int:
    reps = line.options["reps"]
    if not isinstance(reps, int) or reps < 2:
        raise invalid_syntax("reps() must be an integer greater than 1")
    return reps


@command(
    "bsqreg",
    _GRAMMAR + "[, Quantile(real 0.5) Level(cilevel) Reps(integer 20) BASElevels]",
    by="recall",
    stored=_STORED + " e(reps)",
)
def bsqreg(session: Session, line: Line) -> None:
    """Quantile regression with bootstrap standard errors."""
    if replay(session, line, "bsqreg"):
        return
    q, level, reps = _quantile(line), level_of(session, line), _reps(line)
    problem = _Problem(session, line)
    b = quantile_fit(problem.X, problem.y, q)
    V = np.atleast_2d(np.cov(_resampled(session, problem, [q], reps), rowvar=False))
    raw, minimal, value = problem.deviations(q, b)
    df_r = problem.sample.n - problem.X.shape[1]
    design = problem.regressors.design
    table = CoefficientTable(
        design.names, design.expand(b), design.expand(V), problem.depvar, df_r, level, "Bootstrap",
        base_levels=line.flag("baselevels"), data=session.data,
    )  # fmt: skip
    r2 = 1.0 - minimal / raw

    def show() -> None:
        log = session.log
        log.line()
        title = "Median regression" if q == 0.5 else f"{f'{q:g}'.lstrip('0')} Quantile regression"
        left = [f"{title}, bootstrap({reps}) SEs", f"  Raw sum of deviations {number(raw)} (about {number(value)})",
                f"  Min sum of deviations {number(minimal)}"]  # fmt: skip
        entries = [Entry("Number of obs", count(problem.sample.n)), Entry("", ""), Entry("Pseudo R2", f"{r2:.4f}")]
        print_header(log, left, entries, label_width=13, value_width=10)
        log.line()
        print_coefficients(log, table)

    scalars = {
        "N": problem.sample.n, "df_m": float(problem.X.shape[1] - 1), "df_r": df_r, "q": q, "q_v": value,
        "sum_adev": minimal, "sum_rdev": raw, "r2_p": r2, "reps": float(reps), "convcode": 0.0,
    }  # fmt: skip
    macros = {"cmd": "bsqreg", "depvar": problem.depvar, "vcetype": "Bootstrap", "predict": "qreg_p"}
    _store(session, line, problem, table, show, scalars, macros)


@command(
    "sqreg",
    _GRAMMAR + "[, Quantiles(numlist) Level(cilevel) Reps(integer 20) BASElevels noDOts]",
    by="recall",
    stored="e(N) e(df_r) e(n_q) e(q#) e(reps) e(r2_p#) e(depvar) e(cmd) e(b) e(V) r(table)",
)
def sqreg(session: Session, line: Line) -> None:
    """Simultaneous quantile regression with bootstrap standard errors."""
    if replay(session, line, "sqreg"):
        return
    typed = line.options.get("quantiles")
    values = [float(q) for q in typed] if isinstance(typed, list) else [0.5]
    quantiles = [q / 100.0 if q >= 1.0 else q for q in values]
    if not quantiles:
        raise StataError(122, "invalid numlist has too few elements")
    if any(not 0.0 < q < 1.0 for q in quantiles):
        raise unsupported("quantiles outside (0, 1) are")
    level, reps = level_of(session, line), _reps(line)
    problem = _Problem(session, line)
    design = problem.regressors.design
    parts = [quantile_fit(problem.X, problem.y, q) for q in quantiles]
    draws = _resampled(session, problem, quantiles, reps)
    active = np.tile(design.active, len(quantiles))
    size = len(active)
    b, V = np.zeros(size), np.zeros((size, size))
    b[active] = np.concatenate(parts)
    V[np.ix_(active, active)] = np.atleast_2d(np.cov(draws, rowvar=False))
    labels = [f"q{100.0 * q:g}".replace(".", "_") for q in quantiles]
    names = [f"{label}:{name}" for label in labels for name in design.names]
    df_r = problem.sample.n - problem.X.shape[1]
    table = CoefficientTable(
        names, b, V, problem.depvar, df_r, level, "Bootstrap", base_levels=line.flag("baselevels"), data=session.data,
        equation_headings=True,
    )  # fmt: skip
    r2 = [1.0 - (d := problem.deviations(q, part))[1] / d[0] for q, part in zip(quantiles, parts, strict=True)]

    def show() -> None:
        log = session.log
        log.line()
        entries = [Entry("Number of obs", count(problem.sample.n))]
        for q, value in zip(quantiles, r2, strict=True):
            entries.append(Entry(f"{f'{q:.2f}'.lstrip('0')} Pseudo R2", f"{value:.4f}"))
        left = ["Simultaneous quantile regression", f"  bootstrap({reps}) SEs"]
        print_header(log, left, entries, label_width=13, value_width=10)
        log.line()
        print_coefficients(log, table)

    estimation = Estimation(dict.fromkeys(labels, design), table, show, ("", ""), {})
    estimation.predictions["statistics"] = _statistics(problem.depvar)
    scalars = {"N": problem.sample.n, "df_r": df_r, "n_q": float(len(quantiles)), "reps": float(reps)}
    scalars.update({f"q{i}": q for i, q in enumerate(quantiles, 1)})
    scalars.update({f"r2_p{i}": value for i, value in enumerate(r2, 1)})
    macros = {"cmd": "sqreg", "depvar": problem.depvar, "vcetype": "Bootstrap", "eqnames": " ".join(labels)}
    store(session, line, estimation, sample=problem.sample.rows, scalars=scalars, macros=macros)
    show()
