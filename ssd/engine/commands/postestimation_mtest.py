"""What test shows besides the joint test: separate tests with adjusted p-values, constrained coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.linear_forms import LinearForm
from ssd.engine.errors import StataError
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable, print_coefficients
from ssd.engine.results import Matrix
from ssd.engine.stats.distributions import chi2_tail, f_tail

if TYPE_CHECKING:
    from ssd.engine.session import Session

_ADJUSTMENTS = {"bonferroni": "Bonferroni-adjusted", "holm": "Holm-adjusted", "sidak": "Šidák-adjusted",
                "noadjust": "unadjusted"}  # fmt: skip


def adjustment_of(line: Line) -> str:
    """How mtest adjusts; empty when separate tests were not asked for. Raises r(198)."""
    typed = line.options.get("mtest")
    if not typed:
        return ""
    if typed is True:
        return "noadjust"
    word = str(typed).strip().lower()
    found = next((name for name in _ADJUSTMENTS if word and name.startswith(word)), None)
    if found is None:
        raise StataError(198, "option mtest() invalid")
    return found


def adjusted(p: FloatArray, method: str) -> FloatArray:
    """p-values of k tests adjusted by Bonferroni, Holm (step-down) or Šidák ([R] test, Methods and formulas)."""
    k = len(p)
    if method == "bonferroni":
        return np.minimum(1.0, k * p)
    if method == "sidak":
        return 1.0 - (1.0 - p) ** k
    if method == "holm":
        order = np.argsort(p, kind="stable")
        stepped = np.maximum.accumulate((k - np.arange(k)) * p[order])
        result = np.empty(k)
        result[order] = np.minimum(1.0, stepped)
        return result
    return p


def separate_tests(
    session: Session, forms: list[LinearForm], b: FloatArray, V: FloatArray, df_r: float | None, method: str,
    joint: tuple[float, int, float],
) -> Matrix:  # fmt: skip
    """Print the test of each hypothesis and of all; the matrix holds statistic, df, p and adjusted p."""
    R = np.array([form.weights for form in forms])
    gap = R @ b + np.array([form.constant for form in forms])
    statistics = gap**2 / np.einsum("ij,jk,ik->i", R, V, R)
    p = np.array([chi2_tail(v, 1) if df_r is None else f_tail(v, 1, df_r) for v in statistics.tolist()])
    final = adjusted(p, method)
    log = session.log
    name = "chi2" if df_r is None else f"F(df,{df_r:.0f})"
    log.line("-" * 39)
    log.line(f"       |{name:>10}     df       p")
    log.line("-------+" + "-" * 31)
    for index, (value, chance) in enumerate(zip(statistics.tolist(), final.tolist(), strict=True)):
        log.line(f"{f'({index + 1})':^7}|{value:10.2f}{1:7d}{chance:11.4f} #")
    log.line("-------+" + "-" * 31)
    log.line(f"{'all':^7}|{joint[0]:10.2f}{joint[1]:7d}{joint[2]:11.4f}")
    log.line("-" * 39)
    log.line(f"{f'# {_ADJUSTMENTS[method]} p-values':>39}")
    columns = ["chi2" if df_r is None else "F", "df", "p", "adjustp"]
    table = np.column_stack([statistics, np.ones(len(p)), p, final])
    return Matrix(table, [f"r{index + 1}" for index in range(len(p))], columns)


def constrained_coefficients(
    session: Session, names: list[str], forms: list[LinearForm],
    estimates: tuple[list[str], FloatArray, FloatArray, float | None],
) -> None:  # fmt: skip
    """The estimates moved to where the hypotheses hold, by the metric of V ([R] test, Methods and formulas)."""
    _, b, V, _ = estimates
    R = np.array([form.weights for form in forms])
    gap = R @ b + np.array([form.constant for form in forms])
    gain = V @ R.T @ np.linalg.pinv(R @ V @ R.T)
    level = float(session.settings.get("level", "95"))
    shown = V - gain @ R @ V
    shown[np.abs(shown) < 1e-12 * np.abs(V).max()] = 0.0
    session.log.line()
    session.log.line("Constrained coefficients")
    session.log.line()
    print_coefficients(session.log, CoefficientTable(names, b - gain @ gap, shown, "", None, level, data=session.data))
