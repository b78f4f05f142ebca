"""tssmooth: moving averages, exponential and Holt–Winters smoothing; the line syntax it shares with tsfilter."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.names import check_name
from ssd.engine.data.timeseries import apply_operators, require_time
from ssd.engine.errors import (
    StataError,
    already_defined,
    insufficient_observations,
    no_observations,
    unsupported,
)
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.lang.syntax import split_line
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import number
from ssd.engine.results import ResultSet
from ssd.engine.stats import smoothers

if TYPE_CHECKING:
    from ssd.engine.session import Session

_TYPES = {"byte", "int", "long", "float", "double"}


@dataclass(frozen=True)
class Request:
    """`subcommand [type] newvar(s) = variable(s) [if] [in], options`, parsed."""

    method: str
    storage: str
    new: list[str]
    old: list[str]
    rows: BoolArray
    options: dict[str, str | None]

    def number(self, name: str, default: float) -> float:
        value = self.options.get(name)
        if name not in self.options:
            return default
        try:
            return float(str(value))
        except ValueError as fault:
            raise StataError(198, f"option {name}() incorrectly specified") from fault


def read_request(
    session: Session, line: Line, methods: tuple[str, ...], allowed: dict[str, tuple[str, ...]]
) -> Request:
    """Parse a tssmooth or tsfilter line. Raises r(198), r(110), r(459)."""
    word, _, rest = line.text.strip().partition(" ")
    method = next((m for m in methods if m.startswith(word) and word), None)
    if method is None:
        raise unsupported(f"{line.command} {word} is") if word else StataError(198, "subcommand required")
    parts = split_line(rest, equals=True)
    if parts.expression is None:
        raise StataError(198, "= expected")
    left = parts.subject.split()
    storage = left.pop(0) if left and left[0] in _TYPES else "float"
    old = parts.expression.split()
    new = new_names(left, old)
    typed = read_options(parts.options or "")
    options = _matched(typed, allowed[method])
    for name in new:
        check_name(name)
        if name in session.data.variables:
            if "replace" not in options:
                raise already_defined(name)
            session.data.drop([name])
    inner = Line(line.command, "")
    inner.condition = parts.condition
    rows = inner.sample(session)
    if parts.range is not None:
        raise unsupported("in ranges here are")
    names = []
    for text in old:
        operator, dot, variable = text.rpartition(".")
        found = session.expand_varlist(variable)
        names += [f"{operator}{dot}{name}" for name in found]
    if len(names) != len(new):
        raise StataError(103 if len(new) > len(names) else 102, "the numbers of new and old variables differ")
    settings = require_time(session.data)
    if settings.panel and np.unique(session.data.numeric(settings.panel)[rows]).size > 1:
        raise unsupported(f"{line.command} on panel data is")
    return Request(method, storage, new, names, rows, options)


def new_names(left: list[str], old: list[str]) -> list[str]:
    if len(left) == 1 and left[0].endswith("*"):
        return [left[0][:-1] + name.replace(".", "") for name in old]
    if not left:
        raise StataError(100, "newvarname required")
    return left


def _matched(typed: list[TypedOption], allowed: tuple[str, ...]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for item in typed:
        full = next((name for name in allowed if name.startswith(item.word)), None)
        if full is None:
            raise StataError(198, f"option {item.named} not allowed")
        found[full] = item.value
    return found


def _series(session: Session, name: str) -> FloatArray:
    operator, _, variable = name.rpartition(".")
    values = session.data.numeric(variable)
    return apply_operators(session.data, values, operator.upper()) if operator else values


def complete_block(session: Session, request: Request, name: str) -> tuple[FloatArray, BoolArray]:
    """The series on its sample, which must have no gaps inside. Raises r(498), r(2000)."""
    y = _series(session, name)
    rows = request.rows & ~is_missing(y)
    if not rows.any():
        raise no_observations()
    settings = require_time(session.data)
    steps = np.diff(session.data.numeric(settings.time)[rows])
    if np.any(np.abs(steps - settings.delta) > 1e-9):
        raise StataError(498, f"{name} has gaps; the sample must be consecutive")
    return y[rows], rows


def add_series(session: Session, request: Request, name: str, rows: BoolArray, values: FloatArray, label: str) -> None:
    full = np.full(session.data.n_obs, MISSING)
    full[rows] = np.where(np.isfinite(values), values, MISSING)
    session.data.add(name, full, request.storage, label=label)


# --- tssmooth ---

_SMOOTHERS = ("ma", "exponential", "dexponential", "hwinters")
_SMOOTH_OPTIONS: dict[str, tuple[str, ...]] = {
    "ma": ("window", "weights", "replace"),
    "exponential": ("parms", "samp0", "s0", "forecast", "replace"),
    "dexponential": ("parms", "samp0", "s0", "forecast", "replace"),
    "hwinters": ("parms", "samp0", "s0", "forecast", "replace", "diff"),
}


@command(
    "tssmooth",
    "*",
    minimum=6,
    stored="r(N) r(alpha) r(beta) r(rss) r(rmse) r(s1_0) r(s2_0) r(linear) r(constant) r(exp)",
    refused="tssmooth shwinters, nl; hwinters with s0() by differences (diff); in ranges; panel data",
)
def tssmooth(session: Session, line: Line) -> None:
    """Smooth a series: moving average, exponential, double exponential, Holt–Winters."""
    request = read_request(session, line, _SMOOTHERS, _SMOOTH_OPTIONS)
    if len(request.new) != 1:
        raise StataError(103, "too many variables specified")
    if request.method == "ma":
        _moving_average(session, request)
    else:
        _exponential(session, request)


def _window(request: Request) -> tuple[FloatArray, int]:
    """Weights, oldest first, and how many of them lie ahead."""
    text = str(request.options.get("weights") or "")
    if text:
        match = re.fullmatch(r"([^<]*)<([^>]*)>(.*)", text.strip())
        if match is None:
            raise StataError(198, "option weights() incorrectly specified")
        left, centre, right = ([float(w) for w in part.split()] for part in match.groups())
        return np.array([*left, *centre, *right]), len(right)
    words = str(request.options.get("window") or "").split()
    if not 1 <= len(words) <= 3 or not all(word.isdigit() for word in words):
        raise StataError(198, "option window() required" if not words else "option window() incorrectly specified")
    before, centre_, after = ([int(w) for w in words] + [0, 0])[:3]
    if centre_ > 1:
        raise StataError(198, "option window() incorrectly specified")
    weights = np.concatenate([np.ones(before), [float(centre_)], np.ones(after)])
    return weights, after


def _terms_text(weights: FloatArray, ahead: int) -> str:
    back = len(weights) - 1 - ahead
    terms = []
    for position, weight in enumerate(weights):
        offset = position - back
        time = f"x(t{offset:+d})" if offset else "x(t)"
        shown = f"{number(float(weight), '%9.0g')}*{time}" if offset == 0 or weight != 1 else time
        terms.append(shown)
    return " + ".join(terms)


def _moving_average(session: Session, request: Request) -> None:
    weights, ahead = _window(request)
    name = request.old[0]
    y = _series(session, name)
    settings = require_time(session.data)
    time = session.data.numeric(settings.time)
    rows = request.rows & ~is_missing(time)
    if not rows.any():
        raise no_observations()
    position = np.rint((time[rows] - time[rows].min()) / settings.delta).astype(np.intp)
    x, known = np.zeros(int(position.max()) + 1), np.zeros(int(position.max()) + 1, dtype=np.bool_)
    known[position] = ~is_missing(y[rows])
    x[position] = np.where(is_missing(y[rows]), 0.0, y[rows])
    values = smoothers.moving_average(x, known, weights, ahead)[position]
    total = float(weights.sum())
    text = f"(1/{number(total, '%9.0g')})*[{_terms_text(weights, ahead)}]"
    log = session.log
    log.line("The smoother applied was")
    log.line(f"     {text}; x(t)= {name}")
    add_series(
        session,
        request,
        request.new[0],
        rows,
        values,
        f"ma: x(t)= {name}: window({request.options.get('window')})",
    )
    session.r = ResultSet(
        scalars={"N": float(known.sum())}, macros={"exp": name, "method": "ma"},
    )  # fmt: skip


def _exponential(session: Session, request: Request) -> None:
    x, rows = complete_block(session, request, request.old[0])
    n = len(x)
    samp0 = request.options.get("samp0")
    count = int(samp0) if samp0 else (n + 1) // 2
    if n < 3 or not 1 <= count <= n:
        raise insufficient_observations()
    typed = [float(v) for v in str(request.options.get("parms") or "").split()]
    need = 2 if request.method == "hwinters" else 1
    if typed and (len(typed) != need or not all(0.0 < v < 1.0 for v in typed)):
        raise StataError(198, "parms() must contain values between 0 and 1")
    starts = [float(v) for v in str(request.options.get("s0") or "").split()]
    state = _starting_state(request.method, x, count, starts)

    def forecasts(parms: FloatArray) -> FloatArray:
        if request.method == "exponential":
            return smoothers.exponential_forecasts(x, float(parms[0]), state[0])
        if request.method == "dexponential":
            return smoothers.double_exponential_forecasts(x, float(parms[0]), state[0], state[1])
        found = smoothers.holt_winters(x, float(parms[0]), float(parms[1]), state[0], state[1])
        return np.append(x - found.errors, found.level + found.slope)

    def loss(parms: FloatArray) -> float:
        return float(((x - forecasts(parms)[:n]) ** 2).sum())

    parms = np.array(typed) if typed else smoothers.best_weights(loss, need)
    predicted = forecasts(parms)
    rss = loss(parms)
    rmse = math.sqrt(rss / n)
    _smoother_report(session, request, parms, rss, rmse, optimal=not typed)
    ahead = int(request.number("forecast", 0))
    values = np.concatenate([predicted[:n], _extended(request.method, x, parms, state, predicted, ahead)])
    full_rows = _extend_rows(session, rows, ahead)
    label = f"parms({' '.join(f'{v:.4f}' for v in parms)}) = {request.old[0]}"
    add_series(session, request, request.new[0], full_rows, values, label)
    scalars = {"N": float(n), "alpha": float(parms[0]), "rss": rss, "rmse": rmse}
    if need == 2:
        scalars["beta"] = float(parms[1])
    scalars.update(zip(("s1_0", "s2_0"), state, strict=False))
    session.r = ResultSet(scalars=scalars, macros={"method": request.method, "exp": request.old[0]})


def _starting_state(method: str, x: FloatArray, count: int, typed: list[float]) -> list[float]:
    """The mean of the first half, or a line through it; s0() overrides."""
    if method == "exponential":
        if len(typed) > 1:
            raise StataError(198, "option s0() incorrectly specified")
        return typed or [float(x[:count].mean())]
    if typed and (method == "dexponential" or len(typed) != 2):
        raise unsupported("s0() of double smoothing is")
    return typed or list(smoothers.line_start(x, count))


def _smoother_report(
    session: Session, request: Request, parms: FloatArray, rss: float, rmse: float, *, optimal: bool
) -> None:
    log = session.log
    if request.method == "hwinters":
        if optimal:
            log.line("computing optimal weights")
        log.line()
        log.line("Optimal weights:" if optimal else "Specified weights:")
        log.line()
        for name, value in zip(("alpha", "beta"), parms, strict=True):
            log.line(f"{name:>35} = {value:.4f}")
        log.line(f"{'sum-of-squared residuals':>35} = {number(rss, '%9.0g')}")
        log.line(f"{'root mean squared error':>35} = {number(rmse, '%9.0g')}")
        return
    double = "double-" if request.method == "dexponential" else ""
    if optimal:
        log.line(f"computing optimal {double}exponential coefficient (0,1)")
    log.line()
    heading = f"{'optimal ' if optimal else ''}{double}exponential coefficient"
    width = 31 if not double else 38
    log.line(f"{heading:<{width}} = {parms[0]:>13.4f}")
    log.line(f"{'sum-of-squared residuals':<{width}} = {number(rss, '%12.8g'):>13}")
    log.line(f"{'root mean squared error':<{width}} = {number(rmse, '%12.8g'):>13}")


def _extended(
    method: str, x: FloatArray, parms: FloatArray, state: list[float], predicted: FloatArray, ahead: int
) -> FloatArray:
    """Forecasts of the periods after the sample."""
    h = np.arange(ahead)
    if method == "exponential":
        return np.full(ahead, predicted[-1])
    if method == "hwinters":
        found = smoothers.holt_winters(x, float(parms[0]), float(parms[1]), state[0], state[1])
        return np.asarray(found.level + found.slope * (h + 1.0), dtype=np.float64)
    alpha = float(parms[0])
    ratio = (1.0 - alpha) / alpha
    once = smoothers.exponential_forecasts(x, alpha, state[0] - ratio * state[1])
    twice = smoothers.exponential_forecasts(once[1:], alpha, state[0] - 2.0 * ratio * state[1])
    return np.asarray(2.0 * once[-1] - twice[-1] + (h + 1.0) * (once[-1] - twice[-1]) / ratio, dtype=np.float64)


def _extend_rows(session: Session, rows: BoolArray, ahead: int) -> BoolArray:
    """The sample followed by `ahead` later periods, appended to the data where they do not exist."""
    if ahead < 1:
        return rows
    data = session.data
    settings = require_time(data)
    time = data.numeric(settings.time)
    last = float(time[rows].max())
    wanted = last + settings.delta * np.arange(1, ahead + 1)
    present = np.isin(wanted, time)
    missing = wanted[~present]
    before = data.n_obs
    if len(missing):
        data.set_obs(before + len(missing))
        data.replace(settings.time, np.concatenate([time, missing]))
        data.sort([settings.time])
    time = data.numeric(settings.time)
    grown = np.concatenate([rows, np.zeros(len(missing), dtype=np.bool_)])
    return np.asarray(grown | np.isin(time, wanted), dtype=np.bool_)
