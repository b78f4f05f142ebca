"""`ssd engine`."""

from __future__ import annotations

import subprocess
import sys


def engine(arguments: list[str]) -> int:
    """Run the embedded engine in a process of its own; its exit code."""
    return subprocess.run([sys.executable, "-m", "ssd.engine", *arguments], check=False).returncode
