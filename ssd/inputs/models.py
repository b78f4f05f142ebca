"""Inputs of a job: datasets as uploaded, as prepared for Stata, and what is known about them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Role(StrEnum):
    PRIMARY = "primary_dataset"
    SECONDARY = "secondary_dataset"
    AUXILIARY = "auxiliary_data"
    OTHER = "other"


class ColumnProfile(msgspec.Struct, frozen=True):
    """One column of a prepared dataset."""

    original_name: str
    """Header as in the file."""
    stata_name: str
    """Valid, unique Stata name; bindings use it."""
    inferred_type: str
    """boolean, integer, number, datetime, string or unknown."""
    storage_type: str
    """Stata type in the prepared file: byte, int, long, float, double, str#."""
    format: str
    label: str
    n_missing: int
    n_unique: int
    min: float | str | None
    """Smallest value (numbers: number; dates: ISO text; strings: None)."""
    max: float | str | None
    examples: list[str]
    """Up to five distinct values as text."""
    value_labels: dict[str, str] = {}


class PanelGuess(msgspec.Struct, frozen=True):
    """A pair of columns that identify the rows."""

    entity: str
    time: str
    n_entities: int
    n_periods: int
    balanced: bool


class DatasetProfile(msgspec.Struct, frozen=True):
    """What preparation found out about one dataset."""

    row_count: int
    column_count: int
    columns: list[ColumnProfile]
    panel_guesses: list[PanelGuess] = []
    sheet_names: list[str] = []
    hidden_sheets: list[str] = []
    selected_sheet: str | None = None
    header_row: int = 0
    """0-based row of the header in the sheet or file."""
    encoding: str | None = None
    separator: str | None = None
    sample_rows: list[dict[str, Any]] = []
    """The first 200 rows by stata_name, as JSON values."""
    warnings: list[str] = []

    def column(self, name: str) -> ColumnProfile | None:
        """By Stata name or by original header."""
        for column in self.columns:
            if name in (column.stata_name, column.original_name):
                return column
        return None


class Dataset(msgspec.Struct, frozen=True):
    """One input of a job as stored."""

    job_id: str
    dataset_key: str
    position: int
    role: Role
    original_name: str
    format: str
    size_bytes: int
    sha256: str
    rel_path: str
    prepared_rel_path: str
    profile: DatasetProfile
    created_at: str


class InputSet(msgspec.Struct, frozen=True):
    """All inputs of a job; `fingerprint` changes when any file, role or sheet choice changes."""

    datasets: list[Dataset]
    fingerprint: str

    @property
    def primary(self) -> Dataset:
        return next(item for item in self.datasets if item.role is Role.PRIMARY)


class PreparationRequest(msgspec.Struct, frozen=True):
    """What the server asks of a preparation child."""

    input_path: str
    format: str
    output_path: str
    """Where the .dta goes."""
    result_path: str
    """Where the PreparationOutcome goes, as JSON."""
    sheet: str | None = None
    memory_mb: int = 0
    cpu_seconds: int = 0


class PreparationOutcome(msgspec.Struct, frozen=True):
    """What the child answers: a profile, or a code of the catalogue with words for the researcher."""

    profile: DatasetProfile | None = None
    error_code: str | None = None
    message: str = ""
    members: dict[str, Any] = {}
