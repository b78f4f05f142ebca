"""`ssd codes`: through the running service, or on the store itself when none runs."""

from __future__ import annotations

import argparse
import asyncio
import getpass
from typing import Any

import msgspec

from ssd.access.models import CodeStatus
from ssd.ops.admin.commands import Command, IssueCodes, ListCodes, RevokeCode
from ssd.ops.admin_socket import ask
from ssd.settings import Settings, load_settings


def codes(arguments: argparse.Namespace) -> int:
    rows = run_command(load_settings(), _command(arguments))
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    elif arguments.action == "issue":
        for row in rows:
            print(row["task_code"])
    else:
        _print_table(rows)
    return 0


def _command(arguments: argparse.Namespace) -> Command:
    match arguments.action:
        case "issue":
            return IssueCodes(arguments.count, arguments.days, arguments.tenant)
        case "list":
            status = None if arguments.status is None else CodeStatus(arguments.status)
            return ListCodes(arguments.tenant, status, arguments.limit)
        case _:
            return RevokeCode(arguments.code_id)


def run_command(settings: Settings, command: Command) -> list[dict[str, Any]]:
    """The rows of a command. Raises SsdError; DATA_FOLDER_LOCKED when a service is just starting or stopping."""
    rows = ask(settings.data_dir, command)
    return asyncio.run(_run_on_store(settings, command)) if rows is None else rows


async def _run_on_store(settings: Settings, command: Command) -> list[dict[str, Any]]:
    from ssd.access.service import TaskCodes
    from ssd.db.database import DATABASE_NAME, Database
    from ssd.ops.admin.commands import Admin
    from ssd.ops.ownership import DataFolder

    folder = DataFolder.own(settings.data_dir)
    try:
        database = await Database.open(settings.data_dir / DATABASE_NAME)
        try:
            return await Admin(TaskCodes(database)).run(command, actor=f"user:{getpass.getuser()}")
        finally:
            await database.close()
    finally:
        folder.release()


def _print_table(rows: list[dict[str, Any]]) -> None:
    line = "{:<30} {:<8} {:<16} {:<20} {:<20} {}"
    print(line.format("CODE ID", "STATUS", "TENANT", "ISSUED", "EXPIRES", "JOB"))
    for row in rows:
        issued, expires = row["created_at"][:19], row["expires_at"][:19]
        print(line.format(row["code_id"], row["status"], row["tenant_id"], issued, expires, row["job_id"] or ""))
