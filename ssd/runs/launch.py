"""Stata's batch contract: which command line runs a do-file, in which environment and sandbox."""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

import ssd
from ssd.errors import SsdError
from ssd.settings import Settings

DO_FILE = "run.do"
LOG_FILE = "run.log"
"""Stata names the log after the do-file; a name with spaces would be cut, so it is neutral."""
STATUS_FILE = "engine_status.json"

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")


class Launcher(msgspec.Struct, frozen=True):
    """How this server starts Stata or the embedded engine."""

    program: list[str]
    embedded: bool
    sandboxed: bool

    @property
    def sandbox(self) -> str:
        return "bubblewrap" if self.sandboxed else "none"

    def command(self, work: Path) -> list[str]:
        """The command line for `run.do` in `work`."""
        batch = "/e" if self.program[0].lower().endswith(".exe") else "-b"
        command = [*self.program, batch, "do", DO_FILE]
        return [*_bubblewrap(work), *command] if self.sandboxed else command

    def environment(self, work: Path) -> dict[str, str]:
        """An allow-list of the server's environment, private folders, and one thread for each child.

        One thread keeps results independent of the machine's cores and lets parallel runs share them.
        """
        environ = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
        temporary = str(work / "tmp")
        environ |= {"HOME": str(work), "TMPDIR": temporary, "STATATMP": temporary}
        environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        environ.setdefault("LANG", "C.UTF-8")
        if self.embedded:
            environ["PYTHONPATH"] = str(Path(ssd.__file__).parents[1])
            environ["PYTHONDONTWRITEBYTECODE"] = "1"
            environ["SSD_ENGINE_STATUS"] = str(work / STATUS_FILE)
        return environ


def launcher(settings: Settings) -> Launcher:
    """The launcher the settings ask for.

    Raises STATA_SUBPROCESS_FAILED when SS_STATA_CMD names no program, or SS_SANDBOX=require and
    bubblewrap does not work here.
    """
    sandboxed = _wants_sandbox(settings)
    if settings.stata_cmd is None:
        # -P keeps the working folder, which a do-file can write to, off the module path.
        return Launcher([sys.executable, "-P", "-m", "ssd.engine"], embedded=True, sandboxed=sandboxed)
    program = shlex.split(settings.stata_cmd)
    if not program or shutil.which(program[0]) is None:
        raise SsdError("STATA_SUBPROCESS_FAILED", f"SS_STATA_CMD names {settings.stata_cmd!r}, which is no program.")
    return Launcher(program, embedded=False, sandboxed=sandboxed)


def _wants_sandbox(settings: Settings) -> bool:
    if settings.sandbox == "off":
        return False
    works = bubblewrap_works()
    if not works and settings.sandbox == "require":
        raise SsdError("STATA_SUBPROCESS_FAILED", "SS_SANDBOX=require, but bubblewrap does not work on this machine.")
    return works


@functools.cache
def bubblewrap_works() -> bool:
    """Whether `bwrap` can make its namespaces here; many containers forbid it."""
    if shutil.which("bwrap") is None:
        return False
    probe = [*_bubblewrap(Path("/tmp")), "true"]  # noqa: S108 - a folder that exists everywhere
    try:
        return subprocess.run(probe, capture_output=True, timeout=5, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _bubblewrap(work: Path) -> list[str]:
    """No network, read-only system, only `work` writable, and a process namespace nothing survives."""
    return [
        "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--bind", str(work), str(work),
        "--unshare-net", "--unshare-pid", "--unshare-ipc", "--die-with-parent", "--chdir", str(work), "--",
    ]  # fmt: skip
