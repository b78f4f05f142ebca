"""estat phtest and estat concordance after stcox; stphtest as a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.survival_cox_predict import CoxFitted, refit, residual_columns
from ssd.engine.data.survival import require_survival
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import fixed
from ssd.engine.output.survival import remind
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.survival_cox import concordance, proportionality
from ssd.engine.stats.survival_curves import curve

if TYPE_CHECKING:
    from ssd.engine.session import Session


def _chosen(options: list[TypedOption], allowed: dict[str, int]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in options:
        name = next((n for n, least in allowed.items() if len(item.word) >= least and n.startswith(item.word)), None)
        if name is None:
            raise StataError(198, f"option {item.named} not allowed")
        found[name] = item.value or ""
    return found


@command("stphtest", "[, *]", stored="as estat phtest", refused="msym()")
def stphtest(session: Session, line: Line) -> None:
    """Test of the proportional-hazards assumption after stcox (the older name of estat phtest)."""
    extra = line.options.get("*")
    phtest(session, "", read_options(extra if isinstance(extra, str) else ""))


def phtest(session: Session, rest: str, options: list[TypedOption]) -> None:
    """Test of the proportional-hazards assumption from Schoenfeld residuals."""
    allowed = {"log": 3, "km": 2, "rank": 4, "time": 4, "detail": 1, "plot": 4, "bwidth": 2, "msym": 3}
    typed = _chosen(options, allowed)
    if "msym" in typed:
        raise unsupported("option msym() of estat phtest is")
    functions = [name for name in ("log", "km", "rank", "time") if name in typed]
    if len(functions) > 1:
        raise StataError(198, f"options {functions[0]} and {functions[1]} may not be combined")
    fitted = refit(session)
    if session.e.macros["ties"] == "exactp":
        raise unsupported("estat phtest after exactp is")
    if not fitted.X.shape[1]:
        raise StataError(198, "no covariates in the model")
    own = fitted.sets.at >= 0
    kind = functions[0] if functions else ""
    g, title = _time_function(session, fitted, kind, typed)
    if "plot" in typed:
        _plot(session, fitted, g[own], title, typed)
        return
    test = proportionality(residual_columns(fitted, "schoenfeld")[own], residual_columns(fitted, "scaledsch")[own],
                           g[own], fitted.V)  # fmt: skip
    detail = "detail" in typed
    log = session.log
    log.line()
    log.line("Test of proportional-hazards assumption")
    log.line()
    log.line(f"Time function: {title}")
    log.line("-" * 56)
    log.line(f"{'':12} |{'rho' if detail else '':>11}{'chi2':>9}{'df':>9}{'Prob>chi2':>13}")
    log.line("-" * 13 + "+" + "-" * 42)
    k = fitted.X.shape[1]
    table = np.full((len(fitted.design.names), 4), MISSING)
    position = 0
    for j, (name, active) in enumerate(zip(fitted.design.names, fitted.design.active, strict=True)):
        table[j, 2] = 1.0
        if active:
            chi2 = float(test.chi2[position])
            table[j] = [float(test.rho[position]), chi2, 1.0, chi2_tail(chi2, 1)]
            position += 1
        if detail:
            label = f"{abbreviate(name, 12):>12} |"
            if active:
                log.line(
                    f"{label}{fixed(table[j, 0], 5):>11}{fixed(table[j, 1], 2):>9}{1:9d}{fixed(table[j, 3], 4):>13}"
                )
            else:
                log.line(f"{label}{'.':>11}{'.':>9}{1:9d}{'.':>13}")
    if detail:
        log.line("-" * 13 + "+" + "-" * 42)
    p = chi2_tail(test.global_chi2, k)
    log.line(f"{'Global test':>12} |{'':11}{fixed(test.global_chi2, 2):>9}{k:9d}{fixed(p, 4):>13}")
    log.line("-" * 56)
    if session.e.macros.get("vcetype") == "Robust":
        log.line("Note: Robust variance–covariance matrix used.")
    results = ResultSet(scalars={"df": float(k), "chi2": test.global_chi2, "p": p})
    results.matrices["phtest"] = Matrix(table, list(fitted.design.names), ["rho", "chi2", "df", "p"])
    session.r = results


def _plot(session: Session, fitted: CoxFitted, g: FloatArray, title: str, typed: dict[str, str]) -> None:
    """Scaled Schoenfeld residuals of one covariate against time with a running-line smooth. Raises r(111)."""
    from ssd.engine.graphics.model import Graph, Layer, Panel, Text
    from ssd.engine.graphics.options import Options
    from ssd.engine.graphics.smooth import lowess
    from ssd.engine.graphics.twoway import finish

    name = typed["plot"].strip()
    active = [each for each, flag in zip(fitted.design.names, fitted.design.active, strict=True) if flag]
    if name not in active:
        raise StataError(111, f"{name} is not a covariate of the model")
    own = fitted.sets.at >= 0
    y = residual_columns(fitted, "scaledsch")[own][:, active.index(name)]
    width = session.evaluate_number(typed["bwidth"]) if "bwidth" in typed else 0.8
    x, smooth = lowess(g, y, width, False)
    panel = Panel(layers=[Layer("scatter", g, y), Layer("line", x, smooth)])
    panel.x.title, panel.y.title = Text(title), Text(f"Scaled Schoenfeld - {name}")
    graph = Graph(title=Text("Test of PH assumption"), panels=[panel])
    graph.legend.shown = False
    finish(session, graph, Options(None))


def _time_function(session: Session, fitted: CoxFitted, kind: str, typed: dict[str, str]) -> tuple[FloatArray, str]:
    """The function of time at the exit of each record, and what it is called."""
    t = fitted.records.t
    if kind == "log":
        return np.log(t), "Log of analysis time"
    if kind == "rank":
        from scipy.stats import rankdata

        own = fitted.sets.at >= 0
        ranks = np.zeros(len(t))
        ranks[own] = rankdata(t[own])
        return ranks, "Rank of analysis time"
    if kind == "km":
        found = curve(fitted.records)
        return 1.0 - found.survivor[np.searchsorted(found.time, t)], "Kaplan–Meier"
    if kind == "time":
        name = session.variable_named(typed["time"])
        return session.data.numeric(name)[fitted.records.rows], name
    return t, "Analysis time"


def harrell(session: Session, rest: str, options: list[TypedOption]) -> None:
    """Harrell's C and Somers' D."""
    typed = _chosen(options, {"harrell": 4, "gheller": 2, "se": 2, "all": 3, "noshow": 5})
    for name in ("gheller", "se", "all"):
        if name in typed:
            raise unsupported(f"option {name} of estat concordance is")
    settings = require_survival(session.data)
    fitted = refit(session)
    if settings.weight_kind:
        raise StataError(498, "estat concordance may not be used with weighted data")
    if np.any(fitted.records.t0 != 0.0):
        raise StataError(498, "estat concordance may not be used with late entry or time-varying data")
    remind(session.log, settings, hidden="noshow" in typed)
    pairs = ahead = tied = 0.0
    score = fitted.now.risk
    for each in np.unique(fitted.sets.stratum):
        own = fitted.sets.stratum == each
        found = concordance(fitted.records.t[own], fitted.records.d[own], score[own])
        pairs, ahead, tied = pairs + found[0], ahead + found[1], tied + found[2]
    c = (ahead + tied / 2.0) / pairs if pairs else MISSING
    n = float(fitted.records.n)
    log = session.log
    log.line()
    log.line("Harrell's C concordance statistic")
    log.line()
    for label, value in (
        ("Number of subjects (N)", n), ("Number of comparison pairs (P)", pairs),
        ("Number of orderings as expected (E)", ahead), ("Number of tied predictions (T)", tied),
    ):  # fmt: skip
        log.line(f"  {label:<36} = {value:8.0f}")
    log.line()
    d = 2.0 * c - 1.0 if pairs else MISSING
    log.line(f"{'Harrell' + chr(39) + 's C = (E + T/2) / P':>38} = {f'{c:.4f}'.replace('0.', '.', 1):>8}")
    log.line(f"{'Somers' + chr(39) + ' D':>38} = {f'{d:.4f}'.replace('0.', '.', 1):>8}")
    session.r = ResultSet(scalars={"N": n, "n_P": pairs, "n_E": ahead, "n_T": tied, "C": c, "D": d})


ESTAT = {"phtest": phtest, "concordance": harrell}
