"""Files that survive a crash: written aside, synced, renamed, and the folder synced."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from ssd.errors import SsdError


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(temporary: Path, target: Path) -> None:
    """Give a fully written file its name, durably. The file is synced here."""
    with temporary.open("rb") as handle:
        os.fsync(handle.fileno())
    temporary.replace(target)
    sync_folder(target.parent)


def write_durably(target: Path, content: bytes) -> None:
    """Write `content` so that after a crash the old or the new file is there, never a part.

    Raises STORAGE_FULL when the disk is full; the old file then stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{target.name}.{secrets.token_hex(4)}.tmp"
    try:
        with temporary.open("xb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise storage_error(error) from error
    sync_folder(target.parent)


def storage_error(error: OSError) -> Exception:
    """STORAGE_FULL for a full disk or quota, else the error itself."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SsdError("STORAGE_FULL")
    return error
