"""Temporary names and files."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssd.engine.session import Session


def next_temporary_name(session: Session) -> str:
    """`__000000`, `__000001`, … in order, in base 36 as Stata counts."""
    count = int(session.state.get("temporary_names", 0))
    session.state["temporary_names"] = count + 1
    digits = ""
    for _ in range(6):
        count, rest = divmod(count, 36)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rest] + digits
    return f"__{digits}"


def next_temporary_file(session: Session) -> str:
    """Path of a file that does not exist yet, in a private folder under STATATMP or TMPDIR."""
    folder = session.state.get("scratch")
    if folder is None:
        parent = os.environ.get("STATATMP") or None
        folder = Path(tempfile.mkdtemp(prefix="St", dir=parent)).resolve()
        session.state["scratch"] = folder
    count = int(session.state.get("temporary_files", 0)) + 1
    session.state["temporary_files"] = count
    return str(folder / f"St{os.getpid():05d}.{count:06d}")


def remove_scratch(session: Session) -> None:
    """Delete the private folder of temporary files."""
    folder = session.state.pop("scratch", None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
