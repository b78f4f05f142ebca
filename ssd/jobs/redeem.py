"""Redeeming a task code: the one way a job comes into being."""

from __future__ import annotations

import sqlite3

import msgspec

from ssd.access import codes, tokens
from ssd.access import store as access_store
from ssd.access.models import CodeStatus, IssuedToken
from ssd.db.clock import now_iso
from ssd.db.database import Database
from ssd.errors import FieldError, SsdError
from ssd.jobs import store
from ssd.jobs.service import Jobs


class Redeemed(msgspec.Struct, frozen=True):
    """What redeeming gives: the job, a new token for it, and whether the job was there before."""

    job_id: str
    token: str
    expires_at: str
    is_idempotent: bool


class Redeeming:
    """Turns task codes into jobs and job tokens."""

    def __init__(self, database: Database, *, token_ttl_days: int) -> None:
        self._database = database
        self._token_ttl_days = token_ttl_days

    async def redeem(self, task_code: str, requirement: str, *, tenant_id: str) -> Redeemed:
        """The job of a code, made at the first redeem; a new token every time; durable when it returns.

        A later redeem fills the requirement if it is still blank. Raises TASK_CODE_INVALID (blank),
        TASK_CODE_NOT_FOUND, TASK_CODE_EXPIRED, TASK_CODE_REVOKED, or AUTH_TOKEN_FORBIDDEN when the code
        belongs to another tenant.
        """
        if not task_code.strip():
            problem = FieldError("task_code", "The task code is blank.", "XXXXX-XXXXX-XXXXX-XXXXX")
            raise SsdError("TASK_CODE_INVALID", errors=(problem,))
        fingerprint = codes.fingerprint(task_code)
        words = requirement.strip()

        # One writer runs units one after the other, so two first redeems of a code cannot both find it unused.
        def unit(connection: sqlite3.Connection) -> Redeemed:
            code = access_store.find_code(connection, access_store.FIND_BY_HASH, fingerprint)
            if code is None:
                raise SsdError("TASK_CODE_NOT_FOUND")
            if code.tenant_id != tenant_id:
                raise SsdError("AUTH_TOKEN_FORBIDDEN", "The task code belongs to another tenant.")
            moment = now_iso()
            match code.status_at(moment):
                case CodeStatus.REVOKED:
                    raise SsdError("TASK_CODE_REVOKED")
                case CodeStatus.EXPIRED:
                    raise SsdError("TASK_CODE_EXPIRED")
                case CodeStatus.USED:
                    assert code.job_id is not None
                    if words:
                        store.fill_requirement(connection, code.job_id, words)
                    issued = self._issue(connection, code.job_id)
                    tokens.drop_oldest(connection, code.job_id)
                    return _answer(code.job_id, issued, is_idempotent=True)
                case CodeStatus.UNUSED:
                    job_id = Jobs.create(connection, code.tenant_id, words)
                    connection.execute(access_store.BIND_CODE, (job_id, moment, code.code_id))
                    return _answer(job_id, self._issue(connection, job_id), is_idempotent=False)

        return await self._database.write(unit)

    def _issue(self, connection: sqlite3.Connection, job_id: str) -> IssuedToken:
        return tokens.issue(connection, job_id, ttl_days=self._token_ttl_days)


def _answer(job_id: str, issued: IssuedToken, *, is_idempotent: bool) -> Redeemed:
    return Redeemed(job_id, issued.token, issued.expires_at, is_idempotent)
