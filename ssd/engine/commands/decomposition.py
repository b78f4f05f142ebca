"""oaxaca: Blinder–Oaxaca decomposition of the difference of an outcome's means between two groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    command_line,
    level_of,
    not_missing,
    operated_name,
    outcome_and_terms,
    replay,
    store,
)
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.output.estimation import CoefficientTable, Entry, number, print_coefficients
from ssd.engine.stats.covariance import meat, sandwich
from ssd.engine.stats.decomposition import Group, Kind, decompose
from ssd.engine.stats.design import Design, build, complete
from ssd.engine.stats.linear import LeastSquares, independent_columns, least_squares, with_constant

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command(
    "oaxaca",
    "[varlist(numeric fv default=none)] [if] [in] [aweight fweight iweight pweight] [, BY(varname) SWAP THREEfold "
    "THREEfold(string) Weight(numlist) Pooled Pooled(string) Omega Omega(string) REFerence(string) SPLIT LINear LOGIT "
    "PROBIT Detail Detail(string) NODetail Adjust(string) CATegorical(string) FIXed FIXed(string) SUEST NOSUEST "
    "vce(string) Robust CLuster(varname) SVY NOSE RELAX XB Level(cilevel) EFORM NOIsily NOCONStant BASElevels]",
    by="recall",
    stored="e(N) e(N_1) e(N_2) e(N_clust) e(cmd) e(depvar) e(by) e(group_1) e(group_2) e(model) e(title) e(b) e(V) "
    "r(table)",
    refused="weights, logit, probit, reference(), split, adjust(), categorical(), normalize(), fixed(), svy, suest "
    "other than where it is implied, vce(cluster), vce(bootstrap), xb, nose, relax, model options in pooled() and "
    "omega()",
)
def oaxaca(session: Session, line: Line) -> None:
    """Blinder–Oaxaca decomposition: threefold, weighted, pooled and omega."""
    if replay(session, line, "oaxaca"):
        return
    kind, weight_text = _kind(line)
    level = level_of(session, line)
    by = line.text_option("by")
    if not by:
        raise StataError(198, "option by() required")
    by = session.variable_named(by)
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    rows = complete([(outcome,), *terms], source, line.sample(session)) & not_missing(session, by)
    if not rows.any():
        raise no_observations()
    if session.data.variables[by].is_string:
        raise StataError(109, "by() must be numeric")
    marks = source.get(by)
    values = np.unique(marks[rows])
    if len(values) != 2:
        raise StataError(420, f"{len(values)} group{'s' if len(values) != 1 else ''} found, 2 required")
    low, high = (float(each) for each in (values[::-1] if line.flag("swap") else values))
    masks = (rows & (marks == low), rows & (marks == high))
    constant = not line.flag("noconstant")
    design, X = _design(session, source, terms, rows, masks, constant)
    y = source.get(outcome.variable, outcome.operator)[rows]
    inside = [mask[rows] for mask in masks]
    k = X.shape[1]
    for flags in inside:
        if int(flags.sum()) <= k:
            raise StataError(2001, "insufficient observations")
    models = [_Model(flags, least_squares(X[flags], y[flags], constant=False), X) for flags in inside]
    robust = _robust(session, line)
    reference, weights = np.zeros(k), None
    S = np.zeros((3 * k, 3 * k))
    if kind == "twofold" and line.options.get("weight") is None:
        pooled = X
        if _asked(line, "pooled"):
            pooled = np.column_stack([X, inside[1].astype(np.float64)])
        fit = least_squares(pooled, y, constant=False)
        models.append(_Model(np.ones(len(y), dtype=np.bool_), fit, pooled))
        reference = fit.coefficients[:k]
        S = _joint_covariance(models, k)
    else:
        for j, model in enumerate(models):
            S[j * k : (j + 1) * k, j * k : (j + 1) * k] = model.covariance(robust)
        if kind == "twofold":
            weights = _weights(weight_text, k)
            reference = weights * models[0].fit.coefficients + (1.0 - weights) * models[1].fit.coefficients
    groups = [_group(model, k) for model in models[:2]]
    found = decompose(groups[0], groups[1], reference, S, kind, weights)
    names = [f"overall:{name}" for name in ("group_1", "group_2", "difference", *found.parts)]
    kept = [place for place, flag in enumerate(design.active) if flag]
    b, V = found.totals, found.V
    if not line.flag("nodetail"):
        b = np.concatenate([b, found.details.reshape(-1)])
        shown = [design.names[place] for place in kept]
        names += [f"{part}:{name}" for part in found.parts for name in shown]
        # The constants' share in the part of endowments is zero by construction and not listed.
        keep = np.array([not (name.endswith(":_cons") and name.split(":")[0] in {"endowments", "explained",
                                                                                "interaction"})
                         for name in names])  # fmt: skip
        names = [name for name, flag in zip(names, keep, strict=True) if flag]
        b, V = b[keep], V[np.ix_(keep, keep)]
    else:
        V = V[: len(b), : len(b)]
    _post(session, line, level, (operated_name(outcome), by), rows, inside, (low, high), names, b, V, robust)


@dataclass(frozen=True)
class _Model:
    flags: BoolArray
    """Observations of the sample it is fitted on."""
    fit: LeastSquares
    X: FloatArray
    """Regressors of the whole sample."""

    @property
    def residuals(self) -> FloatArray:
        """Over the whole sample, zero outside the model's observations."""
        full = np.zeros(len(self.flags))
        full[self.flags] = self.fit.residuals
        return full

    def covariance(self, robust: bool) -> FloatArray:
        n, k = int(self.flags.sum()), len(self.fit.coefficients)
        if not robust:
            return np.asarray(self.fit.inverse * (self.fit.rss / (n - k)), dtype=np.float64)
        scores = self.X[self.flags] * self.fit.residuals[:, None]
        return sandwich(self.fit.inverse, meat(scores), n / (n - k))


def _joint_covariance(models: list[_Model], k: int) -> FloatArray:
    """Robust covariance of the first k coefficients of all models together, N/(N-1) ([R] suest)."""
    n = len(models[0].flags)
    influence = [(model.X * model.residuals[:, None]) @ model.fit.inverse[:, :k] for model in models]
    stacked = np.column_stack(influence)
    return np.asarray(stacked.T @ stacked * (n / (n - 1.0)), dtype=np.float64)


def _group(model: _Model, k: int) -> Group:
    X = model.X[model.flags][:, :k]
    n = len(X)
    centred = X - X.mean(axis=0)
    return Group(model.fit.coefficients[:k], X.mean(axis=0), centred.T @ centred / (n * (n - 1.0)))


def _asked(line: Line, name: str) -> bool:
    return line.flag(name) or line.text_option(name) is not None


def _kind(line: Line) -> tuple[Kind, str]:
    """Which decomposition; refuses what is not done."""
    for option in ("logit", "probit", "split", "svy", "suest", "xb", "nose", "relax", "eform", "noisily"):
        if line.flag(option):
            raise unsupported(f"option {option} is")
    for option in ("reference", "adjust", "categorical"):
        if line.text_option(option):
            raise unsupported(f"option {option}() is")
    if _asked(line, "fixed"):
        raise unsupported("option fixed() is")
    if line.text_option("detail") is not None:
        raise unsupported("detail() with groups of variables is")
    if "normalize(" in line.text:
        raise unsupported("normalize() is")
    if line.weight is not None:
        raise unsupported(f"{line.weight.kind}s with oaxaca are")
    for option in ("pooled", "omega"):
        if line.text_option(option):
            raise unsupported(f"model options in {option}() are")
    twofold = [name for name in ("pooled", "omega") if _asked(line, name)]
    if line.options.get("weight") is not None:
        twofold.append("weight")
    if len(twofold) > 1 or (twofold and _asked(line, "threefold")):
        raise StataError(198, "only one of threefold, weight(), pooled and omega may be specified")
    if twofold:
        values = line.options.get("weight")
        return "twofold", " ".join(str(value) for value in values) if isinstance(values, list) else ""
    reverse = (line.text_option("threefold") or "").strip()
    if reverse and not "reverse".startswith(reverse):
        raise StataError(198, f"threefold({reverse}) not allowed")
    return ("reverse" if reverse else "threefold"), ""


def _weights(text: str, k: int) -> FloatArray:
    """The weights of group 1's coefficients, recycled over the regressors."""
    given = [float(word) for word in text.split()]
    return np.array([given[j % len(given)] for j in range(k)])


def _robust(session: Session, line: Line) -> bool:
    typed = (line.text_option("vce") or "").split()
    if line.text_option("cluster") or (typed and typed[0].startswith("cl")):
        raise unsupported("vce(cluster) with oaxaca is")
    if not typed:
        return line.flag("robust")
    if "robust".startswith(typed[0]):
        return True
    if "analytic".startswith(typed[0]):
        return False
    raise unsupported(f"vce({' '.join(typed)}) with oaxaca is")


def _design(
    session: Session, source: SessionSource, terms: list, rows: BoolArray, masks: tuple[BoolArray, BoolArray],  # type: ignore[type-arg]
    constant: bool,
) -> tuple[Design, FloatArray]:  # fmt: skip
    """Regressors of the sample. Raises r(498) when one is collinear within a group."""
    design = build(terms, source, rows, constant=constant)
    X = design.matrix(source, rows)
    kept = independent_columns(X, None, constant=constant)
    design.omit(kept)
    for note in design.notes:
        session.log.line(note)
    X = X[:, kept]
    for mask in masks:
        if not independent_columns(X[mask[rows]], None, constant=constant).all():
            raise StataError(498, "dropped coefficients or zero variances encountered")
    return design, with_constant(X, constant)


def _post(
    session: Session, line: Line, level: float, variables: tuple[str, str], rows: BoolArray, inside: list[BoolArray],
    values: tuple[float, float], names: list[str], b: FloatArray, V: FloatArray, robust: bool,
) -> None:  # fmt: skip
    depvar, by = variables
    if not (np.isfinite(b).all() and np.isfinite(V).all()):
        raise StataError(498, "the decomposition has no finite covariance")
    table = CoefficientTable(names, b, V, depvar, None, level, data=session.data, equation_headings=True)
    n1, n2 = (int(flags.sum()) for flags in inside)
    left = [
        "Blinder-Oaxaca decomposition", "", f"Group 1: {by} = {number(values[0])}",
        f"Group 2: {by} = {number(values[1])}",
    ]  # fmt: skip
    entries = [Entry("Number of obs", f"{n1 + n2:,d}"), Entry("  Model", "linear"), Entry("N of obs 1", f"{n1:,d}"),
               Entry("N of obs 2", f"{n2:,d}")]  # fmt: skip

    def show() -> None:
        from ssd.engine.output.estimation import print_header

        log = session.log
        log.line()
        print_header(log, left, entries, label_width=17, value_width=10)
        log.line()
        print_coefficients(log, table)

    estimation = Estimation({}, table, show, ("", ""), {}, None)
    scalars = {"N": float(n1 + n2), "N_1": float(n1), "N_2": float(n2), "rank": float(np.linalg.matrix_rank(V)),
               "k_eq": float(len({name.split(":")[0] for name in names}))}  # fmt: skip
    macros = {
        "cmd": "oaxaca", "cmdline": command_line(line), "depvar": depvar, "by": by, "group_1": f"{values[0]:g}",
        "group_2": f"{values[1]:g}", "model": "linear", "title": "Blinder-Oaxaca decomposition",
        "vcetype": "Robust" if robust else "", "vce": "robust" if robust else "analytic",
    }  # fmt: skip
    store(session, line, estimation, sample=rows, scalars=scalars, macros=macros)
    show()
