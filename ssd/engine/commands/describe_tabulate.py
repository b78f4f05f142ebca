"""tabulate, tab1, tab2: one-way and two-way tables of frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import Categories, Selection, categories, heading, select
from ssd.engine.commands.describe_tabsum import tabulate_summaries
from ssd.engine.errors import StataError, option_not_allowed, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import fixed
from ssd.engine.output.tables import centre, clip, count, display_width, key_box, right, rule, wrap_stub
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats import crosstab

CELL_OPTIONS = (
    "CHi2 Exact Gamma LRchi2 Taub V CCHI2 COlumn Row CLRCHI2 CELl EXPected NOFreq ROWSort COLSort Missing "
    "Wrap NOKey KEY NOLabel NOLog All"
)
ONE_WAY_LIMIT = 37
"""Widest value label of a one-way table before it is cut, so that the table fits 80 columns."""
TWO_WAY_LIMIT = 21


@command(
    "tabulate",
    "varlist(max=2) [if] [in] [fweight aweight iweight] [, " + CELL_OPTIONS + " Sort PLOT MATCELL(name) MATROW(name) "
    "MATCOL(name) GENerate(name) Summarize(varlist) MEans STandard NOMEans NOSTandard NOObs OBs SUBPOP(string)]",
    minimum=2,
    by="recall",
    stored="r(N) r(r) r(c) r(chi2) r(p) r(gamma) r(ase_gam) r(taub) r(ase_taub) r(CramersV) r(chi2_lr) r(p_lr) "
    "r(p_exact) r(p1_exact)",
    refused="subpop(); wrap; exact(#); the enumeration log of Fisher's test",
)
def tabulate(session: Session, line: Line) -> None:
    """One- and two-way tables of frequencies, with measures of association."""
    if line.flag("wrap"):
        raise unsupported("tabulate, wrap")
    if line.flag("plot") and len(line.varlist) > 1:
        raise option_not_allowed("plot")
    if line.options.get("subpop"):
        raise unsupported("tabulate, subpop()")
    if line.options.get("summarize"):
        tabulate_summaries(session, line)
    elif len(line.varlist) == 1:
        _one_way(session, line, line.varlist[0])
    else:
        _two_way(session, line, line.varlist[0], line.varlist[1])


@command(
    "tab1",
    "varlist [if] [in] [fweight aweight iweight] [, MIssing NOFreq NOLabel Sort PLOT]",
    by="recall",
    stored="r(N) r(r) of the last table",
)
def tab1(session: Session, line: Line) -> None:
    """One-way tables of several variables."""
    for name in line.varlist:
        session.log.line()
        session.log.line(f"-> tabulation of {name}  ")
        _one_way(session, line, name)


@command(
    "tab2",
    "varlist(min=2) [if] [in] [fweight] [, FIRSTonly " + CELL_OPTIONS + "]",
    by="recall",
    stored="as tabulate, of the last table",
    refused="wrap",
)
def tab2(session: Session, line: Line) -> None:
    """Two-way tables of all pairs of variables."""
    pairs = list(combinations(line.varlist, 2))
    if line.flag("firstonly"):
        pairs = [pair for pair in pairs if pair[0] == line.varlist[0]]
    for row, col in pairs:
        session.log.line()
        session.log.line(f"-> tabulation of {row} by {col}  ")
        _two_way(session, line, row, col)


def _one_way(session: Session, line: Line, name: str) -> None:
    misplaced = (
        "chi2",
        "exact",
        "gamma",
        "lrchi2",
        "taub",
        "v",
        "cchi2",
        "column",
        "row",
        "clrchi2",
        "cell",
        "expected",
    )
    for option in misplaced:
        if line.flag(option):
            raise option_not_allowed(option if option != "v" else "V")
    missing = line.flag("missing")
    chosen = select(session, line, [name], missing=missing)
    if not chosen.mask.any():
        session.log.line("no observations")
        session.r = ResultSet(scalars={"N": 0.0, "r": 0.0})
        return
    rows = categories(session, name, chosen.mask, nolabel=line.flag("nolabel"))
    frequency = np.bincount(rows.codes, weights=chosen.frequencies(), minlength=rows.size).astype(np.float64)
    order = np.argsort(-frequency, kind="stable") if line.flag("sort") else np.arange(rows.size)
    if not line.flag("nofreq"):
        defined = () if line.flag("nolabel") else _defined_labels(session, name)
        labels = [rows.labels[i] for i in order]
        width = min(ONE_WAY_LIMIT, max([11, *(display_width(label) for label in (*labels, *defined))]))
        if line.flag("plot"):
            _plot_one_way(session, name, labels, frequency[order], width)
        else:
            _print_one_way(session, name, labels, frequency[order], width)
    _store_matrices(session, line, rows, None, frequency[order][:, None], order)
    stub = line.text_option("generate")
    if stub:
        _generate_indicators(session, stub, rows, chosen)
    session.r = ResultSet(scalars={"N": float(frequency.sum()), "r": float(rows.size)})


def _defined_labels(session: Session, name: str) -> tuple[str, ...]:
    """Texts of the value label: the stub is as wide as the longest, whether or not it occurs."""
    return tuple(session.data.value_labels.get(session.data.variables[name].value_label, {}).values())


def _plot_one_way(session: Session, name: str, labels: list[str], frequency: FloatArray, width: int) -> None:
    """Frequencies with bars of stars; each star is one observation while the longest bar fits the line."""
    room = session.log.linesize - width - 17
    largest = float(frequency.max())
    scale = 1.0 if largest <= room else room / largest
    log = session.log
    log.line()
    stub = wrap_stub(heading(session, name), width)
    for text in stub[:-1]:
        log.line(right(text, width) + " |")
    log.line(right(stub[-1], width) + " |      Freq.")
    log.line(rule(width + 1, 12, room + 1))
    for label, f in zip(labels, frequency, strict=True):
        bar = "*" * round(float(f) * scale)
        log.line(f"{right(clip(label, width), width)} |{count(float(f)):>11} |{bar}")
    log.line(rule(width + 1, 12, room + 1))
    log.line(f"{right('Total', width)} |{count(float(frequency.sum())):>11}")


def _print_one_way(session: Session, name: str, labels: list[str], frequency: FloatArray, width: int) -> None:
    total = float(frequency.sum())
    percent, running = 100.0 * frequency / total, 100.0 * frequency.cumsum() / total
    session.log.line()
    stub = wrap_stub(heading(session, name), width)
    for text in stub[:-1]:
        session.log.line(right(text, width) + " |")
    session.log.line(right(stub[-1], width) + " |      Freq.     Percent        Cum.")
    session.log.line(rule(width + 1, 35))
    for label, f, p, c in zip(labels, frequency, percent, running, strict=True):
        session.log.line(f"{right(clip(label, width), width)} |{count(float(f)):>11}{p:12.2f}{c:12.2f}")
    session.log.line(rule(width + 1, 35))
    session.log.line(f"{right('Total', width)} |{count(total):>11}{100:12.2f}")


def _generate_indicators(session: Session, stub: str, rows: Categories, chosen: Selection) -> None:
    """One byte variable per category; missing outside the selection."""
    for position in range(rows.size):
        values = np.full(session.data.n_obs, MISSING)
        values[chosen.mask] = (rows.codes == position).astype(np.float64)
        session.data.add(f"{stub}{position + 1}", values, "byte", label=f"{rows.name}=={rows.labels[position]}"[:80])


@dataclass(frozen=True)
class _Layer:
    """One line of every cell: a caption for the key, cell texts and the two margins."""

    caption: str
    cells: list[list[str]]
    row_total: list[str]
    col_total: list[str]
    total: str


def _two_way(session: Session, line: Line, row_name: str, col_name: str) -> None:
    missing, nolabel = line.flag("missing"), line.flag("nolabel")
    chosen = select(session, line, [row_name, col_name], missing=missing)
    if not chosen.mask.any():
        session.log.line("no observations")
        session.r = ResultSet(scalars={"N": 0.0, "r": 0.0, "c": 0.0})
        return
    rows = categories(session, row_name, chosen.mask, nolabel=nolabel)
    cols = categories(session, col_name, chosen.mask, nolabel=nolabel)
    flat = np.bincount(
        rows.codes * cols.size + cols.codes, weights=chosen.frequencies(), minlength=rows.size * cols.size
    )
    table = flat.astype(np.float64).reshape(rows.size, cols.size)
    row_order = np.argsort(-table.sum(axis=1), kind="stable") if line.flag("rowsort") else np.arange(rows.size)
    col_order = np.argsort(-table.sum(axis=0), kind="stable") if line.flag("colsort") else np.arange(cols.size)
    sorted_table = table[np.ix_(row_order, col_order)]
    layers = _layers(line, sorted_table)
    if layers:
        _print_two_way(
            session,
            line,
            row_name,
            col_name,
            [rows.labels[i] for i in row_order],
            [cols.labels[i] for i in col_order],
            layers,
        )
    _store_matrices(session, line, rows, cols, sorted_table, row_order, col_order)
    scalars = {"N": float(table.sum()), "r": float(rows.size), "c": float(cols.size)}
    _association(session, line, table, scalars, weighted=chosen.kind in ("aweight", "iweight"))
    session.r = ResultSet(scalars=scalars)


def _layers(line: Line, table: FloatArray) -> list[_Layer]:
    row_sum, col_sum, total = table.sum(axis=1), table.sum(axis=0), float(table.sum())
    layers = []
    if not line.flag("nofreq"):
        layers.append(_layer("frequency", table, row_sum, col_sum, total, ""))
    expected = np.outer(row_sum, col_sum) / total
    if line.flag("expected"):
        layers.append(_layer("expected frequency", expected, row_sum, col_sum, total, "%.1f"))
    if line.flag("cchi2"):
        part = (table - expected) ** 2 / expected
        layers.append(_layer("chi2 contribution", part, part.sum(axis=1), part.sum(axis=0), float(part.sum()), "%.1f"))
    if line.flag("clrchi2"):
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(table > 0, 2 * table * np.log(table / expected), 0.0)
        caption = "likelihood-ratio chi2 contribution"
        layers.append(_layer(caption, part, part.sum(axis=1), part.sum(axis=0), float(part.sum()), "%.1f"))
    if line.flag("row"):
        share = 100 * table / row_sum[:, None]
        layers.append(
            _layer("row percentage", share, np.full(row_sum.shape, 100.0), 100 * col_sum / total, 100.0, "%.2f")
        )
    if line.flag("column"):
        share = 100 * table / col_sum[None, :]
        full = np.full(col_sum.shape, 100.0)
        layers.append(_layer("column percentage", share, 100 * row_sum / total, full, 100.0, "%.2f"))
    if line.flag("cell"):
        layers.append(
            _layer(
                "cell percentage",
                100 * table / total,
                100 * row_sum / total,
                100 * col_sum / total,
                100.0,
                "%.2f",
            )
        )
    return layers


def _layer(caption: str, cells: FloatArray, row: FloatArray, col: FloatArray, total: float, fmt: str) -> _Layer:
    def show(value: float) -> str:
        return (fmt % value) if fmt else count(float(value))

    return _Layer(
        caption,
        [[show(v) for v in r] for r in cells],
        [show(v) for v in row],
        [show(v) for v in col],
        show(total),
    )


def _print_two_way(
    session: Session,
    line: Line,
    row_name: str,
    col_name: str,
    row_labels: list[str],
    col_labels: list[str],
    layers: list[_Layer],
) -> None:
    log = session.log
    width = min(TWO_WAY_LIMIT, max([10, *(display_width(label) for label in row_labels)]))
    if (len(layers) > 1 or line.flag("key")) and not line.flag("nokey"):
        log.line()
        for text in key_box([layer.caption for layer in layers]):
            log.line(text)
    per_panel = max(1, (log.linesize - width - 13) // 11)
    for start in range(0, len(col_labels), per_panel):
        panel = range(start, min(start + per_panel, len(col_labels)))
        span = 11 * len(panel)
        line_rule = rule(width + 1, span, 10)
        stub = wrap_stub(heading(session, row_name), width)
        stub = [""] * (2 - len(stub)) + stub
        log.line()
        for text in stub[:-2]:
            log.line(right(text, width) + " |")
        log.line(right(stub[-2], width) + " |" + centre(clip(heading(session, col_name), span), span))
        heads = "".join(right(clip(col_labels[j], 9), 10) + " " for j in panel)
        log.line(right(stub[-1], width) + " |" + heads + "|     Total")
        log.line(line_rule)
        for i, label in enumerate(row_labels):
            for depth, layer in enumerate(layers):
                first = right(clip(label, width), width) if depth == 0 else " " * width
                cells = "".join(f"{layer.cells[i][j]:>10} " for j in panel)
                log.line(f"{first} |{cells}|{layer.row_total[i]:>10} ")
            if len(layers) > 1 or i == len(row_labels) - 1:
                log.line(line_rule)
        for depth, layer in enumerate(layers):
            first = right("Total", width) if depth == 0 else " " * width
            cells = "".join(f"{layer.col_total[j]:>10} " for j in panel)
            log.line(f"{first} |{cells}|{layer.total:>10} ")


def _association(session: Session, line: Line, table: FloatArray, scalars: dict[str, float], *, weighted: bool) -> None:
    everything = line.flag("all")
    wanted = [o for o in ("chi2", "lrchi2", "v", "gamma", "taub", "exact") if line.flag(o)]
    if everything:
        wanted = [*("chi2", "lrchi2", "v", "gamma", "taub"), *(["exact"] if line.flag("exact") else [])]
    if not wanted:
        return
    if weighted:
        raise StataError(101, "measures of association may not be requested with aweights or iweights")
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return
    df = crosstab.degrees_of_freedom(table)
    session.log.line()
    if "chi2" in wanted:
        scalars["chi2"], scalars["p"] = crosstab.pearson(table)
        _statistic(session, f"Pearson chi2({df})", scalars["chi2"], f"Pr = {fixed(scalars['p'], 3)}")
    if "lrchi2" in wanted:
        scalars["chi2_lr"], scalars["p_lr"] = crosstab.likelihood_ratio(table)
        _statistic(session, f"Likelihood-ratio chi2({df})", scalars["chi2_lr"], f"Pr = {fixed(scalars['p_lr'], 3)}")
    if "v" in wanted:
        scalars["CramersV"] = crosstab.cramers_v(table)
        _statistic(session, "Cramér's V", scalars["CramersV"], "")
    if "gamma" in wanted:
        scalars["gamma"], scalars["ase_gam"] = crosstab.gamma(table)
        _statistic(session, "gamma", scalars["gamma"], f"ASE = {scalars['ase_gam']:.3f}")
    if "taub" in wanted:
        scalars["taub"], scalars["ase_taub"] = crosstab.kendall_tau_b(table)
        _statistic(session, "Kendall's tau-b", scalars["taub"], f"ASE = {scalars['ase_taub']:.3f}")
    if "exact" in wanted:
        _fisher(session, table, scalars)


def _fisher(session: Session, table: FloatArray, scalars: dict[str, float]) -> None:
    try:
        two_sided, one_sided = crosstab.fisher_exact(table)
    except OverflowError:
        raise StataError(910, "exceeded memory limits; too many tables for Fisher's exact test") from None
    scalars["p_exact"] = two_sided
    session.log.line(right("Fisher's exact", 25) + f" ={two_sided:22.3f}")
    if one_sided < MISSING:
        scalars["p1_exact"] = one_sided
        session.log.line(right("1-sided Fisher's exact", 25) + f" ={one_sided:22.3f}")


def _statistic(session: Session, name: str, value: float, after: str) -> None:
    shown = f"{value:8.4f}" if value < MISSING else f"{'.':>8}"
    session.log.line(f"{right(name, 25)} = {shown}" + (f"   {after}" if after else ""))


def _store_matrices(
    session: Session,
    line: Line,
    rows: Categories,
    cols: Categories | None,
    table: FloatArray,
    row_order: np.ndarray,
    col_order: np.ndarray | None = None,
) -> None:
    cell = line.text_option("matcell")
    if cell:
        session.matrices[cell] = Matrix.of(table)
    for option, source, order in (("matrow", rows, row_order), ("matcol", cols, col_order)):
        name = line.text_option(option)
        if not name:
            continue
        if source is None or order is None:
            raise option_not_allowed(f"{option}()")
        if any(isinstance(v, str) for v in source.values):
            raise StataError(198, f"{option}() not allowed with string variables")
        values = np.array([float(source.values[i]) for i in order])
        session.matrices[name] = Matrix.of(values[:, None] if option == "matrow" else values[None, :])
