"""xtabond2: difference and system GMM with free choice of instruments (after Roodman 2009, Stata Journal 9)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, level_of, replay, store
from ssd.engine.commands.panel_dynamic_equations import (
    Built,
    DynamicData,
    Equation,
    GmmStyle,
    IvStyle,
    Specification,
    build_model,
    read_grid,
    term_grids,
)
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.missing import MISSING
from ssd.engine.output.estimation import CoefficientTable, print_coefficients
from ssd.engine.output.tables import abbreviate
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.distributions import chi2_tail, f_tail, two_sided
from ssd.engine.stats.panel_dynamic import DynamicFit, autocorrelation_test, estimate, hansen_without

if TYPE_CHECKING:
    from ssd.engine.session import Session

_ALL = 10**6


@dataclass
class _Choice:
    """Instrument options of the line and what they are called in the report."""

    gmm: list[GmmStyle]
    iv: list[IvStyle]
    labels: dict[int, str]
    """Group number to option, as the tests of instrument subsets name it."""
    gmm_lines: list[tuple[int, str]]
    """Group and description."""


@dataclass
class _Tests:
    """Statistics printed below the table."""

    ar: list[float]
    sargan: float
    hansen: float
    df: int
    subsets: list[tuple[str, float, int]]
    """Label, J without the subset and its degrees of freedom."""


@command(
    "xtabond2",
    "[anything] [if] [in] [, noLEveleq noCONStant TWOstep Robust SMall ORthogonal H(integer 3) ARtests(integer 2) "
    "Level(cilevel) CLuster(string) ARLevels noDiffsargan NOMata SVMat SVVar PCA *]",
    by="recall",
    stored="e(N) e(N_g) e(g_min) e(g_avg) e(g_max) e(df_m) e(df_r) e(chi2) e(chi2p) e(F) e(F_p) e(j) e(j0) e(sig2) "
    "e(sigma) e(sargan) e(sar_df) e(sarganp) e(hansen) e(hansen_df) e(hansenp) e(ar1) e(ar1p) e(artests) e(h) e(cmd) "
    "e(depvar) e(ivar) e(tvar) e(esttype) e(transform) e(twostep) e(small) e(vcetype) e(b) e(V) r(table)",
    refused="weights, cluster(), arlevels, svmat, svvar, pca, gmmstyle() with passthru, split, orthogonal or "
    "equation(level), ivstyle() with passthru, difference-in-Sargan tests after one-step without robust",
)
def xtabond2(session: Session, line: Line) -> None:
    """Difference and system GMM for dynamic panels."""
    if replay(session, line, "xtabond2"):
        return
    for name in ("arlevels", "svmat", "svvar", "pca"):
        if line.flag(name):
            raise unsupported(f"option {name} is")
    if line.text_option("cluster"):
        raise unsupported("option cluster() is")
    level = level_of(session, line)
    h = line.options["h"]
    if h not in (1, 2, 3):
        raise StataError(198, "h() must be 1, 2, or 3")
    assert isinstance(h, int)
    data = read_grid(session, line, line.anything.split())
    choice = _instruments(session, line, data)
    has_level = not line.flag("noleveleq")
    constant = has_level and not line.flag("noconstant")
    spec = Specification(choice.gmm, choice.iv, has_level, constant, line.flag("orthogonal"), h, has_level)
    built = build_model(session, data, spec)
    for name in built.dropped:
        session.log.line(f"{name} dropped due to collinearity")
    model = built.model
    n = float(built.sizes.sum())
    groups = len(built.sizes)
    small, twostep = line.flag("small"), line.flag("twostep")
    if groups < 2:
        raise insufficient_observations()
    fit = estimate(model, twostep=twostep, robust=line.flag("robust"), divisor=n)
    if fit.singular and (twostep or fit.robust):
        session.log.line("Warning: Two-step estimated covariance matrix of moments is singular.")
        session.log.line("  Using a generalized inverse to calculate "
                         + ("optimal weighting matrix for two-step estimation." if twostep else
                            "robust weighting matrix for Hansen test."))  # fmt: skip
        session.log.line("  Difference-in-Sargan/Hansen statistics may be negative.")
    orders = line.options["artests"]
    assert isinstance(orders, int)
    tests = _tests(choice, built, fit, orders, spec, subsets=not line.flag("nodiffsargan"))
    if small:
        # F and t with the corrections of clustered and homoskedastic least squares.
        k = model.X.shape[1]
        factor = groups / (groups - 1.0) * (n - 1.0) / (n - k) if fit.robust or twostep else n / (n - k)
        fit.V = fit.V * factor
    _finish(session, line, data, built, fit, spec, choice, tests, level, n)


def _suboptions(item: TypedOption, *flags: str) -> tuple[str, dict[str, str], set[str]]:
    """Variables, laglimits and equation, and the flags typed. Raises r(198) for what is not known."""
    names, _, rest = (item.value or "").partition(",")
    values: dict[str, str] = {}
    typed: set[str] = set()
    for option in read_options(rest):
        word = option.word.lower()
        if option.value is not None:
            key = next((k for k, least in (("laglimits", 3), ("equation", 2)) if k.startswith(word)
                        and len(word) >= least), None)  # fmt: skip
            if key is None:
                raise StataError(198, f"option {option.named} not allowed")
            values[key] = option.value.strip()
            continue
        flag = next((f for f in ("collapse", "passthru", "split", "orthogonal", "mz") if f.startswith(word)), None)
        if flag is None:
            raise StataError(198, f"option {option.named} not allowed")
        if flag not in flags:
            raise unsupported(f"suboption {flag} of {item.word}() is")
        typed.add(flag)
    if not names.strip():
        raise StataError(198, f"option {item.word}() incorrectly specified")
    return names.strip(), values, typed


def _equation(text: str | None) -> Equation:
    if not text or "both".startswith(text):
        return "both"
    if text.startswith("d") and "diff".startswith(text[:4]):
        return "diff"
    if "level".startswith(text):
        return "level"
    raise StataError(198, f"equation({text}) not allowed")


def _instruments(session: Session, line: Line, data: DynamicData) -> _Choice:
    extra = line.options.get("*")
    choice = _Choice([], [], {}, [])
    has_level = not line.flag("noleveleq")
    for group, item in enumerate(read_options(extra if isinstance(extra, str) else ""), start=1):
        word = item.word.lower()
        if item.value is not None and word.startswith("g") and "gmmstyle".startswith(word):
            _gmm_style(session, data, item, group, choice)
        elif item.value is not None and word.startswith("iv") and "ivstyle".startswith(word):
            text, values, flags = _suboptions(item, "mz")
            names, grids = term_grids(session, data, text)
            equation = _equation(values.get("equation"))
            choice.iv.append(IvStyle(names, grids, equation, "mz" in flags, group))
            suffix = f", eq({equation})" if equation != "both" and has_level else ""
            choice.labels[group] = f"iv({' '.join(names)}{suffix})"
        else:
            raise StataError(198, f"option {item.named} not allowed")
    return choice


def _gmm_style(session: Session, data: DynamicData, item: TypedOption, group: int, choice: _Choice) -> None:
    text, values, flags = _suboptions(item, "collapse")
    names, grids = term_grids(session, data, text)
    equation = _equation(values.get("equation"))
    if equation == "level":
        raise unsupported("gmmstyle() with equation(level) is")
    words = values.get("laglimits", "1 .").split()
    if len(words) != 2 or not all(word == "." or word.lstrip("-").isdigit() for word in words):
        raise StataError(198, "laglimits() incorrectly specified")
    first = 1 if words[0] == "." else int(words[0])
    last = _ALL if words[1] == "." else int(words[1])
    first, last = min(first, last), max(first, last)
    if first < 1:
        raise unsupported("laglimits() below 1 is")
    for name, grid in zip(names, grids, strict=True):
        choice.gmm.append(GmmStyle(name, grid, first, last, "collapse" in flags, equation, group))
    shown = names[0] if len(names) == 1 else f"({' '.join(names)})"
    lags = f"L({first}/{'.' if last >= _ALL else last})" if first != last else f"L{first}"
    choice.gmm_lines.append((group, f"{lags}.{shown}" + (" collapsed" if "collapse" in flags else "")))
    collapse = "collapse " if "collapse" in flags else ""
    eq = ", eq(diff)" if equation == "diff" else ""
    limits = f"{first} {'.' if last >= _ALL else last}"
    choice.labels[group] = f"gmm({' '.join(names)}, {collapse}{eq.lstrip(', ') + ' ' if eq else ''}lag({limits}))"


def _tests(
    choice: _Choice, built: Built, fit: DynamicFit, orders: int, spec: Specification, *, subsets: bool
) -> _Tests:
    model = built.model
    df = model.Z.shape[1] - model.X.shape[1]
    tests = _Tests(
        [autocorrelation_test(model, fit, order) for order in range(1, orders + 1)], fit.sargan, fit.hansen, df, []
    )
    if not subsets or not (fit.robust or fit.twostep) or df <= 0:
        return tests
    groups = np.array(built.groups)
    if spec.has_level:
        in_level = np.any(model.Z[model.level] != 0.0, axis=0) & ~np.any(model.Z[~model.level] != 0.0, axis=0)
        gmm_groups = {style.group for style in choice.gmm}
        excluded = in_level & np.isin(groups, list(gmm_groups))
        found = hansen_without(model, fit, excluded) if excluded.any() else None
        if found is not None:
            tests.subsets.append(("GMM instruments for levels", *found))
    for group in [g for g in choice.labels if any(s.group == g for s in choice.gmm)] + [
        g for g in choice.labels if any(s.group == g for s in choice.iv)
    ]:
        excluded = groups == group
        found = hansen_without(model, fit, excluded) if excluded.any() else None
        if found is not None and len(set(built.groups) - {-1, group}):
            tests.subsets.append((choice.labels[group], *found))
    return tests


def _finish(
    session: Session, line: Line, data: DynamicData, built: Built, fit: DynamicFit, spec: Specification,
    choice: _Choice, tests: _Tests, level: float, n: float,
) -> None:  # fmt: skip
    design = built.design
    b, V = design.expand(fit.b), design.expand(fit.V)
    slopes = [j for j, name in enumerate(design.names) if name != "_cons" and design.active[j]]
    chi2, df_m = wald(b[slopes], V[np.ix_(slopes, slopes)]) if slopes else (math.nan, 0)
    groups = len(built.sizes)
    small = line.flag("small")
    df_r = (float(groups - 1) if fit.robust or fit.twostep else n - len(fit.b)) if small else None
    heading = ("Corrected" if fit.twostep else "Robust") if fit.robust else ""
    table = CoefficientTable(design.names, b, V, data.depvar, df_r, level, heading, data=session.data)

    def show() -> None:
        _header(session, data, built, fit, spec, chi2, df_m, df_r, n)
        print_coefficients(session.log, table)
        _report_instruments(session, choice, spec)
        _report_tests(session, tests, fit)

    scalars: dict[str, float] = {
        "N": n, "N_g": float(groups), "g_min": float(built.sizes.min()), "g_avg": float(built.sizes.mean()),
        "g_max": float(built.sizes.max()), "df_m": float(df_m), "j": float(built.model.Z.shape[1]),
        "j0": float(built.model.Z.shape[1]), "sig2": fit.sigma2, "sigma": math.sqrt(fit.sigma2),
        "sargan": tests.sargan, "sar_df": float(tests.df),
        "sarganp": chi2_tail(tests.sargan, tests.df) if tests.df > 0 else MISSING,
        "artests": float(len(tests.ar)), "h": float(spec.weighting),
    }  # fmt: skip
    if fit.robust or fit.twostep:
        scalars |= {"hansen": tests.hansen, "hansen_df": float(tests.df),
                    "hansenp": chi2_tail(tests.hansen, tests.df) if tests.df > 0 else MISSING}  # fmt: skip
    for order, z in enumerate(tests.ar, start=1):
        scalars[f"ar{order}"] = z
        scalars[f"ar{order}p"] = two_sided(z, None) if not math.isnan(z) else MISSING
    if df_r is not None:
        F = chi2 / df_m if df_m else math.nan
        scalars |= {"F": F, "F_p": f_tail(F, df_m, df_r), "df_r": df_r}
    else:
        scalars |= {"chi2": chi2, "chi2p": chi2_tail(chi2, df_m) if df_m else MISSING}
    macros = {
        "cmd": "xtabond2", "depvar": data.depvar, "ivar": data.settings.panel, "tvar": data.settings.time,
        "esttype": "system" if spec.has_level else "difference",
        "transform": "orthogonal deviations" if spec.orthogonal else "first differences",
        "twostep": "twostep" if fit.twostep else "", "small": "small" if small else "",
        "robust": "robust" if fit.robust else "", "vcetype": heading, "predict": "xtab2_p",
    }  # fmt: skip
    estimation = Estimation({"": design}, table, show, predictions={
        "statistics": Statistics({"residuals": lambda request: request.y - request.xb}, "xb",
                                 "(option xb assumed; fitted values)", data.depvar),
    })  # fmt: skip
    store(session, line, estimation, sample=built.sample, scalars=scalars, macros=macros)
    show()


def _header(
    session: Session, data: DynamicData, built: Built, fit: DynamicFit, spec: Specification, chi2: float, df_m: int,
    df_r: float | None, n: float,
) -> None:  # fmt: skip
    log = session.log
    sizes = built.sizes
    kind = "system" if spec.has_level else "difference"
    log.line()
    log.line(f"Dynamic panel-data estimation, {'two' if fit.twostep else 'one'}-step {kind} GMM")
    log.line("-" * 78)
    if df_r is None:
        first, p = f"Wald chi2({df_m})", chi2_tail(chi2, df_m) if df_m else math.nan
        value = chi2
    else:
        first, value = f"F({df_m}, {df_r:.0f})", chi2 / df_m if df_m else math.nan
        p = f_tail(value, df_m, df_r)
    width = max(len(first), 13)
    left = (
        f"Group variable: {abbreviate(data.settings.panel, 12)}",
        f"Time variable : {abbreviate(data.settings.time, 12)}",
        f"Number of instruments = {built.model.Z.shape[1]}",
        f"{first:<{width}} = {'.' if math.isnan(value) else f'{value:.2f}':>9}",
        f"{'Prob > chi2' if df_r is None else 'Prob > F':<{width}} = {'.' if math.isnan(p) else f'{p:.3f}':>9}",
    )
    right = (
        ("Number of obs      =", f"{n:.0f}"), ("Number of groups   =", f"{len(sizes)}"),
        ("Obs per group: min =", f"{sizes.min():.0f}"), ("               avg =", f"{sizes.mean():.2f}"),
        ("               max =", f"{sizes.max():.0f}"),
    )  # fmt: skip
    for text, (label, shown) in zip(left, right, strict=True):
        log.line(f"{text:<48}{label} {shown:>9}")


def _report_instruments(session: Session, choice: _Choice, spec: Specification) -> None:
    log = session.log
    name = "orthogonal deviations" if spec.orthogonal else "first differences"
    mark = "FOD" if spec.orthogonal else "D"
    kind = "  GMM-type (missing=0, separate instruments for each period unless collapsed)"
    log.line(f"Instruments for {name} equation")
    lower = [style for style in choice.iv if style.equation != "level"]
    if lower:
        log.line("  Standard")
        for style in lower:
            _listed(session, f"{mark}.", style.names)
    if choice.gmm_lines:
        log.line(kind)
        for _, text in choice.gmm_lines:
            log.line("    " + text)
    if not spec.has_level:
        log.line("-" * 78)
        return
    log.line("Instruments for levels equation")
    upper = [style for style in choice.iv if style.equation != "diff"]
    if upper or spec.constant:
        log.line("  Standard")
        for style in upper:
            _listed(session, "", style.names)
        if spec.constant:
            log.line("    _cons")
    both = {style.group for style in choice.gmm if style.equation == "both"}
    if both:
        log.line(kind)
        for group in sorted(both):
            styles = [style for style in choice.gmm if style.group == group]
            names = [style.name for style in styles]
            lag = styles[0].first - 1
            operator = "D" if lag == 0 else "DL" if lag == 1 else f"DL{lag}"
            shown = names[0] if len(names) == 1 else f"({' '.join(names)})"
            log.line(f"    {operator}.{shown}" + (" collapsed" if styles[0].collapse else ""))
    log.line("-" * 78)


def _listed(session: Session, mark: str, names: list[str]) -> None:
    import textwrap

    text = f"{mark}{names[0]}" if len(names) == 1 else f"{mark}({' '.join(names)})" if mark else " ".join(names)
    for part in textwrap.wrap(text, 74, break_long_words=False, break_on_hyphens=False):
        session.log.line("    " + part)


def _report_tests(session: Session, tests: _Tests, fit: DynamicFit) -> None:
    log = session.log
    for order, z in enumerate(tests.ar, start=1):
        shown = "." if math.isnan(z) else f"{z:.2f}"
        p = "." if math.isnan(z) else f"{two_sided(z, None):.3f}"
        log.line(f"Arellano-Bond test for AR({order}) in first differences: z = {shown:>6}  Pr > z = {p:>6}")
    log.line("-" * 78)
    _overid(session, "Sargan test of overid. restrictions: ", tests.sargan, tests.df)
    log.line("  (Not robust, but not weakened by many instruments.)")
    if fit.robust or fit.twostep:
        _overid(session, "Hansen test of overid. restrictions: ", tests.hansen, tests.df)
        log.line("  (Robust, but weakened by many instruments.)")
    if tests.subsets:
        log.line()
        log.line("Difference-in-Hansen tests of exogeneity of instrument subsets:")
        for label, value, df in tests.subsets:
            _subset(session, label)
            log.line("    " + _line("Hansen test excluding group:     ", value, df))
            log.line("    " + _line("Difference (null H = exogenous): ", tests.hansen - value, tests.df - df))
    log.line()


def _subset(session: Session, label: str) -> None:
    import textwrap

    for part in textwrap.wrap(label, 76, break_long_words=False, break_on_hyphens=False):
        session.log.line("  " + part)


def _overid(session: Session, label: str, value: float, df: int) -> None:
    session.log.line(_line(label, value, df))


def _line(label: str, value: float, df: int) -> str:
    p = chi2_tail(value, df) if df > 0 else math.nan
    head = f"chi2({df})"
    return f"{label}{head:<10} = {value:6.2f}  Prob > chi2 = {'.' if math.isnan(p) else f'{p:6.3f}':>6}"
