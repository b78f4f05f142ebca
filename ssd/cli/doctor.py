"""`ssd doctor`: what is configured, found and missing."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import msgspec

from ssd.db.database import DATABASE_NAME
from ssd.errors import SsdError
from ssd.jobs.folder import JobFolder
from ssd.ops.checks import production_rules
from ssd.settings import Settings, describe, load_settings, read_dotenv

State = Literal["ok", "warning", "wrong"]
_SIGN: Final[dict[State, str]] = {"ok": "ok  ", "warning": "note", "wrong": "FAIL"}

# Only a read: a server may be writing, and doctor must not own the store.
_ARTIFACTS: Final = """
    SELECT a.job_id, a.rel_path FROM artifacts AS a JOIN jobs AS j ON j.job_id = a.job_id
    WHERE j.deleted_at IS NULL"""
_MISSING_SHOWN: Final = 5


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    state: State
    detail: str


class SettingShown(msgspec.Struct, frozen=True):
    name: str
    value: str
    source: Literal["environment", ".env", "default"]


class Report(msgspec.Struct, frozen=True):
    healthy: bool
    findings: list[Finding]
    settings: list[SettingShown]


def doctor(*, as_json: bool) -> int:
    """Print the report; 0 when nothing is wrong, else 1."""
    settings = load_settings()
    report = examine(settings)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        for finding in report.findings:
            print(f"{_SIGN[finding.state]}  {finding.name:<18} {finding.detail}")
        print("\nsettings that are not the default:")
        changed = [shown for shown in report.settings if shown.source != "default"]
        for shown in changed:
            print(f"      {shown.name}={shown.value}  (from {shown.source})")
        if not changed:
            print("      none")
    return 0 if report.healthy else 1


def examine(settings: Settings) -> Report:
    """Look at everything; one failing look does not stop the others."""
    looks: tuple[tuple[str, Callable[[Settings], Finding]], ...] = (
        ("python", _python),
        ("data folder", _data_folder),
        ("disk", _disk),
        ("database", _database),
        ("stored files", _stored_files),
        ("server", _server),
        ("stata", _stata),
        ("sandbox", _sandbox),
        ("template library", _library),
        ("chinese font", _font),
    )
    findings = [_look(name, look, settings) for name, look in looks]
    findings += [
        Finding(name, "ok" if check.ok else "wrong", check.detail) for name, check in production_rules(settings).items()
    ]
    healthy = all(finding.state != "wrong" for finding in findings)
    return Report(healthy, findings, sources(settings))


def _look(name: str, look: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return look(settings)
    except SsdError as error:
        return Finding(name, "wrong", f"{error.code}: {error.message} {error.kind.hint}")
    except OSError as error:
        return Finding(name, "wrong", str(error))


def sources(settings: Settings) -> list[SettingShown]:
    """Every setting with its value and where it came from."""
    dotenv = read_dotenv(Path(".env"))
    shown = []
    for name, _, _ in describe():
        source: Literal["environment", ".env", "default"] = "default"
        if os.environ.get(name):
            source = "environment"
        elif dotenv.get(name):
            source = ".env"
        value = getattr(settings, name.removeprefix("SS_").lower())
        shown.append(SettingShown(name, "" if value is None else str(value), source))
    return shown


def _python(_: Settings) -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} at {sys.executable}; SQLite {sqlite3.sqlite_version}")


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir
    if not folder.exists():
        return Finding("data folder", "ok", f"{folder} does not exist yet; the first start makes it")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Finding("data folder", "wrong", f"{folder} cannot be written by this user")
    if folder.stat().st_mode & 0o077:
        return Finding("data folder", "warning", f"{folder} can be entered by other users; chmod 700 makes it private")
    return Finding("data folder", "ok", f"{folder} is writable and private")


def _disk(settings: Settings) -> Finding:
    place = settings.data_dir
    while not place.exists():
        place = place.resolve().parent
    free = shutil.disk_usage(place).free // 1024**2
    state: State = "ok" if free >= settings.min_free_disk_mb else "wrong"
    return Finding("disk", state, f"{free} MiB free; SS_MIN_FREE_DISK_MB is {settings.min_free_disk_mb}")


def _read_only(settings: Settings) -> sqlite3.Connection | None:
    path = settings.data_dir / DATABASE_NAME
    if not path.exists():
        return None
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _database(settings: Settings) -> Finding:
    connection = _read_only(settings)
    if connection is None:
        return Finding("database", "ok", "none yet; the first start makes it")
    try:
        result = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return Finding("database", "wrong", f"DATABASE_CORRUPT: {error}. Restore the last backup.")
    finally:
        connection.close()
    return Finding("database", "ok" if result == "ok" else "wrong", f"schema {version}; quick check: {result}")


def _stored_files(settings: Settings) -> Finding:
    connection = _read_only(settings)
    if connection is None:
        return Finding("stored files", "ok", "none yet")
    try:
        rows = connection.execute(_ARTIFACTS).fetchall()
    except sqlite3.DatabaseError as error:
        return Finding("stored files", "wrong", f"the index cannot be read: {error}")
    finally:
        connection.close()
    missing = [
        f"{job_id}/{rel_path}"
        for job_id, rel_path in rows
        if not (JobFolder.of(settings.data_dir, job_id).root / rel_path).is_file()
    ]
    if missing:
        names = ", ".join(missing[:_MISSING_SHOWN]) + (" …" if len(missing) > _MISSING_SHOWN else "")
        return Finding("stored files", "wrong", f"{len(missing)} of {len(rows)} indexed files are gone: {names}")
    return Finding("stored files", "ok", f"{len(rows)} indexed files are all there")


def _server(settings: Settings) -> Finding:
    from ssd.ops.ownership import owner_of

    owner = owner_of(settings.data_dir)
    return Finding("server", "ok", "not running" if owner is None else f"process {owner} owns the data folder")


def _stata(settings: Settings) -> Finding:
    from ssd.runs.identity import identify
    from ssd.runs.launch import launcher

    started = launcher(settings)
    engine = asyncio.run(identify(started))
    kind = "embedded engine" if started.embedded else f"SS_STATA_CMD={settings.stata_cmd}"
    return Finding("stata", "ok", f"{engine.name} {engine.version} starts and completes a do-file ({kind})")


def _sandbox(settings: Settings) -> Finding:
    from ssd.runs.launch import bubblewrap_works

    if settings.sandbox == "off":
        return Finding("sandbox", "warning", "SS_SANDBOX=off: runs are not confined")
    if bubblewrap_works():
        return Finding("sandbox", "ok", "bubblewrap confines runs")
    found = "bubblewrap is installed but cannot make namespaces here" if shutil.which("bwrap") else "no bubblewrap"
    return Finding(
        "sandbox", "wrong" if settings.sandbox == "require" else "warning", f"{found}; runs are not confined"
    )


def _library(settings: Settings) -> Finding:
    from ssd.templates.library import Library

    library = Library.load(settings.library_dir)
    if not library.templates:
        return Finding("template library", "wrong", f"{library.folder} holds no templates")
    count = f"{len(library.templates)} templates in {library.folder}"
    if not library.index_is_current:
        return Finding("template library", "warning", f"{count}; the index is not current: run `ssd library build`")
    return Finding("template library", "ok", count)


def _font(_: Settings) -> Finding:
    if shutil.which("fc-list") is None:
        return Finding("chinese font", "warning", "fontconfig is not installed, so fonts cannot be listed")
    listed = subprocess.run(
        ["fc-list", ":lang=zh", "family"], capture_output=True, text=True, timeout=20, check=False
    ).stdout.splitlines()
    if not listed:
        return Finding("chinese font", "warning", "none found: Chinese in figures will show as boxes")
    return Finding("chinese font", "ok", f"{sorted(listed)[0]} and {len(listed) - 1} more")
