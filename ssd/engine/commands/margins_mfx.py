"""mfx: marginal effects at the means, the command before margins (version 11)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource, estimation_of, level_of, marked_sample
from ssd.engine.commands.postestimation_predict import linear_prediction
from ssd.engine.commands.postestimation_statistics import inverse_link, inverse_link_slope
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import number
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import Matrix
from ssd.engine.stats.distributions import critical, two_sided

if TYPE_CHECKING:
    from ssd.engine.session import Session

_MODELS = frozenset({"regress", "logit", "logistic", "probit", "cloglog", "poisson", "nbreg"})
_PREDICTIONS = {
    "regress": "Fitted values",
    "poisson": "Predicted number of events",
    "nbreg": "Predicted number of events",
}


@command(
    "mfx",
    "[anything] [, DYDX AT(string) PREDict(string) VARlist(varlist) NODISCrete Level(cilevel) noSE]",
    stored="e(Xmfx_y) e(Xmfx_X) e(Xmfx_dydx) e(Xmfx_se_dydx) e(Xmfx_cmd) e(Xmfx_type)",
    refused="at(), predict(), eyex, dyex, eydx, nose, force, models other than regress, logit, logistic, probit, "
    "cloglog, poisson, nbreg; models with factor variables, interactions or an offset",
)
def mfx(session: Session, line: Line) -> None:
    """Marginal effects at the means of the regressors after estimation (superseded by margins)."""
    estimation = estimation_of(session)
    name = session.e.macros.get("cmd", "")
    if name not in _MODELS:
        raise unsupported(f"mfx after {name} is")
    if line.anything.strip() not in {"", "compute", "c"}:
        raise unsupported(f"mfx {line.anything.strip()} is")
    for option in ("at", "predict"):
        if line.text_option(option):
            raise unsupported(f"option {option}() of mfx is")
    if line.flag("nose"):
        raise unsupported("option nose of mfx is")
    if estimation.predictions.get("offset"):
        raise unsupported("mfx after a model with an offset is")
    sample = marked_sample(session)
    source = SessionSource(session)
    linear = linear_prediction(session, estimation, sample, source=source)
    design = linear.design
    if any(len(c.parts) > 1 or c.parts[0].level is not None for c in design.columns):
        raise unsupported("mfx with factor variables or interactions is")
    level = level_of(session, line)
    X = design.matrix(source, sample)
    w = np.ones(len(X)) if estimation.normalised is None else estimation.normalised
    means = w @ X / w.sum()
    names = [c.name for c in design.columns if c.active]
    active = np.flatnonzero(design.active)
    b, V = linear.b[active], linear.V[np.ix_(active, active)]
    point = np.append(means, 1.0) if design.constant else means
    typed = line.options.get("varlist")
    chosen = [str(each) for each in typed] if isinstance(typed, list) and typed else names
    unknown = next((each for each in chosen if each not in names), None)
    if unknown is not None:
        raise StataError(198, f"{unknown} is not a regressor of the model")
    dummies = {
        each for each, column in zip(names, X.T, strict=True)
        if not line.flag("nodiscrete") and set(np.unique(column)) == {0.0, 1.0}
    }  # fmt: skip
    rows = [_effect(name, b, V, point, names.index(each), discrete=each in dummies) for each in chosen]
    y = float(inverse_link(name, np.array([point @ b]))[0])
    _print(session, name, y, chosen, rows, dummies, [float(means[names.index(each)]) for each in chosen], level)
    e = session.e
    e.scalars["Xmfx_y"] = y
    e.macros.update(Xmfx_type="dydx", Xmfx_cmd=name, Xmfx_predict="predict()")
    e.matrices["Xmfx_X"] = Matrix(means.reshape(1, -1), ["X"], list(names))
    e.matrices["Xmfx_dydx"] = Matrix(np.array([[effect for effect, _ in rows]]), ["dy/dx"], list(chosen))
    e.matrices["Xmfx_se_dydx"] = Matrix(np.array([[se for _, se in rows]]), ["Std_Err"], list(chosen))


def _effect(
    name: str, b: FloatArray, V: FloatArray, point: FloatArray, j: int, *, discrete: bool
) -> tuple[float, float]:
    """The effect of one regressor and its delta-method standard error."""
    if discrete:
        high, low = point.copy(), point.copy()
        high[j], low[j] = 1.0, 0.0
        at = np.array([high @ b, low @ b])
        values, slopes = inverse_link(name, at), inverse_link_slope(name, at)
        gradient = slopes[0] * high - slopes[1] * low
        return float(values[0] - values[1]), math.sqrt(max(float(gradient @ V @ gradient), 0.0))
    eta = float(point @ b)
    slope = float(inverse_link_slope(name, np.array([eta]))[0])
    h = 1e-4
    around = inverse_link_slope(name, np.array([eta - 2 * h, eta - h, eta + h, eta + 2 * h]))
    curvature = float(around[0] - 8.0 * around[1] + 8.0 * around[2] - around[3]) / (12.0 * h)
    gradient = curvature * float(b[j]) * point
    gradient[j] += slope
    return slope * float(b[j]), math.sqrt(max(float(gradient @ V @ gradient), 0.0))


def _print(
    session: Session, name: str, y: float, names: list[str], rows: list[tuple[float, float]], dummies: set[str],
    means: list[float], level: float,
) -> None:  # fmt: skip
    log = session.log
    depvar = session.e.macros["depvar"]
    log.line()
    log.line(f"Marginal effects after {name}")
    log.line(f"      y  = {_PREDICTIONS.get(name, f'Pr({depvar})')} (predict)")
    log.line(f"         =  {number(y)}")
    log.line("-" * 78)
    log.line(f"variable |      dy/dx    Std. err.     z    P>|z|  [    {level:g}% C.I.   ]      X")
    log.line("-" * 9 + "+" + "-" * 68)
    z = critical(level, None)
    for each, (effect, se), mean in zip(names, rows, means, strict=True):
        mark = "*" if each in dummies else " "
        label = f"{abbreviate(each, 8):>8}{mark}|"
        if se <= 0.0:
            log.line(f"{label}{number(effect):>11}" + "          .       .       .         .       .")
            continue
        t = effect / se
        spread = f"{se:.5f}".removeprefix("0") if 1e-5 <= se < 100.0 else number(se, "%9.5g")
        interval = f"{number(effect - z * se, '%8.0g'):>10}{number(effect + z * se, '%8.0g'):>9}"
        log.line(
            f"{label}{number(effect):>11}{spread:>13}{t:>8.2f}{two_sided(t, None):>8.3f}{interval}"
            f"{number(mean, '%9.0g'):>10}"
        )
    log.line("-" * 78)
    if dummies & set(names):
        log.line("(*) dy/dx is for discrete change of dummy variable from 0 to 1")
