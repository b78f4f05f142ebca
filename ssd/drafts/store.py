"""SQL of the drafts table. Functions over a connection run inside a unit of work."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from ssd.drafts.models import Draft, StoredDraft

_COLUMNS: Final = "job_id, draft_id, requirement_fingerprint, inputs_fingerprint, body, edits, created_at, updated_at"

SELECT: Final = f"SELECT {_COLUMNS} FROM drafts WHERE job_id = ?"  # noqa: S608
UPSERT: Final = f"""
    INSERT INTO drafts ({_COLUMNS})
    VALUES (:job_id, :draft_id, :requirement_fingerprint, :inputs_fingerprint, :body, :edits, :created_at, :updated_at)
    ON CONFLICT (job_id) DO UPDATE SET
        draft_id = excluded.draft_id, requirement_fingerprint = excluded.requirement_fingerprint,
        inputs_fingerprint = excluded.inputs_fingerprint, body = excluded.body, edits = excluded.edits,
        updated_at = excluded.updated_at"""  # noqa: S608

_ENCODER: Final = msgspec.json.Encoder()
_DRAFT: Final = msgspec.json.Decoder(Draft)
_EDITS: Final = msgspec.json.Decoder(dict[str, Any])


def draft_of(row: sqlite3.Row) -> StoredDraft:
    return StoredDraft(
        job_id=row["job_id"],
        draft_id=row["draft_id"],
        requirement_fingerprint=row["requirement_fingerprint"],
        inputs_fingerprint=row["inputs_fingerprint"],
        body=_DRAFT.decode(row["body"]),
        edits=_EDITS.decode(row["edits"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def load(connection: sqlite3.Connection, job_id: str) -> StoredDraft | None:
    row = connection.execute(SELECT, (job_id,)).fetchone()
    return None if row is None else draft_of(row)


def save(connection: sqlite3.Connection, stored: StoredDraft) -> None:
    """Insert, or replace the proposal of the job; `created_at` of the first draft stays."""
    connection.execute(
        UPSERT,
        {
            "job_id": stored.job_id,
            "draft_id": stored.draft_id,
            "requirement_fingerprint": stored.requirement_fingerprint,
            "inputs_fingerprint": stored.inputs_fingerprint,
            "body": _ENCODER.encode(stored.body).decode(),
            "edits": _ENCODER.encode(stored.edits).decode(),
            "created_at": stored.created_at,
            "updated_at": stored.updated_at,
        },
    )
