"""Who may touch a job: the bearer of one of its tokens, speaking for its tenant."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import Scope

from ssd.access import tokens
from ssd.access.models import StoredToken
from ssd.access.tenants import tenant_of
from ssd.errors import SsdError
from ssd.jobs import store
from ssd.jobs.models import Job
from ssd.jobs.service import Jobs

# The job and what decides about its caller in one read.
SELECT_GUARDED: Final = f"""
    SELECT {store.COLUMNS}, {tokens.STORED_AS_JSON} AS tokens
    FROM jobs WHERE job_id = ? AND deleted_at IS NULL"""  # noqa: S608


class Guarded(msgspec.Struct, frozen=True):
    """What decides about a caller: the tenant and the tokens of a job."""

    tenant_id: str
    tokens: list[StoredToken]

    @classmethod
    def of(cls, row: sqlite3.Row) -> Guarded:
        """From a row with the columns `tenant_id` and `tokens`."""
        return cls(row["tenant_id"], tokens.stored_of(row["tokens"]))


class Caller(msgspec.Struct, frozen=True):
    """What a request claims: a tenant and a token, both well-formed but not checked yet."""

    tenant_id: str
    token: tokens.PresentedToken

    @classmethod
    def of(cls, scope: Scope) -> Caller:
        """Raises TENANT_ID_UNSAFE, AUTH_BEARER_TOKEN_MISSING or AUTH_BEARER_TOKEN_INVALID."""
        return cls(tenant_of(scope), tokens.presented_in(scope))

    def require_access(self, job_id: str, guarded: Guarded | None) -> None:
        """Return if the caller may have the job.

        Raises JOB_NOT_FOUND when there is none, AUTH_TOKEN_FORBIDDEN for a token of another job or
        tenant, AUTH_TOKEN_INVALID or AUTH_TOKEN_EXPIRED.
        """
        if guarded is None:
            raise SsdError("JOB_NOT_FOUND")
        if self.token.job_id != job_id:
            raise SsdError("AUTH_TOKEN_FORBIDDEN")
        tokens.check(self.token, guarded.tokens)
        if guarded.tenant_id != self.tenant_id:
            raise SsdError("AUTH_TOKEN_FORBIDDEN")


async def provide_job(job_id: FromPath[str], request: Request[Any, Any, Any], jobs: NamedDependency[Jobs]) -> Job:
    """The job of a `/v1/jobs/{job_id}/…` route, for callers with a token of it. See `Caller.require_access`."""
    caller = Caller.of(request.scope)
    row = await jobs.database.one(SELECT_GUARDED, (job_id,))
    caller.require_access(job_id, None if row is None else Guarded.of(row))
    assert row is not None
    return store.job_of(row)
