"""Answers that may be used again: for the same user, operation, model, schema version and prompt fields."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Any, Final

import msgspec

from ssd.llm.models import LlmRequest, Scope

FIND: Final = """
    SELECT value, provider, model FROM llm_cache
    WHERE tenant_id = :tenant_id AND user_id = :user_id AND cache_key = :cache_key
      AND expires_at > :now AND created_at > :watermark"""
PUT: Final = """
    INSERT INTO llm_cache (tenant_id, user_id, cache_key, operation, provider, model, job_id, value,
        created_at, expires_at)
    VALUES (:tenant_id, :user_id, :cache_key, :operation, :provider, :model, :job_id, :value, :now, :expires_at)
    ON CONFLICT (tenant_id, user_id, cache_key) DO UPDATE SET
        provider = excluded.provider, model = excluded.model, job_id = excluded.job_id, value = excluded.value,
        created_at = excluded.created_at, expires_at = excluded.expires_at"""
DROP_EXPIRED: Final = "DELETE FROM llm_cache WHERE expires_at <= ?"
COUNT: Final = "SELECT count(*) AS entries FROM llm_cache"
DROP_OLDEST: Final = """
    DELETE FROM llm_cache WHERE (tenant_id, user_id, cache_key) IN
        (SELECT tenant_id, user_id, cache_key FROM llm_cache ORDER BY created_at LIMIT ?)"""


class Cached(msgspec.Struct, frozen=True):
    value: str
    provider: str
    model: str


def key(request: LlmRequest[Any], fields: dict[str, str], model: str) -> str | None:
    """The key of a request whose prompt has `fields`; None when it must not be cached."""
    if not request.cache_fields or request.proceed is not None:
        return None
    decisive = [[name, fields[name]] for name in sorted(request.cache_fields)]
    content = msgspec.json.encode([request.operation, model, request.schema_version, decisive])
    return hashlib.sha256(content).hexdigest()


def find(
    connection: sqlite3.Connection, scope: Scope, cache_key: str, *, now: str, watermark: str | None
) -> Cached | None:
    parameters = {
        "tenant_id": scope.tenant_id,
        "user_id": scope.user_id,
        "cache_key": cache_key,
        "now": now,
        "watermark": watermark or "",
    }
    row = connection.execute(FIND, parameters).fetchone()
    return None if row is None else Cached(row["value"], row["provider"], row["model"])


def put(
    connection: sqlite3.Connection,
    scope: Scope,
    cache_key: str,
    answer: Cached,
    *,
    operation: str,
    job_id: str | None,
    now: str,
    expires_at: str,
) -> None:
    parameters = {
        "tenant_id": scope.tenant_id,
        "user_id": scope.user_id,
        "cache_key": cache_key,
        "operation": operation,
        "provider": answer.provider,
        "model": answer.model,
        "job_id": job_id,
        "value": answer.value,
        "now": now,
        "expires_at": expires_at,
    }
    connection.execute(PUT, parameters)


def trim(connection: sqlite3.Connection, *, now: str, max_entries: int) -> int:
    """Drop what has expired and, above `max_entries`, the oldest; how many went."""
    dropped = connection.execute(DROP_EXPIRED, (now,)).rowcount
    surplus = int(connection.execute(COUNT).fetchone()["entries"]) - max_entries
    if surplus > 0:
        dropped += connection.execute(DROP_OLDEST, (surplus,)).rowcount
    return dropped
