"""tsfilter: separate trend and cycle of a series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.timeseries_smooth import Request, add_series, complete_block, new_names, read_request
from ssd.engine.data.names import check_name
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, already_defined, insufficient_observations, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.results import ResultSet
from ssd.engine.stats import smoothers

if TYPE_CHECKING:
    from ssd.engine.session import Session

_FILTERS = ("bk", "bw", "cf", "hp")
_FILTER_OPTIONS: dict[str, tuple[str, ...]] = {
    "bk": ("minperiod", "maxperiod", "smaorder", "stationary", "trend", "gain"),
    "bw": ("maxperiod", "order", "trend", "gain"),
    "cf": ("minperiod", "maxperiod", "smaorder", "stationary", "drift", "trend", "gain"),
    "hp": ("smooth", "trend", "gain"),
}
# Periods per year by the letter of the time format, where Stata adapts its defaults.
_FREQUENCY = {"y": 1.0, "h": 2.0, "q": 4.0, "m": 12.0, "w": 52.0, "d": 365.0}


def _per_year(session: Session) -> float:
    fmt = session.data.variables[require_time(session.data).time].format
    return _FREQUENCY.get(fmt[2:3], 4.0) if fmt.startswith("%t") else 4.0


@command(
    "tsfilter",
    "*",
    stored="r(smooth) r(minperiod) r(maxperiod) r(order) r(varlist) r(filterlist) r(trendlist) r(method) r(unit)",
    refused="gain(), smaorder() of cf, in ranges, panel data",
)
def tsfilter(session: Session, line: Line) -> None:
    """Separate trend and cycle: Baxter–King, Butterworth, Christiano–Fitzgerald, Hodrick–Prescott."""
    request = read_request(session, line, _FILTERS, _FILTER_OPTIONS)
    for option in ("gain",) + (("smaorder",) if request.method == "cf" else ()):
        if option in request.options:
            raise unsupported(f"tsfilter {request.method}, {option}() is")
    trends = str(request.options.get("trend") or "").split()
    if len(trends) == 1 and trends[0].endswith("*"):
        trends = new_names(trends, request.old)
    if trends and len(trends) != len(request.new):
        raise StataError(198, "trend() must name as many variables as are filtered")
    for name in trends:
        check_name(name)
        if name in session.data.variables:
            raise already_defined(name)
    yearly = _per_year(session)
    minimum = request.number("minperiod", 2.0 if yearly == 1.0 else 1.5 * yearly)
    maximum = request.number("maxperiod", 8.0 * yearly)
    scalars: dict[str, float] = {}
    for position, (new, old) in enumerate(zip(request.new, request.old, strict=True)):
        y, rows = complete_block(session, request, old)
        if len(y) < 4:
            raise insufficient_observations()
        cycle, scalars = _filtered(request, y, minimum, maximum, yearly)
        add_series(session, request, new, rows, cycle, f"{old} cyclical component from {request.method} filter")
        if trends:
            add_series(
                session,
                request,
                trends[position],
                rows,
                y - cycle,
                f"{old} trend component from {request.method} filter",
            )
    session.r = ResultSet(
        scalars=scalars,
        macros={"method": {"bk": "Baxter-King", "bw": "Butterworth", "cf": "Christiano-Fitzgerald",
                           "hp": "Hodrick-Prescott"}[request.method],
                "varlist": " ".join(request.old), "filterlist": " ".join(request.new), "trendlist": " ".join(trends)},
    )  # fmt: skip


def _filtered(
    request: Request, y: FloatArray, minimum: float, maximum: float, yearly: float
) -> tuple[FloatArray, dict[str, float]]:
    if request.method == "hp":
        smooth = request.number("smooth", 1600.0 * (yearly / 4.0) ** 4)
        if smooth <= 0:
            raise StataError(198, "smooth() must be greater than zero")
        return smoothers.hodrick_prescott(y, smooth), {"smooth": smooth}
    if request.method == "bw":
        order = int(request.number("order", 2))
        if order < 1 or len(y) <= 2 * order or maximum <= 2:
            raise StataError(198, "order() or maxperiod() out of range")
        return smoothers.butterworth(y, maximum, order), {"maxperiod": maximum, "order": float(order)}
    if not 2.0 <= minimum < maximum:
        raise StataError(198, "minperiod() must be at least 2 and less than maxperiod()")
    stationary = "stationary" in request.options
    scalars = {"minperiod": minimum, "maxperiod": maximum}
    if request.method == "bk":
        default = 3.0 if yearly == 1.0 else 3.0 * yearly
        order = int(request.number("smaorder", default))
        scalars["order"] = float(order)
        return smoothers.baxter_king(y, minimum, maximum, order, stationary=stationary), scalars
    return (
        smoothers.christiano_fitzgerald(y, minimum, maximum, drift="drift" in request.options, stationary=stationary),
        scalars,
    )
