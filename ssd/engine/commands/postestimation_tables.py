"""estat ic, estat classification, estat gof."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.estimation import estimation_of, marked_sample
from ssd.engine.commands.postestimation_predict import linear_prediction
from ssd.engine.commands.postestimation_statistics import inverse_link
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import fixed, number
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.distributions import chi2_tail

if TYPE_CHECKING:
    from ssd.engine.session import Session


def information_row(scalars: dict[str, float], n: float | None = None) -> tuple[float, float, float, int, float, float]:
    """N, ll_0, ll, df, AIC, BIC of stored scalars; k is e(rank)."""
    ll = scalars.get("ll", math.nan)
    k = int(scalars.get("rank", 0.0))
    size = scalars["N"] if n is None else n
    return (
        size, scalars.get("ll_0", math.nan), ll, k, -2.0 * ll + 2.0 * k, -2.0 * ll + k * math.log(size),
    )  # fmt: skip


def print_information(session: Session, rows: list[tuple[str, tuple[float, float, float, int, float, float]]]) -> None:
    log = session.log
    log.line("Akaike's information criterion and Bayesian information criterion")
    log.line()
    log.line("-" * 77)
    log.line("       Model |          N   ll(null)  ll(model)      df        AIC        BIC")
    log.line("-" * 13 + "+" + "-" * 63)
    for name, (n, ll_0, ll, k, aic, bic) in rows:
        cells = [number(v, "%9.0g") for v in (ll_0, ll, aic, bic)]
        log.line(f"{name[:12]:>12} | {n:>10,.0f}{cells[0]:>11}{cells[1]:>11}{k:>8d}{cells[2]:>11}{cells[3]:>11}")
    log.line("-" * 77)
    log.line("Note: BIC uses N = number of observations. See [R] IC note.")


def information_criteria(session: Session, typed: dict[str, str]) -> None:
    """estat ic."""
    if "ll" not in session.e.scalars:
        raise StataError(321, "log likelihood not available")
    row = information_row(session.e.scalars, float(typed["n"]) if typed.get("n") else None)
    session.log.line()
    print_information(session, [(".", row)])
    values = np.array([[v if math.isfinite(v) else MISSING for v in row]])
    session.r = ResultSet(
        scalars={"N": row[0], "ll0": row[1] if math.isfinite(row[1]) else MISSING, "ll": row[2], "df": float(row[3]),
                 "AIC": row[4], "BIC": row[5]},
        matrices={"S": Matrix(values, ["."], ["N", "ll0", "ll", "df", "AIC", "BIC"])},
    )  # fmt: skip


def _binary_data(session: Session) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Outcome, fitted probability and X'b ids of the last binary model's sample."""
    command = session.e.macros.get("cmd", "")
    if command not in {"logit", "logistic", "probit"}:
        raise StataError(321, "estat subcommand not valid after this command")
    rows = marked_sample(session)
    estimation = estimation_of(session)
    if estimation.weights[0] and estimation.weights[0] != "fweight":
        raise unsupported("this estat subcommand with weights is")
    linear = linear_prediction(session, estimation, rows)
    p = inverse_link(command, linear.xb(rows))
    y = (session.evaluate_numbers(session.e.macros["depvar"])[rows] != 0.0).astype(np.float64)
    w = np.ones(len(y)) if estimation.normalised is None else estimation.normalised
    return y, p, w


def classification(session: Session, typed: dict[str, str]) -> None:
    """Classification table at a cutoff of the fitted probability."""
    cutoff = float(typed["cutoff"]) if typed.get("cutoff") else 0.5
    y, p, w = _binary_data(session)
    positive = p >= cutoff
    a, b = float(w[positive & (y == 1)].sum()), float(w[positive & (y == 0)].sum())
    c, d = float(w[~positive & (y == 1)].sum()), float(w[~positive & (y == 0)].sum())
    n = a + b + c + d
    log = session.log
    log.line()
    title = {"logit": "Logistic", "logistic": "Logistic", "probit": "Probit"}[session.e.macros["cmd"]]
    log.line(f"{title} model for {session.e.macros['depvar']}")
    log.line()
    log.line("              -------- True --------")
    log.line("Classified |         D            ~D  |      Total")
    log.line("-----------+--------------------------+-----------")
    for sign, left, right in (("+", a, b), ("-", c, d)):
        log.line(f"     {sign}     |{left:10.0f}{right:14.0f}  |{left + right:11.0f}")
    log.line("-----------+--------------------------+-----------")
    log.line(f"   Total   |{a + c:10.0f}{b + d:14.0f}  |{n:11.0f}")
    log.line()
    log.line(f"Classified + if predicted Pr(D) >= {number(cutoff)}")
    log.line(f"True D defined as {session.e.macros['depvar']} != 0")
    log.line("--------------------------------------------------")

    def share(part: float, whole: float) -> float:
        return 100.0 * part / whole if whole else math.nan

    rows = (
        ("Sensitivity", "Pr( +| D)", share(a, a + c), "P_p1"), ("Specificity", "Pr( -|~D)", share(d, b + d), "P_n0"),
        ("Positive predictive value", "Pr( D| +)", share(a, a + b), "P_1p"),
        ("Negative predictive value", "Pr(~D| -)", share(d, c + d), "P_0n"),
        ("False + rate for true ~D", "Pr( +|~D)", share(b, b + d), "P_p0"),
        ("False - rate for true D", "Pr( -| D)", share(c, a + c), "P_n1"),
        ("False + rate for classified +", "Pr(~D| +)", share(b, a + b), "P_0p"),
        ("False - rate for classified -", "Pr( D| -)", share(c, c + d), "P_1n"),
    )  # fmt: skip
    results = ResultSet()
    for index, (name, formula, value, key) in enumerate(rows):
        if index == 4:
            log.line("--------------------------------------------------")
        shown = "." if math.isnan(value) else f"{value:.2f}"
        log.line(f"{name:<33}{formula}{shown:>7}%")
        results.scalars[key] = value if math.isfinite(value) else MISSING
    log.line("--------------------------------------------------")
    correct = share(a + d, n)
    log.line(f"{'Correctly classified':<42}{correct:7.2f}%")
    log.line("--------------------------------------------------")
    results.scalars["P_corr"] = correct
    session.r = results


def goodness_of_fit(session: Session, typed: dict[str, str]) -> None:
    """Pearson or, with group(), Hosmer–Lemeshow test; after poisson the deviance and Pearson statistics."""
    if session.e.macros.get("cmd") == "poisson":
        _poisson_fit(session)
        return
    if "table" in typed and not typed.get("group"):
        raise unsupported("option table of estat gof without group() is")
    y, p, w = _binary_data(session)
    log = session.log
    if typed.get("group"):
        log.line(f"note: obs collapsed on {typed['group']} quantiles of estimated probabilities.")
    log.line()
    log.line(f"Goodness-of-fit test after {'probit' if session.e.macros['cmd'] == 'probit' else 'logistic'} model")
    log.line(f"Variable: {session.e.macros['depvar']}")
    log.line()
    n = float(w.sum())
    if typed.get("group"):
        g = int(typed["group"])
        order = np.argsort(p, kind="stable")
        cumulative = np.cumsum(w[order])
        cuts = [p[order][min(int(np.searchsorted(cumulative, n * q / g - 1e-9)), len(p) - 1)] for q in range(1, g)]
        group = np.searchsorted(np.array(cuts), p, side="left")
        size = np.bincount(group, weights=w, minlength=g)
        observed = np.bincount(group, weights=w * y, minlength=g)
        expected = np.bincount(group, weights=w * p, minlength=g)
        used = size > 0
        size, observed, expected = size[used], observed[used], expected[used]
        if "table" in typed:
            limits = np.append(cuts, p.max())[used]
            _print_collapsed(session, limits, np.asarray([size, observed, expected], dtype=np.float64))
        chi2 = float(((observed - expected) ** 2 / (expected * (1.0 - expected / size))).sum())
        groups, df = len(size), len(size) - 2
        rows = [("Number of observations", n), ("Number of groups", float(groups))]
        name = f"Hosmer–Lemeshow chi2({df})"
    else:
        _, index = np.unique(np.round(p, 12), return_inverse=True)
        size = np.bincount(index.reshape(-1), weights=w)
        observed = np.bincount(index.reshape(-1), weights=w * y)
        mean = np.bincount(index.reshape(-1), weights=w * p) / size
        chi2 = float(((observed - size * mean) ** 2 / (size * mean * (1.0 - mean))).sum())
        groups, df = len(size), int(len(size) - session.e.scalars["rank"])
        rows = [("Number of observations", n), ("Number of covariate patterns", float(groups))]
        name = f"Pearson chi2({df})"
    width = max(len(name), *(len(label) for label, _ in rows))
    probability = chi2_tail(chi2, df)
    lines = [(label, f"{value:,.0f}") for label, value in rows]
    lines += [(name, f"{chi2:.2f}"), ("Prob > chi2", fixed(probability, 4))]
    digits = max([6, *(len(value) for _, value in lines)])
    for label, shown in lines:
        log.line(f"{label:>{width}} = {shown:>{digits}}")
    session.r = ResultSet(
        scalars={"N": n, "m": float(groups), "df": float(df), "chi2": chi2,
                 "p": probability if math.isfinite(probability) else MISSING}
    )  # fmt: skip


def _print_collapsed(session: Session, limits: FloatArray, counts: FloatArray) -> None:
    """The groups of the Hosmer–Lemeshow test: largest probability, and rows of sizes, observed and expected counts."""
    size, observed, expected = counts
    log = session.log
    rows = [
        (str(g + 1), f"{limits[g]:.4f}", f"{observed[g]:.0f}", f"{expected[g]:.1f}",
         f"{size[g] - observed[g]:.0f}", f"{size[g] - expected[g]:.1f}", f"{size[g]:.0f}")
        for g in range(len(size))
    ]  # fmt: skip
    headings = ("Group", "Prob", "Obs_1", "Exp_1", "Obs_0", "Exp_0", "Total")
    widths = [max(len(heading), *(len(row[j]) for row in rows)) for j, heading in enumerate(headings)]
    divider = "+".join("-" * (width + 2) for width in widths)
    border = f"  +{divider.replace('+', '-')}+"
    log.line("  Table collapsed on quantiles of estimated probabilities")
    log.line(border)
    for index, row in enumerate([headings, *rows]):
        log.line("  | " + " | ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) + " |")
        if index == 0 or (index % 5 == 0 and index < len(rows)):
            log.line(f"  |{divider}|")
    log.line(border)
    log.line()


def _poisson_fit(session: Session) -> None:
    rows = marked_sample(session)
    estimation = estimation_of(session)
    mu = np.exp(linear_prediction(session, estimation, rows).xb(rows))
    y = session.evaluate_numbers(session.e.macros["depvar"])[rows]
    w = np.ones(len(y)) if estimation.normalised is None else estimation.normalised
    ratio = np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0) / mu), 0.0)
    deviance = float(2.0 * (w @ (ratio - (y - mu))))
    pearson = float(w @ ((y - mu) ** 2 / mu))
    df = int(w.sum() - session.e.scalars["rank"])
    log = session.log
    for name, value in (("Deviance", deviance), ("Pearson", pearson)):
        log.line()
        log.line(f"         {f'{name} goodness-of-fit':<24} = {number(value, '%9.0g'):>9}")
        log.line(f"         {f'Prob > chi2({df})':<24} = {chi2_tail(value, df):9.4f}")
    session.r = ResultSet(
        scalars={"chi2_d": deviance, "p_d": chi2_tail(deviance, df), "chi2_p": pearson, "p_p": chi2_tail(pearson, df),
                 "df": float(df)}
    )  # fmt: skip
