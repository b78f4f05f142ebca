"""lroc, lsens and roctab: receiver operating characteristic of a fitted model or of a score."""

from __future__ import annotations

import math

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.graph import REFUSED
from ssd.engine.commands.graph_diagnostics import show_panel
from ssd.engine.errors import StataError
from ssd.engine.graphics.model import Graph, Layer, Panel, Text
from ssd.engine.graphics.options import Options, read_style
from ssd.engine.lang.quoting import split_comma
from ssd.engine.lang.syntax import split_line
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import number
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.roc import Curve, delong_error, roc_curve

_MODELS = {"logit": "Logistic", "logistic": "Logistic", "probit": "Probit"}


@command("lroc", "*", stored="r(N) r(area)", refused="beta(), if and in, " + REFUSED)
def lroc(session: Session, line: Line) -> None:
    """Area under the ROC curve of the last logit, logistic or probit, with its graph."""
    outcome, sample, p = _fitted(session, line)
    model = _MODELS[session.e.macros["cmd"]]
    options = Options(split_comma(line.text)[1])
    hidden = options.flag("nograph", 3)
    curve = roc_curve(session.data.numeric(outcome)[sample] != 0.0, p)
    log = session.log
    log.line()
    log.line(f"{model} model for {outcome}")
    log.line()
    log.line(f"Number of observations = {int(sample.sum()):8d}")
    log.line(f"Area under ROC curve   = {curve.area:8.4f}")
    if hidden:
        options.finish()
    else:
        _draw(session, curve, options)
    session.r = ResultSet(scalars={"N": float(sample.sum()), "area": curve.area})


@command(
    "roctab",
    "*",
    stored="r(N) r(area) r(se) r(lb) r(ub) r(cutpoints) r(detail)",
    refused="table, lorenz, bamber, hanley, binomial, weights",
)
def roctab(session: Session, line: Line) -> None:
    """Nonparametric ROC analysis of a score for a 0/1 reference variable."""
    from scipy.special import ndtri

    parts = split_line(line.text)
    names = session.expand_varlist(parts.subject)
    if len(names) < 2:
        raise StataError(102, "too few variables specified")
    if len(names) > 2:
        raise StataError(103, "too many variables specified")
    mask = np.ones(session.data.n_obs, dtype=np.bool_)
    if parts.condition is not None:
        mask &= session.evaluate_condition(parts.condition)
    reference, score = (session.data.numeric(name) for name in names)
    mask &= ~is_missing(reference) & ~is_missing(score)
    truth, value = reference[mask], score[mask]
    if not set(np.unique(truth)) <= {0.0, 1.0} or np.unique(truth).size < 2:
        raise StataError(198, f"true status variable {names[0]} must be 0 or 1")
    options = Options(parts.options)
    wanted = options.flag("graph", 1)
    options.flag("summary", 3)
    detailed = options.flag("detail", 3)
    curve = roc_curve(truth == 1.0, value)
    se = delong_error(truth == 1.0, value)
    half = float(ndtri(0.5 + float(session.settings.get("level", "95")) / 200)) * se
    low, high = max(curve.area - half, 0.0), min(curve.area + half, 1.0)
    log = session.log
    details = _detailed_report(session, curve, truth == 1.0) if detailed else None
    log.line()
    log.line("                      ROC                     Asymptotic normal  ")
    log.line("           Obs       area     Std. err.      [95% conf. interval]")
    log.line("     " + "-" * 60)
    log.line(f"    {int(mask.sum()):10,d}{curve.area:11.4f}{se:14.4f}{low:14.5f}{high:12.5f}")
    if wanted:
        _draw(session, curve, options)
    else:
        options.finish()
    session.r = ResultSet(scalars={"N": float(mask.sum()), "area": curve.area, "se": se, "lb": low, "ub": high})
    if details is not None:
        session.r.matrices["detail"] = details
        session.r.macros["cutpoints"] = " ".join([*(f">={number(cut)}" for cut in curve.cuts[::-1]),
                                                  f">{number(float(curve.cuts[0]))}"])  # fmt: skip


def _detailed_report(session: Session, curve: Curve, positive: BoolArray) -> Matrix:
    """Sensitivity, specificity, share classified correctly and likelihood ratios at every cut point."""
    share = float(positive.mean())
    log = session.log
    log.line()
    log.line("Detailed report of sensitivity and specificity")
    log.line("-" * 78)
    log.line(" " * 43 + "Correctly")
    log.line("Cutpoint      Sensitivity   Specificity   classified          LR+          LR-")
    log.line("-" * 78)
    labels = [f"( >  {number(float(curve.cuts[0]))} )", *(f"( >= {number(float(cut))} )" for cut in curve.cuts)]
    rows = []
    for label, sensitivity, false_positive in zip(
        labels[::-1], curve.sensitivity[::-1], curve.false_positive[::-1], strict=True
    ):
        specificity = 1.0 - false_positive
        correct = share * sensitivity + (1.0 - share) * specificity
        plus = sensitivity / false_positive if false_positive > 0.0 else math.nan
        minus = (1.0 - sensitivity) / specificity if specificity > 0.0 else math.nan
        shown = [f"{value:.4f}" if math.isfinite(value) else "" for value in (plus, minus)]
        percents = f"{100 * sensitivity:>9.2f}%{100 * specificity:>13.2f}%{100 * correct:>12.2f}%"
        log.line(f"{label:<14}{percents}{shown[0]:>13}{shown[1]:>11}".rstrip())
        rows.append([100 * sensitivity, 100 * specificity, 100 * correct, plus, minus])
    log.line("-" * 78)
    values = np.array(rows)
    names = ["sensitivity", "specificity", "correct", "lr+", "lr-"]
    return Matrix(np.where(np.isfinite(values), values, MISSING), [f"r{j + 1}" for j in range(len(rows))], names)


@command("lsens", "*", stored="r(N)", refused="beta(), if and in, all, " + REFUSED)
def lsens(session: Session, line: Line) -> None:
    """Sensitivity and specificity against the cutoff of the last logit, logistic or probit."""
    outcome, sample, p = _fitted(session, line)
    options = Options(split_comma(line.text)[1])
    hidden = options.flag("nograph", 3)
    names = [options.take(f"gen{kind}", 4) for kind in ("prob", "sens", "spec")]
    overwrite = options.flag("replace", 3)
    curve = roc_curve(session.data.numeric(outcome)[sample] != 0.0, p)
    # From the cutoff 0, where all are called positive, to 1, where none is.
    cutoffs = np.concatenate([[0.0], curve.cuts[::-1], [1.0]])
    sensitivity = np.concatenate([[1.0], curve.sensitivity[:0:-1], [0.0]])
    specificity = np.concatenate([[0.0], 1.0 - curve.false_positive[:0:-1], [1.0]])
    if hidden:
        options.finish()
    else:
        panel = Panel(layers=[
            Layer("connected", cutoffs, sensitivity, label="Sensitivity"),
            Layer("connected", cutoffs, specificity, label="Specificity"),
        ])  # fmt: skip
        panel.x.title, panel.y.title = Text("Probability cutoff"), Text("Sensitivity/Specificity")
        graph = Graph()
        graph.legend.shown = True
        show_panel(session, panel, options, graph)
    for name, values in zip(names, (cutoffs, sensitivity, specificity), strict=True):
        if name:
            _keep(session, name, values, overwrite=overwrite)
    session.r = ResultSet(scalars={"N": float(sample.sum())})


def _keep(session: Session, name: str, values: FloatArray, *, overwrite: bool) -> None:
    """Store a column of points in the first observations. Raises r(110) when it exists, r(2001) without room."""
    if name in session.data.variables:
        if not overwrite:
            raise StataError(110, f"variable {name} already defined")
        session.data.drop([name])
    if len(values) > session.data.n_obs:
        raise StataError(2001, "insufficient observations")
    column = np.full(session.data.n_obs, MISSING)
    column[: len(values)] = values
    session.data.add(name, column, "float")


def _fitted(session: Session, line: Line) -> tuple[str, BoolArray, FloatArray]:
    """Outcome, sample and fitted probabilities of the last binary model. Raises r(301) without one."""
    if session.e.macros.get("cmd", "") not in _MODELS or session.e.sample is None:
        raise StataError(301, "last estimates not found")
    if split_comma(line.text)[0].strip():
        raise StataError(101, "varlist not allowed")
    outcome, score = session.e.macros["depvar"].split()[0], "__ssd_p"
    try:
        session.run(f"predict double {score}, pr", quiet=True)
        sample = session.e.sample & ~is_missing(session.data.numeric(score))
        p = session.data.numeric(score)[sample]
    finally:
        session.data.drop([name for name in (score,) if name in session.data.variables])
    return outcome, sample, p


def _draw(session: Session, curve: Curve, options: Options) -> None:
    diagonal: FloatArray = np.array([0.0, 1.0])
    style = read_style(options, session)
    layers = [
        Layer("connected", curve.false_positive, curve.sensitivity, style=style),
        Layer("line", diagonal, diagonal),
    ]
    panel = Panel(layers=layers)
    panel.x.title, panel.y.title = Text("1 - Specificity"), Text("Sensitivity")
    show_panel(session, panel, options, Graph(note=Text(f"Area under ROC curve = {curve.area:.4f}")))
