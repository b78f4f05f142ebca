"""Tenants, task codes and job tokens."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class CodeStatus(StrEnum):
    """What has become of a task code."""

    UNUSED = "unused"
    USED = "used"
    """It has a job; it can be redeemed again for a new token, also after its expiry."""
    EXPIRED = "expired"
    """Never redeemed, and too late now."""
    REVOKED = "revoked"


class TaskCode(msgspec.Struct, frozen=True):
    """A task code as stored: without the code itself."""

    code_id: str
    tenant_id: str
    created_at: str
    expires_at: str
    revoked_at: str | None
    redeemed_at: str | None
    job_id: str | None

    def status_at(self, moment: str) -> CodeStatus:
        """`moment` as ISO 8601 text in UTC."""
        if self.revoked_at is not None:
            return CodeStatus.REVOKED
        if self.job_id is not None:
            return CodeStatus.USED
        if self.expires_at <= moment:
            return CodeStatus.EXPIRED
        return CodeStatus.UNUSED


class IssuedCode(msgspec.Struct, frozen=True):
    """A new task code; the only time its text is seen."""

    code_id: str
    task_code: str
    tenant_id: str
    expires_at: str


class IssuedToken(msgspec.Struct, frozen=True):
    """A new job token; the only time its text is seen."""

    token: str
    expires_at: str


class StoredToken(msgspec.Struct, frozen=True, array_like=True):
    """A job token as stored."""

    secret_hash: str
    expires_at: str
    revoked_at: str | None
