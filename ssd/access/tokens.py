"""Job tokens: `ssv1.<job_id>.<secret>`. Only a hash of the secret is stored.

A plain SHA-256 is enough because the secret is 256 random bits; there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec
from litestar.types import Scope

from ssd.access.headers import values_of
from ssd.access.models import IssuedToken, StoredToken
from ssd.db.clock import iso_in, now_iso
from ssd.db.ids import time_ordered
from ssd.errors import SsdError

_KEPT_PER_JOB: Final = 5
_TOKEN: Final = re.compile(r"ssv1\.(job_[0-9a-z]{1,64})\.([A-Za-z0-9_-]{16,128})")
_UNAUTHENTICATED: Final = {"WWW-Authenticate": "Bearer"}

INSERT: Final = """
    INSERT INTO job_tokens (token_id, job_id, secret_hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?)"""
# rowid, because several tokens may be made in the same millisecond.
DROP_OLD: Final = """
    DELETE FROM job_tokens WHERE job_id = :job_id AND rowid NOT IN (
        SELECT rowid FROM job_tokens WHERE job_id = :job_id ORDER BY rowid DESC LIMIT :kept)"""
REVOKE_ALL: Final = "UPDATE job_tokens SET revoked_at = ? WHERE job_id = ? AND revoked_at IS NULL"

# A column for statements that read a job and what is needed to let the caller in, in one go.
STORED_AS_JSON: Final = """(
    SELECT json_group_array(json_array(t.secret_hash, t.expires_at, t.revoked_at))
    FROM job_tokens AS t WHERE t.job_id = jobs.job_id)"""

_STORED: Final = msgspec.json.Decoder(list[StoredToken])


class PresentedToken(msgspec.Struct, frozen=True):
    """What the Authorization header holds, well-formed but not yet checked."""

    job_id: str
    secret: str


def issue(connection: sqlite3.Connection, job_id: str, *, ttl_days: int) -> IssuedToken:
    """A new token for a job."""
    secret = secrets.token_urlsafe(32)
    expires_at = iso_in(days=ttl_days)
    connection.execute(INSERT, (time_ordered(24), job_id, _hash(secret), now_iso(), expires_at))
    return IssuedToken(f"ssv1.{job_id}.{secret}", expires_at)


def drop_oldest(connection: sqlite3.Connection, job_id: str) -> None:
    """Keep the last five tokens of a job."""
    connection.execute(DROP_OLD, {"job_id": job_id, "kept": _KEPT_PER_JOB})


def revoke_all(connection: sqlite3.Connection, job_id: str) -> None:
    connection.execute(REVOKE_ALL, (now_iso(), job_id))


def presented_in(scope: Scope) -> PresentedToken:
    """The token of a request. Raises AUTH_BEARER_TOKEN_MISSING or AUTH_BEARER_TOKEN_INVALID."""
    values = values_of(scope, b"authorization")
    if not values or not values[0]:
        raise SsdError("AUTH_BEARER_TOKEN_MISSING", headers=_UNAUTHENTICATED)
    scheme, _, credentials = values[0].partition(" ")
    match = _TOKEN.fullmatch(credentials.strip())
    if len(values) > 1 or scheme.lower() != "bearer" or match is None:
        raise SsdError("AUTH_BEARER_TOKEN_INVALID", headers=_UNAUTHENTICATED)
    return PresentedToken(match[1], match[2])


def stored_of(as_json: str) -> list[StoredToken]:
    """The tokens in a `STORED_AS_JSON` column."""
    return _STORED.decode(as_json)


def check(token: PresentedToken, stored: Sequence[StoredToken]) -> None:
    """Raises AUTH_TOKEN_INVALID, or AUTH_TOKEN_EXPIRED when the token was valid once."""
    presented = _hash(token.secret)
    found: StoredToken | None = None
    for candidate in stored:
        if hmac.compare_digest(candidate.secret_hash, presented):
            found = candidate
    if found is None or found.revoked_at is not None:
        raise SsdError("AUTH_TOKEN_INVALID")
    if found.expires_at <= now_iso():
        raise SsdError("AUTH_TOKEN_EXPIRED")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
