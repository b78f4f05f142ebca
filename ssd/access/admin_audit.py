"""Reading the audit log."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from ssd.db.database import Database

_COLUMNS: Final = "audit_id, at, actor, action, subject, data"

# Newest first. One statement per filter, so that each is answered by one index.
LIST: Final = f"""
    SELECT {_COLUMNS} FROM audit_log WHERE audit_id < :before ORDER BY audit_id DESC LIMIT :limit"""  # noqa: S608
LIST_SUBJECT: Final = f"""
    SELECT {_COLUMNS} FROM audit_log WHERE subject = :subject AND audit_id < :before
    ORDER BY audit_id DESC LIMIT :limit"""  # noqa: S608
LIST_ACTION: Final = f"""
    SELECT {_COLUMNS} FROM audit_log WHERE action = :action AND audit_id < :before
    ORDER BY audit_id DESC LIMIT :limit"""  # noqa: S608
LIST_SUBJECT_ACTION: Final = f"""
    SELECT {_COLUMNS} FROM audit_log WHERE subject = :subject AND action = :action AND audit_id < :before
    ORDER BY audit_id DESC LIMIT :limit"""  # noqa: S608

_BY_FILTERS: Final = {
    (False, False): LIST,
    (True, False): LIST_SUBJECT,
    (False, True): LIST_ACTION,
    (True, True): LIST_SUBJECT_ACTION,
}
_AFTER_EVERY_ID: Final = 2**62
_DATA: Final = msgspec.json.Decoder(dict[str, Any])


class AuditEntry(msgspec.Struct, frozen=True):
    """Who did what to what, and when."""

    audit_id: int
    at: str
    actor: str
    action: str
    subject: str
    data: dict[str, Any]


async def listing(
    database: Database,
    *,
    subject: str | None = None,
    action: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[AuditEntry]:
    """Up to `limit` entries, newest first, those before the entry `before` only."""
    sql = _BY_FILTERS[subject is not None, action is not None]
    parameters = {"subject": subject, "action": action, "before": before or _AFTER_EVERY_ID, "limit": limit}
    return [_entry_of(row) for row in await database.all(sql, parameters)]


def _entry_of(row: sqlite3.Row) -> AuditEntry:
    return AuditEntry(
        audit_id=row["audit_id"],
        at=row["at"],
        actor=row["actor"],
        action=row["action"],
        subject=row["subject"],
        data=_DATA.decode(row["data"]),
    )
