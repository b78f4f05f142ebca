"""The index of a job's files: only what is listed here can be downloaded."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from ssd.db.database import Database
from ssd.jobs.models import ArtifactRecord

_COLUMNS: Final = "kind, rel_path, created_at, size_bytes, sha256, media_type, run_id, step_id, title, meta"

UPSERT: Final = """
    INSERT INTO artifacts (job_id, rel_path, kind, created_at, size_bytes, sha256, media_type, run_id, step_id,
                           title, meta)
    VALUES (:job_id, :rel_path, :kind, :created_at, :size_bytes, :sha256, :media_type, :run_id, :step_id,
            :title, :meta)
    ON CONFLICT (job_id, rel_path) DO UPDATE SET
        kind = excluded.kind, created_at = excluded.created_at, size_bytes = excluded.size_bytes,
        sha256 = excluded.sha256, media_type = excluded.media_type, run_id = excluded.run_id,
        step_id = excluded.step_id, title = excluded.title, meta = excluded.meta"""

# A range instead of LIKE: the prefix may hold % and _, and a range uses the primary key.
FORGET: Final = "DELETE FROM artifacts WHERE job_id = ? AND rel_path >= ? AND rel_path < ?"
FORGET_ALL: Final = "DELETE FROM artifacts WHERE job_id = ?"

FIND: Final = f"SELECT {_COLUMNS} FROM artifacts WHERE job_id = ? AND rel_path = ?"  # noqa: S608

# One statement per filter, so that each is answered by one index.
LIST: Final = f"""
    SELECT {_COLUMNS} FROM artifacts
    WHERE job_id = :job_id AND rel_path > :after ORDER BY rel_path LIMIT :limit"""  # noqa: S608
LIST_KIND: Final = f"""
    SELECT {_COLUMNS} FROM artifacts
    WHERE job_id = :job_id AND kind = :kind AND rel_path > :after ORDER BY rel_path LIMIT :limit"""  # noqa: S608
LIST_RUN: Final = f"""
    SELECT {_COLUMNS} FROM artifacts
    WHERE run_id = :run_id AND job_id = :job_id AND rel_path > :after ORDER BY rel_path LIMIT :limit"""  # noqa: S608
LIST_RUN_KIND: Final = f"""
    SELECT {_COLUMNS} FROM artifacts
    WHERE run_id = :run_id AND job_id = :job_id AND kind = :kind AND rel_path > :after
    ORDER BY rel_path LIMIT :limit"""  # noqa: S608

_LIST_BY_FILTERS: Final = {
    (False, False): LIST,
    (True, False): LIST_KIND,
    (False, True): LIST_RUN,
    (True, True): LIST_RUN_KIND,
}

COUNT_BY_KIND: Final = "SELECT kind, count(*) AS n FROM artifacts WHERE job_id = ? GROUP BY kind ORDER BY kind"

_AFTER_EVERY_PATH: Final = "\U0010ffff"
_JSON: Final = msgspec.json.Encoder()
_META: Final = msgspec.json.Decoder(dict[str, Any])


def _record_of(row: sqlite3.Row) -> ArtifactRecord:
    return ArtifactRecord(
        kind=row["kind"],
        rel_path=row["rel_path"],
        created_at=row["created_at"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        media_type=row["media_type"],
        run_id=row["run_id"],
        step_id=row["step_id"],
        title=row["title"],
        meta=_META.decode(row["meta"]),
    )


def record(connection: sqlite3.Connection, job_id: str, artifact: ArtifactRecord) -> None:
    """Make a file known; a later record of the same rel_path replaces the earlier one."""
    connection.execute(
        UPSERT,
        {
            "job_id": job_id,
            "rel_path": artifact.rel_path,
            "kind": artifact.kind,
            "created_at": artifact.created_at,
            "size_bytes": artifact.size_bytes,
            "sha256": artifact.sha256,
            "media_type": artifact.media_type,
            "run_id": artifact.run_id,
            "step_id": artifact.step_id,
            "title": artifact.title,
            "meta": _JSON.encode(artifact.meta).decode(),
        },
    )


def forget(connection: sqlite3.Connection, job_id: str, prefix: str) -> None:
    """Remove every record whose rel_path begins with `prefix`; an empty prefix removes all."""
    if prefix:
        connection.execute(FORGET, (job_id, prefix, prefix + _AFTER_EVERY_PATH))
    else:
        connection.execute(FORGET_ALL, (job_id,))


async def listing(
    database: Database,
    job_id: str,
    kind: str | None = None,
    run_id: str | None = None,
    *,
    after: str | None = None,
    limit: int = 50,
) -> list[ArtifactRecord]:
    """Up to `limit` records in order of rel_path, those after `after` only."""
    sql = _LIST_BY_FILTERS[kind is not None, run_id is not None]
    parameters = {"job_id": job_id, "kind": kind, "run_id": run_id, "after": after or "", "limit": limit}
    return [_record_of(row) for row in await database.all(sql, parameters)]


async def find(database: Database, job_id: str, rel_path: str) -> ArtifactRecord | None:
    row = await database.one(FIND, (job_id, rel_path))
    return None if row is None else _record_of(row)


async def count_by_kind(database: Database, job_id: str) -> dict[str, int]:
    return {row["kind"]: row["n"] for row in await database.all(COUNT_BY_KIND, (job_id,))}
