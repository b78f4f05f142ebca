"""What a client sees of the inputs."""

from __future__ import annotations

from typing import Any

import msgspec

from ssd.inputs.models import ColumnProfile, Dataset, InputSet, PanelGuess
from ssd.inputs.service import find_dataset


class UploadAnswer(msgspec.Struct, frozen=True):
    job_id: str
    manifest_rel_path: str
    fingerprint: str


class PreviewColumn(msgspec.Struct, frozen=True):
    """`name` is the Stata name: what sample_rows, draft and plan use. `original_name` is the header of the file."""

    name: str
    original_name: str
    stata_name: str
    inferred_type: str
    storage_type: str
    format: str
    label: str
    n_missing: int
    n_unique: int
    min: float | str | None
    max: float | str | None
    examples: list[str]
    value_labels: dict[str, str]


class PreviewDataset(msgspec.Struct, frozen=True):
    dataset_key: str
    role: str
    original_name: str
    format: str
    size_bytes: int
    sha256: str
    row_count: int
    column_count: int
    sheet_names: list[str]
    hidden_sheets: list[str]
    selected_sheet: str | None
    header_row: int


class Preview(msgspec.Struct, frozen=True):
    """One dataset in detail and all datasets in short. `row_count` and `column_count` are those of the whole."""

    job_id: str
    dataset_key: str
    fingerprint: str
    row_count: int
    column_count: int
    sheet_names: list[str]
    hidden_sheets: list[str]
    selected_sheet: str | None
    header_row: int
    columns: list[PreviewColumn]
    sample_rows: list[dict[str, Any]]
    panel_guesses: list[PanelGuess]
    datasets: list[PreviewDataset]
    encoding: str | None
    separator: str | None
    warnings: list[str]


def preview_of(inputs: InputSet, *, rows: int, columns: int, dataset_key: str | None = None) -> Preview:
    """The primary dataset unless another is named. Raises INPUT_DATASET_NOT_FOUND."""
    dataset = inputs.primary if dataset_key is None else find_dataset(inputs, dataset_key)
    profile = dataset.profile
    shown = profile.columns[:columns]
    names = [column.stata_name for column in shown]
    return Preview(
        job_id=dataset.job_id,
        dataset_key=dataset.dataset_key,
        fingerprint=inputs.fingerprint,
        row_count=profile.row_count,
        column_count=profile.column_count,
        sheet_names=profile.sheet_names,
        hidden_sheets=profile.hidden_sheets,
        selected_sheet=profile.selected_sheet,
        header_row=profile.header_row,
        columns=[_column(column) for column in shown],
        sample_rows=[{name: row.get(name) for name in names} for row in profile.sample_rows[:rows]],
        panel_guesses=profile.panel_guesses,
        datasets=[_dataset(item) for item in inputs.datasets],
        encoding=profile.encoding,
        separator=profile.separator,
        warnings=profile.warnings,
    )


def _column(column: ColumnProfile) -> PreviewColumn:
    return PreviewColumn(
        name=column.stata_name,
        original_name=column.original_name,
        stata_name=column.stata_name,
        inferred_type=column.inferred_type,
        storage_type=column.storage_type,
        format=column.format,
        label=column.label,
        n_missing=column.n_missing,
        n_unique=column.n_unique,
        min=column.min,
        max=column.max,
        examples=column.examples,
        value_labels=column.value_labels,
    )


def _dataset(dataset: Dataset) -> PreviewDataset:
    profile = dataset.profile
    return PreviewDataset(
        dataset_key=dataset.dataset_key,
        role=dataset.role.value,
        original_name=dataset.original_name,
        format=dataset.format,
        size_bytes=dataset.size_bytes,
        sha256=dataset.sha256,
        row_count=profile.row_count,
        column_count=profile.column_count,
        sheet_names=profile.sheet_names,
        hidden_sheets=profile.hidden_sheets,
        selected_sheet=profile.selected_sheet,
        header_row=profile.header_row,
    )
