"""Migrations: from nothing, from every earlier version, and never backwards."""

from __future__ import annotations

import sqlite3

import pytest

from ssd.db.database import Database, open_for_writing
from ssd.db.migrate import migrate, migrations
from ssd.errors import SsdError


def schema(connection):
    return sorted(tuple(row) for row in connection.execute("SELECT type, name, sql FROM sqlite_schema"))


def test_from_nothing_and_again(tmp_path):
    connection = open_for_writing(tmp_path / "store.sqlite3")
    assert migrate(connection) == len(migrations())
    first = schema(connection)
    assert migrate(connection) == len(migrations())
    assert schema(connection) == first
    connection.close()


@pytest.mark.parametrize("version", range(len(migrations())))
def test_from_every_earlier_version(tmp_path, version):
    fresh = open_for_writing(tmp_path / "fresh.sqlite3")
    migrate(fresh)
    old = open_for_writing(tmp_path / "old.sqlite3")
    assert migrate(old, until=version) == version
    assert migrate(old) == len(migrations())
    assert schema(old) == schema(fresh)
    fresh.close()
    old.close()


def test_every_table_is_strict(tmp_path):
    connection = open_for_writing(tmp_path / "store.sqlite3")
    migrate(connection)
    rows = connection.execute("PRAGMA table_list").fetchall()
    connection.close()
    ours = [row for row in rows if not row["name"].startswith("sqlite_")]
    assert len(ours) > 8
    assert [row["name"] for row in ours if not row["strict"]] == []


async def test_a_newer_store_is_refused(tmp_path):
    path = tmp_path / "store.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    with pytest.raises(SsdError) as refused:
        await Database.open(path)
    assert refused.value.code == "DATABASE_TOO_NEW"


async def test_a_damaged_store_is_refused_and_kept(tmp_path):
    path = tmp_path / "store.sqlite3"
    path.write_bytes(b"this is not a database at all" * 100)
    before = path.read_bytes()
    with pytest.raises(SsdError) as refused:
        await Database.open(path)
    assert refused.value.code == "DATABASE_CORRUPT"
    assert path.read_bytes() == before


async def test_the_store_is_private_to_its_user(tmp_path):
    database = await Database.open(tmp_path / "data" / "store.sqlite3")
    await database.close()
    assert (tmp_path / "data" / "store.sqlite3").stat().st_mode & 0o077 == 0
