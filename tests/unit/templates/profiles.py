"""Profiles of small datasets for tests of the template library."""

from __future__ import annotations

from ssd.inputs.models import ColumnProfile, DatasetProfile


def column(name: str, inferred: str = "number", unique: int = 50, **fields: object) -> ColumnProfile:
    text = inferred == "string"
    known: dict[str, object] = {
        "original_name": name,
        "stata_name": name,
        "inferred_type": inferred,
        "storage_type": "str20" if text else "double",
        "format": "%20s" if text else "%10.0g",
        "label": "",
        "n_missing": 0,
        "n_unique": unique,
        "min": None if text else 0,
        "max": None if text else 100,
        "examples": [],
    }
    return ColumnProfile(**(known | fields))  # type: ignore[arg-type]


def profile(*columns: ColumnProfile) -> DatasetProfile:
    return DatasetProfile(row_count=100, column_count=len(columns), columns=list(columns))


WAGES = profile(
    column("wage", original_name="Hourly wage (USD)"),
    column("educ", "integer", 18),
    column("exper", "integer", 40),
    column("female", "boolean", 2, value_labels={"0": "man", "1": "woman"}),
    column("region", "string", 4),
    column("name", "string", 90),
    column("工资", label="月工资"),
)
