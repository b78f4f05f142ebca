"""The datasets table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from ssd.inputs.models import Dataset, DatasetProfile, Role

_COLUMNS: Final = (
    "job_id, dataset_key, position, role, original_name, format, size_bytes, sha256, rel_path, prepared_rel_path, "
    "profile, created_at"
)

SELECT_OF_JOB: Final = f"SELECT {_COLUMNS} FROM datasets WHERE job_id = ? ORDER BY position"  # noqa: S608
SELECT_PATHS: Final = "SELECT rel_path, prepared_rel_path FROM datasets WHERE job_id = ?"
SELECT_JOBS: Final = "SELECT DISTINCT job_id FROM datasets"
DELETE_OF_JOB: Final = "DELETE FROM datasets WHERE job_id = ?"
INSERT: Final = f"""
    INSERT INTO datasets ({_COLUMNS})
    VALUES (:job_id, :dataset_key, :position, :role, :original_name, :format, :size_bytes, :sha256, :rel_path,
            :prepared_rel_path, :profile, :created_at)"""  # noqa: S608
UPDATE_PREPARED: Final = """
    UPDATE datasets SET prepared_rel_path = :prepared_rel_path, profile = :profile
    WHERE job_id = :job_id AND dataset_key = :dataset_key AND sha256 = :sha256"""

_ENCODER: Final = msgspec.json.Encoder()
_PROFILE: Final = msgspec.json.Decoder(DatasetProfile)


def dataset_of(row: sqlite3.Row) -> Dataset:
    return Dataset(
        job_id=row["job_id"],
        dataset_key=row["dataset_key"],
        position=row["position"],
        role=Role(row["role"]),
        original_name=row["original_name"],
        format=row["format"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        rel_path=row["rel_path"],
        prepared_rel_path=row["prepared_rel_path"],
        profile=_PROFILE.decode(row["profile"]),
        created_at=row["created_at"],
    )


def datasets_of(rows: Iterable[sqlite3.Row]) -> list[Dataset]:
    return [dataset_of(row) for row in rows]


def load(connection: sqlite3.Connection, job_id: str) -> list[Dataset]:
    return datasets_of(connection.execute(SELECT_OF_JOB, (job_id,)).fetchall())


def replace_all(connection: sqlite3.Connection, job_id: str, datasets: Sequence[Dataset]) -> None:
    """These are the inputs of the job now; those before are forgotten."""
    connection.execute(DELETE_OF_JOB, (job_id,))
    for dataset in datasets:
        fields = msgspec.structs.asdict(dataset)
        fields["role"] = dataset.role.value
        fields["profile"] = _ENCODER.encode(dataset.profile).decode()
        connection.execute(INSERT, fields)


def set_prepared(connection: sqlite3.Connection, dataset: Dataset) -> bool:
    """Record another preparation of a dataset; False when the dataset was replaced meanwhile."""
    cursor = connection.execute(
        UPDATE_PREPARED,
        {
            "prepared_rel_path": dataset.prepared_rel_path,
            "profile": _ENCODER.encode(dataset.profile).decode(),
            "job_id": dataset.job_id,
            "dataset_key": dataset.dataset_key,
            "sha256": dataset.sha256,
        },
    )
    return cursor.rowcount == 1
