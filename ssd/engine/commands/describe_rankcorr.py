"""spearman and ktau: rank correlations."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import numeric_varlist, select
from ssd.engine.errors import StataError, no_observations
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.tables import abbreviate, count, right, rule
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.correlation import correlation_p, kendall, ranks


@command(
    "spearman",
    "[varlist] [if] [in] [, STATs(string) Print(real -1) STar(real -1) Bonferroni SIDak PW MATRIX]",
    by="recall",
    stored="r(N) r(rho) r(p) r(Nobs) r(Rho) r(P)",
    refused="none",
)
def spearman(session: Session, line: Line) -> None:
    """Spearman's rank correlations."""
    _rank_correlations(session, line, "spearman")


@command(
    "ktau",
    "[varlist] [if] [in] [, STATs(string) Print(real -1) STar(real -1) Bonferroni SIDak PW MATRIX]",
    by="recall",
    stored="r(N) r(tau_a) r(tau_b) r(score) r(se_score) r(p) r(Nobs) r(Tau_a) r(Tau_b) r(Score) r(Se_Score) r(P)",
    refused="none",
)
def ktau(session: Session, line: Line) -> None:
    """Kendall's rank correlations."""
    _rank_correlations(session, line, "ktau")


def _pair(kind: str, x: FloatArray, y: FloatArray) -> dict[str, float]:
    if kind == "ktau":
        return kendall(x, y)
    a, b = ranks(x), ranks(y)
    da, db = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((da @ da) * (db @ db)))
    rho = float(da @ db) / scale if scale > 0 else MISSING
    return {"n": float(x.size), "rho": rho, "p": correlation_p(rho, float(x.size))}


def _rank_correlations(session: Session, line: Line, kind: str) -> None:
    names = numeric_varlist(session, line)
    if len(names) < 2:
        raise StataError(102, "too few variables specified")
    chosen = select(session, line, None if line.flag("pw") else names)
    if not chosen.mask.any():
        raise no_observations()
    k = len(names)
    values = [session.data.numeric(name)[chosen.mask] for name in names]
    pairs: dict[tuple[int, int], dict[str, float]] = {}
    for i in range(k):
        for j in range(i + 1):
            both = ~is_missing(values[i]) & ~is_missing(values[j])
            if both.sum() < 2:
                raise no_observations()
            pairs[i, j] = _pair(kind, values[i][both], values[j][both])
            if i != j:
                p, m = pairs[i, j]["p"], k * (k - 1) / 2
                if p < MISSING and line.flag("bonferroni"):
                    pairs[i, j]["p"] = min(1.0, m * p)
                if p < MISSING and line.flag("sidak"):
                    pairs[i, j]["p"] = 1 - (1 - p) ** m
    log = session.log
    log.line()
    if k == 2 and not line.flag("matrix"):
        _report_pair(session, kind, names, pairs[1, 0])
    else:
        _report_matrix(session, line, kind, names, pairs)
    keys = ["tau_a", "tau_b", "score", "se_score", "p"] if kind == "ktau" else ["rho", "p"]
    last = pairs[1, 0]
    matrices = {}
    for key in [*keys, "n"]:
        square = np.array([[pairs[max(i, j), min(i, j)][key] for j in range(k)] for i in range(k)])
        if key == "p":
            np.fill_diagonal(square, MISSING)
        title = {"n": "Nobs", "se_score": "Se_Score"}.get(key, key[0].upper() + key[1:])
        matrices[title] = Matrix.of(square, names, names)
    session.r = ResultSet(scalars={"N": last["n"], **{key: last[key] for key in keys}}, matrices=matrices)


def _report_pair(session: Session, kind: str, names: list[str], pair: dict[str, float]) -> None:
    log = session.log
    if kind == "spearman":
        log.line(f"Number of observations = {pair['n']:6,.0f}")
        log.line(f"        Spearman's rho = {pair['rho']:6.4f}")
    else:
        log.line(f"  Number of observations = {pair['n']:7,.0f}")
        log.line(f"         Kendall's tau-a = {pair['tau_a']:10.4f}")
        log.line(f"         Kendall's tau-b = {pair['tau_b']:10.4f}")
        log.line(f"         Kendall's score = {pair['score']:7.0f}")
        corrected = "   (corrected for ties)"
        log.line(f"    SE of score          = {pair['se_score']:11.3f}{corrected}")
    log.line()
    log.line(f"Test of H0: {names[0]} and {names[1]} are independent")
    if kind == "spearman":
        log.line(f"            Prob > |t| = {pair['p']:6.4f}")
    else:
        log.line(f"              Prob > |z| = {pair['p']:10.4f}  (continuity corrected)")


def _report_matrix(
    session: Session, line: Line, kind: str, names: list[str], pairs: dict[tuple[int, int], dict[str, float]]
) -> None:
    log = session.log
    k = len(names)
    allowed = ["taua", "taub", "score", "se", "p", "obs"] if kind == "ktau" else ["rho", "obs", "p"]
    asked = (line.text_option("stats") or ("taua" if kind == "ktau" else "rho")).split()
    for name in asked:
        if name not in allowed:
            raise StataError(198, f"option stats() incorrectly specified: {name}")
    sizes = [pair["n"] for (i, j), pair in pairs.items() if i != j]
    if line.flag("pw") and min(sizes) != max(sizes):
        log.line("Number of observations:")
        log.line(f"    min = {min(sizes):6,.0f}")
        log.line(f"    avg = {sum(sizes) / len(sizes):6,.0f}")
        log.line(f"    max = {max(sizes):6,.0f}")
    else:
        log.line(f"Number of observations = {sizes[0]:,.0f}")
    titles = {
        "rho": "rho",
        "obs": "Number of obs",
        "p": "Sig. level",
        "taua": "tau_a",
        "taub": "tau_b",
        "score": "score",
        "se": "se of score",
    }
    if len(asked) > 1:
        log.line()
        widest = max(len(titles[s]) for s in asked)
        log.line("+" + "-" * (widest + 2) + "+")
        log.line("| " + "Key".ljust(widest) + " |")
        log.line("|" + "-" * (widest + 2) + "|")
        for s in asked:
            log.line("| " + titles[s].ljust(widest) + " |")
        log.line("+" + "-" * (widest + 2) + "+")
    keys = {
        "rho": "rho",
        "obs": "n",
        "p": "p",
        "taua": "tau_a",
        "taub": "tau_b",
        "score": "score",
        "se": "se_score",
    }
    star = line.options.get("star")
    limit = line.options.get("print")
    log.line()
    log.line(" " * 13 + "|" + "".join(right(abbreviate(name, 8), 9) for name in names))
    log.line(rule(13, 9 * k))
    for i in range(k):
        for depth, statistic in enumerate(asked):
            first = right(abbreviate(names[i], 12), 12) if depth == 0 else " " * 12
            body = ""
            for j in range(i + 1):
                pair = pairs[i, j]
                hidden = i != j and isinstance(limit, float) and limit >= 0 and pair["p"] > limit
                mark = "*" if i != j and isinstance(star, float) and pair["p"] <= star and depth == 0 else " "
                value = pair[keys[statistic]]
                text = count(value) if statistic in ("obs", "score") else f"{value:.4f}" if value < MISSING else "."
                if hidden or (statistic == "p" and i == j):
                    text = ""
                body += right(text, 9 if j == 0 else 8) + mark
            log.line(f"{first} |{body}")
        if len(asked) > 1:
            log.line(" " * 13 + "|")
