"""lroc and roctab: receiver operating characteristic of a fitted model or of a score."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.graph import REFUSED
from ssd.engine.commands.graph_diagnostics import show_panel
from ssd.engine.errors import StataError
from ssd.engine.graphics.model import Graph, Layer, Panel, Text
from ssd.engine.graphics.options import Options, read_style
from ssd.engine.lang.quoting import split_comma
from ssd.engine.lang.syntax import split_line
from ssd.engine.missing import FloatArray, is_missing
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.roc import Curve, delong_error, roc_curve

_MODELS = {"logit": "Logistic", "logistic": "Logistic", "probit": "Probit"}


@command("lroc", "*", stored="r(N) r(area)", refused="beta(), if and in, " + REFUSED)
def lroc(session: Session, line: Line) -> None:
    """Area under the ROC curve of the last logit, logistic or probit, with its graph."""
    model = _MODELS.get(session.e.macros.get("cmd", ""))
    if model is None or session.e.sample is None:
        raise StataError(301, "last estimates not found")
    main, text = split_comma(line.text)
    if main.strip():
        raise StataError(101, "varlist not allowed")
    options = Options(text)
    hidden = options.flag("nograph", 3)
    outcome, score = session.e.macros["depvar"].split()[0], "__ssd_p"
    try:
        session.run(f"predict double {score}, pr", quiet=True)
        sample = session.e.sample & ~is_missing(session.data.numeric(score))
        p = session.data.numeric(score)[sample]
    finally:
        session.data.drop([name for name in (score,) if name in session.data.variables])
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
    "roctab", "*", stored="r(N) r(area) r(se) r(lb) r(ub)", refused="detail, table, lorenz, bamber, hanley, weights"
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
    curve = roc_curve(truth == 1.0, value)
    se = delong_error(truth == 1.0, value)
    half = float(ndtri(0.5 + float(session.settings.get("level", "95")) / 200)) * se
    low, high = max(curve.area - half, 0.0), min(curve.area + half, 1.0)
    log = session.log
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
