"""From the rows of a table to a Stata dataset: two passes over the cells, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ssd.engine.data.dataset import Dataset, Variable
from ssd.engine.data.storage import default_format, string_type
from ssd.inputs.naming import stata_names, variable_label
from ssd.inputs.preparation.columns import ColumnConverter, ColumnObserver, ColumnPlan
from ssd.inputs.preparation.layout import SAMPLE_ROWS, Body, Layout, find_layout
from ssd.inputs.preparation.source import Cell, PreparationError, Source

_BATCH_CELLS: Final = 500_000
"""Keeps a batch of Python objects below about 50 MB whatever the width of the table."""
MAX_ROWS: Final = 2_147_483_619
"""Stata/SE and /BE limit."""


@dataclass(frozen=True)
class Prepared:
    """A dataset and what the file said about it that the dataset cannot hold."""

    data: Dataset
    original_names: dict[str, str]
    forms: dict[str, str]
    """What each column is, see ColumnPlan.form; absent for Stata files."""
    header_row: int
    warnings: list[str]


def build(source: Source) -> Prepared:
    """Raises PreparationError for a table without header, columns or rows, and what reading may raise."""
    layout = find_layout(list(islice(source.rows(), SAMPLE_ROWS)))
    body = Body(source, layout)
    observers = [ColumnObserver(decimal_comma=source.decimal_comma) for _ in layout.headers]
    n_rows = 0
    for columns in _batches(body, len(observers)):
        n_rows += len(columns[0])
        for observer, cells in zip(observers, columns, strict=True):
            observer.observe(cells)
    if n_rows == 0:
        raise PreparationError("INPUT_EMPTY_FILE", "The table has a header but no rows of data.")
    kept = [position for position, observer in enumerate(observers) if observer.has_values or layout.headers[position]]
    plans = {position: observers[position].plan() for position in kept}
    data = _convert(body, source, layout, plans)
    names = list(data.variables)
    originals = {name: layout.headers[position] or name for name, position in zip(names, kept, strict=True)}
    warnings = [*source.warnings, *layout.warnings, *_body_warnings(body)]
    warnings += _remarks({name: plans[position] for name, position in zip(names, kept, strict=True)})
    warnings += _name_warnings(layout.headers, kept, names)
    return Prepared(
        data,
        originals,
        {name: plans[position].form for name, position in zip(names, kept, strict=True)},
        max(layout.header_row, 0),
        warnings,
    )


def _batches(body: Body, width: int) -> Iterator[list[tuple[Cell, ...]]]:
    rows = iter(body)
    size = max(1, _BATCH_CELLS // width)
    while batch := list(islice(rows, size)):
        yield list(zip(*batch, strict=True))


def _convert(body: Body, source: Source, layout: Layout, plans: dict[int, ColumnPlan]) -> Dataset:
    converters = {
        position: ColumnConverter(plan, decimal_comma=source.decimal_comma) for position, plan in plans.items()
    }
    parts: dict[int, list[NDArray[Any]]] = {position: [] for position in plans}
    n_rows = 0
    for columns in _batches(body, len(layout.headers)):
        n_rows += len(columns[0])
        for position, converter in converters.items():
            parts[position].append(converter.convert(columns[position]))
    data = Dataset(n_obs=n_rows)
    all_names = stata_names([layout.headers[position] for position in plans])
    for (position, plan), name in zip(plans.items(), _positional(all_names, plans, layout), strict=True):
        values = np.concatenate(parts.pop(position))
        kind = plan.storage_type or string_type(values)
        shown = default_format(kind) if plan.form == "text" else plan.format
        header, unit = layout.headers[position], layout.units[position]
        data.variables[name] = Variable(name, kind, values, shown, _label(header, unit))
        if plan.form == "boolean":
            data.variables[name].value_label = "truth"
            data.value_labels["truth"] = {0: "FALSE", 1: "TRUE"}
    return data


def _positional(names: list[str], plans: dict[int, ColumnPlan], layout: Layout) -> list[str]:
    """Names of nameless columns say the column of the file they came from, though empty ones were left out."""
    headers = [layout.headers[position] or f"v{position + 1}" for position in plans]
    return names if all(layout.headers[position] for position in plans) else stata_names(headers)


def _label(header: str, unit: str) -> str:
    if unit and unit not in header:
        return variable_label(f"{header} ({unit.strip('()（）')})")
    return variable_label(header)


_REMARKS: Final = {
    "missing": "Markers such as NA, - or . were read as missing values in {names}.",
    "thousands": "Numbers with thousands separators were read as numbers in {names}.",
    "percent": "Percentages were divided by 100 (12% became 0.12) in {names}.",
    "year_word": "Years written with 年 were read as numbers in {names}.",
    "numbers_as_text": "Numbers stored as text were read as numbers in {names}.",
    "out_of_range": "Numbers too large for Stata were read as missing in {names}.",
    "leading_zeros": "Codes with leading zeros were kept as text in {names}.",
    "long_integers": "Whole numbers too long to be exact (more than 15 digits) were kept as text in {names}.",
    "day_first": "Dates were read as day/month/year in {names}.",
    "month_first": "Dates were read as month/day/year in {names}.",
    "day_order_unknown": "Dates may be day/month or month/day; they were kept as text in {names}.",
    "day_order_mixed": "Dates are written in two orders; they were kept as text in {names}.",
    "mixed": "Numbers, dates and text are mixed; the column was kept as text in {names}.",
}
_NAMED: Final = 20


def _remarks(plans: dict[str, ColumnPlan]) -> list[str]:
    """One warning for each topic, naming the columns, with counts or examples."""
    topics: dict[str, list[str]] = {}
    for name, plan in plans.items():
        for topic, detail in plan.remarks.items():
            topics.setdefault(topic, []).append(f"{name} ({detail})" if detail else name)
    empty = [name for name, plan in plans.items() if plan.form == "empty"]
    warnings = [_REMARKS[topic].format(names=_listed(topics[topic])) for topic in _REMARKS if topic in topics]
    if empty:
        warnings.append(f"Columns without any value: {_listed(empty)}.")
    return warnings


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def _body_warnings(body: Body) -> list[str]:
    warnings = []
    if body.stacked_at is not None:
        warnings.append(
            f"The header comes again in row {body.stacked_at}: the sheet holds several tables below each other; "
            "only the first was read."
        )
    if body.short_rows:
        warnings.append(f"{body.short_rows} rows have fewer cells than the header; the rest is missing there.")
    if body.notes and body.stacked_at is None:
        warnings.append(f"Notes below the table were left out: {body.notes[0][:80]}")
    return warnings


def _name_warnings(headers: list[str], kept: list[int], names: list[str]) -> list[str]:
    warnings = []
    given = [headers[position] for position in kept]
    repeated = sorted({header for header in given if header and given.count(header) > 1}) if len(given) < 5000 else []
    if repeated:
        warnings.append(f"Headers that occur more than once were numbered: {_listed(repeated)}.")
    nameless = [name for name, header in zip(names, given, strict=True) if not header]
    if nameless:
        warnings.append(f"Columns without a header were named {_listed(nameless)}.")
    changed = [f"{header} → {name}" for name, header in zip(names, given, strict=True) if header and header != name]
    if changed:
        warnings.append(f"Headers that are no Stata names were changed: {_listed(changed)}.")
    return warnings
