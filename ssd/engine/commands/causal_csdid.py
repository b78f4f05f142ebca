"""csdid: group-time effects of staggered treatments, and the estat that aggregates them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.causal_csdid_data import Design, Names, read_design
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimates import stored_estimates
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    build_regressors,
    level_of,
    outcome_and_terms,
    replay,
    store,
    store_table,
    take_sample,
)
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.lang.options import TypedOption
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.output.estimation import CoefficientTable, Entry, cluster_note, count, print_coefficients, print_header
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.difference_in_differences import Method
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.group_time import Aggregate, GroupTimes, group_time_cells

if TYPE_CHECKING:
    from ssd.engine.session import Session

_MODELS = {
    "drimp": ("weighted least squares", "inverse probability tilting"),
    "dripw": ("least squares", "inverse probability"),
    "reg": ("regression adjustment", "none"),
    "stdipw": ("weighted mean", "inverse probability"),
    "ipw": ("weighted mean", "inverse probability"),
}
_TITLES = {
    "attgt": (),
    "simple": ("Average Treatment Effect on Treated",),
    "group": ("ATT by group",),
    "calendar": ("ATT by Calendar Period",),
    "event": ("ATT by Periods Before and After treatment", "Event Study:Dynamic effects"),
}


@command(
    "csdid",
    "[varlist(numeric fv default=none)] [if] [in] [pweight iweight] [, Ivar(varname) Time(varname) Gvar(varname) "
    "METHOD(string) AGG(string) NOTYET Level(cilevel) CLuster(varname) RC1 WBOOT WBOOT(string) LONG LONG2 "
    "SAVERIF(string) REPLACE RSEED(string) REPS(string) FROM(string) ASINR POINTWISE]",
    stored="e(N) e(neqr) e(cmd) e(depvar) e(agg) e(glev) e(tlev) e(time0) e(ggroup) e(id) e(method) "
    "e(control_group) e(b) e(V) e(b_attgt) e(V_attgt) e(gtt) r(table)",
    refused="wboot, long, rc1, saverif(), from(), asinr; method(ipw) without ivar(); weights that vary within ivar()",
)
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def csdid(session: Session, line: Line) -> None:
    """Group-time average treatment effects of Callaway and Sant'Anna for panels and repeated cross sections."""
    if replay(session, line, "csdid"):
        return
    for name in ("wboot", "long", "rc1", "saverif", "replace", "rseed", "reps", "from", "asinr", "pointwise"):
        if name in line.typed:
            raise unsupported(f"option {name} of csdid is")
    time, gvar, ivar, cluster = (line.text_option(key) or "" for key in ("time", "gvar", "ivar", "cluster"))
    if not time or not gvar:
        raise StataError(198, f"option {'gvar' if time else 'time'}() required")
    agg = line.text_option("agg") or "attgt"
    if agg not in _TITLES:
        raise StataError(10, "Aggregation not Allowed")
    source = SessionSource(session)
    depvar, terms = outcome_and_terms(session, line.varlist)
    method = line.text_option("method") or "drimp"
    if method not in _MODELS:
        raise StataError(198, f"Method {method} not allowed")
    if method == "ipw" and not ivar:
        raise unsupported("method(ipw) without ivar() is")
    # Without covariates the propensity score is constant and every method is the difference in means.
    estimator = cast(Method, method if terms or not ivar else "reg")
    needed = [name for name in (ivar, time, gvar, cluster) if name]
    sample = take_sample(session, line, source, [(depvar,), *terms], None, needed)
    when, first = source.get(time), source.get(gvar)
    if np.any(first[sample.rows] < 0.0):
        raise StataError(459, f"{gvar} must not be negative")
    not_yet = line.flag("notyet")
    if not not_yet and not np.any(first[sample.rows] == 0.0):
        not_yet = True
        session.log.line("No never treated observations found. Using Not yet treated data")
    sample.rows = _ever_untreated(session, sample.rows, when, first)
    regressors = build_regressors(session, source, terms, sample)
    names = Names(ivar, gvar, cluster)
    outcome = source.get(depvar.variable, depvar.operator)
    design = read_design(session, sample, names, outcome, when, first, regressors.X)
    data = design.data
    if not data.groups or data.groups[0] <= data.times[0]:
        raise StataError(459, "All observations require at least 1 not treated period")
    cells = group_time_cells(data, estimator, not_yet=not_yet, long_gaps=line.flag("long2"))
    session.log.line("".join("." if cell.estimated else "x" for cell in cells))
    rows = np.zeros(len(sample.rows), dtype=np.bool_)
    rows[np.flatnonzero(sample.rows)[design.used(cells)]] = True
    effects = GroupTimes(cells, data.first, data.weight, design.clusters)
    _report(session, line, effects, design, rows, agg, {
        "depvar": depvar.variable, "id": ivar, "timevar": time, "ggroup": gvar, "method": method,
        "control_group": "Not yet Treated" if not_yet else "Never Treated", "clustvar": cluster,
    })  # fmt: skip


def _ever_untreated(session: Session, rows: BoolArray, when: FloatArray, first: FloatArray) -> BoolArray:
    """The sample without units that are treated from its first period on."""
    start = when[rows].min()
    treated = rows & (first > 0.0)
    if not treated.any():
        raise StataError(459, "no treated units in the sample")
    if first[treated].max() <= start:
        raise StataError(
            190,
            f"Gvar max value is {first[treated].max():g} and there are no periods available before that treatment\n"
            "Verify that Gvar is correctly defined",
        )
    always = treated & (first <= start)
    if always.any():
        session.log.line("Units always treated found. These will be excluded")
    return np.asarray(rows & ~always, dtype=np.bool_)


def _report(
    session: Session,
    line: Line,
    effects: GroupTimes,
    design: Design,
    rows: BoolArray,
    agg: str,
    macros: dict[str, str],
) -> None:
    level = level_of(session, line)
    cells = _cells(effects)
    shown = cells if agg == "attgt" else _aggregate(effects, agg)
    table = _table(shown, level)
    n = float(np.count_nonzero(rows))
    clusters = 0 if effects.clusters is None else int(effects.clusters.max()) + 1

    def show() -> None:
        log = session.log
        log.line("Difference-in-difference with Multiple Time Periods")
        log.line()
        print_header(log, [""], [Entry("Number of obs", count(n))], label_width=17, value_width=10)
        outcome, treatment = _MODELS[macros["method"]]
        log.line(f"Outcome model  : {outcome}")
        log.line(f"Treatment model: {treatment}")
        if clusters:
            log.line(f"{cluster_note(clusters, macros['clustvar']):>78}")
        print_coefficients(log, table)
        log.line(f"Control: {macros['control_group']}")
        log.line()
        log.line("See Callaway and Sant'Anna (2021) for details")

    estimation = Estimation({}, table, show, predictions={"group_times": effects})
    data = design.data
    periods = [f"{time:g}" for time in data.times]
    scalars = {"N": n, "neqr": float(len(data.groups))}
    if clusters:
        scalars["N_clust"] = float(clusters)
    store(
        session, line, estimation, sample=rows, scalars=scalars,
        macros={
            "cmd": "csdid", "estat_cmd": "csdid_estat", "agg": agg, "glev": " ".join(f"{g:g}" for g in data.groups),
            "tlev": " ".join(periods[1:]), "time0": periods[0], **macros,
        },
        matrices={
            "b_attgt": Matrix(cells.b.reshape(1, -1), ["y1"], cells.names),
            "V_attgt": Matrix(cells.V, cells.names, cells.names),
            "gtt": _sizes(effects, design),
        },
    )  # fmt: skip
    show()


def _cells(effects: GroupTimes) -> Aggregate:
    """The effects of all cells followed by the weights of their groups."""
    names = [f"g{c.group:g}:t_{c.base:g}_{c.time:g}" for c in effects.cells]
    names += [f"wgt:w{c.group:g}_{c.time:g}" for c in effects.cells]
    V = effects.covariance(np.column_stack([effects.of_effects, effects.of_weights]))
    return Aggregate(names, np.concatenate([effects.effects, effects.weights]), V)


def _sizes(effects: GroupTimes, design: Design) -> Matrix:
    """e(gtt): cohort, periods, return code and numbers of observations of each cell."""
    values = []
    for cell in effects.cells:
        treated = design.size(cell.inside & (effects.first == cell.group))
        total = design.size(cell.inside)
        values.append([cell.group, cell.base, cell.time, 0.0 if cell.estimated else 2000.0,
                       total, total - treated, treated])  # fmt: skip
    return Matrix.of(np.array(values), cols=["cohort", "t0", "t1", "error", "N", "N_cntr", "N_trt"])


def _aggregate(effects: GroupTimes, agg: str, window: tuple[float, float] | None = None) -> Aggregate:
    if agg == "attgt":
        return _cells(effects)
    if agg == "event":
        return effects.by_event(window)
    return {"simple": effects.simple, "group": effects.by_group, "calendar": effects.by_time}[agg]()


def _table(shown: Aggregate, level: float) -> CoefficientTable:
    several = any(":" in name for name in shown.names)
    unknown = frozenset(name for name, v in zip(shown.names, np.diag(shown.V), strict=True) if not v > 0.0)
    return CoefficientTable(
        shown.names, shown.b, shown.V, level=level, equation_headings=several,
        hidden_equations=frozenset({"wgt"}), omitted=unknown,
    )  # fmt: skip


def estat_csdid(session: Session, name: str, options: list[TypedOption]) -> None:
    """estat attgt, simple, group, calendar, event and pretrend after csdid. Raises r(199) for others."""
    if name not in {*_TITLES, "pretrend"}:
        raise StataError(199, f"Option {name} not recognized")
    effects = cast(Estimation, session.e.hidden["estimation"]).predictions["group_times"]
    assert isinstance(effects, GroupTimes)
    typed = {option.word: option.value for option in options}
    allowed = {"window"} if name == "pretrend" else {"post", "estore", *(["window"] if name == "event" else [])}
    for word in typed:
        if word in {"esave", "replace", "plot", "from", "balance", "level"} and word not in allowed:
            raise unsupported(f"option {word} of estat {name} is")
        if word not in allowed:
            raise StataError(198, f"option {word} not allowed")
    window = _window(typed.get("window"))
    if name == "pretrend":
        _pretrend(session, effects, window)
        return
    for text in _TITLES[name]:
        session.log.line(text)
    shown = _aggregate(effects, name, window)
    table = _table(shown, float(session.settings.get("level", "95")))
    print_coefficients(session.log, table)
    kept = _kept(shown, name, session, table)
    target = typed.get("estore")
    if target:
        stored_estimates(session)[target.strip()] = kept
    if "post" in typed:
        session.e = kept
    store_table(session, table)
    session.r.matrices["b"] = Matrix(shown.b.reshape(1, -1), ["r1"], shown.names)
    session.r.matrices["V"] = Matrix(shown.V, shown.names, shown.names)
    session.r.macros["agg"] = name


def _kept(shown: Aggregate, name: str, session: Session, table: CoefficientTable) -> ResultSet:
    """The aggregation as estimation results of its own."""
    results = ResultSet(macros={"cmd": "estat", "cmdline": f"estat {name}", "agg": name, "properties": "b V"})
    results.matrices["b"] = Matrix(shown.b.reshape(1, -1).copy(), ["y1"], list(shown.names))
    results.matrices["V"] = Matrix(shown.V.copy(), list(shown.names), list(shown.names))
    results.hidden["estimation"] = Estimation({}, table, lambda: print_coefficients(session.log, table))
    return results


def _window(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    ends = sorted(parse_numlist(text))
    if len(ends) != 2:
        raise StataError(122 if len(ends) < 2 else 123, "invalid numlist has too few elements" if len(ends) < 2
                         else "invalid numlist has too many elements")  # fmt: skip
    return ends[0], ends[1]


def _pretrend(session: Session, effects: GroupTimes, window: tuple[float, float] | None) -> None:
    b, V = effects.before(window)
    within = "Pre-treatment within window" if window else "All Pre-treatment"
    session.log.line(f"Pretrend Test. H0 {within} are equal to 0")
    if not len(b):
        raise StataError(459, "there are no effects before treatment to test")
    value = float(b @ np.linalg.pinv(V, hermitian=True) @ b)
    p = chi2_tail(value, len(b))
    session.log.line(f"chi2({len(b)}) = {value:10.4f}")
    session.log.line(f"p-value  = {p:10.4f}")
    session.r = ResultSet(scalars={"chi2": value, "pchi2": p, "df": float(len(b))})
