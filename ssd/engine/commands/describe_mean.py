"""mean, total, ratio, proportion: estimates with standard errors, overall or by group."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import (
    Categories,
    Selection,
    categories,
    confidence_level,
    present,
    select,
)
from ssd.engine.commands.estimation import Estimation
from ssd.engine.data.order import group_numbers
from ssd.engine.errors import StataError, invalid_syntax, no_observations, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import CoefficientTable
from ssd.engine.output.tables import abbreviate, centre, clip, count, display_width, number, right, rule
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.group_means import t_critical
from ssd.engine.stats.survey_means import Estimates, estimate, logit_interval

OPTIONS = "Over(varlist) VCE(string) CLuster(varname) Level(cilevel) NOHeader NOLegend NOLabel"
STORED = "e(N) e(N_over) e(df_r) e(N_clust) e(cmd) e(over) e(vce) e(depvar) e(b) e(V) e(_N) r(table)"
REFUSED = "vce(bootstrap), vce(jackknife), stdize()"


@dataclass(frozen=True)
class _Cells:
    """The groups of over(): the combinations of its variables that occur, in order."""

    name: str
    """Variables joined by #."""
    levels: list[str]
    """Name of each group in e(b): 1.race#0.married."""
    labels: list[str]
    codes: NDArray[np.intp]

    @property
    def size(self) -> int:
        return len(self.levels)


@dataclass(frozen=True)
class _Row:
    """One estimate: its name in e(b), the block it is printed in, and its label within it."""

    name: str
    block: str
    label: str


@command(
    "mean",
    f"varlist(numeric) [if] [in] [fweight aweight pweight iweight] [, {OPTIONS}]",
    stored=STORED,
    refused=REFUSED,
)
def mean(session: Session, line: Line) -> None:
    """Estimate means."""
    _estimate(session, line, "mean")


@command(
    "total",
    f"varlist(numeric) [if] [in] [fweight iweight pweight] [, {OPTIONS}]",
    stored=STORED,
    refused=REFUSED,
)
def total(session: Session, line: Line) -> None:
    """Estimate totals."""
    _estimate(session, line, "total")


@command("ratio", f"anything [if] [in] [fweight iweight pweight] [, {OPTIONS}]", stored=STORED, refused=REFUSED)
def ratio(session: Session, line: Line) -> None:
    """Estimate ratios, each written (name: y/x), (y/x) or y/x."""
    _estimate(session, line, "ratio")


@command(
    "proportion",
    f"varlist [if] [in] [fweight pweight iweight] [, {OPTIONS} CITYPE(string) PERCENT MISSing]",
    minimum=4,
    stored=STORED,
    refused=REFUSED + "; percent; citype() other than logit, normal, wald",
)
def proportion(session: Session, line: Line) -> None:
    """Estimate proportions of each category."""
    if line.flag("percent"):
        raise unsupported("proportion, percent")
    _estimate(session, line, "proportion")


def _estimate(session: Session, line: Line, kind: str) -> None:
    cluster = _cluster(line)
    over = line.options.get("over")
    over_names = [str(n) for n in over] if isinstance(over, list) else []
    pairs = _ratio_pairs(session, line.anything) if kind == "ratio" else []
    names = [n for pair in pairs for n in pair[1:]] if kind == "ratio" else line.varlist
    missing = line.flag("missing") if kind == "proportion" else False
    chosen = select(session, line, names, missing=missing)
    chosen = _narrow(session, chosen, [*over_names, *([cluster] if cluster else [])])
    if not chosen.mask.any():
        raise no_observations()
    groups = _cells(session, over_names, chosen, line.flag("nolabel")) if over_names else None
    masks = (
        [np.ones(int(chosen.mask.sum()))]
        if groups is None
        else [(groups.codes == code).astype(np.float64) for code in range(groups.size)]
    )
    columns, denominators, plain = _columns(session, line, kind, pairs, names, chosen)
    rows = _rows(plain, groups)
    weights = chosen.weights if chosen.weights is not None else np.ones(columns.shape[0])
    cluster_values = _cluster_values(session, cluster, chosen) if cluster else None
    survey = session.state.get("survey")
    design = survey.design(chosen.mask) if survey is not None else None
    found = estimate(
        "mean" if kind == "proportion" else kind,
        columns,
        masks,
        weights,
        chosen.kind in ("", "fweight", "iweight"),
        cluster_values,
        denominators,
        None if design is None else lambda scores: design.meat(scores, chosen.mask),
    )
    if design is None and kind == "proportion" and cluster_values is None and chosen.kind in ("", "fweight"):
        # The analytic variance of a sample proportion is p(1-p)/n, not over n-1 ([R] proportion).
        n = chosen.n
        found = Estimates(found.b, found.V * (n - 1.0) / n, found.counts)
    n_clusters = float(np.unique(cluster_values).size) if cluster_values is not None else 0.0
    df = float(design.df) if design is not None else (n_clusters or chosen.n) - 1.0
    level = confidence_level(session, line)
    limits = _limits(kind, line, found, df, level)
    if design is not None:
        from ssd.engine.commands.survey_report import print_survey_header

        print_survey_header(session, f"Survey: {kind.capitalize()} estimation", design, chosen.mask, width=62)
    elif not line.flag("noheader"):
        _print_header(session, kind, chosen, n_clusters)

    def show() -> None:
        heading = "Linearized" if design is not None else "Robust" if cluster else ""
        _print(session, kind, rows, found, limits, level, heading, cluster, n_clusters, pairs)

    show()
    _post(session, line, kind, rows, found, limits, df, chosen, n_clusters, over_names, cluster)
    if design is not None:
        from ssd.engine.commands.survey_report import record_design

        record_design(session.e, design, chosen.mask)
    names = [row.name for row in rows]
    table = CoefficientTable(names, found.b, found.V, "", df, level, coefficient_heading=kind.capitalize())
    session.e.hidden["estimation"] = Estimation({}, table, show)


def _cells(session: Session, names: list[str], chosen: Selection, nolabel: bool) -> _Cells:
    parts = [categories(session, name, chosen.mask, nolabel=nolabel) for name in names]
    codes, count_of_cells = group_numbers([part.codes.astype(np.int64) for part in parts])
    first = np.unique(codes, return_index=True)[1][:count_of_cells]
    combinations = [[int(part.codes[row]) for part in parts] for row in first]
    levels = [
        "#".join(f"{_level_name(part, code)}.{part.name}" for part, code in zip(parts, combination, strict=True))
        for combination in combinations
    ]
    labels = [
        "#".join(part.labels[code] for part, code in zip(parts, combination, strict=True))
        for combination in combinations
    ]
    return _Cells("#".join(names), levels, labels, codes)


def _cluster(line: Line) -> str:
    given = line.text_option("cluster") or ""
    vce = (line.text_option("vce") or "").split()
    if not vce or vce[0] in ("analytic", "linearized"):
        return given
    if "cluster".startswith(vce[0]) and len(vce[0]) >= 2 and len(vce) == 2:
        return vce[1]
    if vce[0].startswith(("boot", "jack")):
        raise unsupported(f"vce({vce[0]})")
    raise StataError(198, f"vcetype {vce[0]} not allowed")


def _narrow(session: Session, chosen: Selection, names: list[str]) -> Selection:
    mask = chosen.mask.copy()
    for name in names:
        mask &= present(session, name)
    weights = None if chosen.weights is None else chosen.weights[mask[chosen.mask]]
    return Selection(mask, weights, chosen.kind)


def _cluster_values(session: Session, name: str, chosen: Selection) -> FloatArray:
    return categories(session, name, chosen.mask).codes.astype(np.float64)


def _ratio_pairs(session: Session, text: str) -> list[tuple[str, str, str]]:
    pieces = re.findall(r"\(([^()]*)\)", text) or [text]
    pairs = []
    for position, piece in enumerate(pieces):
        match = re.fullmatch(r"\s*(?:(\w+)\s*:)?\s*(\w+)\s*/\s*(\w+)\s*", piece)
        if match is None:
            raise invalid_syntax()
        top, bottom = session.variable_named(match[2]), session.variable_named(match[3])
        pairs.append((match[1] or f"_ratio_{position + 1}", top, bottom))
    return pairs


def _columns(
    session: Session,
    line: Line,
    kind: str,
    pairs: list[tuple[str, str, str]],
    names: list[str],
    chosen: Selection,
) -> tuple[FloatArray, FloatArray | None, list[_Row]]:
    if kind == "ratio":
        top = np.column_stack([session.data.numeric(p[1])[chosen.mask] for p in pairs])
        bottom = np.column_stack([session.data.numeric(p[2])[chosen.mask] for p in pairs])
        return top, bottom, [_Row(p[0], "", p[0]) for p in pairs]
    if kind != "proportion":
        return (
            np.column_stack([session.data.numeric(n)[chosen.mask] for n in names]),
            None,
            [_Row(n, "", n) for n in names],
        )
    columns, rows = [], []
    for name in names:
        levels = categories(session, name, chosen.mask, nolabel=line.flag("nolabel"))
        for code, label in enumerate(levels.labels):
            columns.append((levels.codes == code).astype(np.float64))
            rows.append(_Row(f"{_level_name(levels, code)}.{name}", name, label))
    return np.column_stack(columns), None, rows


def _level_name(levels: Categories, code: int) -> str:
    value = levels.values[code]
    return str(int(value)) if isinstance(value, float) and value == round(value) and value < MISSING else str(code + 1)


def _rows(plain: list[_Row], groups: _Cells | None) -> list[_Row]:
    if groups is None:
        return plain
    rows = []
    for row in plain:
        for code, label in enumerate(groups.labels):
            level = groups.levels[code]
            if row.block:
                rows.append(_Row(f"{row.name}@{level}", f"{row.block}@{groups.name}", f"{row.label} {label}"))
            else:
                rows.append(_Row(f"c.{row.name}@{level}", f"c.{row.name}@{groups.name}", label))
    return rows


def _limits(kind: str, line: Line, found: Estimates, df: float, level: float) -> tuple[FloatArray, FloatArray]:
    se = np.sqrt(np.diag(found.V))
    critical = t_critical(df, level)
    citype = (line.text_option("citype") or "logit").strip() if kind == "proportion" else ""
    if citype == "logit":
        return logit_interval(found.b, se, critical)
    if citype not in ("", "normal", "wald"):
        raise unsupported(f"citype({citype})")
    return found.b - critical * se, found.b + critical * se


def _print_header(session: Session, kind: str, chosen: Selection, n_clusters: float) -> None:
    del n_clusters
    title = f"{kind.capitalize()} estimation"
    tail = f"Number of obs = {count(chosen.n)}"
    session.log.line()
    session.log.line(title + right(tail, 62 - len(title)))


def _print(
    session: Session,
    kind: str,
    rows: list[_Row],
    found: Estimates,
    limits: tuple[FloatArray, FloatArray],
    level: float,
    vce_heading: str,
    cluster: str,
    n_clusters: float,
    pairs: list[tuple[str, str, str]],
) -> None:
    log = session.log
    blocks = list(dict.fromkeys(row.block for row in rows))
    widest = max([*(display_width(b) for b in blocks), *(display_width(r.label) + (1 if r.block else 0) for r in rows)])
    width = min(28, max(12, widest))
    log.line()
    for name, top, bottom in pairs:
        log.line(right(f"{name}: {top}/{bottom}", width))
    if pairs:
        log.line()
    if cluster:
        log.line(right(f"(Std. err. adjusted for {count(n_clusters)} clusters in {cluster})", width + 50))
    log.line("-" * (width + 50))
    error = "Std. err."
    if vce_heading:
        log.line(" " * width + " |" + right(vce_heading, max(22, 13 + len(vce_heading))))
        error = "std. err."
    if kind == "proportion":
        log.line(" " * width + " |" + " " * 22 + centre("Logit", 31))
    heading = right(kind.capitalize(), 11)
    log.line(" " * width + f" |{heading}   {error}     [{level:g}% conf. interval]")
    log.line(rule(width + 1, 48))
    se = np.sqrt(np.diag(found.V))
    for block in blocks:
        if block:
            log.line(right(abbreviate(block, width), width) + " |")
        for position, row in enumerate(rows):
            if row.block != block:
                continue
            label = clip(row.label, width - 1) + " " if block else abbreviate(row.label, width)
            cells = right(number(float(found.b[position])), 11) + right(number(float(se[position])), 11)
            if se[position] > 0:
                cells += right(number(float(limits[0][position])), 14) + right(number(float(limits[1][position])), 12)
            else:
                cells = right(number(float(found.b[position])), 11) + right("0", 11)
                cells += right(".", 14) + right(".", 12)
            log.line(f"{right(label, width)} |{cells}")
    log.line("-" * (width + 50))


def _post(
    session: Session,
    line: Line,
    kind: str,
    rows: list[_Row],
    found: Estimates,
    limits: tuple[FloatArray, FloatArray],
    df: float,
    chosen: Selection,
    n_clusters: float,
    over_names: list[str],
    cluster: str,
) -> None:
    from ssd.engine.stats.tails import t as student

    names = [row.name for row in rows]
    se = np.sqrt(np.diag(found.V))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(se > 0, found.b / se, MISSING)
    p = np.where(se > 0, 2 * student.sf(np.abs(np.where(se > 0, t, 0.0)), df), MISSING)
    level = confidence_level(session, line)
    k = len(names)
    table = np.vstack(
        [
            found.b,
            se,
            t,
            p,
            limits[0],
            limits[1],
            np.full(k, df),
            np.full(k, t_critical(df, level)),
            np.zeros(k),
        ]
    )
    macros = {
        "cmd": kind,
        "cmdline": f"{kind} {line.text.strip()}",
        "title": f"{kind.capitalize()} estimation",
        "varlist": " ".join(line.varlist),
        "depvar": " ".join(line.varlist),
        "properties": "b V",
        "vce": "cluster" if cluster else "analytic",
        "estat_cmd": "estat_vce_only",
    }
    if cluster:
        macros |= {"clustvar": cluster, "vcetype": "Robust"}
    if over_names:
        macros["over"] = " ".join(over_names)
    scalars = {"N": chosen.n, "df_r": df, "k_eq": 1.0, "rank": float(np.linalg.matrix_rank(found.V))}
    if over_names:
        scalars["N_over"] = float(len({row.label for row in rows}))
    if n_clusters:
        scalars["N_clust"] = n_clusters
    e_matrices = {
        "b": Matrix.of(found.b[None, :], ["y1"], names),
        "V": Matrix.of(found.V, names, names),
        "_N": Matrix.of(found.counts[None, :], ["r1"], names),
    }
    row_names = ["b", "se", "t", "pvalue", "ll", "ul", "df", "crit", "eform"]
    session.e = ResultSet(scalars=scalars, macros=macros, matrices=e_matrices, sample=chosen.mask.copy())
    session.r = ResultSet(scalars={"level": level}, matrices={"table": Matrix.of(table, row_names, names)})
