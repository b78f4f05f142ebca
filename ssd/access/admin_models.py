"""Administrators and their tokens."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class AdminTokenStatus(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Administrator(msgspec.Struct, frozen=True):
    """Who speaks: the account and the token it was recognized by."""

    username: str
    token_id: str

    @property
    def actor(self) -> str:
        """As the audit log names them."""
        return f"admin:{self.username}"


class AdminToken(msgspec.Struct, frozen=True):
    """An administrator's token as stored: without its secret."""

    token_id: str
    username: str
    name: str
    created_at: str
    expires_at: str
    revoked_at: str | None

    def status_at(self, moment: str) -> AdminTokenStatus:
        """`moment` as ISO 8601 text in UTC."""
        if self.revoked_at is not None:
            return AdminTokenStatus.REVOKED
        if self.expires_at <= moment:
            return AdminTokenStatus.EXPIRED
        return AdminTokenStatus.ACTIVE


class IssuedAdminToken(msgspec.Struct, frozen=True):
    """A new token; the only time its text is seen."""

    token_id: str
    token: str
    username: str
    name: str
    expires_at: str
