"""What every benchmark shares: the shape of a result, the machine, and how results are printed."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]


class Result(msgspec.Struct, frozen=True):
    """One row: our side, the other side, and how they compare."""

    what: str
    ours: str
    against: str
    comparison: str
    """The ratio or difference, with its unit."""
    target: str
    met: bool

    def row(self) -> str:
        verdict = "met" if self.met else "**not met**"
        return f"| {self.what} | {self.ours} | {self.against} | {self.comparison} | {self.target} | {verdict} |"


HEADER = "| what | ssd | against | ratio | target | |\n|---|---|---|---|---|---|"


def machine() -> str:
    """Cores, memory, Python, system: enough to judge whether two results may be compared."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {system}"


def stamp() -> str:
    """Date and commit of the tree that was measured."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--", "ssd", "library"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return f"{datetime.now(UTC):%Y-%m-%d}, commit {commit or 'none'}{' with changes' if changed else ''}"
