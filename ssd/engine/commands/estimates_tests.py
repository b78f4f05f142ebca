"""lrtest and hausman: tests between stored estimates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimates import named_estimates, shown_name
from ssd.engine.commands.postestimation_tables import information_row, print_information
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import fixed, number
from ssd.engine.results import ResultSet
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.linear import symmetric_inverse

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("lrtest", "anything [, STats DIr DF(integer -1) FORCE]", stored="r(p) r(chi2) r(df)")
def lrtest(session: Session, line: Line) -> None:
    """Likelihood-ratio test of two stored models."""
    names = line.anything.replace("(", " ").replace(")", " ").split()
    if not 1 <= len(names) <= 2:
        raise invalid_syntax()
    first = named_estimates(session, names[0])
    second = named_estimates(session, names[1] if len(names) > 1 else ".")
    for each in (first, second):
        if "ll" not in each.scalars:
            raise StataError(498, "estimation result does not contain the log likelihood")
        if each.macros.get("vce") in {"robust", "cluster"} and not line.flag("force"):
            raise StataError(498, "LR test likely invalid for models with robust vce")
    if first.scalars["N"] != second.scalars["N"] and not line.flag("force"):
        raise StataError(498, f"observations differ: {first.scalars['N']:.0f} vs. {second.scalars['N']:.0f}")
    big, small = (first, second) if first.scalars["rank"] >= second.scalars["rank"] else (second, first)
    labels = (names[0], names[1] if len(names) > 1 else ".")
    small_name, big_name = (labels[1], labels[0]) if big is first else (labels[0], labels[1])
    typed = line.options.get("df")
    df = float(typed) if isinstance(typed, int | float) and typed > 0 else big.scalars["rank"] - small.scalars["rank"]
    chi2 = 2.0 * (big.scalars["ll"] - small.scalars["ll"])
    if df <= 0:
        raise StataError(498, f"df(unrestricted) = df(restricted) = {big.scalars['rank']:.0f}")
    p = chi2_tail(chi2, df)
    log = session.log
    log.line()
    log.line("Likelihood-ratio test")
    log.line(f"Assumption: {small_name} nested within {big_name}")
    log.line()
    log.line(f"{f' LR chi2({df:.0f})':<12}= {chi2:6.2f}")
    log.line(f"{'Prob > chi2':<12}= {p:6.4f}")
    if line.flag("stats"):
        log.line()
        print_information(
            session, [(small_name, information_row(small.scalars)), (big_name, information_row(big.scalars))]
        )
    session.r = ResultSet(scalars={"p": p, "df": df, "chi2": chi2})


@command("hausman", "anything [, Constant ALLEQs SIGMAMore SIGMALess EQuations(string) FORCE DF(integer -1)]",
         stored="r(chi2) r(df) r(p) r(rank)", refused="equations()")  # fmt: skip
def hausman(session: Session, line: Line) -> None:
    """Hausman specification test of a consistent against an efficient estimator."""
    if line.options.get("equations"):
        raise unsupported("option equations of hausman is")
    words = line.anything.split()
    if not 1 <= len(words) <= 2:
        raise invalid_syntax()
    names = (words[0], words[1] if len(words) > 1 else ".")
    consistent, efficient = named_estimates(session, names[0]), named_estimates(session, names[1])
    for each in (consistent, efficient):
        if each.macros.get("vce") in {"robust", "cluster"} and not line.flag("force"):
            raise StataError(198, "hausman cannot be used with vce(robust), vce(cluster cvar), or p-weighted data")
    every = line.flag("alleqs")
    first, second = _plain_columns(consistent, every), _plain_columns(efficient, every)
    shared = [n for n in first if n in second and (line.flag("constant") or n.rpartition(":")[2] != "_cons")]
    shared = [n for n in shared if _variance(consistent, first[n]) > 0 and _variance(efficient, second[n]) > 0]
    if not shared:
        raise StataError(
            498,
            "no coefficients in common; specify equations(matchlist) for problems with different equation names.",
        )
    i, j = [first[n] for n in shared], [second[n] for n in shared]
    b, B = consistent.matrices["b"].values[0, i], efficient.matrices["b"].values[0, j]
    V, W = consistent.matrices["V"].values[np.ix_(i, i)], efficient.matrices["V"].values[np.ix_(j, j)]
    if line.flag("sigmamore") or line.flag("sigmaless"):
        s_b, s_B = _sigma(consistent), _sigma(efficient)
        if line.flag("sigmamore"):
            V = V * (s_B / s_b) ** 2
        else:
            W = W * (s_b / s_B) ** 2
    difference, D = b - B, V - W
    chi2, rank = _quadratic(difference, D)
    log = session.log
    log.line()
    log.line("                 ---- Coefficients ----")
    log.line("             |      (b)          (B)            (b-B)     sqrt(diag(V_b-V_B))")
    log.line(f"             |{names[0][:10]:^13}{names[1][:10]:^13}{'Difference':>14}{'Std. err.':>16}")
    log.line("-" * 13 + "+" + "-" * 64)
    several = len({name.rpartition(":")[0] for name in shared}) > 1
    for k, name in enumerate(shared):
        equation = name.rpartition(":")[0]
        if several and (k == 0 or equation != shared[k - 1].rpartition(":")[0]):
            log.line(f"{equation[:12]:<12} |")
        root = math.sqrt(float(D[k, k])) if D[k, k] >= 0 else math.nan
        log.line(
            f"{shown_name(name.rpartition(':')[2]):>12} |{number(float(b[k])):>12} {number(float(B[k])):>12}"
            f"{number(float(difference[k])):>16}{number(root):>16}"
        )
    log.line("-" * 78)
    log.line(f"{'b = Consistent under H0 and Ha; obtained from ' + consistent.macros.get('cmd', '') + '.':>78}")
    log.line(
        f"{'B = Inconsistent under Ha, efficient under H0; obtained from ' + efficient.macros.get('cmd', '') + '.':>78}"
    )
    log.line()
    log.line("Test of H0: Difference in coefficients not systematic")
    log.line()
    typed = line.options.get("df")
    df = typed if isinstance(typed, int) and typed > 0 else rank
    log.line(f"{f'chi2({df})':>11} = (b-B)'[(V_b-V_B)^(-1)](b-B)")
    log.line(f"            = {chi2:6.2f}")
    results = ResultSet(scalars={"chi2": chi2, "df": float(df), "rank": float(rank)})
    if chi2 >= 0:
        p = chi2_tail(chi2, df)
        log.line(f"Prob > chi2 = {fixed(p, 4):>6}")
        results.scalars["p"] = p
    else:
        log.line()
        log.line(f"Warning: chi2 = {chi2:.2f} < 0; model fitted on these data fails to meet the asymptotic")
        log.line("         assumptions of the Hausman test; see suest for a generalized test.")
    if np.linalg.eigvalsh(D).min() <= 0:
        log.line("(V_b-V_B is not positive definite)")
    session.r = results


def _plain_columns(results: ResultSet, with_equations: bool = False) -> dict[str, int]:
    """Places in e(b) by coefficient: of the first equation that has it, or of every equation."""
    columns: dict[str, int] = {}
    for position, name in enumerate(results.matrices["b"].cols):
        columns.setdefault(name if with_equations else name.rpartition(":")[2], position)
    return columns


def _variance(results: ResultSet, position: int) -> float:
    return float(results.matrices["V"].values[position, position])


def _sigma(results: ResultSet) -> float:
    value = results.scalars.get("rmse", results.scalars.get("sigma_e"))
    if value is None:
        raise StataError(198, "sigmamore and sigmaless require e(rmse)")
    return value


def _quadratic(difference: FloatArray, D: FloatArray) -> tuple[float, int]:
    """Difference' D^- difference with D's rank; D need not be positive definite."""
    singular = np.linalg.svd(D, compute_uv=False)
    rank = int(np.count_nonzero(singular > singular.max(initial=0.0) * len(D) * 1e-13))
    if np.linalg.eigvalsh(D).min() > 0:
        return float(difference @ symmetric_inverse(D) @ difference), rank
    return float(difference @ np.linalg.pinv(D, rcond=1e-12) @ difference), rank
