"""brant: test of the parallel regression assumption (Brant 1990; Long and Freese's SPost)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource, estimation_of, marked_sample
from ssd.engine.commands.postestimation_fit import outcome_values
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.binary import Logit, logistic
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.likelihood import Equation, maximize
from ssd.engine.stats.linear import with_constant

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("brant", "[, Detail]", stored="r(chi2) r(p) r(df) r(ivtests)", refused="weighted ologit")
def brant(session: Session, line: Line) -> None:
    """Brant test of the parallel regression assumption after ologit."""
    estimation = estimation_of(session)
    if session.e.macros.get("cmd") != "ologit":
        raise StataError(301, "brant can only be used after ologit")
    if estimation.weights[0]:
        raise unsupported("brant after a weighted ologit is")
    sample = marked_sample(session)
    design = next(iter(estimation.designs.values()))
    X = design.matrix(SessionSource(session), sample)
    names = [column.name for column in design.columns if column.active]
    y = outcome_values(session)
    categories = np.unique(y)
    if len(categories) < 3:
        raise StataError(148, "brant needs an outcome with more than two categories")
    b, V, constants = _binary_logits(y, categories, X)
    k, m = X.shape[1], len(categories) - 1

    def statistic(places: list[int]) -> tuple[float, int]:
        """Wald test that the slopes at these places are the same in all logits."""
        rows = []
        for j in range(1, m):
            for i in places:
                row = np.zeros(m * k)
                row[i], row[j * k + i] = 1.0, -1.0
                rows.append(row)
        D = np.array(rows)
        gap = D @ b.reshape(-1)
        return float(gap @ np.linalg.solve(D @ V @ D.T, gap)), len(rows)

    total, df = statistic(list(range(k)))
    single = [statistic([i])[0] for i in range(k)]
    _print_brant(session, names, b, constants, categories, (total, df), single, m - 1, detail=line.flag("detail"))
    tests = np.array([[value, chi2_tail(value, m - 1)] for value in single])
    session.r = ResultSet(
        scalars={"chi2": total, "df": float(df), "p": chi2_tail(total, df)},
        matrices={"ivtests": Matrix(tests, names, ["chi2", "p>chi2"])},
    )


def _binary_logits(y: FloatArray, categories: FloatArray, X: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Slopes (m, k) of the logits of y > c, their joint covariance (mk, mk) (Brant 1990), and the constants."""
    full = with_constant(X, True)
    k, m = X.shape[1], len(categories) - 1
    fits, shares, inverses = [], [], []
    for cut in categories[:-1]:
        above = np.asarray(y > cut, dtype=np.float64)
        try:
            fit = maximize(Logit(above), [Equation(full)], np.zeros(k + 1), np.ones(len(y)))
        except StataError:
            raise StataError(499, "not all independent variables can be retained in all binary logits\n"
                             "brant test cannot be computed") from None  # fmt: skip
        p = logistic(full @ fit.coefficients)
        fits.append(fit.coefficients)
        shares.append(p)
        inverses.append(np.linalg.inv(full.T @ (full * (p * (1.0 - p))[:, None])))
    V = np.zeros((m * k, m * k))
    for i in range(m):
        for j in range(i, m):
            # Pr(y > c_i and y > c_j) = Pr(y > c_j) for i <= j
            w = shares[j] - shares[i] * shares[j]
            block = (inverses[i] @ (full.T @ (full * w[:, None])) @ inverses[j])[:k, :k]
            V[i * k : (i + 1) * k, j * k : (j + 1) * k] = block
            V[j * k : (j + 1) * k, i * k : (i + 1) * k] = block.T
    B = np.array(fits)
    return B[:, :k], V, B[:, k]


def _print_brant(
    session: Session, names: list[str], b: FloatArray, constants: FloatArray, categories: FloatArray,
    total: tuple[float, int], single: list[float], df: int, *, detail: bool,
) -> None:  # fmt: skip
    log = session.log
    width = max([12, *(len(name) + 1 for name in names)])
    if detail:
        log.line()
        log.line("Estimated coefficients from binary logits")
        log.line()
        heads = [f"y_gt_{value:g}" for value in categories[:-1]]
        log.line(" " * width + " |" + "".join(f"{head:>12}" for head in heads))
        log.line("-" * (width + 1) + "+" + "-" * (12 * len(heads)))
        for i, name in enumerate(names):
            log.line(f"{name:>{width}} |" + "".join(f"{value:>12.4f}" for value in b[:, i]))
        log.line(f"{'_cons':>{width}} |" + "".join(f"{value:>12.4f}" for value in constants))
        log.line("-" * (width + 1) + "+" + "-" * (12 * len(heads)))
    log.line()
    log.line("Brant test of parallel regression assumption")
    log.line()
    rule = " " + "-" * (width + 1) + "+" + "-" * 30
    log.line(f" {'':>{width}} |{'chi2':>11}{'p>chi2':>11}{'df':>8}")
    log.line(rule)
    log.line(f" {'All':>{width}} |{total[0]:>11.2f}{chi2_tail(*total):>11.3f}{total[1]:>8d}")
    log.line(rule)
    for name, value in zip(names, single, strict=True):
        log.line(f" {name:>{width}} |{value:>11.2f}{chi2_tail(value, df):>11.3f}{df:>8d}")
    log.line()
    log.line("A significant test statistic provides evidence that the parallel")
    log.line("regression assumption has been violated.")
