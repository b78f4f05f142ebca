"""An administrator and their token. The password hash is made once: it is slow on purpose."""

from __future__ import annotations

import asyncio

import pytest

from ssd.access import admin_store
from ssd.access.admin_passwords import Passwords
from ssd.access.admin_tokens import issue
from ssd.db.clock import iso_in, now_iso

PASSWORD = "correct horse 42"


@pytest.fixture(scope="session")
def password_hash():
    return asyncio.run(Passwords().hash(PASSWORD))


@pytest.fixture
def password():
    return PASSWORD


@pytest.fixture
async def admin_token(services, password_hash):
    """A fresh token of the account `root`."""

    def unit(connection):
        parameters = {"username": "root", "password_hash": password_hash, "now": now_iso()}
        connection.execute(admin_store.SET_ACCOUNT, parameters)
        return issue(connection, username="root", name="test", expires_at=iso_in(days=1))

    return await services.database.write(unit)


@pytest.fixture
def admin(client, admin_token):
    """Sends requests below /api/admin as the administrator."""

    async def send(method, path, **options):
        headers = {"Authorization": f"Bearer {admin_token.token}"}
        return await client.request(method, f"/api/admin{path}", headers=headers, **options)

    return send


@pytest.fixture
def audited(services):
    """(actor, action, subject) of every audit entry, oldest first."""

    async def read():
        rows = await services.database.all("SELECT actor, action, subject FROM audit_log ORDER BY audit_id")
        return [tuple(row) for row in rows]

    return read
