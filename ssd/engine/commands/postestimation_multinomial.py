"""mlogtest: tests after mlogit of variables, of combining outcomes, and of independence of irrelevant alternatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource, estimation_of, marked_sample
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.covariance import IndexArray, wald
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.likelihood import Equation, Maximum, maximize
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.ordered import Multinomial

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass(frozen=True)
class _Fitted:
    """The data and estimates of the last mlogit."""

    names: list[str]
    """Regressors without the constant."""
    labels: list[str]
    base: int
    X: FloatArray
    """Active columns with the constant last."""
    outcome: IndexArray
    b: FloatArray
    """(J, k), zero for the base outcome."""
    V: FloatArray
    """(Jk, Jk)"""
    ll: float
    n: float

    @property
    def k(self) -> int:
        return len(self.names) + 1

    @property
    def others(self) -> list[int]:
        return [j for j in range(len(self.labels)) if j != self.base]


def _last(session: Session) -> _Fitted:
    estimation = estimation_of(session)
    if session.e.macros.get("cmd") != "mlogit":
        raise StataError(301, "mlogtest only works after mlogit")
    if estimation.weights[0] or session.e.macros.get("vcetype") == "Robust":
        raise unsupported("mlogtest after weighted or robust estimation is")
    sample = marked_sample(session)
    design = next(iter(estimation.designs.values()))
    if not design.constant:
        raise unsupported("mlogtest after mlogit, noconstant is")
    X = with_constant(design.matrix(SessionSource(session), sample), True)
    y = session.evaluate_numbers(session.e.macros["depvar"])[sample]
    categories = session.e.matrices["out"].values[0]
    outcome = np.searchsorted(categories, y).astype(np.intp)
    flags, J = design.active, len(categories)
    size = len(flags)
    places = np.concatenate([np.flatnonzero(flags) + j * size for j in range(J)])
    b = session.e.matrices["b"].values[0, places].reshape(J, -1)
    V = session.e.matrices["V"].values[np.ix_(places, places)]
    names = [column.name for column in design.columns if column.active]
    return _Fitted(names, session.e.macros["eqnames"].split(), int(session.e.scalars["ibaseout"]) - 1, X, outcome, b, V,
                   session.e.scalars["ll"], session.e.scalars["N"])  # fmt: skip


def _refit(fitted: _Fitted, X: FloatArray, keep: BoolArray, others: list[int]) -> Maximum:
    """mlogit on the observations to keep, with the outcomes in `others` against the base."""
    position = np.full(len(fitted.labels), -1)
    position[others] = np.arange(len(others))
    model = Multinomial(position[fitted.outcome[keep]].astype(np.intp))
    rows = X[keep]
    return maximize(model, [Equation(rows) for _ in others], np.zeros(X.shape[1] * len(others)), np.ones(len(rows)))


@command("mlogtest", "[varlist(default=none)] [, Wald Lr Combine LRCombine HAusman IIA Detail BAse SMhsiao ALL "
         "Set(string)]",
         stored="r(wald) r(lrtest) r(combine) r(hausman)",
         refused="varlist, smhsiao, iia, all, lrcombine, base, detail, set(); after robust mlogit")  # fmt: skip
def mlogtest(session: Session, line: Line) -> None:
    """Tests after mlogit: variables (LR, Wald), combining outcomes (Wald), IIA (Hausman)."""
    for option in ("smhsiao", "iia", "all", "lrcombine", "base", "detail"):
        if line.flag(option):
            raise unsupported(f"option {option} is")
    if line.text_option("set") or line.varlist:
        raise unsupported("set() and a varlist with mlogtest are")
    asked = [name for name in ("lr", "wald", "combine", "hausman") if line.flag(name)]
    if not asked:
        raise StataError(198, "specify at least one of lr, wald, combine, hausman")
    fitted = _last(session)
    matrices = {}
    for name in asked:
        rows, tests = _TESTS[name](fitted)
        _print(session, name, fitted, rows, tests)
        values = np.array([[chi2, float(df), chi2_tail(chi2, df) if chi2 >= 0 else np.nan] for chi2, df in tests])
        key = {"lr": "lrtest"}.get(name, name)
        matrices[key] = Matrix(values, [row.replace(" ", "") for row in rows], ["chi2", "df", "p"])
    session.r = ResultSet(matrices=matrices)


Tests = tuple[list[str], list[tuple[float, int]]]


def _wald(fitted: _Fitted) -> Tests:
    tests = []
    for i in range(len(fitted.names)):
        places = [j * fitted.k + i for j in fitted.others]
        tests.append(wald(fitted.b.reshape(-1)[places], fitted.V[np.ix_(places, places)]))
    return fitted.names, tests


def _likelihood_ratio(fitted: _Fitted) -> Tests:
    everyone = np.ones(len(fitted.outcome), dtype=np.bool_)
    tests = []
    for i in range(len(fitted.names)):
        smaller = _refit(fitted, np.delete(fitted.X, i, axis=1), everyone, fitted.others)
        tests.append((2.0 * (fitted.ll - smaller.log_likelihood), len(fitted.others)))
    return fitted.names, tests


def _combine(fitted: _Fitted) -> Tests:
    """Wald tests that two outcomes have the same slopes."""
    rows, tests = [], []
    slopes = fitted.k - 1
    for first in range(len(fitted.labels)):
        for second in range(first + 1, len(fitted.labels)):
            D = np.zeros((slopes, fitted.b.size))
            for i in range(slopes):
                D[i, first * fitted.k + i], D[i, second * fitted.k + i] = 1.0, -1.0
            rows.append(f"{fitted.labels[first]} & {fitted.labels[second]}")
            tests.append(wald(D @ fitted.b.reshape(-1), D @ fitted.V @ D.T))
    return rows, tests


def _hausman(fitted: _Fitted) -> Tests:
    """Estimates without one outcome against the full ones (Hausman and McFadden 1984), constants included."""
    rows, tests = [], []
    for omitted in fitted.others:
        others = [j for j in fitted.others if j != omitted]
        if not others:
            raise StataError(498, "the test of IIA needs at least three outcomes")
        keep = fitted.outcome != omitted
        restricted = _refit(fitted, fitted.X, keep, others)
        places = np.concatenate([np.arange(j * fitted.k, (j + 1) * fitted.k) for j in others])
        gap = restricted.coefficients - fitted.b.reshape(-1)[places]
        difference = restricted.covariance - fitted.V[np.ix_(places, places)]
        inverse = np.linalg.pinv(difference, hermitian=True)
        rows.append(fitted.labels[omitted])
        tests.append((float(gap @ inverse @ gap), len(gap)))
    return rows, tests


_TESTS = {"lr": _likelihood_ratio, "wald": _wald, "combine": _combine, "hausman": _hausman}
_TITLES = {
    "lr": ("LR tests for independent variables", ["Ho: All coefficients associated with given variable(s) are 0"]),
    "wald": ("Wald tests for independent variables", ["Ho: All coefficients associated with given variable(s) are 0"]),
    "combine": ("Wald tests for combining alternatives",
                ["Ho: All coefficients except intercepts associated with a given pair",
                 "    of alternatives are 0 (i.e., alternatives can be combined)"]),
    "hausman": ("Hausman tests of IIA assumption",
                ["Ho: Odds(Outcome-J vs Outcome-K) are independent of other alternatives"]),
}  # fmt: skip


def _print(session: Session, name: str, fitted: _Fitted, rows: list[str], tests: list[tuple[float, int]]) -> None:
    log = session.log
    title, hypothesis = _TITLES[name]
    width = max([16, *(len(row) + 1 for row in rows)])
    log.line()
    log.line(f"{title} (N={fitted.n:.0f})")
    log.line()
    for text in hypothesis:
        log.line(f"  {text}")
    log.line()
    log.line(f"{'':>{width}} |{'chi2':>10}{'df':>7}{'P>chi2':>10}")
    log.line("-" * (width + 1) + "+" + "-" * 27)
    for row, (chi2, df) in zip(rows, tests, strict=True):
        p = f"{chi2_tail(chi2, df):10.3f}" if chi2 >= 0.0 else f"{'.':>10}"
        log.line(f"{row:>{width}} |{chi2:10.3f}{df:7d}{p}")
    if name == "hausman":
        log.line()
        log.line("Note: A significant test is evidence against Ho.")
        if any(chi2 < 0.0 for chi2, _ in tests):
            log.line("Note: If chi2<0, the estimated model does not meet asymptotic assumptions.")
