"""Operator commands: through the running service, or on the store itself when none runs."""

from __future__ import annotations

import asyncio
import getpass
from typing import Any

import msgspec

from ssd.errors import SsdError
from ssd.ops.admin.commands import Command
from ssd.ops.admin_socket import ask
from ssd.settings import Settings


def run_command(settings: Settings, command: Command) -> list[dict[str, Any]]:
    """The rows of a command. Raises SsdError; DATA_FOLDER_LOCKED when a service is just starting or stopping."""
    rows = ask(settings.data_dir, command)
    return asyncio.run(_run_on_store(settings, _checked(command))) if rows is None else rows


def _checked(command: Command) -> Command:
    """The command, its ranges checked as a service would: making a Struct checks nothing, decoding it does."""
    try:
        checked: Command = msgspec.json.decode(msgspec.json.encode(command), type=Command)
    except msgspec.ValidationError as error:
        raise SsdError("INPUT_VALIDATION_FAILED", f"{error}.") from error
    return checked


async def _run_on_store(settings: Settings, command: Command) -> list[dict[str, Any]]:
    from ssd.access.service import TaskCodes
    from ssd.db.database import DATABASE_NAME, Database
    from ssd.ops.admin.commands import Admin
    from ssd.ops.llm_control import LlmControl
    from ssd.ops.ownership import DataFolder

    folder = DataFolder.own(settings.data_dir)
    try:
        database = await Database.open(settings.data_dir / DATABASE_NAME)
        try:
            admin = Admin(TaskCodes(database), LlmControl(database, settings))
            return await admin.run(command, actor=f"user:{getpass.getuser()}")
        finally:
            await database.close()
    finally:
        folder.release()
