"""SQL of the tables tenants, task_codes and audit_log."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from ssd.access.models import TaskCode
from ssd.db.clock import now_iso

ADD_TENANT: Final = "INSERT INTO tenants (tenant_id, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING"

_COLUMNS: Final = "code_id, tenant_id, created_at, expires_at, revoked_at, redeemed_at, job_id"

INSERT_CODE: Final = """
    INSERT INTO task_codes (code_id, code_hash, tenant_id, created_at, expires_at) VALUES (?, ?, ?, ?, ?)"""
FIND_BY_HASH: Final = f"SELECT {_COLUMNS} FROM task_codes WHERE code_hash = ?"  # noqa: S608
FIND_BY_ID: Final = f"SELECT {_COLUMNS} FROM task_codes WHERE code_id = ?"  # noqa: S608
FIND_BY_JOB: Final = f"SELECT {_COLUMNS} FROM task_codes WHERE job_id = ?"  # noqa: S608
BIND_CODE: Final = "UPDATE task_codes SET job_id = ?, redeemed_at = ? WHERE code_id = ?"
REVOKE_CODE: Final = "UPDATE task_codes SET revoked_at = ? WHERE code_id = ? AND revoked_at IS NULL"
DELETE_CODE: Final = "DELETE FROM task_codes WHERE code_id = ?"

# Newest first; the cursor is the last code_id seen, which sorts by time.
LIST_CODES: Final = f"""
    SELECT {_COLUMNS} FROM task_codes WHERE code_id < :before ORDER BY code_id DESC LIMIT :limit"""  # noqa: S608
LIST_CODES_OF_TENANT: Final = f"""
    SELECT {_COLUMNS} FROM task_codes WHERE tenant_id = :tenant_id AND code_id < :before
    ORDER BY code_id DESC LIMIT :limit"""  # noqa: S608

AUDIT: Final = "INSERT INTO audit_log (at, actor, action, subject, data) VALUES (?, ?, ?, ?, ?)"

_JSON: Final = msgspec.json.Encoder()


def code_of(row: sqlite3.Row) -> TaskCode:
    return TaskCode(
        code_id=row["code_id"],
        tenant_id=row["tenant_id"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        redeemed_at=row["redeemed_at"],
        job_id=row["job_id"],
    )


def add_tenant(connection: sqlite3.Connection, tenant_id: str) -> None:
    """Make a tenant known; nothing happens when it is."""
    connection.execute(ADD_TENANT, (tenant_id, now_iso()))


def find_code(connection: sqlite3.Connection, sql: str, key: str) -> TaskCode | None:
    """`sql` is one of the FIND_ statements."""
    row = connection.execute(sql, (key,)).fetchone()
    return None if row is None else code_of(row)


def audit(connection: sqlite3.Connection, actor: str, action: str, subject: str, data: dict[str, Any]) -> None:
    """Append to the audit log, in the transaction of what is recorded."""
    connection.execute(AUDIT, (now_iso(), actor, action, subject, _JSON.encode(data).decode()))
