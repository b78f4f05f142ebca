"""Files of the inputs on disk: a private folder while they arrive, their place when they are ready, sweeping."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Final

from ssd.db.durable import publish, storage_error, sync_folder
from ssd.jobs.folder import JobFolder

_STAGING: Final = ".staging-"
_MANIFEST: Final = "manifest.json"


def open_staging(folder: JobFolder) -> Path:
    """A new private folder for one request. Raises STORAGE_FULL."""
    staging = folder.inputs / f"{_STAGING}{secrets.token_hex(8)}"
    try:
        staging.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise storage_error(error) from error
    return staging


def remove_staging(folder: JobFolder, staging: Path) -> None:
    """Also removes the folders above it that it leaves empty (a job that was deleted meanwhile)."""
    shutil.rmtree(staging, ignore_errors=True)
    for parent in (folder.inputs, folder.root):
        if not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()


def input_path(folder: JobFolder, dataset_key: str, format_name: str) -> Path:
    return folder.inputs / f"{dataset_key}.{format_name}"


def prepared_path(folder: JobFolder, dataset_key: str, sheet: str | None) -> Path:
    """One name for each content and sheet choice: a file that is known is never overwritten with another one."""
    suffix = f"-{hashlib.sha256(sheet.encode()).hexdigest()[:8]}" if sheet is not None else ""
    return folder.prepared / f"{dataset_key}{suffix}.dta"


def settle(moves: list[tuple[Path, Path]]) -> None:
    """Give finished files their places, durably. Raises STORAGE_FULL."""
    try:
        for temporary, target in moves:
            if not target.parent.is_dir():
                target.parent.mkdir(parents=True)
                sync_folder(target.parent.parent)
            publish(temporary, target)
    except OSError as error:
        raise storage_error(error) from error


def sweep(folder: JobFolder, known: Collection[str], *, staged_before: float) -> list[str]:
    """Remove files of the inputs that are not in `known` (paths relative to the job's folder).

    Private folders last changed before `staged_before` (Unix time) go too: give the start of the server, and those
    of requests under way stay.
    Returns what was removed. The caller makes sure that no file is being given its place meanwhile.
    """
    removed = []
    for place in (folder.inputs, folder.prepared):
        if not place.is_dir():
            continue
        for path in sorted(place.iterdir()):
            if path == folder.prepared:
                continue
            if path.is_dir():
                if path.name.startswith(_STAGING) and path.stat().st_mtime < staged_before:
                    shutil.rmtree(path)
                    removed.append(folder.rel(path))
            elif folder.rel(path) not in known and not (path.name == _MANIFEST and known):
                path.unlink()
                removed.append(folder.rel(path))
    return removed
