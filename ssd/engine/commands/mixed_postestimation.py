"""After mixed: predictions with random effects; estat icc, recovariance and group."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import estimation_of, marked_sample, spread_over_sample
from ssd.engine.commands.postestimation_statistics import Function, Statistics
from ssd.engine.data.names import check_name
from ssd.engine.errors import StataError, already_defined, unsupported
from ssd.engine.lang.options import TypedOption
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import number
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.distributions import critical

if TYPE_CHECKING:
    from ssd.engine.commands.mixed import MixedResult
    from ssd.engine.commands.postestimation_predict import Request
    from ssd.engine.session import Session


def _result(session: Session) -> MixedResult:
    from ssd.engine.commands.mixed import MixedResult

    found = estimation_of(session).predictions.get("mixed")
    if not isinstance(found, MixedResult):
        raise StataError(301, "last estimates not found")
    return found


# --- predict ---


def _random_part(result: MixedResult) -> FloatArray:
    """Sum of the predicted effects of each observation of the sample: (n,)."""
    total = np.zeros(result.model.n)
    for level, u in zip(result.model.levels, result.model.effects(result.fit.b, result.fit.theta), strict=True):
        Z = np.column_stack([block.Z for block in level.blocks])
        total += np.einsum("ij,ij->i", Z, u[level.ids])
    return total


def _spread(request: Request, values: FloatArray) -> FloatArray:
    """Values of the estimation sample on the requested observations."""
    return spread_over_sample(request.session, values)[request.rows]


def _fitted(request: Request) -> FloatArray:
    result = _result(request.session)
    return _spread(request, result.model.X @ result.fit.b + _random_part(result))


def _residuals(request: Request) -> FloatArray:
    result = _result(request.session)
    return _spread(request, result.model.y - result.model.X @ result.fit.b - _random_part(result))


def _standardised(request: Request) -> FloatArray:
    """Residuals over the residual standard deviation."""
    scale = math.exp(float(_result(request.session).fit.theta[-1]))
    return _residuals(request) / scale


def statistics_mixed(depvar: str) -> Statistics:
    """xb (default), fitted, residuals and rstandard; effects are known in the estimation sample only."""
    functions: dict[str, Function] = {"fitted": _fitted, "residuals": _residuals, "rstandard": _standardised}
    return Statistics(functions, "xb", "(option xb assumed)", depvar, in_sample=frozenset(functions))


def predict_mixed(session: Session, line: Line) -> bool:
    """predict newvars, reffects: one variable per random effect. False when something else was asked for."""
    if not line.flag("reffects"):
        return False
    result = _result(session)
    rows = line.sample(session)
    inside = rows & marked_sample(session)
    columns: list[tuple[FloatArray, str]] = []
    effects = result.model.effects(result.fit.b, result.fit.theta)
    for level, u, names, group in zip(result.model.levels, effects, result.names, result.groups, strict=True):
        if any(name.startswith("R.") for name in names):
            if len(set(names)) > 1 or len(level.blocks) > 1:
                raise unsupported("predict, reffects with crossed effects beside others is")
            block = level.blocks[0].Z
            columns.append((block @ u[0], f"BLUP r.e. for {names[0]}"))
            continue
        columns += [
            (u[level.ids, j], f"BLUP r.e. for {group.variable or '_all'}: {name}") for j, name in enumerate(names)
        ]
    names_typed = line.varlist or line.anything.split()
    if len(names_typed) == 1 and names_typed[0].endswith("*"):
        names_typed = [f"{names_typed[0][:-1]}{j + 1}" for j in range(len(columns))]
    if len(names_typed) != len(columns):
        raise StataError(
            102 if len(names_typed) < len(columns) else 103,
            f"too {'few' if len(names_typed) < len(columns) else 'many'} variables specified",
        )
    storage = next((kind for kind in line.types if kind), "") or "float"
    for name in names_typed:
        check_name(name)
        if name in session.data.variables:
            raise already_defined(name)
    for name, (values, label) in zip(names_typed, columns, strict=True):
        full = spread_over_sample(session, values)
        full[~inside] = MISSING
        session.data.add(name, full, storage, label=label)
    missing = int(np.count_nonzero(~inside))
    if missing:
        session.log.line(f"({missing:,} missing value{'s' if missing != 1 else ''} generated)")
    return True


# --- estat ---


def _refuse_options(options: list[TypedOption], *allowed: str) -> dict[str, str]:
    values = {}
    for item in options:
        full = next((name for name in allowed if name.startswith(item.word)), None)
        if full is None:
            raise StataError(198, f"option {item.named} not allowed")
        values[full] = item.value or ""
    return values


def _level_option(session: Session, text: str | None) -> float:
    return float(text) if text else float(session.settings.get("level", "95"))


def icc(session: Session, _: str, options: list[TypedOption]) -> None:
    """Intraclass correlations of each level, with limits on the logit scale."""
    typed = _refuse_options(options, "level")
    level = _level_option(session, typed.get("level"))
    result = _result(session)
    theta = result.fit.theta
    V = _ancillary_covariance(session, len(theta))
    intercepts: list[int] = []
    start = 0
    for depth, each in enumerate(result.model.levels):
        at, found = 0, None
        for block in each.blocks:
            labels = result.names[depth][at : at + block.size]
            if "_cons" in labels:
                found = start + (labels.index("_cons") if block.n_spreads == block.size else 0)
            start += block.n_parameters
            at += block.size
        if found is None:
            raise StataError(321, "estat icc not allowed after models whose levels have no random intercept")
        intercepts.append(found)
    variances = np.exp(2.0 * theta[[*intercepts, len(theta) - 1]])
    total = float(variances.sum())
    slopes = any(len(set(names)) > 1 for names in result.names)
    kind = "Conditional intraclass" if slopes else "Residual intraclass" if result.has_covariates else "Intraclass"
    z = critical(level, None)
    log = session.log
    log.line()
    log.line(f"{kind} correlation")
    log.line()
    log.line("-" * 78)
    log.line(f"{'Level':>28} |        ICC   Std. err." + f"[{level:g}% conf. interval]".rjust(25))
    log.line("-" * 29 + "+" + "-" * 48)
    session.r = ResultSet()
    rows = []
    for depth in range(len(intercepts)):
        value = float(variances[: depth + 1].sum()) / total
        gradient = np.zeros(len(theta))
        for position, index in enumerate([*intercepts, len(theta) - 1]):
            inside = 1.0 if position <= depth else 0.0
            gradient[index] += 2.0 * variances[position] * (inside - value) / total
        se = math.sqrt(max(float(gradient @ V @ gradient), 0.0))
        low, high = _logit_limits(value, z * se)
        label = "|".join(group.variable or "_all" for group in reversed(result.groups[: depth + 1]))
        rows.append((label, value, se, low, high))
        log.line(f"{label[:28]:>28} |{number(value):>11}{number(se):>11}{number(low):>14}{number(high):>12}")
    log.line("-" * 78)
    for depth, (label, value, se, low, high) in enumerate(rows):
        suffix = str(len(rows) - depth + 1)
        session.r.scalars[f"icc{suffix}"] = value
        session.r.scalars[f"se{suffix}"] = se
        session.r.macros[f"label{suffix}"] = label
        session.r.matrices[f"ci{suffix}"] = Matrix(np.array([[low, high]]), [f"icc{suffix}"], ["ll", "ul"])
    session.r.scalars["level"] = level


def _logit_limits(value: float, width: float) -> tuple[float, float]:
    """Limits of a proportion that are symmetric on the logit scale; nan at the boundary."""
    if not 0.0 < value < 1.0:
        return math.nan, math.nan
    middle, half = math.log(value / (1.0 - value)), width / (value * (1.0 - value))
    low, high = (1.0 / (1.0 + math.exp(min(-(middle + side * half), 700.0))) for side in (-1.0, 1.0))
    return low, high


def _ancillary_covariance(session: Session, size: int) -> FloatArray:
    return session.e.matrices["V"].values[-size:, -size:]


def recovariance(session: Session, _: str, options: list[TypedOption]) -> None:
    """Covariance (or, with correlation, correlation) matrices of the random effects."""
    typed = _refuse_options(options, "correlation", "relevel")
    result = _result(session)
    session.r = ResultSet()
    for depth, G in enumerate(result.model.covariances(result.fit.theta)):
        variable = result.groups[depth].variable or "_all"
        if typed.get("relevel") and typed["relevel"].strip() != variable:
            continue
        names = result.names[depth]
        kind, values = "covariance", np.asarray(G, dtype=np.float64)
        if "correlation" in typed:
            kind = "correlation"
            sd = np.sqrt(np.diag(values))
            values = values / np.outer(sd, sd)
        log = session.log
        log.line()
        log.line(f"Random-effects {kind} matrix for level {variable}")
        log.line()
        log.line(" " * 13 + "|" + "".join(f"{name[:10]:>11}" for name in names) + " ")
        log.line("-" * 13 + "+" + "-" * (11 * len(names) + 1))
        for i, name in enumerate(names):
            log.line(f"{name[:12]:>12} |" + "".join(f"{number(values[i, j]):>11}" for j in range(i + 1)))
        suffix = "Cov" if kind == "covariance" else "Corr"
        session.r.matrices[f"{suffix}{depth + 2}"] = Matrix(values, list(names), list(names))
        session.r.matrices[suffix.lower()] = session.r.matrices[f"{suffix}{depth + 2}"]


def group(session: Session, _: str, options: list[TypedOption]) -> None:
    """The composition of the nested groups."""
    from ssd.engine.commands.mixed_report import grouping

    _refuse_options(options)
    session.log.line()
    grouping(session, _result(session).groups)


Handler = Callable[["Session", str, list[TypedOption]], None]
ESTAT: dict[str, Handler] = {"icc": icc, "recovariance": recovariance, "group": group}
"""Subcommands of estat after mixed."""
