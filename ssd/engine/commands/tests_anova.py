"""oneway and anova."""

from __future__ import annotations

import re

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import Categories, Selection, categories, heading, select
from ssd.engine.commands.describe_tabsum import print_summaries
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.tables import abbreviate, centre, clip, number, right
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.anova import (
    Factorial,
    OneWay,
    Term,
    comparison_p,
    cross_columns,
    effect_columns,
    expand_factorial,
    factorial,
    one_way,
)
from ssd.engine.stats.variance_tests import bartlett


@command(
    "oneway",
    "varlist(min=2 max=2) [if] [in] [aweight fweight] [, Bonferroni SCheffe SIdak Tabulate NOMEans NOSTandard NOFreq "
    "NOObs NOAnova NOLabel Wrap MIssing]",
    minimum=2,
    by="recall",
    stored="r(N) r(F) r(df_m) r(mss) r(rss) r(df_r) r(chi2bart) r(df_bart)",
    refused="wrap",
)
def oneway(session: Session, line: Line) -> None:
    """One-way analysis of variance."""
    y_name, by = line.varlist
    chosen = select(session, line, [y_name] if line.flag("missing") else [y_name, by])
    if not chosen.mask.any():
        raise no_observations()
    groups = categories(session, by, chosen.mask, nolabel=line.flag("nolabel"))
    y = session.data.numeric(y_name)[chosen.mask]
    table = one_way(y, groups.codes.astype(np.float64), groups.size, chosen.frequencies(), chosen.n)
    if line.flag("tabulate"):
        shown = [s for s, off in (("mean", "nomeans"), ("sd", "nostandard"), ("freq", "nofreq")) if not line.flag(off)]
        print_summaries(session, heading(session, y_name), groups, y, chosen, shown)
    chi2, df_bart, p_bart = bartlett(table.counts, np.nan_to_num(table.variances))
    if not line.flag("noanova"):
        _print_oneway(session, table, chi2, df_bart, p_bart)
    for method, title in (("bonferroni", "Bonferroni"), ("scheffe", "Scheffe"), ("sidak", "Sidak")):
        if line.flag(method):
            _comparisons(session, heading(session, y_name), heading(session, by), groups, table, method, title)
    session.r = ResultSet(
        scalars={
            "N": table.n,
            "F": table.f,
            "df_m": float(table.df_m),
            "mss": table.mss,
            "rss": table.rss,
            "df_r": float(table.df_r),
            "chi2bart": chi2,
            "df_bart": float(df_bart),
        }
    )


def _print_oneway(session: Session, table: OneWay, chi2: float, df_bart: int, p_bart: float) -> None:
    log = session.log
    df_t = table.df_m + table.df_r
    total = table.mss + table.rss
    log.line()
    log.line(" " * 24 + "Analysis of variance")
    log.line("    Source              SS         df      MS            F     Prob > F")
    log.line("-" * 72)
    f = f"{table.f:10.2f}" if table.f < MISSING else f"{'.':>10}"
    p = f"{table.p:11.4f}" if table.p < MISSING else f"{'.':>11}"
    between = _oneway_cells(table.mss, table.df_m)
    log.line(f"Between groups  {between}{f}{p}")
    log.line(f" Within groups  {_oneway_cells(table.rss, table.df_r)}")
    log.line("-" * 72)
    log.line(f"    Total       {_oneway_cells(total, df_t)}")
    if df_bart > 0:
        log.line()
        log.line(f"Bartlett's equal-variances test: chi2({df_bart}) ={chi2:9.4f}    Prob>chi2 = {p_bart:.3f}")


def _oneway_cells(ss: float, df: float) -> str:
    ms = number(ss / df, "%11.0g") if df > 0 else "."
    return right(number(ss, "%11.0g"), 14) + right(f"{df:.0f}", 7) + right(ms, 13)


def _comparisons(session: Session, y: str, by: str, groups: Categories, table: OneWay, method: str, title: str) -> None:
    log = session.log
    span = 11 * (groups.size - 1)
    log.line()
    log.line(centre(f"Comparison of {y} by {by}", 72))
    log.line(centre(f"({title})", 72))
    log.line("Row Mean-|")
    log.line("Col Mean |" + "".join(right(clip(label, 8), 11) for label in groups.labels[:-1]))
    log.line("-" * 9 + "+" + "-" * span)
    for i in range(1, groups.size):
        differences = "".join(right(number(float(table.means[i] - table.means[j])), 11) for j in range(i))
        log.line(f"{right(clip(groups.labels[i], 8), 8)} |{differences}")
        p_values = "".join(f"{comparison_p(table, i, j, method):11.3f}" for j in range(i))
        log.line(f"{'':8} |{p_values}")
        if i < groups.size - 1:
            log.line(f"{'':8} |")


@command(
    "anova",
    "anything [if] [in] [fweight aweight] [, SEquential Partial NOCONstant DROPEMPtycells "
    "BSE(string) REPeated(varlist)]",
    stored="e(N) e(mss) e(df_m) e(rss) e(df_r) e(r2) e(r2_a) e(F) e(rmse) e(ss_#) e(df_#) e(F_#) e(term_#) e(b) e(V)",
    refused="repeated(), bse(), nested terms (|) and error terms (/), noconstant, dropemptycells",
)
def anova(session: Session, line: Line) -> None:
    """Analysis of variance and covariance with categorical and continuous terms."""
    for refused in ("noconstant", "dropemptycells"):
        if line.flag(refused):
            raise unsupported(f"anova, {refused}")
    if line.options.get("repeated") or line.options.get("bse"):
        raise unsupported("anova, repeated() or bse()")
    if "|" in line.anything or "/" in line.anything:
        raise unsupported("anova with nested or error terms")
    words = line.anything.split()
    if len(words) < 2:
        raise StataError(102, "too few variables specified")
    y_name = session.variable_named(words[0])
    labels = term_labels(session, words[1:])
    involved = list(dict.fromkeys(part.removeprefix("c.") for label in labels for part in label.split("#")))
    chosen = select(session, line, [y_name, *involved])
    if not chosen.mask.any():
        raise no_observations()
    y = session.data.numeric(y_name)[chosen.mask]
    terms = [Term(label, term_columns(session, label, chosen)) for label in labels]
    sequential = line.flag("sequential")
    fitted = factorial(y, terms, chosen.frequencies(), chosen.n, sequential)
    _replayable_regression(session, line, y_name, labels)
    _print_anova(session, fitted, sequential)
    _store_anova(session, line, y_name, fitted)


def term_labels(session: Session, words: list[str]) -> list[str]:
    """The terms of a model, factorial specifications written out: a, c.x, a#b."""
    labels: list[str] = []
    for word in words:
        parts = []
        for piece in re.split(r"##|#", word):
            match = re.fullmatch(r"(?:(i|c|ib\d+)\.)?(\w+)", piece)
            if match is None:
                raise unsupported(f"anova term {word}")
            prefix = "c." if match[1] == "c" else ""
            parts.append([prefix + name for name in session.expand_varlist(match[2])])
        if len(parts) == 1:
            labels.extend(parts[0])
            continue
        names = [part[0] for part in parts]
        expanded = expand_factorial(names) if "##" in word else [tuple(names)]
        labels.extend("#".join(term) for term in expanded)
    return list(dict.fromkeys(labels))


def term_columns(session: Session, label: str, chosen: Selection) -> FloatArray:
    """Effect-coded columns of a term over the chosen observations. Raises r(452) for levels that are not whole."""
    parts = []
    for piece in label.split("#"):
        if piece.startswith("c."):
            x = session.data.numeric(piece[2:])[chosen.mask]
            parts.append((x - x.mean() if "#" not in label else x)[:, None])
            continue
        values = session.data.numeric(piece)[chosen.mask]
        if np.any(values < 0) or np.any(values != np.round(values)):
            raise StataError(452, f"{piece}:  factor variables may not contain negative or noninteger values")
        groups = categories(session, piece, chosen.mask)
        parts.append(effect_columns(groups.codes.astype(np.float64), groups.size))
    return cross_columns(parts)


def _replayable_regression(session: Session, line: Line, y: str, labels: list[str]) -> None:
    """The underlying regression, so that `regress` replays it and postestimation works."""
    terms = " ".join("#".join(p if p.startswith("c.") else f"i.{p}" for p in label.split("#")) for label in labels)
    text = f"regress {y} {terms}"
    if line.weight is not None:
        text += f" [{line.weight.kind}={line.weight.expression}]"
    if line.condition is not None:
        text += f" if {line.condition}"
    if line.range is not None:
        text += f" in {line.range[0] + 1}/{line.range[1]}"
    session.run(text, quiet=True)


def _print_anova(session: Session, fitted: Factorial, sequential: bool) -> None:
    log = session.log
    mss, df_m = fitted.tss - fitted.rss, fitted.n - fitted.df_r - 1
    if not fitted.df_r:
        raise StataError(2001, "insufficient observations")
    mse = fitted.rss / fitted.df_r
    r2 = mss / fitted.tss
    adjusted = 1 - (1 - r2) * (fitted.n - 1) / fitted.df_r
    log.line()
    log.line(" " * 25 + f"Number of obs = {number(fitted.n, '%10.0gc'):>10}    R-squared     ={r2:8.4f}")
    log.line(" " * 25 + f"Root MSE      = {np.sqrt(mse):>10.6g}    Adj R-squared ={adjusted:8.4f}")
    log.line()
    title = "Seq. SS" if sequential else "Partial SS"
    log.line(" " * 18 + f"Source | {title:>10}         df         MS        F    Prob>F")
    bar = " " * 14 + "-" * 11 + "+" + "-" * 52
    log.line(bar)
    rows = [("Model", mss, df_m), ("", 0.0, 0.0)]
    rows += [(label, ss, float(df)) for label, ss, df in zip(fitted.labels, fitted.ss, fitted.df, strict=True)]
    for label, ss, df in rows:
        if not label:
            log.line(" " * 25 + "|")
            continue
        log.line(_anova_row(label, ss, df, mse, fitted.df_r))
    log.line(" " * 25 + "|")
    log.line(_anova_row("Residual", fitted.rss, fitted.df_r, None, 0.0))
    log.line(bar)
    log.line(_anova_row("Total", fitted.tss, fitted.n - 1, None, 0.0))


def _anova_row(label: str, ss: float, df: float, mse: float | None, df_r: float) -> str:
    from ssd.engine.stats.tails import f as fisher

    ms = number(ss / df, "%10.0g") if df > 0 else ""
    # Covariates are listed by their names; a term that collinearity took away leaves rounding error.
    shown = re.sub(r"(^|#)c\.", r"\1", label)
    ss = ss if df > 0 else 0.0
    text = f"{right(abbreviate(shown, 24), 24)} | {number(ss, '%10.0g'):>10}{df:11.0f}   {ms:>10}"
    if mse is None or df <= 0:
        return text
    statistic = ss / df / mse
    return text + f"{statistic:10.2f}  {float(fisher.sf(statistic, df, df_r)):.4f}"


def _store_anova(session: Session, line: Line, y: str, fitted: Factorial) -> None:
    regression = session.e
    mse = fitted.rss / fitted.df_r
    mss = fitted.tss - fitted.rss
    df_m = fitted.n - fitted.df_r - 1
    scalars = {
        "N": fitted.n,
        "mss": mss,
        "df_m": df_m,
        "rss": fitted.rss,
        "df_r": fitted.df_r,
        "r2": mss / fitted.tss,
        "r2_a": 1 - (1 - mss / fitted.tss) * (fitted.n - 1) / fitted.df_r,
        "F": mss / df_m / mse if df_m > 0 else MISSING,
        "rmse": float(np.sqrt(mse)),
    }
    macros = dict(regression.macros)
    macros |= {"cmd": "anova", "cmdline": f"anova {line.text.strip()}", "depvar": y, "title": ""}
    for position, (label, ss, df) in enumerate(zip(fitted.labels, fitted.ss, fitted.df, strict=True), start=1):
        scalars |= {f"ss_{position}": ss, f"df_{position}": float(df)}
        if df > 0:
            scalars[f"F_{position}"] = ss / df / mse
        macros[f"term_{position}"] = label
    session.e = ResultSet(
        scalars=dict(regression.scalars) | scalars,
        macros=macros,
        matrices=regression.matrices,
        sample=regression.sample,
        hidden=regression.hidden,
    )
