"""gmm: generalised method of moments with residual equations typed as expressions."""

from __future__ import annotations

import re
from collections.abc import Callable
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
    level_of,
    parse_varlist,
    replay,
    store,
    take_sample,
    vce_macros,
)
from ssd.engine.commands.parameter_expressions import Expressions, parse_expressions
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    cluster_note,
    count,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.results import Matrix
from ssd.engine.stats.covariance import group_ids, meat, sum_by_group
from ssd.engine.stats.linear import symmetric_inverse, with_constant
from ssd.engine.stats.terms import Term, split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session


def _instrument_lists(line: Line, count_: int) -> list[tuple[str, bool]]:
    """Instruments of each equation and whether they include the constant."""
    typed = line.options.get("instruments")
    texts = [str(typed)] if typed else []
    lists = [("", True)] * count_
    for text in texts:
        target, body = range(count_), text
        numbered = re.match(r"\s*([\d ]+):", text)
        if numbered is not None:
            target_list = [int(word) - 1 for word in numbered.group(1).split()]
            body = text[numbered.end() :]
            if any(not 0 <= index < count_ for index in target_list):
                raise StataError(198, "instruments() names an equation that does not exist")
        else:
            target_list = list(target)
        names, _, options = body.partition(",")
        constant = True
        if options.strip():
            if not ("noconstant".startswith(options.strip()) and len(options.strip()) >= 6):
                raise StataError(198, f"option {options.strip()} not allowed")
            constant = False
        for index in target_list:
            lists[index] = (names.strip(), constant)
    return lists


@command(
    "gmm",
    "[anything(everything)] [if] [in] [aweight fweight pweight] [, INSTruments(string) ONEstep TWOstep Igmm "
    "WINITial(string) WMATrix(string) vce(string) Level(cilevel) noLOg Quickd CONV_maxiter(integer 300) "
    "FROM(string) VARiables(varlist) NOCOMMONesample]",
    by="recall",
    stored="e(N) e(k) e(k_eq) e(n_moments) e(n_eq) e(Q) e(J) e(J_df) e(rank) e(converged) e(estimator) e(wmatrix) "
    "e(winit) e(params) e(inst_#) e(N_clust) e(cmd) e(vce) e(b) e(V) e(W) e(S) r(table)",
    refused="moment-evaluator programs, derivative(), xtinstruments(), wmatrix(hac), nocommonesample, from(), "
    "instruments() more than once",
)
def gmm(session: Session, line: Line) -> None:
    """Generalised method of moments."""
    if not line.text.split(",")[0].strip() and replay(session, line, "gmm"):
        return
    for name in ("from", "variables"):
        if line.options.get(name):
            raise unsupported(f"option {name}() is")
    if line.flag("nocommonesample"):
        raise unsupported("option nocommonesample is")
    level = level_of(session, line)
    equations, parameters = parse_expressions(session, line.anything)
    lists = _instrument_lists(line, len(equations))
    wmatrix = _matrix_type(session, line, "wmatrix", Vce("robust", typed=False))
    vce = _matrix_type(session, line, "vce", wmatrix)
    source = SessionSource(session)
    terms: list[list[Term]] = [parse_varlist(session, split_words(text)) for text, _ in lists]
    extra = [word for _, words in parameters.combinations.values() for word in words]
    with Expressions(session, equations, parameters) as moments:
        start = np.array(parameters.start)
        first = moments.residuals(start)
        known = ~np.any(is_missing(first), axis=1)
        masked = Line(**{**line.__dict__, "by_mask": known if line.by_mask is None else known & line.by_mask})
        chosen = vce if vce.cluster else wmatrix
        sample = take_sample(session, masked, source, [t for group in terms for t in group], chosen, extra)
        moments.rows = sample.rows
        Zs = []
        instrument_names = []
        for group, (_, constant) in zip(terms, lists, strict=True):
            regressors = build_regressors(session, source, group, sample, constant=constant)
            Zs.append(with_constant(regressors.X, constant))
            instrument_names.append(" ".join(n for n, a in zip(regressors.design.names, regressors.design.active,
                                                               strict=True) if a))  # fmt: skip
        if sum(Z.shape[1] for Z in Zs) < len(start):
            raise StataError(481, "equation not identified; must have at least as many moment conditions\n"
                             "as parameters to be estimated")  # fmt: skip
        _solve(session, line, moments, Zs, sample, start, wmatrix, vce, level, instrument_names)


def _matrix_type(session: Session, line: Line, option: str, default: Vce) -> Vce:
    typed = line.text_option(option)
    if typed is None:
        return default
    words = typed.replace(",", " ").split()
    if words and "unadjusted".startswith(words[0]) and len(words[0]) >= 2 and len(words) == 1:
        return Vce("unadjusted")
    if words and "robust".startswith(words[0]) and len(words) == 1:
        return Vce("robust")
    if len(words) == 2 and "cluster".startswith(words[0]) and len(words[0]) >= 2:
        return Vce("cluster", session.variable_named(words[1]))
    raise unsupported(f"{option}({typed}) is")


@dataclass
class _State:
    moments: Expressions
    Z: list[FloatArray]
    w: FloatArray
    n: float
    sample: Sample

    def stacked(self, u: FloatArray) -> FloatArray:
        """Moment contributions of each observation, (n, moments)."""
        return np.column_stack([Z * u[:, [e]] for e, Z in enumerate(self.Z)])

    def mean(self, b: FloatArray) -> FloatArray:
        u = self.moments.residuals(b)[self.moments.rows]
        if np.any(is_missing(u)):
            return np.full(sum(Z.shape[1] for Z in self.Z), np.inf)
        return np.asarray(self.w @ self.stacked(u) / self.n, dtype=np.float64)

    def jacobian(self, b: FloatArray) -> FloatArray:
        D = self.moments.derivatives(b)
        return np.vstack([(Z * self.w[:, None]).T @ d for Z, d in zip(self.Z, D, strict=True)]) / self.n

    def covariance(self, b: FloatArray, kind: Vce) -> FloatArray:
        """Of the moments, S ([R] gmm, Methods and formulas)."""
        u = self.moments.residuals(b)[self.moments.rows]
        if kind.kind == "unadjusted":
            sigma = (u * self.w[:, None]).T @ u / self.n
            blocks = [[sigma[i, j] * ((Zi * self.w[:, None]).T @ Zj) / self.n for j, Zj in enumerate(self.Z)]
                      for i, Zi in enumerate(self.Z)]  # fmt: skip
            return np.block(blocks)
        rows = self.stacked(u)
        if kind.kind == "cluster":
            from ssd.engine.commands.estimation import key_values

            ids, groups = group_ids(key_values(self.moments.session, kind.cluster)[self.moments.rows])
            sums = sum_by_group(rows * self.w[:, None], ids, groups)
            return sums.T @ sums / self.n
        if self.sample.kind == "fweight":
            return (rows * self.w[:, None]).T @ rows / self.n
        return meat(rows * self.w[:, None]) / self.n


def _minimise(state: _State, b: FloatArray, W: FloatArray, log: Callable[[int, float], None]) -> FloatArray:
    """Gauss–Newton with step halving on g'Wg. Raises r(430)."""

    def criterion(at: FloatArray) -> float:
        g = state.mean(at)
        return float(g @ W @ g) if np.all(np.isfinite(g)) else np.inf

    value = criterion(b)
    log(0, value)
    for iteration in range(1, 301):
        G, g = state.jacobian(b), state.mean(b)
        A = G.T @ W @ G
        step = -symmetric_inverse(A) @ (G.T @ W @ g)
        size = 1.0
        while criterion(b + size * step) > value * (1.0 + 1e-12) + 1e-300 and size > 1e-10:
            size /= 2.0
        if size <= 1e-10:
            return b
        b = b + size * step
        new = criterion(b)
        log(iteration, new)
        small = float(np.max(np.abs(size * step) / (np.abs(b) + 1.0))) < 1e-10
        value = new
        if small:
            return b
    raise StataError(430, "convergence not achieved")


def _initial_weights(state: _State, typed: str | None) -> FloatArray:
    words = (typed or "unadjusted").replace(",", " ").split()
    if "identity".startswith(words[0]):
        return np.eye(sum(Z.shape[1] for Z in state.Z))
    if not "unadjusted".startswith(words[0]):
        raise unsupported(f"winitial({typed}) is")
    if len(words) > 1 and not "independent".startswith(words[1]):
        raise unsupported(f"winitial({typed}) is")
    blocks = [symmetric_inverse((Z * state.w[:, None]).T @ Z / state.n) for Z in state.Z]
    size = sum(block.shape[0] for block in blocks)
    W = np.zeros((size, size))
    at = 0
    for block in blocks:
        W[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    return W


def _solve(
    session: Session, line: Line, moments: Expressions, Zs: list[FloatArray], sample: Sample, start: FloatArray,
    wmatrix: Vce, vce: Vce, level: float, instrument_names: list[str],
) -> None:  # fmt: skip
    w = np.ones(sample.count) if sample.w is None else sample.w
    state = _State(moments, Zs, w, sample.n, sample)
    estimator = "onestep" if line.flag("onestep") else "igmm" if line.flag("igmm") else "twostep"
    shown = not line.flag("nolog")
    stage = 1

    def log(iteration: int, value: float) -> None:
        if shown:
            session.log.line(f"{f'Iteration {iteration}:':<13} GMM criterion Q(b) = {number(value, '%10.0g'):>10}")

    def heading(step: int) -> None:
        if shown:
            session.log.line()
            session.log.line(f"Step {step}")

    heading(1)
    W = _initial_weights(state, line.text_option("winitial"))
    b = _minimise(state, start, W, log)
    if estimator == "onestep":
        if len(Zs) == 1:
            # Stata reports the criterion with the residual variance in the weight matrix.
            W = W / float(w @ moments.residuals(b)[moments.rows][:, 0] ** 2 / sample.n)
    else:
        while True:
            stage += 1
            W = symmetric_inverse(state.covariance(b, wmatrix))
            heading(stage)
            previous = b
            b = _minimise(state, b, W, log)
            change = float(np.max(np.abs(b - previous) / (np.abs(previous) + 1.0)))
            if estimator == "twostep" or change < 1e-6 or stage > 300:
                break
    G = state.jacobian(b)
    S = state.covariance(b, vce)
    bread = symmetric_inverse(G.T @ W @ G)
    V = bread @ (G.T @ W @ S @ W @ G) @ bread / sample.n
    g = state.mean(b)
    Q = float(g @ W @ g)
    _finish(session, line, state, b, (V + V.T) / 2.0, Q, W, S, estimator, wmatrix, vce, level, instrument_names)


def _finish(
    session: Session, line: Line, state: _State, b: FloatArray, V: FloatArray, Q: float, W: FloatArray, S: FloatArray,
    estimator: str, wmatrix: Vce, vce: Vce, level: float, instrument_names: list[str],
) -> None:  # fmt: skip
    parameters = state.moments.parameters
    sample = state.sample
    names = list(parameters.names)
    heading = {"cluster": "Robust", "robust": "Robust"}.get(vce.kind, "")
    table = CoefficientTable(names, b, V, "", None, level, heading, data=session.data, equation_headings=True)
    moments_count = sum(Z.shape[1] for Z in state.Z)
    k = len(names)

    def show() -> None:
        log = session.log
        log.line()
        log.line("GMM estimation ")
        log.line()
        initial = (line.text_option("winitial") or "unadjusted").split()[0].capitalize()
        left = [
            f"Number of parameters = {k:3d}",
            f"Number of moments    = {moments_count:3d}",
            f"Initial weight matrix: {initial}",
        ]
        entries = [Entry("", ""), Entry("", ""), Entry("Number of obs", count(sample.n))]
        print_header(log, left, entries, label_width=15, value_width=10)
        if estimator != "onestep":
            log.line(f"GMM weight matrix:     {wmatrix.kind.capitalize()}")
        log.line()
        if vce.kind == "cluster":
            log.line(f"{cluster_note(sample.n_clusters, vce.cluster):>78}")
        print_coefficients(log, table)
        for index, text in enumerate(instrument_names, 1):
            log.line(f"Instruments for equation {state.moments.equations[index - 1].name}: {text}")

    estimation = Estimation({}, table, show, (sample.kind, line.weight.expression if line.weight else ""), {}, sample.w)
    scalars = {
        "N": sample.n, "k": float(k), "k_eq": float(k), "n_moments": float(moments_count), "n_eq": float(len(state.Z)),
        "Q": Q, "J": sample.n * Q, "J_df": float(moments_count - k), "rank": float(np.linalg.matrix_rank(V)),
        "converged": 1.0, "has_xtinst": 0.0,
    }  # fmt: skip
    if vce.kind == "cluster":
        scalars["N_clust"] = float(sample.n_clusters)
    macros = {
        "cmd": "gmm", "estimator": estimator, "wmatrix": wmatrix.kind, "title": "GMM estimation",
        "winit": (line.text_option("winitial") or "unadjusted").split(",")[0],
        "params": " ".join(name.replace("/:", "").replace(":", "_") for name in names), "predict": "gmm_p",
        **vce_macros(vce, "unadjusted"),
        **{f"inst_{i}": text for i, text in enumerate(instrument_names, 1)},
    }  # fmt: skip
    size = [f"m{i + 1}" for i in range(moments_count)]
    matrices = {"W": Matrix(W, size, list(size)), "S": Matrix(S, size, list(size))}
    store(session, line, estimation, sample=sample.rows, scalars=scalars, macros=macros, matrices=matrices)
    show()
