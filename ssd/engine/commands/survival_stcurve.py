"""stcurve and stphplot: fitted functions of a survival model, and a graphical check of proportional hazards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource, estimation_of, marked_sample
from ssd.engine.commands.graph import REFUSED
from ssd.engine.commands.postestimation_predict import linear_prediction
from ssd.engine.commands.survival_cox_predict import refit as refit_cox
from ssd.engine.commands.survival_graph import line_of
from ssd.engine.commands.survival_sample import group_records, open_analysis
from ssd.engine.commands.survival_stcrreg import refit as refit_subhazard
from ssd.engine.errors import StataError, unsupported
from ssd.engine.graphics.model import Graph, Layer, Panel, Style, Text
from ssd.engine.graphics.options import Options, read_axis, read_graph, read_style
from ssd.engine.graphics.twoway import finish
from ssd.engine.lang.quoting import split_comma
from ssd.engine.missing import FloatArray
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.survival_cox import baseline_hazard, survivor_contributions
from ssd.engine.stats.survival_curves import curve, select
from ssd.engine.stats.survival_parametric import distribution

if TYPE_CHECKING:
    from ssd.engine.session import Session

_NAMES = {"survival": "Survival", "cumhaz": "Cumulative hazard", "hazard": "Hazard function",
          "cif": "Cumulative incidence"}  # fmt: skip


class _Fixed:
    """The columns of the data with some variables held at a value."""

    def __init__(self, source: SessionSource, values: dict[str, float]) -> None:
        self._source, self._values = source, values

    def get(self, variable: str, operator: str = "") -> FloatArray:
        column = self._source.get(variable, operator)
        if variable in self._values:
            return np.full(len(column), self._values[variable])
        return column


def _settings(session: Session, options: Options) -> list[dict[str, float]]:
    """Values of at(), at1(), at2() …; one empty setting (means) without any."""
    general: dict[str, float] = {}
    single = options.take("at", 2)
    if single is not None:
        general = _values(session, single)
    found = []
    for number in range(1, 11):
        text = options.take(f"at{number}", 3)
        if text is not None:
            found.append({**general, **_values(session, text)})
    return found or [general]


def _values(session: Session, text: str) -> dict[str, float]:
    found = {}
    for piece in text.replace(" = ", "=").split():
        name, equals, value = piece.partition("=")
        if not equals:
            raise StataError(198, f"at({text}) invalid")
        if name.startswith("("):
            raise unsupported(f"at({text}) is")
        found[session.variable_named(name.strip())] = session.evaluate_number(value)
    return found


def _linear(session: Session, equation: str, values: dict[str, float]) -> float:
    """The linear prediction at the means of the sample, some variables held fixed."""
    estimation = estimation_of(session)
    sample = marked_sample(session)
    linear = linear_prediction(session, estimation, sample, equation, offset=False)
    known = set(linear.design.variables)
    for name in values:
        if name not in known:
            raise StataError(111, f"{name} is not a covariate of the model")
    source = _Fixed(SessionSource(session), values)
    X = with_constant(linear.design.matrix(source, sample), linear.design.constant)
    return float(X.mean(axis=0) @ linear.b[linear.active])


@command("stcurve", "*", refused="hazard after stcox and stcrreg, outfile(), range(), unconditional, alpha1, several "
         "values in at(); " + REFUSED)  # fmt: skip
def stcurve(session: Session, line: Line) -> None:
    """Plot the survivor, hazard, cumulative hazard or cumulative incidence function of the last survival model."""
    model = session.e.macros.get("cmd2", "")
    if model not in {"stcox", "streg", "stcrreg"}:
        raise StataError(301, "last estimates not found")
    main, text = split_comma(line.text)
    if main.strip():
        raise StataError(101, "varlist not allowed")
    options = Options(text)
    chosen = [name for name, least in (("survival", 3), ("cumhaz", 4), ("hazard", 1), ("cif", 3))
              if options.flag(name, least)]  # fmt: skip
    if len(chosen) != 1:
        raise StataError(198, "one of survival, hazard, cumhaz, or cif must be specified")
    kind = chosen[0]
    if (kind == "cif") != (model == "stcrreg"):
        raise StataError(198, f"option {kind} not allowed after {model}")
    for name, least in (("outfile", 3), ("range", 4), ("kernel", 3), ("width", 5), ("unconditional", 6), ("alpha1", 6)):
        options.refuse(name, least)
    settings = _settings(session, options)
    layers = []
    style = read_style(options, session)
    for position, values in enumerate(settings):
        time, heights, stepped = _curve(session, model, kind, values)
        label = " ".join(f"{name}={value:g}" for name, value in values.items())
        layers.append(Layer("line", time, heights, label=label, style=Style(**{**style.__dict__, "step": stepped}),
                            color_index=position))  # fmt: skip
    panel = Panel(layers=layers)
    panel.x.title, panel.y.title = Text("Analysis time"), Text(_NAMES[kind])
    panel.x.low = 0.0
    if kind in {"survival", "cif"}:
        panel.y.low = 0.0
    if kind == "survival":
        panel.y.high = 1.0
    title = {"stcox": "Cox proportional hazards regression", "stcrreg": "Competing-risks regression"}.get(
        model, session.e.macros.get("title", "")
    )
    graph = Graph(title=Text(title), panels=[panel])
    read_graph(options, graph, session)
    read_axis(options, "x", panel.x, session)
    read_axis(options, "y", panel.y, session)
    if graph.legend.shown is None:
        graph.legend.shown = len(settings) > 1
    finish(session, graph, options)


def _curve(
    session: Session, model: str, kind: str, values: dict[str, float]
) -> tuple[FloatArray, FloatArray, bool]:  # fmt: skip
    """Times, heights, and whether they are steps."""
    if model == "streg":
        return (*_parametric(session, kind, values), False)
    if kind == "hazard":
        raise unsupported("stcurve, hazard after stcox is")
    if model == "stcrreg":
        data, found = refit_subhazard(session)
        times, steps, last = data.times, found.baseline, float(data.t.max())
    else:
        fitted = refit_cox(session)
        if len(fitted.sets.bounds) > 1:
            raise unsupported("stcurve after a stratified model is")
        times, last = fitted.sets.times, float(fitted.records.t.max())
        # The survivor function rests on the product-limit baseline, the cumulative hazard on Breslow's.
        factors = survivor_contributions(fitted.sets, fitted.now) if kind == "survival" else None
        steps = baseline_hazard(fitted.sets, fitted.now) if factors is None else -np.log(np.maximum(factors, 1e-300))
    H = np.cumsum(steps) * np.exp(_linear(session, "", values))
    heights = {"survival": np.exp(-H), "cumhaz": H, "cif": -np.expm1(-H)}[kind]
    start = 1.0 if kind == "survival" else 0.0
    time = np.concatenate([[0.0], times, [last]])
    return time, np.concatenate([[start], heights, heights[-1:]]), True


def _parametric(session: Session, kind: str, values: dict[str, float]) -> tuple[FloatArray, FloatArray]:
    if session.e.macros.get("frailty"):
        raise unsupported("stcurve after a frailty model is")
    estimation = estimation_of(session)
    hazard_metric = session.e.macros["frm2"] == "hazard"
    model = distribution(session.e.macros["distribution"], time=not hazard_metric)
    last = session.e.scalars["tmax"]
    time = np.linspace(last / 400.0, last, 400)
    columns = session.e.matrices["b"].cols
    b = session.e.matrices["b"].values[0]
    index = [np.full(len(time), _linear(session, "_t", values))]
    for name in model.ancillary:
        if name in estimation.designs:
            value = _linear(session, name, {k: v for k, v in values.items() if k in estimation.designs[name].variables})
        else:
            value = float(b[columns.index(f"/:{name}")])
        index.append(np.full(len(time), value))
    function: Callable[..., tuple[FloatArray, FloatArray]] = model.function
    log_h, H = function(np.log(time), index)
    heights = {"survival": np.exp(-H), "cumhaz": H, "hazard": np.exp(log_h - np.log(time))}[kind]
    if kind != "hazard":
        time = np.concatenate([[0.0], time])
        heights = np.concatenate([[1.0 if kind == "survival" else 0.0], heights])
    return time, np.asarray(heights, dtype=np.float64)


@command("stphplot", "*", refused="strata(), adjust(), zero, plot#opts(), addplot(); " + REFUSED)
def stphplot(session: Session, line: Line) -> None:
    """Plot -ln(-ln S) against ln t for each group: parallel curves speak for proportional hazards."""
    typed, options = line_of(session, line.text)
    for name, least in (("strata", 2), ("adjust", 3), ("zero", 4), ("addplot", 7)):
        options.refuse(name, least)
    by = options.take("by", 2)
    if not by:
        raise StataError(198, "option by() required")
    positive = options.flag("nonegative", 5)
    raw_time = options.flag("nolntime", 6)
    typed.options["noshow"] = options.flag("noshow", 4)
    names = session.expand_varlist(by)
    _, records = open_analysis(session, typed, names)
    groups = group_records(session, records, names)
    style = read_style(options, session)
    layers = []
    for g in range(groups.count):
        found = curve(select(records, groups.ids == g))
        inside = (found.d > 0) & (found.survivor > 0.0) & (found.survivor < 1.0)
        x = found.time[inside] if raw_time else np.log(found.time[inside])
        y = np.log(-np.log(found.survivor[inside])) * (1.0 if positive else -1.0)
        layers.append(Layer("connected", x, y, label=groups.titles[g].replace("=", " = "), style=style, color_index=g))
    panel = Panel(layers=layers)
    panel.x.title = Text("Analysis time" if raw_time else "ln(Analysis time)")
    panel.y.title = Text(f"{'' if positive else '-'}ln[-ln(Survival probability)]")
    graph = Graph(panels=[panel])
    read_graph(options, graph, session)
    read_axis(options, "x", panel.x, session)
    read_axis(options, "y", panel.y, session)
    if graph.legend.shown is None:
        graph.legend.shown = True
    finish(session, graph, options)
