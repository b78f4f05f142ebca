"""Bringing the administrator's account in line with the settings, at every start."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from ssd.access.admin_accounts import Administrators
from ssd.errors import SsdError


@pytest.fixture
def administrators(database):
    return Administrators(database, session_hours=1)


async def usernames(database):
    return [row["username"] for row in await database.all("SELECT username FROM admin_accounts ORDER BY username")]


async def test_the_first_local_start_makes_a_password_and_later_ones_do_not(administrators):
    password = await administrators.begin(username="admin", password=None, may_generate=True)
    assert len(password) == 20
    assert await administrators.begin(username="admin", password=None, may_generate=True) is None
    assert (await administrators.login("admin", password)).username == "admin"


async def test_without_leave_no_password_is_made(administrators, database):
    assert await administrators.begin(username="admin", password=None, may_generate=False) is None
    assert await usernames(database) == []


async def test_a_configured_password_counts_at_once_and_ends_old_sessions(administrators, database):
    await administrators.begin(username="admin", password="first password", may_generate=True)
    await administrators.login("admin", "first password")
    await administrators.begin(username="admin", password="first password", may_generate=True)
    assert len(await administrators.tokens(before=None, limit=10)) == 1
    await administrators.begin(username="admin", password="second password", may_generate=True)
    assert await administrators.tokens(before=None, limit=10) == []
    with pytest.raises(SsdError, match="ADMIN_CREDENTIALS_INVALID"):
        await administrators.login("admin", "first password")
    await administrators.login("admin", "second password")


async def test_a_configured_account_is_the_only_one(administrators, database):
    generated = await administrators.begin(username="admin", password=None, may_generate=True)
    await administrators.login("admin", generated)
    await administrators.begin(username="root", password="a password", may_generate=True)
    assert await usernames(database) == ["root"]
    with pytest.raises(SsdError, match="ADMIN_CREDENTIALS_INVALID"):
        await administrators.login("admin", generated)


@pytest.mark.parametrize("username", ["", " ", "a b", "-x", "管理", "x" * 65])
async def test_a_user_name_that_is_none_stops_the_start(administrators, username):
    with pytest.raises(SsdError, match="SETTINGS_INVALID"):
        await administrators.begin(username=username, password=None, may_generate=True)


async def test_a_login_waits_until_the_account_is_in_line(administrators):
    await administrators.begin(username="root", password="old password", may_generate=True)
    beginning = asyncio.create_task(administrators.begin(username="root", password="new password", may_generate=True))
    await asyncio.sleep(0)
    old = asyncio.create_task(administrators.login("root", "old password"))
    assert (await administrators.login("root", "new password")).username == "root"
    assert beginning.done()
    with pytest.raises(SsdError, match="ADMIN_CREDENTIALS_INVALID"):
        await old


async def test_nobody_is_let_in_when_the_account_could_not_be_brought_in_line(administrators, database):
    await administrators.begin(username="root", password="old password", may_generate=True)
    await database.write(lambda connection: connection.execute("ALTER TABLE admin_accounts RENAME TO lost"))
    with pytest.raises(sqlite3.Error):
        await administrators.begin(username="root", password="new password", may_generate=True)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(administrators.login("root", "old password"), 0.2)
