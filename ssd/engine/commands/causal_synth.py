"""synth: synthetic control for one treated unit."""

from __future__ import annotations

import math
import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.data_files import save_data
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.graph_diagnostics import show_panel
from ssd.engine.data.dataset import Dataset
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, unsupported
from ssd.engine.graphics.model import Graph, Layer, Panel, RefLine, Style, Text
from ssd.engine.graphics.options import Options
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.lang.quoting import closing, strip_quotes
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.formats import format_value
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.synthetic_control import regression_weights, scaled, unit_weights

if TYPE_CHECKING:
    from ssd.engine.session import Session

_RULE = "-" * 79


@command(
    "synth",
    "[anything(everything)] [, TRUnit(string) TRPeriod(string) COUnit(string) xperiod(string) mspeperiod(string) "
    "resultsperiod(string) unitnames(varname) FIGure Keep(string) REPlace margin(real 0.005) "
    "maxiter(integer 1000) sigf(integer 12) bound(integer 10) NESTED ALLOPT *]",
    stored="e(Y_treated) e(Y_synthetic) e(W_weights) e(X_balance) e(V_matrix) e(RMSPE)",
    refused="nested, allopt, several treated units; the quadratic program is solved exactly, so margin(), maxiter(), "
    "sigf() and bound() are refused",
)
def synth(session: Session, line: Line) -> None:
    """Synthetic control: unit weights, predictor balance and the path of the synthetic unit."""
    for name in ("nested", "allopt", "margin", "maxiter", "sigf", "bound"):
        if name in line.typed:
            raise unsupported(f"option {name} of synth is")
    setup = _Setup(session, line)
    log = session.log
    log.line(_RULE)
    log.line("Synthetic Control Method for Comparative Case Studies")
    log.line(_RULE)
    log.line()
    log.line("First Step: Data Setup")
    log.line(_RULE)
    x1, X0, names = setup.predictors(line.anything)
    z1, Z0 = setup.outcomes(setup.mspe_periods, "pre-intervention MSPE period - check mspeperiod()")
    y1, Y0 = setup.outcomes(setup.results_periods, "results period - check resultsperiod()")
    _print_setup(session, setup, names)
    s1, S0 = scaled(x1, X0)
    custom = _custom_weights(line)
    log.line()
    log.line("Second Step: Run Optimization")
    log.line(_RULE)
    if custom:
        log.line("Using user supplied custom V-weights")
        log.line(_RULE)
        if len(custom) != len(names):
            raise StataError(198, "wrong number of custom V weights; please specify one V-weight for each predictor")
        v = np.abs(np.array(custom)) / max(float(np.abs(custom).sum()), 1e-300)
    else:
        v = regression_weights(s1, S0, z1, Z0)
    w = unit_weights(s1, S0, v)
    rmspe = math.sqrt(float(np.mean((z1 - Z0 @ w) ** 2)))
    shown = np.round(w, 3)
    _print_results(session, setup, names, rmspe, shown, x1, X0 @ shown)
    synthetic = Y0 @ shown
    if line.text_option("keep"):
        _keep(session, line, setup, shown, y1, synthetic)
    if line.flag("figure"):
        _draw(session, setup, y1, synthetic)
    numbers = np.array(setup.controls, dtype=np.float64)
    periods = [f"{period:g}" for period in setup.results_periods]
    labels = [setup.label(unit).replace(" ", "") for unit in setup.controls]
    results = ResultSet(macros={"cmd": "synth"})
    results.matrices = {
        "Y_treated": Matrix(y1[:, None], periods, [f"{setup.treated:g}"]),
        "Y_synthetic": Matrix(synthetic[:, None], periods, ["c1"]),
        "W_weights": Matrix(np.column_stack([numbers, shown]), labels, ["_Co_Number", "_W_Weight"]),
        "X_balance": Matrix(np.column_stack([x1, X0 @ shown]), names, ["Treated", "Synthetic"]),
        "V_matrix": Matrix(np.diag(v), list(names), list(names)),
        "RMSPE": Matrix(np.array([[rmspe]]), ["RMSPE"], ["c1"]),
    }
    session.e = results


@dataclass(init=False)
class _Setup:
    """Units and periods of the panel."""

    def __init__(self, session: Session, line: Line) -> None:
        self.data = session.data
        settings = require_time(self.data)
        if not settings.panel:
            raise StataError(198, "panel unit variable missing please use -tsset panelvar timevar")
        self.panel, self.time = settings.panel, settings.time
        self.unit_values, self.times = self.data.numeric(self.panel), self.data.numeric(self.time)
        units = sorted({float(u) for u in self.unit_values[~is_missing(self.unit_values)]})
        periods = sorted({float(t) for t in self.times[~is_missing(self.times)]})
        self.treated = _one(line, "trunit")
        self.start = _one(line, "trperiod")
        if self.treated not in units:
            raise StataError(198, "treated unit not found in panelvar - check tr()")
        typed = line.text_option("counit")
        self.controls = sorted(set(parse_numlist(typed))) if typed else [u for u in units if u != self.treated]
        if any(unit not in units for unit in self.controls):
            raise StataError(198, "at least one control unit not found in panelvar - check co()")
        if self.treated in self.controls:
            raise StataError(198, "treated unit appears among control units  - check co() and tr()")
        if len(self.controls) < 2:
            raise StataError(198, "at least two control units are needed")
        if self.start not in periods:
            raise StataError(198, "period of treatment is not not found in timevar - check trperiod()")
        before = [period for period in periods if period < self.start]
        if not before:
            raise StataError(198, "there is no period before the treatment")
        self.all_periods = periods
        self.x_periods = self._periods(line, "xperiod", before)
        self.mspe_periods = self._periods(line, "mspeperiod", before)
        self.results_periods = self._periods(line, "resultsperiod", periods)
        self.labels = dict(self.data.labels_of(self.panel))
        names = line.text_option("unitnames")
        if names:
            if not self.data.variables[names].is_string:
                raise StataError(198, f"{names} does not exist as a (string) variable in dataset")
            texts = self.data.strings(names)
            self.labels = {int(unit): str(texts[np.flatnonzero(self.unit_values == unit)[-1]]) for unit in units}
        self.outcome = ""
        self.session = session

    def _periods(self, line: Line, option: str, default: list[float]) -> list[float]:
        typed = line.text_option(option)
        if not typed:
            return default
        chosen = sorted(set(parse_numlist(typed)))
        if any(period not in self.all_periods for period in chosen):
            raise StataError(198, f"at least one time period specified in {option}() not found in timevar")
        return chosen

    def label(self, unit: float) -> str:
        return self.labels.get(int(unit), f"{unit:g}")

    @property
    def labelled(self) -> bool:
        return bool(self.labels)

    def predictors(self, text: str) -> tuple[FloatArray, FloatArray, list[str]]:
        """Means of the predictors over their periods: treated (k,), controls (k, units) and names."""
        tokens = _tokens(text)
        if not tokens:
            raise StataError(198, "not a single variable specified. please supply at least a response variable")
        self.outcome = self._variable(tokens[0])
        if len(tokens) < 2:
            raise StataError(198, "at least one predictor is needed")
        rows: list[list[float]] = []
        names: list[str] = []
        for token in tokens[1:]:
            word, _, rest = token.partition("(")
            variable = self._variable(word)
            periods = self.x_periods
            if rest:
                inner = rest[:-1].replace("&", " ")
                periods = sorted(set(parse_numlist(inner)))
                if any(period not in self.all_periods for period in periods):
                    raise StataError(
                        198, f"for predictor {variable} some specified periods are not found in panel timevar"
                    )
            names.append(variable if not rest else f"{variable}({rest.replace(' ', '')}")
            self._note_missing(variable, names[-1], periods)
            rows.append([self._mean(variable, unit, periods, names[-1]) for unit in (self.treated, *self.controls)])
        values = np.array(rows)
        return values[:, 0], values[:, 1:], names

    def _variable(self, word: str) -> str:
        found = self.session.expand_varlist(word)
        if len(found) != 1 or self.data.variables[found[0]].is_string:
            raise StataError(198, f"{word} does not exist as a (numeric) variable in dataset")
        return found[0]

    def _at(self, unit: float, periods: list[float]) -> BoolArray:
        return np.asarray((self.unit_values == unit) & np.isin(self.times, periods), dtype=np.bool_)

    def _note_missing(self, variable: str, shown: str, periods: list[float]) -> None:
        x = self.data.numeric(variable)
        for title, units in (("control units", self.controls), ("treated unit", [self.treated])):
            inside = np.isin(self.unit_values, units) & is_missing(x)
            for period in periods:
                lost = int(np.count_nonzero(inside & (self.times == period)))
                if lost:
                    self.session.log.line(
                        f"{title}: for {lost} of out {len(units)} units missing obs for predictor {shown} in period "
                        f"{period:g} -ignored for averaging"
                    )

    def _mean(self, variable: str, unit: float, periods: list[float], shown: str) -> float:
        values = self.data.numeric(variable)[self._at(unit, periods)]
        known = values[~is_missing(values)]
        if not len(known):
            title = "treated unit" if unit == self.treated else "control units"
            raise StataError(
                198, f"{title}: for at least one unit predictor {shown} is missing for ALL periods specified"
            )
        return float(known.mean())

    def outcomes(self, periods: list[float], title: str) -> tuple[FloatArray, FloatArray]:
        """Outcomes by period: treated (t,), controls (t, units). Raises r(198) for a missing value."""
        y = self.data.numeric(self.outcome)
        table = np.full((len(periods), len(self.controls) + 1), np.nan)
        for j, unit in enumerate((self.treated, *self.controls)):
            rows = self._at(unit, periods) & ~is_missing(y)
            table[np.searchsorted(periods, self.times[rows]), j] = y[rows]
        for part, word, units in (
            (table[:, 1:], "control units", len(self.controls)),
            (table[:, :1], "treated unit", 1),
        ):
            lost = np.isnan(part).sum(axis=1)
            if lost.any():
                first = int(np.flatnonzero(lost)[0])
                raise StataError(
                    198, f"{word}: for {int(lost[first])} of out {units} units outcome variable {self.outcome} is "
                    f"missing in {periods[first]:g} {title}",
                )  # fmt: skip
        return table[:, 0], table[:, 1:]


def _one(line: Line, option: str) -> float:
    typed = line.text_option(option)
    if not typed:
        raise StataError(198, f"option {option}() required")
    values = parse_numlist(typed)
    if len(values) != 1 or values[0] != math.floor(values[0]):
        raise StataError(198, f"option {option}() incorrectly specified")
    return float(values[0])


def _custom_weights(line: Line) -> list[float] | None:
    """The numbers of customV(), an option with a capital letter inside."""
    text = str(line.options.get("*") or "").strip()
    if not text:
        return None
    match = re.fullmatch(r"custom[vV]\(([^()]*)\)", text)
    if match is None:
        raise StataError(198, f"option {text.split('(')[0].split()[0]} not allowed")
    return parse_numlist(match[1])


def _tokens(text: str) -> list[str]:
    """Words of the command, each with the parentheses that follow it directly."""
    found: list[str] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = re.compile(r"[^\s(]+").match(text, position)
        if match is None:
            raise StataError(198, "invalid syntax")
        end = match.end()
        if end < len(text) and text[end] == "(":
            end = closing(text, end) + 1
        found.append(text[position:end])
        position = end
    return found


def _paragraph(session: Session, indent: int, text: str) -> None:
    for each in textwrap.wrap(text, 79, initial_indent=" " * indent, subsequent_indent=" " * 30):
        session.log.line(each)


def _print_setup(session: Session, setup: _Setup, names: list[str]) -> None:
    log = session.log
    log.line(_RULE)
    log.line("Data Setup successful")
    log.line(_RULE)
    joint = ", " if setup.labelled else " "
    _paragraph(session, 16, f"Treated Unit: {setup.label(setup.treated)}")
    _paragraph(session, 15, f"Control Units: {joint.join(setup.label(unit) for unit in setup.controls)}")
    log.line(_RULE)
    _paragraph(session, 10, f"Dependent Variable: {setup.outcome}")
    _paragraph(session, 2, "MSPE minimized for periods: " + " ".join(f"{t:g}" for t in setup.mspe_periods))
    _paragraph(session, 0, "Results obtained for periods: " + " ".join(f"{t:g}" for t in setup.results_periods))
    log.line(_RULE)
    _paragraph(session, 18, "Predictors: " + " ".join(names))
    log.line(_RULE)
    _paragraph(session, 0, "Unless period is specified")
    _paragraph(session, 0, "predictors are averaged over: " + " ".join(f"{t:g}" for t in setup.x_periods))
    log.line(_RULE)


def _number(value: float) -> str:
    return format_value(value, "%9.0g").strip()


def _print_results(
    session: Session, setup: _Setup, names: list[str], rmspe: float, w: FloatArray, x1: FloatArray, balance: FloatArray
) -> None:
    log = session.log
    log.line(_RULE)
    log.line("Optimization done")
    log.line(_RULE)
    log.line()
    log.line("Third Step: Obtain Results")
    log.line(_RULE)
    log.line("Loss: Root Mean Squared Prediction Error")
    log.line()
    log.line("-" * 21)
    log.line(f"{'RMSPE':>8} |{_number(rmspe):>10} ")
    log.line("-" * 21)
    log.line(_RULE)
    log.line("Unit Weights:")
    log.line()
    labels = [setup.label(unit) for unit in setup.controls]
    width = max([len("Co_No"), *(len(label) for label in labels)]) + 1 if setup.labelled else 10
    log.line("-" * (width + 13))
    log.line(f"{'Co_No':>{width - 1}} | Unit_Weight")
    log.line("-" * width + "+" + "-" * 12)
    for label, weight in zip(labels, w, strict=True):
        log.line(f"{label:>{width - 1}} |{_number(float(weight)):>12}")
    log.line("-" * (width + 13))
    log.line(_RULE)
    log.line("Predictor Balance:")
    log.line()
    log.line("-" * 54)
    log.line(f"{'':>30} |{'Treated':>10} {'Synthetic':>10} ")
    log.line("-" * 31 + "+" + "-" * 22)
    for name, one, two in zip(names, x1, balance, strict=True):
        log.line(f"{name[:30]:>30} |{_number(float(one)):>10} {_number(float(two)):>10} ")
    log.line("-" * 54)
    log.line(_RULE)


def _keep(
    session: Session, line: Line, setup: _Setup, w: FloatArray, treated: FloatArray, synthetic: FloatArray
) -> None:
    """The data set of results: unit weights beside the paths of outcomes."""
    periods = np.array(setup.results_periods)
    n = max(len(w), len(periods))

    def column(values: FloatArray) -> FloatArray:
        return np.concatenate([values, np.full(n - len(values), MISSING)])

    data = Dataset(n_obs=n)
    label = setup.data.variables[setup.panel].value_label
    labels = {} if not setup.labelled else dict(setup.labels)
    name = (label or setup.panel) if labels else ""
    if labels:
        data.value_labels[name] = labels
    data.add("_Co_Number", column(np.array(setup.controls)), "float", label="Co_No", value_label=name)
    data.add("_W_Weight", column(w), "float", label="Unit_Weight")
    shown = setup.label(setup.treated) if labels else "treated unit"
    other = f"synthetic {shown}" if labels else "synthetic control unit"
    data.add("_Y_treated", column(treated), "double", label=shown)
    data.add("_Y_synthetic", column(synthetic), "double", label=other)
    data.add("_time", column(periods), "double")
    save_data(session, data, strip_quotes(line.text_option("keep") or ""), replace=line.flag("replace"))


def _draw(session: Session, setup: _Setup, treated: FloatArray, synthetic: FloatArray) -> None:
    periods = np.array(setup.results_periods)
    black = ("black", 1.0)
    shown = setup.label(setup.treated) if setup.labelled else "treated unit"
    other = f"synthetic {shown}" if setup.labelled else "synthetic control unit"
    panel = Panel(
        layers=[
            Layer("line", periods, treated, label=shown, style=Style(line_color=black)),
            Layer("line", periods, synthetic, label=other, style=Style(line_color=black, pattern="dashed")),
        ]
    )
    panel.x.title, panel.y.title = Text(setup.time), Text(setup.outcome)
    panel.x.lines.append(RefLine(setup.start, Style(line_color=black, pattern="dashed")))
    graph = Graph()
    graph.legend.shown = True
    show_panel(session, panel, Options(""), graph)
