"""xtabond and xtdpdsys: Arellano–Bond and Arellano–Bover/Blundell–Bond estimation of dynamic panels."""

from __future__ import annotations

import math
import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, level_of, replay, store
from ssd.engine.commands.panel_dynamic_equations import (
    Built,
    DynamicData,
    GmmStyle,
    IvStyle,
    Specification,
    build_model,
    column_grid,
    lag_column,
    read_grid,
    term_grids,
)
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.missing import MISSING
from ssd.engine.output.estimation import CoefficientTable, count, number, print_coefficients
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.distributions import chi2_tail, two_sided
from ssd.engine.stats.panel_dynamic import DynamicFit, autocorrelation_test, estimate

if TYPE_CHECKING:
    from ssd.engine.session import Session

ALL_LAGS = 10**6

_GRAMMAR = (
    "[anything] [if] [in] [, LAgs(integer 1) MAXLDep(integer 0) MAXLAGs(integer 0) noCONStant TWOstep vce(string) "
    "Robust Level(cilevel) ARTests(integer 2) DIFFvars(string) inst(string) noHEader noTABle *]"
)
_STORED = (
    "e(N) e(N_g) e(df_m) e(g_min) e(g_avg) e(g_max) e(t_min) e(t_max) e(chi2) e(arm1) e(arm2) e(artests) e(sig2) "
    "e(rss) e(sargan) e(rank) e(zrank) e(cmd) e(depvar) e(twostep) e(ivar) e(tvar) e(vce) e(vcetype) e(system) "
    "e(b) e(V) r(table)"
)
_REFUSED = "diffvars(), inst(), hascons, vce(bootstrap); predict with difference"


@dataclass
class DynamicResult:
    """What estat needs after xtabond and xtdpdsys."""

    built: Built
    fit: DynamicFit


@dataclass(frozen=True)
class _Predetermined:
    names: list[str]
    lags: int
    most: int
    endogenous: bool


@command("xtabond", _GRAMMAR, by="recall", stored=_STORED, refused=_REFUSED)
def xtabond(session: Session, line: Line) -> None:
    """Arellano–Bond linear dynamic panel-data estimation."""
    _estimate(session, line, system=False)


@command("xtdpdsys", _GRAMMAR, by="recall", stored=_STORED, refused=_REFUSED)
def xtdpdsys(session: Session, line: Line) -> None:
    """Arellano–Bover/Blundell–Bond linear dynamic panel-data estimation."""
    _estimate(session, line, system=True)


def _integer(line: Line, name: str) -> int:
    value = line.options.get(name)
    assert isinstance(value, int)
    return value


def _predetermined(session: Session, line: Line) -> list[_Predetermined]:
    """The pre() and endogenous() options, in the order typed. Raises r(198) for other options."""
    extra = line.options.get("*")
    found = []
    for item in read_options(extra if isinstance(extra, str) else ""):
        word = item.word.lower()
        is_pre = item.value is not None and len(word) >= 3 and "predetermined".startswith(word)
        is_endogenous = item.value is not None and len(word) >= 4 and "endogenous".startswith(word)
        if not is_pre and not is_endogenous:
            raise StataError(198, f"option {item.named} not allowed")
        names_text, _, sub = (item.value or "").partition(",")
        lags, most, endogenous = 0, ALL_LAGS, is_endogenous
        for option in read_options(sub):
            if option.value is not None and option.word.startswith("lag") and "lagstruct".startswith(option.word):
                words = option.value.replace(",", " ").split()
                if len(words) != 2 or not words[0].isdigit() or not (words[1] == "." or words[1].isdigit()):
                    raise StataError(198, "option lagstruct() incorrectly specified")
                lags, most = int(words[0]), ALL_LAGS if words[1] == "." else int(words[1])
            elif option.value is None and len(option.word) >= 4 and "endogenous".startswith(option.word):
                endogenous = True
            else:
                raise StataError(198, f"option {option.named} not allowed")
        found.append(_Predetermined(session.expand_varlist(names_text), lags, most, endogenous))
    return found


def _estimate(session: Session, line: Line, *, system: bool) -> None:
    if replay(session, line, line.command):
        return
    for name in ("diffvars", "inst"):
        if line.text_option(name):
            raise unsupported(f"option {name}() is")
    level = level_of(session, line)
    robust, twostep = _covariance(line), line.flag("twostep")
    words = line.anything.split()
    lags = _integer(line, "lags")
    if lags < 1:
        raise StataError(198, "lags() must be at least 1")
    predetermined = _predetermined(session, line)
    data = read_grid(session, line, words)
    depvar = data.depvar
    if "." in depvar:
        raise unsupported("a time-series operator on the dependent variable is")
    exogenous = list(data.names)
    strict = IvStyle(exogenous, list(data.regressors), "diff", False, 1)
    gmm = [_dependent_style(line, data, depvar, system)]
    _prepend_regressors(session, data, depvar, lags, predetermined, gmm, system, _integer(line, "maxlags"))
    constant = not line.flag("noconstant")
    spec = Specification(gmm, [strict] if exogenous else [], system or constant, constant, False, 2, system)
    built = build_model(session, data, spec)
    for name in built.dropped:
        session.log.line(f"note: {name} omitted because of collinearity.")
    k = built.model.X.shape[1]
    fit = estimate(built.model, twostep=twostep, robust=robust, divisor=max(built.model.n_transformed - k, 1))
    _finish(session, line, data, built, fit, spec, level)


def _covariance(line: Line) -> bool:
    """True for vce(robust). Raises r(198) for other types than gmm."""
    typed = line.text_option("vce")
    if typed is None:
        return line.flag("robust")
    if len(typed) >= 1 and "robust".startswith(typed):
        return True
    if typed in {"gmm", "conventional"}:
        return False
    if len(typed) >= 4 and "bootstrap".startswith(typed.split(",")[0]):
        raise unsupported("vce(bootstrap) is")
    raise StataError(198, f"vcetype {typed} not allowed")


def _dependent_style(line: Line, data: DynamicData, depvar: str, system: bool) -> GmmStyle:
    most = _integer(line, "maxldep")
    last = 2 + most - 1 if most > 0 else ALL_LAGS
    return GmmStyle(depvar, data.y, 2, last, False, "both" if system else "diff", 2)


def _prepend_regressors(
    session: Session, data: DynamicData, depvar: str, lags: int, predetermined: list[_Predetermined],
    gmm: list[GmmStyle], system: bool, maxlags: int,
) -> None:  # fmt: skip
    """Put lags of the outcome and the predetermined variables before the exogenous ones."""
    names: list[str] = []
    columns = []
    for lag in range(1, lags + 1):
        column = lag_column(depvar, lag)
        columns.append(column)
        names.append(column.name)
    for item in predetermined:
        for name in item.names:
            for lag in range(item.lags + 1):
                column = lag_column(name, lag)
                columns.append(column)
                names.append(column.name)
            grids = term_grids(session, data, lag_column(name, item.lags).name)[1]
            first = 2 if item.endogenous else 1
            most = maxlags if maxlags > 0 and item.most == ALL_LAGS else item.most
            last = first + most - 1 if most < ALL_LAGS else ALL_LAGS
            gmm.append(GmmStyle(lag_column(name, item.lags).name, grids[0], first, last, False,
                                "both" if system else "diff", len(gmm) + 2))  # fmt: skip
    if set(names) & set(data.names):
        raise StataError(198, f"{sorted(set(names) & set(data.names))[0]} specified more than once")
    data.regressors[:0] = [column_grid(data, column) for column in columns]
    data.names[:0] = names
    data.columns[:0] = columns


def _finish(
    session: Session, line: Line, data: DynamicData, built: Built, fit: DynamicFit, spec: Specification, level: float
) -> None:
    design, model = built.design, built.model
    slopes = [j for j, name in enumerate(design.names) if name != "_cons"]
    b, V = design.expand(fit.b), design.expand(fit.V)
    chi2, df_m = wald(b[slopes], V[np.ix_(slopes, slopes)]) if slopes else (math.nan, 0)
    heading = ("WC-robust" if fit.twostep else "Robust") if fit.robust else ""
    table = CoefficientTable(design.names, b, V, data.depvar, None, level, heading, data=session.data)
    orders = _integer(line, "artests")
    tests = [autocorrelation_test(model, fit, order) for order in range(1, orders + 1)]
    n = float(built.sizes.sum())
    system = spec.level_sample
    title = "System dynamic panel-data estimation" if system else "Arellano–Bond dynamic panel-data estimation"
    zrank = model.Z.shape[1]

    def show() -> None:
        if not line.flag("noheader"):
            _header(session, title, data, built, zrank, chi2, df_m, fit)
        if not line.flag("notable"):
            print_coefficients(session.log, table)
            _footer(session, spec, fit, built)

    lower = ~model.level
    residuals = (model.y - model.X @ fit.b)[lower]
    scalars = {
        "N": n, "N_g": float(len(built.sizes)), "df_m": float(df_m), "g_min": float(built.sizes.min()),
        "g_avg": float(built.sizes.mean()), "g_max": float(built.sizes.max()), "chi2": chi2,
        "p": chi2_tail(chi2, df_m) if df_m else MISSING, "artests": float(orders),
        "sig2": fit.sigma2 * 2.0, "rss": float(residuals @ residuals), "rank": float(len(fit.b)),
        "zrank": float(zrank),
        **{f"arm{j + 1}": value for j, value in enumerate(tests)},
    }  # fmt: skip
    if not fit.robust:
        scalars["sargan"] = fit.hansen if fit.twostep else fit.sargan
    macros = {
        "cmd": line.command, "depvar": data.depvar, "twostep": "twostep" if fit.twostep else "",
        "ivar": data.settings.panel, "tvar": data.settings.time, "vce": "robust" if fit.robust else "gmm",
        "vcetype": heading, "system": "system" if spec.has_level else "", "transform": "difference",
        "predict": "xtdpd_p", "estat_cmd": "xtabond_estat", "marginsok": "XB default",
    }  # fmt: skip
    estimation = Estimation({"": design}, table, show, predictions={
        "dynamic": DynamicResult(built, fit), "estat": {"abond": _abond, "sargan": _sargan},
        "statistics": Statistics({"e": lambda request: request.y - request.xb}, "xb",
                                 "(option xb assumed; fitted values)", data.depvar),
    })  # fmt: skip
    store(session, line, estimation, sample=built.sample, scalars=scalars, macros=macros)
    show()


def _header(
    session: Session, title: str, data: DynamicData, built: Built, zrank: int, chi2: float, df_m: int, fit: DynamicFit
) -> None:
    log = session.log
    sizes = built.sizes
    log.line()
    log.line(f"{title:<48}{'Number of obs':<18}= {count(float(sizes.sum())):>10}")
    left = f"Group variable: {abbreviate(data.settings.panel, 12)}"
    log.line(f"{left:<48}{'Number of groups':<18}= {count(float(len(sizes))):>10}")
    log.line(f"Time variable: {abbreviate(data.settings.time, 12)}")
    log.line(" " * 48 + "Obs per group:")
    for label, text in (
        ("min", count(float(sizes.min()))), ("avg", number(float(sizes.mean()))), ("max", count(float(sizes.max())))
    ):  # fmt: skip
        log.line(" " * 62 + f"{label} = {text:>10}")
    log.line()
    shown = "." if math.isnan(chi2) else f"{chi2:.2f}"
    left = f"Number of instruments =  {zrank:>5}"
    log.line(f"{left:<48}{f'Wald chi2({df_m})':<18}= {shown:>10}")
    p = chi2_tail(chi2, df_m) if df_m else math.nan
    log.line(" " * 48 + f"{'Prob > chi2':<18}= {'.' if math.isnan(p) else f'{p:.4f}':>10}")
    log.line("Two-step results" if fit.twostep else "One-step results")
    if fit.robust:
        log.line(f"(Std. err. adjusted for clustering on {data.settings.panel})".rjust(78))


def _footer(session: Session, spec: Specification, fit: DynamicFit, built: Built) -> None:
    log = session.log
    if fit.twostep and not fit.robust:
        log.line("Warning: gmm two-step standard errors are biased; robust standard")
        log.line("         errors are recommended.")
    log.line("Instruments for differenced equation")
    styles = " ".join(
        f"L({style.first}/{'.' if style.last >= ALL_LAGS else style.last}).{style.name}" for style in spec.gmm
    )
    _wrapped(session, "GMM-type", styles)
    standard = [_difference_name(name) for style in spec.iv for name in style.names]
    if standard:
        _wrapped(session, "Standard", " ".join(standard))
    if not spec.has_level:
        return
    log.line("Instruments for level equation")
    levels = [_difference_name(style.name, style.first - 1) for style in spec.gmm if style.equation == "both"]
    if levels:
        _wrapped(session, "GMM-type", " ".join(levels))
    if spec.constant:
        _wrapped(session, "Standard", "_cons")


def _wrapped(session: Session, label: str, text: str) -> None:
    lines = textwrap.wrap(text, 58, break_long_words=False, break_on_hyphens=False) or [""]
    for position, part in enumerate(lines):
        session.log.line((f"        {label}: " if position == 0 else " " * 18) + part)


def _difference_name(name: str, lag: int = 0) -> str:
    """`L.w` differenced is `LD.w`."""
    operator, dot, variable = name.rpartition(".")
    match = re.fullmatch(r"L(\d*)", operator) if dot else None
    total = lag + (int(match.group(1) or 1) if match else 0)
    rest = "" if match or not dot else operator
    prefix = "" if total == 0 else "L" if total == 1 else f"L{total}"
    return f"{prefix}{rest}D.{variable}"


def _result(session: Session) -> DynamicResult:
    last = session.e.hidden.get("estimation")
    found = last.predictions.get("dynamic") if isinstance(last, Estimation) else None
    if not isinstance(found, DynamicResult):
        raise StataError(301, "last estimates not found")
    return found


def _abond(session: Session, rest: str, options: list[TypedOption]) -> None:
    """Arellano–Bond tests for autocorrelation in the first-differenced errors."""
    orders = int(session.e.scalars["artests"])
    for item in options:
        if item.value is None or len(item.word) < 3 or not "artests".startswith(item.word):
            raise StataError(198, f"option {item.named} not allowed")
        if not item.value.strip().isdigit():
            raise invalid_syntax("option artests() incorrectly specified")
        orders = int(item.value)
    result = _result(session)
    tests = [autocorrelation_test(result.built.model, result.fit, order) for order in range(1, orders + 1)]
    log = session.log
    log.line()
    log.line("Arellano–Bond test for zero autocorrelation in first-differenced errors")
    log.line("H0: No autocorrelation ")
    log.line()
    log.line("  +-----------------------+")
    log.line("  |Order |  z     Prob > z|")
    log.line("  |------+----------------|")
    rows = []
    for order, z in enumerate(tests, start=1):
        p = two_sided(z, None) if not math.isnan(z) else math.nan
        shown = "." if math.isnan(z) else number(z, "%7.0g")
        log.line(f"  |{order:>4}  |{shown:>7}  {'.' if math.isnan(p) else f'{p:.4f}':>6} |")
        rows.append([float(order), z, p])
    log.line("  +-----------------------+")
    values = np.array([[MISSING if math.isnan(cell) else cell for cell in row] for row in rows])
    session.r = ResultSet(
        scalars={"artests": float(orders)},
        matrices={"arm": Matrix(values, [f"r{j + 1}" for j in range(len(rows))], ["order", "z", "p"])},
    )


def _sargan(session: Session, rest: str, options: list[TypedOption]) -> None:
    """Sargan test of the overidentifying restrictions."""
    if options:
        raise StataError(198, f"option {options[0].named} not allowed")
    result = _result(session)
    if result.fit.robust:
        raise StataError(498, "cannot calculate Sargan test with vce(robust)")
    df = result.built.model.Z.shape[1] - len(result.fit.b)
    value = result.fit.hansen if result.fit.twostep else result.fit.sargan
    p = chi2_tail(value, df) if df > 0 else math.nan
    log = session.log
    log.line()
    log.line("Sargan test of overidentifying restrictions")
    log.line("H0: Overidentifying restrictions are valid")
    log.line()
    log.line(f"        {f'chi2({df})':<12} =  {number(value)}")
    log.line(f"        {'Prob > chi2':<12} =    {'.' if math.isnan(p) else f'{p:.4f}'}")
    session.r = ResultSet(scalars={"sargan": value, "df": float(df), "p": MISSING if math.isnan(p) else p})
