"""stats() of estout: rows of summary statistics below the coefficients, and the format of every number."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes
from ssd.engine.missing import EXTENDED, MISSING
from ssd.engine.output.estout_layout import LabelStyle
from ssd.engine.output.formats import format_value
from ssd.engine.results import ResultSet
from ssd.engine.stats.distributions import chi2_tail, f_tail


def formatted(value: float, fmt: str, *, leading_zero: bool = True, decimal: str = "", minus: str = "") -> str:
    """A number in one of estout's formats: decimals, a Stata format, or a# for # significant digits. Raises r(198)."""
    if fmt.startswith("a"):
        fmt = _significant(value, fmt)
    elif fmt.isdigit():
        fmt = f"%{int(fmt) + 9}.{fmt}f"
    elif fmt in {"g", "%g"}:
        fmt = "%9.0g"
    elif not fmt.startswith("%"):
        raise StataError(198, f"{fmt}: invalid format")
    text = format_value(value, fmt).strip()
    if not leading_zero and text.removeprefix("-").startswith("0."):
        text = text.replace("0.", ".", 1)
    if decimal:
        text = text.replace(".", decimal, 1)
    return text.replace("-", minus, 1) if minus and text.startswith("-") else text


def _significant(value: float, fmt: str) -> str:
    """The Stata format that a# stands for (help estout, "Remarks on using a# formats")."""
    digits = int(fmt[1:]) if fmt[1:].isdigit() else 3 if fmt == "a" else -1
    if digits < 1:
        raise StataError(198, f"{fmt}: invalid format")
    if value >= MISSING:
        return "%9.0g"
    if value == math.trunc(value):
        return "%12.0f"
    if abs(value) < 1.0:
        decimals = max(1, digits - math.trunc(math.log10(abs(value))))
        return f"%12.{decimals}f" if decimals <= 9 else f"%12.{min(9, digits - 1)}e"
    left = math.trunc(math.log10(abs(value)) + 1)
    return f"%12.{max(1, digits - left + 1)}f" if left <= 9 else "%12.0e"


@dataclass(frozen=True)
class Statistics:
    """stats(): rows of cells, each a pattern with its statistics and their formats."""

    rows: tuple[tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...], ...] = ()
    labels: LabelStyle = field(default_factory=LabelStyle)
    starred: frozenset[str] = frozenset()
    mark: str = "@"

    @property
    def star_parts(self) -> set[int]:
        """Columns of a model that carry stars in some row."""
        return {w for row in self.rows for w, cell in enumerate(row) if self.starred & set(cell[1])}

    def label(self, row: int) -> str:
        if self.labels.none:
            return ""
        if row < len(self.labels.texts) and self.labels.texts[row]:
            return self.labels.texts[row]
        shown = []
        for layout, names, _ in self.rows[row]:
            text = layout
            for name in names:
                text = text.replace(self.mark, name, 1)
            shown.append(text)
        return " ".join(shown)


def parse_statistics(text: str | None, default_format: str) -> Statistics:
    """stats(names, fmt() labels() star() layout() pchar()). Raises r(198)."""
    from ssd.engine.commands.estimates_labels import parse_labels

    if text is None or not text.strip():
        return Statistics()
    main, options = split_comma(text)
    values: dict[str, str] = {}
    star = False
    for item in read_options(options or ""):
        names = ("fmt", "labels", "layout", "pchar", "star") if item.value is not None else ("star", "nostar")
        least = {"fmt": 1, "labels": 1, "layout": 3, "pchar": 2, "star": 1, "nostar": 3}
        full = next((n for n in names if n.startswith(item.word) and len(item.word) >= least[n]), "")
        if not full:
            raise StataError(198, f"option {item.named} not allowed")
        star = star or full == "star"
        values[full] = item.value or ""
    stats = main.split()
    starred = values.get("star", "").split() or (stats[:1] if star else [])
    stats += [name for name in starred if name not in stats]
    formats = [strip_quotes(word) for word in split_words(strip_quotes(values.get("fmt", "")))] or [default_format]
    mark = strip_quotes(values.get("pchar", "")) or "@"
    rows: list[tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]] = []
    position = 0

    def take(count: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        nonlocal position
        names = tuple(stats[position : position + count])
        used = tuple(formats[min(i, len(formats) - 1)] for i in range(position, position + len(names)))
        position += count
        return names, used

    for row in split_words(values.get("layout", "")):
        cells = [(cell, *take(cell.count(mark))) for cell in split_words(row)]
        rows.append(tuple(cells))
    while position < len(stats):
        rows.append(((mark, *take(1)),))
    return Statistics(tuple(rows), parse_labels(values.get("labels")), frozenset(starred), mark)


_BY_EQUATION = ("reg3", "sureg", "mvreg")


def statistic_of(results: ResultSet, name: str, equation: int | None = None) -> float | str | None:
    """A scalar or macro of e(), aic, bic, rank or p; None when the model has not got it.

    `equation` (0-based) reads the statistic of one equation of a system of regressions instead.
    """
    if equation is not None:
        if results.macros.get("cmd") not in _BY_EQUATION:
            return None
        return results.scalars.get(f"{name}_{equation + 1}", results.scalars.get(f"{name}{equation + 1}"))
    if name in {"aic", "bic", "rank"}:
        V = results.matrices.get("V")
        rank = float(np.count_nonzero(np.diag(V.values))) if V is not None else 0.0
        rank = results.scalars.get("rank", rank) if rank else rank
        if name == "rank":
            return rank
        ll = results.scalars.get("ll", MISSING)
        if ll >= MISSING:
            return MISSING
        return -2.0 * ll + (2.0 if name == "aic" else math.log(results.scalars["N"])) * rank
    if name in results.scalars:
        return results.scalars[name]
    if name == "p":
        return _model_p(results)
    return results.macros.get(name)


def _model_p(results: ResultSet) -> float | None:
    scalars = results.scalars
    if "F" in scalars and "df_m" in scalars and "df_r" in scalars:
        return f_tail(scalars["F"], scalars["df_m"], scalars["df_r"]) if scalars["F"] < MISSING else MISSING
    if "chi2" in scalars and "df_m" in scalars:
        return chi2_tail(scalars["chi2"], scalars["df_m"]) if scalars["chi2"] < MISSING else MISSING
    return None


def vacant(value: float | str | None) -> bool:
    return value is None or (isinstance(value, float) and value >= EXTENDED[24])
