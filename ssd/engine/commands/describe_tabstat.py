"""tabstat: compact tables of summary statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import Selection, categories, select
from ssd.engine.errors import StataError, no_observations
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.tables import abbreviate, clip, display_width, number, right, rule
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.summary_table import canonical_statistic, statistic

TITLES = {
    "mean": "Mean",
    "n": "N",
    "sum": "Sum",
    "max": "Max",
    "min": "Min",
    "range": "Range",
    "sd": "SD",
    "variance": "Variance",
    "cv": "CV",
    "semean": "SE(mean)",
    "skewness": "Skewness",
    "kurtosis": "Kurtosis",
    "median": "p50",
    "iqr": "IQR",
}


@command(
    "tabstat",
    "varlist [if] [in] [aweight fweight] [, Statistics(string) STATS(string) BY(varname) "
    "Columns(string) LOngstub LABELWidth(integer 16) "
    "VARWidth(integer 12) NOTotal NOSEParator Missing SAve Format Format(string) CASEwise]",
    by="recall",
    stored="r(StatTotal) r(Stat1) … r(name1) … with save",
    refused="pweights",
)
def tabstat(session: Session, line: Line) -> None:
    """Table of summary statistics."""
    names = line.varlist
    asked = _statistics(line)
    by = _by_variable(line)
    chosen = select(session, line, names if line.flag("casewise") else None)
    if by and not line.flag("missing"):
        from ssd.engine.commands.describe_selection import present

        keep = present(session, by)[chosen.mask]
        mask = chosen.mask & present(session, by)
        chosen = Selection(mask, None if chosen.weights is None else chosen.weights[keep], chosen.kind)
    if not chosen.mask.any():
        raise no_observations()
    blocks = _blocks(session, line, names, asked, by, chosen)
    by_statistics = _columns_are_statistics(line, len(names))
    layout = _Layout(session, line, names, asked, by, by_statistics)
    layout.print(blocks)
    result = ResultSet()
    if line.flag("save"):
        titles = [TITLES.get(s, s) for s in asked]
        groups = [b for b in blocks if not b.total]
        for position, block in enumerate(groups if by else []):
            result.macros[f"name{position + 1}"] = block.label
            result.matrices[f"Stat{position + 1}"] = Matrix.of(block.values, titles, names)
        for block in blocks:
            if block.total:
                result.matrices["StatTotal"] = Matrix.of(block.values, titles, names)
    session.r = result


@dataclass(frozen=True)
class _Block:
    label: str
    values: FloatArray
    """Statistics down, variables across."""
    total: bool


def _statistics(line: Line) -> list[str]:
    asked = []
    for word in (line.text_option("statistics") or line.text_option("stats") or "mean").split():
        canonical = canonical_statistic(word)
        if canonical is None:
            raise StataError(198, f"unknown statistic: {word}")
        asked.extend(["p25", "median", "p75"] if canonical == "q" else [canonical])
    return asked


def _by_variable(line: Line) -> str:
    given = line.options.get("by")
    if isinstance(given, list):
        return str(given[0]) if given else ""
    return given if isinstance(given, str) else ""


def _columns_are_statistics(line: Line, n_names: int) -> bool:
    columns = (line.text_option("columns") or "").strip().lower()
    if not columns:
        return n_names == 1
    if "statistics".startswith(columns) and columns:
        return True
    if "variables".startswith(columns):
        return False
    raise StataError(198, "columns() must be variables or statistics")


def _blocks(
    session: Session, line: Line, names: list[str], asked: list[str], by: str, chosen: Selection
) -> list[_Block]:
    columns = [session.data.numeric(name)[chosen.mask] for name in names]

    def block(label: str, inside: BoolArray, total: bool) -> _Block:
        values = np.empty((len(asked), len(names)))
        for j, x in enumerate(columns):
            kept = inside & ~is_missing(x)
            w = None if chosen.weights is None else chosen.weights[kept]
            for i, name in enumerate(asked):
                values[i, j] = statistic(name, x[kept], w, chosen.kind)
        return _Block(label, values, total)

    blocks = []
    if by:
        groups = categories(session, by, chosen.mask)
        blocks = [block(label, groups.codes == code, False) for code, label in enumerate(groups.labels)]
    if not by or not line.flag("nototal"):
        blocks.append(block("Total", np.ones(int(chosen.mask.sum()), dtype=np.bool_), True))
    return blocks


class _Layout:
    """Prints blocks with statistics or variables across."""

    def __init__(
        self, session: Session, line: Line, names: list[str], asked: list[str], by: str, by_statistics: bool
    ) -> None:
        self.session, self.line, self.names, self.asked, self.by = session, line, names, asked, by
        self.by_statistics = by_statistics
        fmt = line.text_option("format")
        if fmt and not fmt.startswith("%"):
            raise StataError(120, "invalid %format")
        self.fmt = fmt or ("variable" if line.flag("format") else "%9.0g")
        self.titles = [TITLES.get(s, s) for s in asked]

    def cell(self, value: float, position: int) -> str:
        if value >= MISSING:
            return "."
        fmt = self.session.data.variables[self.names[position]].format if self.fmt == "variable" else self.fmt
        return number(value, fmt)

    def print(self, blocks: list[_Block]) -> None:
        log = self.session.log
        log.line()
        if self.by:
            label = self.session.data.variables[self.by].label
            if self.by_statistics:
                log.line(f"Summary for variables: {' '.join(self.names)}")
            else:
                log.line(f"Summary statistics: {', '.join(self.titles)}")
            log.line(f"Group variable: {self.by}" + (f" ({label})" if label else ""))
            log.line()
            self._by_table(blocks)
        elif self.by_statistics:
            log.line("    Variable |" + "".join(right(t, 10) for t in self.titles))
            log.line(rule(13, 10 * len(self.titles)))
            for position, name in enumerate(self.names):
                self._row(
                    right(abbreviate(name, 12), 12),
                    blocks[0].values[:, position],
                    [position] * len(self.asked),
                )
            log.line("-" * (14 + 10 * len(self.titles)))
        else:
            log.line("   Stats |" + "".join(right(abbreviate(n, 8), 10) for n in self.names))
            log.line(rule(9, 10 * len(self.names)))
            for i, title in enumerate(self.titles):
                self._row(right(title, 8), blocks[0].values[i, :], list(range(len(self.names))))
            log.line("-" * (10 + 10 * len(self.names)))

    def _row(self, stub: str, values: FloatArray, positions: list[int]) -> None:
        cells = "".join(right(self.cell(float(v), p), 10) for v, p in zip(values, positions, strict=True))
        self.session.log.line(f"{stub} |{cells}")

    def _by_table(self, blocks: list[_Block]) -> None:
        log = self.session.log
        limit = self.line.options.get("labelwidth")
        widest = max(display_width(b.label) for b in blocks)
        least = min(8, display_width(self.by)) if display_width(self.by) <= 8 else 8
        width = max(5, least, min(int(limit) if isinstance(limit, (int, float)) else 16, widest))
        width = max(width, min(display_width(self.by), 16))
        long = self.line.flag("longstub")
        stub_extra = 0
        inner = self.names if self.by_statistics else self.titles
        if long or (self.by_statistics and len(self.names) > 1):
            stub_extra = 2 + max([8, *(display_width(abbreviate(t, 12)) for t in inner)])
        heads = self.titles if self.by_statistics else [abbreviate(n, 8) for n in self.names]
        stub_title = right(abbreviate(self.by, width), width)
        if stub_extra:
            stub_title += right("Variable" if self.by_statistics else "Stats", stub_extra)
        log.line(f"{stub_title} |" + "".join(right(h, 10) for h in heads))
        span = 10 * len(heads)
        log.line(rule(width + stub_extra + 1, span))
        for position, block in enumerate(blocks):
            tall = block.values.shape[1] > 1 if self.by_statistics else block.values.shape[0] > 1
            if position > 0 and ((tall and not self.line.flag("noseparator")) or block.total):
                log.line(rule(width + stub_extra + 1, span))
            rows = range(block.values.shape[1] if self.by_statistics else block.values.shape[0])
            for depth in rows:
                first = right(clip(block.label, width), width) if depth == 0 else " " * width
                if stub_extra:
                    first += right(abbreviate(inner[depth], 12), stub_extra)
                if self.by_statistics:
                    self._row(first, block.values[:, depth], [depth] * len(self.asked))
                else:
                    self._row(first, block.values[depth, :], list(range(len(self.names))))
        log.line("-" * (width + stub_extra + 2 + span))
