"""estpost: summary statistics, tests, frequencies and correlations as e(), for esttab and estout."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import (
    Selection,
    categories,
    confidence_level,
    present,
    select,
    two_groups,
)
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.syntax import fill_line, split_line
from ssd.engine.missing import EXTENDED, MISSING, FloatArray, is_missing
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.correlation import correlation_p
from ssd.engine.stats.distributions import critical, normal_two_sided, two_sided
from ssd.engine.stats.moments import moments, percentiles, skewness_kurtosis
from ssd.engine.stats.summary_table import canonical_statistic, statistic

if TYPE_CHECKING:
    from ssd.engine.session import Session

_SUBCOMMANDS: Final = (
    ("summarize", 2, "[varlist] [if] [in] [aweight fweight iweight] [, Detail MEANonly LISTwise CASEwise Quietly "
     "ESample]"),
    ("tabstat", 7, "varlist [if] [in] [aweight fweight] [, Statistics(string) STATs(string) Columns(string) "
     "BY(varname) NOTotal Missing LISTwise CASEwise Quietly ESample ELabels]"),
    ("ttest", 5, "varlist [if] [in] , BY(varname) [UNEqual Welch LISTwise CASEwise Quietly ESample]"),
    ("prtest", 6, "varlist [if] [in] , BY(varname) [LISTwise CASEwise Quietly ESample]"),
    ("tabulate", 2, "varlist(max=2) [if] [in] [aweight fweight iweight] [, Missing NOLabel CHi2 Exact LRchi2 V Gamma "
     "Taub NOTOTal Quietly ESample ELabels]"),
    ("correlate", 3, "varlist [if] [in] [aweight fweight iweight pweight] [, Matrix NOHalf Print(real -1) Bonferroni "
     "SIDak LISTwise CASEwise Quietly ESample]"),
    ("ci", 2, "[varlist] [if] [in] [aweight fweight] [, Binomial EXact WAld Wilson Agresti Jeffreys Level(cilevel) "
     "LISTwise CASEwise Quietly ESample]"),
)  # fmt: skip
_PERCENTS: Final = (1, 5, 10, 25, 50, 75, 90, 95, 99)


@dataclass
class _Posted:
    """Vectors to post, all on the same names; a name may have an equation before a colon."""

    names: list[str]
    vectors: dict[str, list[float]]
    n: float
    scalars: dict[str, float] = field(default_factory=dict)
    macros: dict[str, str] = field(default_factory=dict)
    heading: str = ""


@command(
    "estpost",
    "*",
    by="recall",
    stored="e(b) and vectors of statistics named in help estpost; e(N) e(cmd) e(subcmd)",
    refused="gtabstat, stci, margins, svy: tabulate; tabulate with sort or subpop(); ci with poisson; pweights with "
    "correlate",
)
def estpost(session: Session, line: Line) -> None:
    """Post summary statistics, tests, frequencies or correlations in e()."""
    word, _, rest = line.text.strip().partition(" ")
    name = word.rstrip(",")
    rest = ("," if word.endswith(",") else "") + rest
    found = next(((full, grammar) for full, least, grammar in _SUBCOMMANDS
                  if full.startswith(name) and len(name) >= least), None)  # fmt: skip
    if found is None:
        raise unsupported(f"estpost {name} is")
    full, grammar = found
    inner = Line(full, rest, by_mask=line.by_mask)
    fill_line(inner, split_line(rest), compile_grammar(grammar), session)
    run: dict[str, Callable[[Session, Line], _Posted]] = {
        "summarize": _summarize, "tabstat": _tabstat, "ttest": _ttest, "prtest": _prtest, "tabulate": _tabulate,
        "correlate": _correlate, "ci": _ci,
    }  # fmt: skip
    posted = run[full](session, inner)
    results = ResultSet()
    results.scalars = {"N": posted.n, **posted.scalars}
    results.macros = {"cmd": "estpost", "subcmd": full, **posted.macros}
    for vector, values in posted.vectors.items():
        results.matrices[vector] = Matrix(np.array([values], dtype=np.float64), ["r1"], list(posted.names))
    if inner.flag("esample"):
        listwise = inner.flag("listwise") or inner.flag("casewise")
        results.sample = select(session, inner, inner.varlist if listwise else None).mask
    session.e = results
    if not inner.flag("quietly"):
        _show(session, posted)


def _show(session: Session, posted: _Posted) -> None:
    """The vectors side by side, as many as fit a line."""
    log = session.log
    fits = max(1, (log.linesize - 15) // 11)
    names = list(posted.vectors)
    for start in range(0, len(names), fits):
        part = names[start : start + fits]
        log.line()
        log.line(f"{abbreviate(posted.heading, 12):>12} | " + "  ".join(f"{f'e({name})':>9}" for name in part))
        log.line("-" * 13 + "+" + "-" * 11 * len(part))
        equation = ""
        for position, full in enumerate(posted.names):
            owner, _, name = full.rpartition(":")
            if owner != equation:
                if equation:
                    log.line("-" * 13 + "+" + "-" * 11 * len(part))
                equation = owner
                log.line(f"{owner:<13}|")
            cells = []
            for vector in part:
                value = posted.vectors[vector][position]
                cells.append("" if value >= EXTENDED[25] else format_value(value, "%9.0g").strip())
            log.line(f"{abbreviate(name, 12):>12} | " + "  ".join(f"{cell:>9}" for cell in cells))


def _chosen(session: Session, line: Line, names: list[str]) -> Selection:
    listwise = line.flag("listwise") or line.flag("casewise")
    chosen = select(session, line, names if listwise else None)
    if not chosen.mask.any():
        raise no_observations()
    for name in names:
        if session.data.variables[name].is_string:
            raise StataError(109, f"string variables not allowed in varlist;\n{name} is a string variable")
    return chosen


def _complete(session: Session, name: str, chosen: Selection) -> tuple[FloatArray, FloatArray | None]:
    x = session.data.numeric(name)[chosen.mask]
    inside = ~is_missing(x)
    return x[inside], None if chosen.weights is None else chosen.weights[inside]


def _columns(rows: list[dict[str, float]]) -> dict[str, list[float]]:
    return {key: [row[key] for row in rows] for key in rows[0]}


def _summarize(session: Session, line: Line) -> _Posted:
    names = line.varlist
    chosen = _chosen(session, line, names)
    rows = []
    for name in names:
        x, w = _complete(session, name, chosen)
        m = moments(x, w, chosen.kind)
        empty = m.n == 0
        row = {"count": m.n, "sum_w": m.sum_w, "mean": MISSING if empty else m.mean}
        if not line.flag("meanonly"):
            row |= {"Var": MISSING if empty else m.variance, "sd": MISSING if empty else m.sd}
        if line.flag("detail"):
            skewness, kurtosis = skewness_kurtosis(x, w) if not empty else (MISSING, MISSING)
            row |= {"skewness": skewness, "kurtosis": kurtosis}
        row |= {"min": MISSING if empty else m.minimum, "max": MISSING if empty else m.maximum, "sum": m.total}
        if line.flag("detail"):
            shown = percentiles(x, np.array(_PERCENTS) / 100, w) if not empty else np.full(len(_PERCENTS), MISSING)
            row |= {f"p{p}": float(value) for p, value in zip(_PERCENTS, shown, strict=True)}
        rows.append(row)
    return _Posted(names, _columns(rows), chosen.n)


def _named(labels: list[str], values: list[float | str]) -> tuple[list[str], str]:
    """Names made of labels, and a label list where a label cannot be a name."""
    if all(len(label) <= 30 and not set(label) & set(':."') for label in labels):
        return labels, ""
    names = [value if isinstance(value, str) else f"{value:g}" for value in values]
    pairs = " ".join(f'{name} `"{label}"\'' for name, label in zip(names, labels, strict=True))
    return names, pairs


_TABSTAT_NAMES: Final = {"n": "count", "median": "p50"}


def _tabstat(session: Session, line: Line) -> _Posted:
    names = line.varlist
    by = line.text_option("by") or ""
    chosen = _chosen(session, line, names)
    if by and not line.flag("missing"):
        inside = present(session, by)
        chosen = Selection(
            chosen.mask & inside,
            None if chosen.weights is None else chosen.weights[inside[chosen.mask]],
            chosen.kind,
        )
        if not chosen.mask.any():
            raise no_observations()
    asked: list[str] = []
    for word in (line.text_option("statistics") or line.text_option("stats") or "mean").split():
        canonical = canonical_statistic(word)
        if canonical is None:
            raise StataError(198, f"unknown statistic: {word}")
        asked += ["p25", "median", "p75"] if canonical == "q" else [canonical]
    titles = [_TABSTAT_NAMES.get(name, name) for name in asked]
    everyone = np.ones(int(chosen.mask.sum()), dtype=np.bool_)
    groups, macros = [("", everyone)], {}
    if by:
        found = categories(session, by, chosen.mask)
        labels, pairs = _named(found.labels, found.values)
        if line.flag("elabels"):
            labels, pairs = _named([f"{label}:" for label in found.labels], found.values)
            pairs = pairs.replace(":\"'", "\"'")
        groups = [(label, found.codes == code) for code, label in enumerate(labels)]
        groups += [] if line.flag("nototal") else [("Total", everyone)]
        macros = {"byvar": by, **({"labels": pairs} if pairs else {})}
    columns = (line.text_option("columns") or "variables").strip()
    across = bool(columns) and "statistics".startswith(columns)
    if not across and not "variables".startswith(columns):
        raise StataError(198, "columns() must be variables or statistics")
    data = {name: session.data.numeric(name)[chosen.mask] for name in names}

    def value(variable: str, name: str, inside: np.ndarray) -> float:
        x = data[variable]
        kept = inside & ~is_missing(x)
        return statistic(name, x[kept], None if chosen.weights is None else chosen.weights[kept], chosen.kind)

    vectors: dict[str, list[float]] = {title: [] for title in (titles if across else names)}
    rows: list[str] = []
    inner = names if across else titles
    for label, inside in groups:
        alone = len(inner) == 1 and bool(label)
        rows += [label if alone else f"{label}:{one}" if label else one for one in inner]
        for variable in names:
            for title, name in zip(titles, asked, strict=True):
                vectors[title if across else variable].append(value(variable, name, inside))
    return _Posted(rows, vectors, chosen.n, macros=macros, heading=by)


def _ttest(session: Session, line: Line) -> _Posted:
    names = line.varlist
    by = line.text_option("by") or ""
    chosen = _chosen(session, line, names)
    rows = []
    for name in names:
        mask = chosen.mask & present(session, name) & present(session, by)
        groups = two_groups(session, by, mask)
        x = session.data.numeric(name)[mask]
        first, second = moments(x[groups.codes == 0]), moments(x[groups.codes == 1])
        kind = "welch" if line.flag("welch") else "unequal" if line.flag("unequal") else ""
        rows.append(two_means(first.n, first.mean, first.variance, second.n, second.mean, second.variance, kind))
    return _Posted(names, _columns(rows), chosen.n, macros={"byvar": by})


def two_means(n1: float, m1: float, v1: float, n2: float, m2: float, v2: float, kind: str = "") -> dict[str, float]:
    """Two-sample t test from numbers, means and variances; `kind` is empty for the pooled variance, unequal for
    Satterthwaite's (1946) or welch for Welch's (1947) degrees of freedom."""
    df, se = n1 + n2 - 2.0, MISSING
    v1, v2 = (0.0 if n == 1 else v for n, v in ((n1, v1), (n2, v2)))
    if kind:
        a, b = v1 / n1, v2 / n2
        se = math.sqrt(a + b)
        if min(n1, n2) < 2:
            df = MISSING
        elif kind == "welch":
            df = -2.0 + (a + b) ** 2 / (a**2 / (n1 + 1) + b**2 / (n2 + 1))
        else:
            df = (a + b) ** 2 / (a**2 / (n1 - 1) + b**2 / (n2 - 1))
    elif df > 0:
        se = math.sqrt(((n1 - 1) * v1 + (n2 - 1) * v2) / df * (1 / n1 + 1 / n2))
    known = se < MISSING and se > 0.0 and 0.0 < df < MISSING
    t = (m1 - m2) / se if known else MISSING
    p = two_sided(t, df) if known else MISSING
    lower = MISSING if not known else p / 2 if t < 0 else 1 - p / 2
    return {
        "b": m1 - m2, "count": n1 + n2, "se": se, "t": t, "df_t": df, "p_l": lower, "p": p,
        "p_u": MISSING if not known else 1 - lower, "N_1": n1, "mu_1": m1, "N_2": n2, "mu_2": m2,
    }  # fmt: skip


def _prtest(session: Session, line: Line) -> _Posted:
    names = line.varlist
    by = line.text_option("by") or ""
    chosen = _chosen(session, line, names)
    rows = []
    for name in names:
        mask = chosen.mask & present(session, name) & present(session, by)
        groups = two_groups(session, by, mask)
        x = session.data.numeric(name)[mask]
        if not np.isin(x, (0.0, 1.0)).all():
            raise StataError(450, f"{name} is not a 0/1 variable")
        n1, n2 = (float((groups.codes == code).sum()) for code in (0, 1))
        p1, p2 = (float(x[groups.codes == code].mean()) for code in (0, 1))
        pooled = float(x.mean())
        se0 = math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
        z = (p1 - p2) / se0 if se0 > 0 else MISSING
        p = normal_two_sided(z) if z < MISSING else MISSING
        lower = MISSING if z >= MISSING else p / 2 if z < 0 else 1 - p / 2
        rows.append({
            "b": p1 - p2, "count": n1 + n2, "se": math.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2), "se0": se0,
            "z": z, "p_l": lower, "p": p, "p_u": MISSING if z >= MISSING else 1 - lower, "N_1": n1, "P_1": p1,
            "N_2": n2, "P_2": p2,
        })  # fmt: skip
    return _Posted(names, _columns(rows), chosen.n, macros={"byvar": by})


def _tabulate(session: Session, line: Line) -> _Posted:
    names = line.varlist
    chosen = select(session, line, names, missing=line.flag("missing"))
    if not chosen.mask.any():
        raise no_observations()
    nolabel = line.flag("nolabel")
    weights = chosen.frequencies()
    rows = categories(session, names[0], chosen.mask, nolabel=nolabel)
    row_names, row_pairs = _named(rows.labels, rows.values)
    total = float(weights.sum())
    if len(names) == 1:
        counts = np.bincount(rows.codes, weights, rows.size)
        percent = 100 * counts / total
        vectors = {"b": [*counts], "pct": [*percent], "cumpct": [*np.cumsum(percent)]}
        if not line.flag("nototal"):
            row_names = [*row_names, "Total"]
            for name, last in (("b", total), ("pct", 100.0), ("cumpct", EXTENDED[26])):
                vectors[name].append(last)
        macros = {"depvar": names[0], "rowvar": names[0], **({"labels": row_pairs} if row_pairs else {})}
        numbers = {key: [float(v) for v in values] for key, values in vectors.items()}
        return _Posted(row_names, numbers, chosen.n, {"r": float(rows.size)}, macros, names[0])
    columns = categories(session, names[1], chosen.mask, nolabel=nolabel)
    column_names, column_pairs = _named(columns.labels, columns.values)
    table = np.zeros((rows.size, columns.size))
    np.add.at(table, (rows.codes, columns.codes), weights)
    scalars = _association(line, table)
    full = table
    if not line.flag("nototal"):
        full = np.vstack([table, table.sum(0)])
        full = np.column_stack([full, full.sum(1)])
        row_names, column_names = [*row_names, "Total"], [*column_names, "Total"]
    column_sums = np.append(table.sum(0), total)[: full.shape[1]]
    row_sums = np.append(table.sum(1), total)[: full.shape[0]]
    two_way = {
        "b": full.T.ravel(),
        "pct": (100 * full / total).T.ravel(),
        "colpct": (100 * full / column_sums).T.ravel(),
        "rowpct": (100 * full / row_sums[:, None]).T.ravel(),
    }
    labelled = [f"{column}:{row}" for column in column_names for row in row_names]
    macros = {"rowvar": names[0], "colvar": names[1]}
    macros |= {"labels": row_pairs} if row_pairs else {}
    macros |= {"eqlabels": " ".join(f'`"{label}"\'' for label in columns.labels)} if column_pairs else {}
    scalars |= {"r": float(rows.size), "c": float(columns.size)}
    return _Posted(
        labelled, {key: [float(v) for v in values] for key, values in two_way.items()}, chosen.n, scalars, macros,
        names[0],
    )  # fmt: skip


def _association(line: Line, table: FloatArray) -> dict[str, float]:
    from ssd.engine.stats import crosstab

    scalars: dict[str, float] = {}
    if line.flag("chi2"):
        scalars["chi2"], scalars["p"] = crosstab.pearson(table)
    if line.flag("lrchi2"):
        scalars["chi2_lr"], scalars["p_lr"] = crosstab.likelihood_ratio(table)
    if line.flag("v"):
        scalars["CramersV"] = crosstab.cramers_v(table)
    if line.flag("gamma"):
        scalars["gamma"], scalars["ase_gam"] = crosstab.gamma(table)
    if line.flag("taub"):
        scalars["taub"], scalars["ase_taub"] = crosstab.kendall_tau_b(table)
    if line.flag("exact"):
        two, one = crosstab.fisher_exact(table)
        scalars |= {"p_exact": two, "p1_exact": one}
    return scalars


def _correlate(session: Session, line: Line) -> _Posted:
    names = line.varlist
    if len(names) < 2:
        raise StataError(102, "too few variables specified")
    if line.weight is not None and line.weight.kind == "pweight":
        raise unsupported("estpost correlate with pweights is")
    chosen = _chosen(session, line, names)
    data = {name: session.data.numeric(name)[chosen.mask] for name in names}
    weights = chosen.weights
    k = len(names)
    whole = line.flag("matrix")
    if whole and line.flag("nohalf"):
        pairs = [(a, b) for a in names for b in names]
    elif whole:
        pairs = [(names[i], names[j]) for i in range(k) for j in range(i, k)]
    else:
        pairs = [(names[0], other) for other in names[1:]]
    tests = k * (k - 1) / 2 if whole else k - 1
    limit = line.options.get("print")
    vectors: dict[str, list[float]] = {"b": [], "rho": [], "p": [], "count": []}
    for a, b in pairs:
        rho, n = _correlation(data[a], data[b], weights, chosen.kind)
        p = EXTENDED[26] if a == b else correlation_p(rho, n)
        if a != b and p < MISSING and line.flag("bonferroni"):
            p = min(1.0, p * tests)
        elif a != b and p < MISSING and line.flag("sidak"):
            p = 1.0 - (1.0 - p) ** tests
        hidden = isinstance(limit, float | int) and 0 <= limit < p < MISSING
        vectors["b"].append(rho)
        for name, value in (("rho", rho), ("p", p), ("count", n)):
            vectors[name].append(EXTENDED[26] if hidden else value)
    labels = [f"{a}:{b}" if whole else b for a, b in pairs]
    return _Posted(
        labels, vectors, chosen.n, macros={} if whole else {"depvar": names[0]}, heading="" if whole else names[0]
    )


def _correlation(x: FloatArray, y: FloatArray, weights: FloatArray | None, kind: str) -> tuple[float, float]:
    inside = ~is_missing(x) & ~is_missing(y)
    x, y = x[inside], y[inside]
    w = np.ones(x.size) if weights is None else weights[inside]
    n = float(w.sum()) if kind in {"fweight", "iweight"} else float(x.size)
    if x.size < 2:
        return MISSING, n
    x, y = x - np.average(x, weights=w), y - np.average(y, weights=w)
    scale = math.sqrt(float((w * x * x).sum()) * float((w * y * y).sum()))
    return (float((w * x * y).sum()) / scale if scale > 0 else MISSING), n


def _ci(session: Session, line: Line) -> _Posted:
    names = line.varlist
    chosen = _chosen(session, line, names)
    level = confidence_level(session, line)
    kinds = [kind for kind in ("exact", "wald", "wilson", "agresti", "jeffreys") if line.flag(kind)]
    if len(kinds) > 1:
        raise StataError(198, "only one of exact, wald, wilson, agresti, and jeffreys is allowed")
    binomial = line.flag("binomial") or bool(kinds)
    rows = []
    for name in names:
        x, w = _complete(session, name, chosen)
        if binomial:
            rows.append(_proportion(x, w, level, kinds[0] if kinds else "exact"))
            continue
        m = moments(x, w, chosen.kind)
        if m.n == 0:
            rows.append({"b": MISSING, "count": 0.0, "se": MISSING, "lb": MISSING, "ub": MISSING})
            continue
        se = math.sqrt(m.variance / m.n) if m.variance < MISSING else MISSING
        half = critical(level, m.n - 1) * se if se < MISSING else MISSING
        ends = (m.mean - half, m.mean + half) if half < MISSING else (MISSING, MISSING)
        rows.append({"b": m.mean, "count": m.n, "se": se, "lb": ends[0], "ub": ends[1]})
    session.log.line(f"(confidence level is {level:g}%)")
    return _Posted(names, _columns(rows), chosen.n, {"level": level})


def _proportion(x: FloatArray, w: FloatArray | None, level: float, kind: str) -> dict[str, float]:
    from ssd.engine.commands.describe_ci import proportion_interval

    if not np.isin(x, (0.0, 1.0)).all():
        raise StataError(459, "option binomial requires 0/1 variables")
    n = float(x.size if w is None else w.sum())
    k = float(x.sum() if w is None else (w * x).sum())
    if n == 0:
        raise no_observations()
    share = k / n
    low, high = proportion_interval(k, n, level, kind)
    return {"b": share, "count": n, "se": math.sqrt(share * (1 - share) / n), "lb": low, "ub": high}
