"""What is known about a prepared dataset: columns, panel structure, sample rows, shape."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from typing import Any, Final

import numpy as np

from ssd.engine.data.dataset import Dataset, Variable
from ssd.engine.data.storage import stored_missing
from ssd.inputs.models import ColumnProfile, DatasetProfile
from ssd.inputs.preparation.panel import guess_panels
from ssd.inputs.preparation.source import Source
from ssd.inputs.preparation.table import Prepared

_SAMPLE_ROWS: Final = 200
_SAMPLE_CELLS: Final = 100_000
"""Very wide tables keep fewer sample rows, so that a profile stays below a few MB."""
_LEAST_SAMPLE_ROWS: Final = 10
_TEXT_SHOWN: Final = 200
_EXAMPLES: Final = 5
_WIDE_FROM: Final = 3
_YEAR_AT_END: Final = re.compile(r"(.*?)[_\s]*((?:19|20)\d\d)年?")
_EPOCH: Final = dt.datetime(1960, 1, 1)


def profile_of(prepared: Prepared, source: Source | None) -> DatasetProfile:
    """`source` is None for Stata files."""
    data = prepared.data
    columns = [_column(data, variable, prepared) for variable in data.variables.values()]
    return DatasetProfile(
        row_count=data.n_obs,
        column_count=len(columns),
        columns=columns,
        panel_guesses=guess_panels(data, columns),
        sheet_names=source.sheet_names if source else [],
        hidden_sheets=source.hidden_sheets if source else [],
        selected_sheet=source.selected_sheet if source else None,
        header_row=prepared.header_row,
        encoding=source.encoding if source else None,
        separator=source.separator if source else None,
        sample_rows=_sample(data),
        warnings=[*prepared.warnings, *_wide_warning(columns)],
    )


def _column(data: Dataset, variable: Variable, prepared: Prepared) -> ColumnProfile:
    missing = _missing(variable)
    present = variable.values[~missing]
    distinct = sorted(set(present.tolist())) if variable.is_string else np.unique(present)
    unit = date_unit(variable.format)
    labels = data.value_labels.get(variable.value_label, {})
    return ColumnProfile(
        original_name=prepared.original_names[variable.name],
        stata_name=variable.name,
        inferred_type=_inferred_type(variable, distinct, prepared.forms.get(variable.name)),
        storage_type=variable.type,
        format=variable.format,
        label=variable.label,
        n_missing=int(missing.sum()),
        n_unique=len(distinct),
        min=_extreme(variable, distinct, unit, 0),
        max=_extreme(variable, distinct, unit, -1),
        examples=_examples(variable, present, unit),
        value_labels={str(code): text for code, text in sorted(labels.items())},
    )


def _missing(variable: Variable) -> Any:
    if variable.is_string:
        return variable.values == ""
    return stored_missing(variable.values, variable.type)


def _inferred_type(variable: Variable, distinct: Any, form: str | None) -> str:
    if len(distinct) == 0:
        return "unknown"
    if variable.is_string:
        return "string"
    if form == "boolean":
        return "boolean"
    if date_unit(variable.format) is not None:
        return "datetime"
    if variable.type in ("byte", "int", "long"):
        return "integer"
    return "integer" if bool(np.array_equal(distinct, np.trunc(distinct))) else "number"


def date_unit(display_format: str) -> str | None:
    """`d`, `c`, `m`, `q`, `w`, `h` of a %t format (old %d too); None for anything else, and for plain years."""
    found = re.match(r"%-?(?:t([dcCmqwh])|d)", display_format)
    if found is None:
        return None
    return (found[1] or "d").lower()


def date_text(value: float, unit: str) -> str:
    """ISO text of a date in Stata's count; half-years and weeks as `2020h1`, `2020w1`."""
    count = int(value)
    try:
        if unit == "d":
            return (_EPOCH + dt.timedelta(days=count)).date().isoformat()
        if unit == "c":
            moment = _EPOCH + dt.timedelta(milliseconds=count)
            return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    except OverflowError:
        return str(count)
    if unit == "m":
        return f"{1960 + count // 12:04d}-{count % 12 + 1:02d}"
    per_year = {"q": 4, "w": 52, "h": 2}[unit]
    return f"{1960 + count // per_year:04d}{unit.upper() if unit == 'q' else unit}{count % per_year + 1}"


def _plain(value: Any) -> float | int:
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, float) and number.is_integer() and abs(number) < 2**53:
        return int(number)
    return float(f"{number:.9g}") if isinstance(value, np.float32) else number


def _extreme(variable: Variable, distinct: Any, unit: str | None, which: int) -> float | str | None:
    if variable.is_string or len(distinct) == 0:
        return None
    return _plain(distinct[which]) if unit is None else date_text(float(distinct[which]), unit)


def _shown(variable: Variable, value: Any, unit: str | None) -> Any:
    """A value for JSON: None for missing, ISO text for dates, long text cut."""
    if variable.is_string:
        text = str(value)
        return text if len(text) <= _TEXT_SHOWN else f"{text[:_TEXT_SHOWN]}…"
    return _plain(value) if unit is None else date_text(float(value), unit)


def _examples(variable: Variable, present: Any, unit: str | None) -> list[str]:
    """The first distinct values in the order of the file."""
    found: dict[str, None] = {}
    for value in present[:1000]:
        found.setdefault(str(_shown(variable, value, unit)))
        if len(found) == _EXAMPLES:
            break
    return list(found)


def _sample(data: Dataset) -> list[dict[str, Any]]:
    count = min(data.n_obs, _SAMPLE_ROWS, max(_LEAST_SAMPLE_ROWS, _SAMPLE_CELLS // max(1, len(data.variables))))
    rows: list[dict[str, Any]] = [{} for _ in range(count)]
    for variable in data.variables.values():
        unit = date_unit(variable.format)
        missing = _missing(variable)
        for position in range(count):
            value = None if missing[position] else _shown(variable, variable.values[position], unit)
            rows[position][variable.name] = value
    return rows


def _wide_warning(columns: list[ColumnProfile]) -> list[str]:
    """Years as columns: a panel in wide shape, which most estimators cannot use."""
    years: dict[str, set[str]] = defaultdict(set)
    example: dict[str, str] = {}
    for column in columns:
        found = _YEAR_AT_END.fullmatch(column.original_name)
        if found and column.inferred_type in ("integer", "number"):
            years[found[1]].add(found[2])
            example.setdefault(found[1], column.stata_name)
    warnings = []
    for stem, found_years in years.items():
        if len(found_years) >= _WIDE_FROM:
            first, last = min(found_years), max(found_years)
            name = f"{stem} " if stem else ""
            warnings.append(
                f"The data look wide: {name}{first}–{last} are {len(found_years)} columns. Panel methods need one row "
                f"for each unit and year: reshape to long (columns unit, year, value; for example {example[stem]} "
                "becomes a row) and upload again."
            )
    return warnings[:3]
