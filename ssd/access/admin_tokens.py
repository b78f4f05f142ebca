"""Administrators' tokens: `ssa1.<token_id>.<secret>`. Only a hash of the secret is stored.

A plain SHA-256 is enough because the secret is 256 random bits; there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sqlite3
import time
from typing import Final

import msgspec
from litestar.types import Scope

from ssd.access import admin_store
from ssd.access.admin_models import IssuedAdminToken
from ssd.access.headers import values_of
from ssd.db.clock import now_iso
from ssd.errors import SsdError

_TOKEN: Final = re.compile(r"ssa1\.([0-9a-f]{24})\.([A-Za-z0-9_-]{16,128})")
_UNAUTHENTICATED: Final = {"WWW-Authenticate": "Bearer"}


class PresentedAdminToken(msgspec.Struct, frozen=True):
    """What the Authorization header holds, well-formed but not yet checked."""

    token_id: str
    secret: str

    def fits(self, secret_hash: str) -> bool:
        """Whether the stored hash is of this secret."""
        return hmac.compare_digest(secret_hash, _hash(self.secret))


def presented_in(scope: Scope) -> PresentedAdminToken:
    """The token of a request. Raises ADMIN_BEARER_TOKEN_MISSING or ADMIN_BEARER_TOKEN_INVALID."""
    values = values_of(scope, b"authorization")
    if not values or not values[0]:
        raise SsdError("ADMIN_BEARER_TOKEN_MISSING", headers=_UNAUTHENTICATED)
    scheme, _, credentials = values[0].partition(" ")
    match = _TOKEN.fullmatch(credentials.strip())
    if len(values) > 1 or scheme.lower() != "bearer" or match is None:
        raise SsdError("ADMIN_BEARER_TOKEN_INVALID", headers=_UNAUTHENTICATED)
    return PresentedAdminToken(match[1], match[2])


def issue(connection: sqlite3.Connection, *, username: str, name: str, expires_at: str) -> IssuedAdminToken:
    """A new token of an account."""
    # The time in front: lists page by the id, newest first.
    token_id = f"{int(time.time() * 1000):012x}{secrets.token_hex(6)}"
    secret = secrets.token_urlsafe(32)
    connection.execute(admin_store.INSERT_TOKEN, (token_id, username, name, _hash(secret), now_iso(), expires_at))
    return IssuedAdminToken(token_id, f"ssa1.{token_id}.{secret}", username, name, expires_at)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
