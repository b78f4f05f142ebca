"""One process owns a data folder: an exclusive lock on a file in it, which names the owner."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from ssd.errors import SsdError

_LOCK_NAME: Final = "ssd.lock"


class DataFolder:
    """The data folder, owned while this object is open. The lock goes with the process, however it ends."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def own(cls, path: Path) -> DataFolder:
        """Make the folder if needed (private to its user) and lock it. Raises DATA_FOLDER_LOCKED."""
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 64).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise SsdError("DATA_FOLDER_LOCKED", f"The data folder is owned by process {owner}.", pid=owner) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(path, descriptor)

    def release(self) -> None:
        os.close(self._descriptor)


def owner_of(path: Path) -> str | None:
    """The process id that owns a data folder, or None when nobody does."""
    lock = path / _LOCK_NAME
    if not lock.exists():
        return None
    descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(descriptor, 64).decode("ascii", "replace").strip() or "unknown"
    finally:
        os.close(descriptor)
    return None
