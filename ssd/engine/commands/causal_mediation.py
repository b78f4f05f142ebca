"""sgmediation and sgmediation2: mediation by three regressions with the tests of Sobel and Goodman.

Baron and Kenny (1986); Sobel (1982), Aroian (1947) and Goodman (1960) for the variances of the product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource, parse_varlist, require_numeric
from ssd.engine.errors import StataError, no_observations
from ssd.engine.missing import MISSING
from ssd.engine.output.formats import format_value
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.design import complete
from ssd.engine.stats.distributions import two_sided
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

_MARK = "__ssd_mediation"
_STORED = (
    "r(ind_eff) r(dir_eff) r(tot_eff) r(a_coef) r(b_coef) r(ind2tot) r(ind2dir) r(tot2dir); "
    "sgmediation2 also r(szstat) r(g1zstat) r(g2zstat) and the matrices sgtests and effects"
)
_TITLES = (
    "Model with dv regressed on iv (path c)",
    "Model with mediator regressed on iv (path a)",
    "Model with dv regressed on mediator and iv (paths b and c')",
)


@command(
    "sgmediation",
    "[varlist(numeric)] [if] [in] [, IV(string) MV(string) CV(string) QUIetly Level(integer 95)]",
    stored=_STORED,
)
def sgmediation(session: Session, line: Line) -> None:
    """Sobel and Goodman tests of mediation in the layout of sgmediation."""
    paths = _fit(session, line, "", "", typed=False)
    _print_plain(session, paths)
    session.r = paths.results()


@command(
    "sgmediation2",
    "[varlist(numeric)] [if] [in] [, IV(string) MV(string) CV(string) Quietly Level(integer 95) VCE(string) "
    "PREfix(string) OPTions(string) DECimals(integer 3)]",
    stored=_STORED,
)
def sgmediation2(session: Session, line: Line) -> None:
    """Sobel and Goodman tests of mediation, with factor variables among the controls and vce()."""
    vce = line.text_option("vce") or ""
    paths = _fit(session, line, vce, line.text_option("options") or "", typed=True)
    _print_matrices(session, paths, int(cast(int, line.options["decimals"])))
    results = paths.results()
    for name, error in zip(("szstat", "g1zstat", "g2zstat"), paths.errors(), strict=True):
        results.scalars[name] = _stored(_ratio(paths.indirect, error))
    session.r = results


@dataclass(frozen=True)
class _Paths:
    """Coefficients and standard errors of the paths a, b, c and c'."""

    a: tuple[float, float]
    b: tuple[float, float]
    c: tuple[float, float]
    direct_error: float

    @property
    def indirect(self) -> float:
        return self.a[0] * self.b[0]

    @property
    def direct(self) -> float:
        return self.c[0] - self.indirect

    def errors(self) -> tuple[float, float, float]:
        """Standard errors of the product: Sobel, Aroian (Goodman 1), Goodman 2."""
        first = self.b[0] ** 2 * self.a[1] ** 2 + self.a[0] ** 2 * self.b[1] ** 2
        second = self.a[1] ** 2 * self.b[1] ** 2
        return math.sqrt(first), math.sqrt(first + second), math.sqrt(first - second) if first > second else math.nan

    def effects(self) -> list[tuple[float, float]]:
        """a, b, indirect, direct and total effect."""
        return [self.a, self.b, (self.indirect, self.errors()[0]), (self.direct, self.direct_error), self.c]

    def shares(self) -> list[float]:
        """Indirect to total, indirect to direct, total to direct."""
        return [_ratio(self.indirect, self.c[0]), _ratio(self.indirect, self.direct), _ratio(self.c[0], self.direct)]

    def results(self) -> ResultSet:
        values = [self.indirect, self.direct, self.c[0], self.a[0], self.b[0], *self.shares()]
        names = ("ind_eff", "dir_eff", "tot_eff", "a_coef", "b_coef", "ind2tot", "ind2dir", "tot2dir")
        return ResultSet(scalars={name: _stored(value) for name, value in zip(names, values, strict=True)})


def _ratio(value: float, by: float) -> float:
    return value / by if by else math.nan


def _stored(value: float) -> float:
    return value if math.isfinite(value) else MISSING


def _fit(session: Session, line: Line, vce: str, options: str, *, typed: bool) -> _Paths:
    """Run the three regressions on the observations complete in all variables."""
    if len(line.varlist) != 1 or "(" in line.text.partition(",")[0]:
        raise StataError(103 if len(line.varlist) > 1 else 100, "one dependent variable required")
    outcome = line.varlist[0]
    single = {}
    for option in ("iv", "mv"):
        names = session.expand_varlist(line.text_option(option) or "") if line.text_option(option) else []
        if len(names) != 1:
            raise StataError(198, f"option {option}() " + ("required" if not names else "incorrectly specified"))
        single[option] = names[0]
    iv, mv, cv = single["iv"], single["mv"], line.text_option("cv") or ""
    terms = parse_varlist(session, [outcome, iv, mv, *split_words(cv)])
    require_numeric(session, terms)
    rows = complete(terms, SessionSource(session), line.sample(session))
    if not rows.any():
        raise no_observations()
    quiet = line.flag("quietly")
    prefix = (line.text_option("prefix") or "" if "prefix" in line.options else "").strip()
    log = session.log
    log.line()
    found: list[tuple[dict[str, float], dict[str, float]]] = []
    session.data.add(_MARK, rows.astype(np.float64), "byte")
    try:
        for position, (title, words) in enumerate(
            zip(_TITLES, (f"{outcome} {iv} {cv}", f"{mv} {iv} {cv}", f"{outcome} {mv} {iv} {cv}"), strict=True)
        ):
            if not quiet:
                if position:
                    log.line()
                log.line(title)
                if typed:
                    log.line(f"{prefix} regress {words.strip()}, vce({vce}) {options}")
            tail = f", {f'vce({vce}) ' if vce else ''}{options}" if vce or options else ""
            session.run(f"{prefix} regress {words.strip()} if {_MARK}{tail}", quiet=quiet)
            found.append(_estimates(session))
    finally:
        if _MARK in session.data.variables:
            session.data.drop([_MARK])
    (bc, sc), (ba, sa), (bb, sb) = found
    for name, estimates in ((iv, bc), (iv, ba), (mv, bb), (iv, bb)):
        if name not in estimates:
            raise StataError(498, f"{name} was omitted because of collinearity")
    return _Paths((ba[iv], sa[iv]), (bb[mv], sb[mv]), (bc[iv], sc[iv]), sb[iv])


def _estimates(session: Session) -> tuple[dict[str, float], dict[str, float]]:
    b, V = session.e.matrices["b"], session.e.matrices["V"]
    values = dict(zip(b.cols, b.values[0].tolist(), strict=True))
    return values, dict(zip(b.cols, np.sqrt(np.diag(V.values)).tolist(), strict=True))


def _p(z: float) -> float:
    return two_sided(z, None) if math.isfinite(z) else math.nan


def _shown(value: float, fmt: str) -> str:
    return format_value(_stored(value), fmt)


def _print_plain(session: Session, paths: _Paths) -> None:
    log = session.log
    log.line()
    log.line("Sobel-Goodman Mediation Tests")
    log.line()
    log.line("                     Coef         Std Err     Z           P>|Z|")
    for label, error in zip(("Sobel", "Goodman-1 (Aroian)", "Goodman-2"), paths.errors(), strict=True):
        z = _ratio(paths.indirect, error)
        numbers = [_shown(value, "%10.0g").strip() for value in (paths.indirect, error)]
        p = _shown(_p(z), "%10.0g").strip()
        log.line(f"{label:<20}{numbers[0]}    {numbers[1]}{_shown(z, '%8.4g').strip():>8}      {p}")
    log.line()
    log.line(f"{'Coef':>24}{'Std Err':>13}{'Z':>5}{'P>|Z|':>15}")
    labels = ("a coefficient   =", "b coefficient   =", "Indirect effect =", "  Direct effect =", "   Total effect =")
    for label, (effect, error) in zip(labels, paths.effects(), strict=True):
        z = _ratio(effect, error)
        cells = "  ".join(_shown(value, "%8.0g").strip().rjust(8) for value in (effect, error, z))
        log.line(f"{label} {cells}".ljust(49) + _shown(_p(z), "%8.0g").strip().rjust(8))
    log.line()
    titles = (
        "Proportion of total effect that is mediated: ", "Ratio of indirect to direct effect:          ",
        "Ratio of total to direct effect:             ",
    )  # fmt: skip
    for title, value in zip(titles, paths.shares(), strict=True):
        log.line(f"{title} {_shown(value, '%10.0g').strip()}")


def _print_matrices(session: Session, paths: _Paths, decimals: int) -> None:
    if not 1 <= decimals <= 8:
        raise StataError(125, "decimals() must be between 1 and 8")
    fmt = f"%10.{decimals}f"
    columns = ["Est", "Std_err", "z", "P>|z|"]

    def rows(effects: list[tuple[float, float]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.array([[_stored(v) for v in (b, se, _ratio(b, se), _p(_ratio(b, se)))] for b, se in effects])

    tests = rows([(paths.indirect, error) for error in paths.errors()])
    session.matrices["sgtests"] = Matrix(tests, ["Sobel", "Aroian", "Goodman"], list(columns))
    names = ["a_coefficient", "b_coefficient", "Indirect_effect_aXb", "Direct_effect_c'", "Total_effect_c"]
    session.matrices["effects"] = Matrix(rows(paths.effects()), names, list(columns))
    session.run(f'matlist sgtests, title("Sobel-Goodman Mediation Tests") format({fmt}) twidth(20)')
    session.run(f'matlist effects, title("Indirect, Direct, and Total Effects") format({fmt}) twidth(20)')
    log = session.log
    log.line()
    log.line()
    titles = (
        "Proportion of total effect that is mediated: ", "Ratio of indirect to direct effect:          ",
        "Ratio of total to direct effect:             ",
    )  # fmt: skip
    for title, value in zip(titles, paths.shares(), strict=True):
        log.line(f"{title} {_shown(value, fmt).strip():>10}")
