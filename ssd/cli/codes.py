"""`ssd codes`: through the running service, or on the store itself when none runs."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from ssd.access.models import CodeStatus
from ssd.cli.operator import run_command
from ssd.ops.admin.commands import Command, IssueCodes, ListCodes, RevokeCode
from ssd.settings import load_settings


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


def _print_table(rows: list[dict[str, Any]]) -> None:
    line = "{:<30} {:<8} {:<16} {:<20} {:<20} {}"
    print(line.format("CODE ID", "STATUS", "TENANT", "ISSUED", "EXPIRES", "JOB"))
    for row in rows:
        issued, expires = row["created_at"][:19], row["expires_at"][:19]
        print(line.format(row["code_id"], row["status"], row["tenant_id"], issued, expires, row["job_id"] or ""))
