"""SQL of the tables admin_accounts and admin_tokens."""

from __future__ import annotations

import sqlite3
from typing import Final

from ssd.access.admin_models import AdminToken

FIND_ACCOUNT: Final = "SELECT username, password_hash FROM admin_accounts WHERE username = ?"
ANY_ACCOUNT: Final = "SELECT username FROM admin_accounts LIMIT 1"
OTHER_ACCOUNTS: Final = "SELECT username FROM admin_accounts WHERE username <> ?"
SET_ACCOUNT: Final = """
    INSERT INTO admin_accounts (username, password_hash, created_at, updated_at)
    VALUES (:username, :password_hash, :now, :now)
    ON CONFLICT (username) DO UPDATE SET password_hash = excluded.password_hash, updated_at = excluded.updated_at"""
DELETE_ACCOUNT: Final = "DELETE FROM admin_accounts WHERE username = ?"

_COLUMNS: Final = "token_id, username, name, created_at, expires_at, revoked_at"

INSERT_TOKEN: Final = """
    INSERT INTO admin_tokens (token_id, username, name, secret_hash, created_at, expires_at)
    VALUES (?, ?, ?, ?, ?, ?)"""  # noqa: S105 - a statement
FIND_TOKEN: Final = f"SELECT {_COLUMNS}, secret_hash FROM admin_tokens WHERE token_id = ?"  # noqa: S608
# Newest first; ids begin with the time.
LIST_TOKENS: Final = f"""
    SELECT {_COLUMNS} FROM admin_tokens WHERE token_id < :before ORDER BY token_id DESC LIMIT :limit"""  # noqa: S608
REVOKE_TOKEN: Final = "UPDATE admin_tokens SET revoked_at = ? WHERE token_id = ? AND revoked_at IS NULL"  # noqa: S105
DELETE_TOKEN: Final = "DELETE FROM admin_tokens WHERE token_id = ?"  # noqa: S105
DELETE_TOKENS_OF: Final = "DELETE FROM admin_tokens WHERE username = ?"
DROP_LONG_EXPIRED: Final = "DELETE FROM admin_tokens WHERE username = ? AND expires_at < ?"


def token_of(row: sqlite3.Row) -> AdminToken:
    return AdminToken(
        token_id=row["token_id"],
        username=row["username"],
        name=row["name"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )


def find_token(connection: sqlite3.Connection, token_id: str) -> AdminToken | None:
    row = connection.execute(FIND_TOKEN, (token_id,)).fetchone()
    return None if row is None else token_of(row)
