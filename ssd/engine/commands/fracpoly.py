"""fp: fractional polynomial regression, as a prefix ([R] fp)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.repeated_runs import run_quietly, split_prefix
from ssd.engine.errors import StataError, already_defined, invalid_syntax, unsupported
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.results import Matrix
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.fractional import POWERS, basis, candidates, deviance_f

if TYPE_CHECKING:
    from ssd.engine.session import Session

_GRAMMAR = (
    "POWers(numlist) DIMension(integer 2) FP(numlist) REPlace ALL SCAle(string) CENTER(string) CLAssic ZERo CATZero"
)


@dataclass(frozen=True)
class _Fit:
    powers: tuple[float, ...]
    deviance: float
    sd: float


@dataclass
class _Search:
    """The command with `<term>` replaced by the columns of a set of powers."""

    session: Session
    term: str
    text: str
    x: FloatArray
    """Values of the term, missing where it is."""
    prefix: str

    def names(self, count: int) -> list[str]:
        return [f"{self.prefix}_{i}" for i in range(1, count + 1)]

    def put(self, powers: tuple[float, ...]) -> list[str]:
        known = ~is_missing(self.x)
        safe = np.where(known, self.x, 1.0)
        names = self.names(len(powers))
        self.drop(names)
        for name, column in zip(names, basis(safe, powers), strict=True):
            self.session.data.add(name, np.where(known, column, MISSING), "double")
        return names

    def drop(self, names: list[str]) -> None:
        present = [name for name in names if name in self.session.data.variables]
        if present:
            self.session.data.drop(present)

    def fit(self, powers: tuple[float, ...]) -> _Fit:
        names = self.put(powers)
        try:
            run_quietly(self.session, self.text.replace(f"<{self.term}>", " ".join(names)))
        finally:
            self.drop(names)
        e = self.session.e.scalars
        if "ll" not in e or e["ll"] >= MISSING:
            raise StataError(321, "the estimation command of fp must store its log likelihood in e(ll)")
        return _Fit(powers, -2.0 * e["ll"], e.get("rmse", MISSING))


@command(
    "fp",
    "*",
    stored="e() of the chosen model, e(fp_cmd) e(fp_variable) e(fp_terms) e(fp_fp) e(fp_powers) e(fp_dimension) "
    "e(fp_compare)",
    refused="fp generate, classic, center(), zero, catzero, all, scale without numbers",
)
def fp(session: Session, line: Line) -> None:
    """Fractional polynomials of one continuous regressor, the powers chosen by the deviance."""
    prefix = split_prefix(session, line, _GRAMMAR)
    found = re.fullmatch(r"<\s*([^\W\d]\w*)\s*>", prefix.expressions)
    if found is None:
        raise invalid_syntax("fp <term>: the term must stand in angle brackets")
    options = prefix.options
    for name in ("classic", "zero", "catzero", "all", "center"):
        if options.get(name):
            raise unsupported(f"option {name} of fp is")
    term = session.variable_named(found.group(1))
    text = prefix.command.replace(f"<{found.group(1)}>", f"<{term}>")
    if f"<{term}>" not in text:
        raise invalid_syntax(f"<{term}> does not appear in the estimation command")
    x = _scaled(session.data.numeric(term), term, options)
    search = _Search(session, term, text, x, term)
    dimension = int(str(options["dimension"]))
    if not 1 <= dimension <= 4:
        raise StataError(198, "dimension() must be between 1 and 4")
    typed_powers = options.get("powers")
    powers = [float(each) for each in typed_powers] if isinstance(typed_powers, list) else list(POWERS)
    fixed = options.get("fp")
    size = len(fixed) if isinstance(fixed, list) else dimension
    for name in search.names(size):
        if name in session.data.variables:
            if options.get("replace") is not True:
                raise already_defined(name)
            session.data.drop([name])
    if isinstance(fixed, list):
        chosen = tuple(sorted(float(each) for each in fixed))
        compare = None
    else:
        chosen, compare = _compare(search, powers, dimension)
    names = search.put(chosen)
    for name, power in zip(names, chosen, strict=True):
        session.data.variables[name].label = f"{term}, power {power:g}"
    session.run(text.replace(f"<{term}>", " ".join(names)))
    macros = session.e.macros
    macros.update(
        fp_cmd="fp", fp_variable=term, fp_terms=" ".join(names), fp_fp=" ".join(f"{p:g}" for p in chosen),
        fp_powers=" ".join(f"{p:g}" for p in powers), fp_catzero="", fp_zero="",
    )  # fmt: skip
    session.e.scalars["fp_dimension"] = float(len(chosen))
    if compare is not None:
        session.e.matrices["fp_compare"] = compare


def _scaled(values: FloatArray, term: str, options: dict[str, object]) -> FloatArray:
    """(x + a)/b of scale(a b). Raises r(411) for values that are not positive."""
    known = ~is_missing(values)
    typed = options.get("scale")
    if isinstance(typed, str) and typed:
        numbers = parse_numlist(typed)
        if len(numbers) != 2 or numbers[1] == 0.0:
            raise unsupported(f"scale({typed}) of fp is")
        values = np.where(known, (np.where(known, values, 0.0) + numbers[0]) / numbers[1], MISSING)
    if np.any(values[known] <= 0.0):
        raise StataError(411, f"fp requires positive values of {term}; use scale() or zero")
    return np.asarray(values, dtype=np.float64)


def _compare(search: _Search, powers: list[float], dimension: int) -> tuple[tuple[float, ...], Matrix]:
    """Fit all sets of up to `dimension` powers; print and return the comparison of the best of each."""
    session = search.session
    log = session.log
    total = sum(len(candidates(powers, m)) for m in range(1, dimension + 1))
    run_quietly(session, search.text.replace(f"<{search.term}>", ""))
    e = session.e.scalars
    if "ll" not in e or e["ll"] >= MISSING:
        raise StataError(321, "the estimation command of fp must store its log likelihood in e(ll)")
    omitted = _Fit((), -2.0 * e["ll"], e.get("rmse", MISSING))
    linear = search.fit((1.0,))
    n, other = e["N"], e.get("rank", 1.0)
    log.line(f"(fitting {total} models)")
    best = [min((search.fit(each) for each in candidates(powers, m)), key=lambda fit: fit.deviance)
            for m in range(1, dimension + 1)]  # fmt: skip
    log.line("(....10%....20%....30%....40%....50%....60%....70%....80%....90%....100%)")
    chosen = best[-1]
    rows = [("omitted", 0, omitted), ("linear", 1, linear)]
    rows += [(f"m = {m}", 2 * m, fit) for m, fit in enumerate(best, 1)]
    is_linear = chosen.sd < MISSING
    top = 2 * dimension
    df2 = n - other - top
    log.line()
    log.line("Fractional polynomial comparisons:")
    width = 79 if is_linear else 67
    log.line("-" * width)
    if is_linear:
        log.line(f"{search.term[:12]:>12} |    df     Deviance   {'Res. s.d.':>10}   Dev. dif.   P(*)   Powers")
    else:
        log.line(f"{search.term[:12]:>12} |    df     Deviance   Dev. dif.   P(*)   Powers")
    log.line("-" * 13 + "+" + "-" * (width - 14))
    values = []
    for name, df, fit in rows:
        gap = fit.deviance - chosen.deviance
        if df >= top:
            p = MISSING
        elif is_linear:
            p = f_tail(deviance_f(max(gap, 0.0), n, top - df, df2), top - df, df2)
        else:
            p = chi2_tail(max(gap, 0.0), top - df)
        shown = "--" if p >= MISSING else f"{p:.3f}"
        spread = f"{fit.sd:>13.3f}" if is_linear else ""
        listed = " ".join(f"{power:g}" for power in fit.powers)
        log.line(f"{name:>12} |{df:>6d}{fit.deviance:>13.3f}{spread}{gap:>12.3f}{shown:>8}   {listed}".rstrip())
        values.append([float(df), fit.deviance, fit.sd, gap, p])
    log.line("-" * width)
    what = f"F with {df2:.0f} denominator dof." if is_linear else "chi2"
    log.line(f"(*) P = sig. level of model with m = {dimension} based on {what}".rstrip())
    if is_linear:
        log.line("dof = degrees of freedom")
    labels = [name.replace(" ", "") for name, _, _ in rows]
    matrix = Matrix(np.array(values), labels, ["df", "deviance", "sd", "difference", "p"])
    return chosen.powers, matrix
