"""A server of its own for a demo or an acceptance test: a real process on a real socket."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_ADDRESS = re.compile(r"https?://[\w.\-\[\]:]+")


class ServerStartError(Exception):
    """The server did not become ready; the message holds its last words."""


class LocalServer:
    """`python -m ssd serve` in a data folder, on a port the system chooses."""

    def __init__(self, data_dir: Path, environment: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.base_url = ""
        self.process: subprocess.Popen[str] | None = None
        self.log_path = data_dir / "server.log"
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("SS_")},
            "SS_DATA_DIR": str(data_dir),
            "SS_PORT": "0",
            **(environment or {}),
        }

    def start(self, timeout: float = 30.0) -> Self:
        """Start and wait for the line that names the address. Raises ServerStartError."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        log: IO[str] = self.log_path.open("a", encoding="utf-8")
        with log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ssd", "serve"],
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
                text=True,
            )
        self.base_url = self._address(self.process, time.monotonic() + timeout)
        return self

    def _address(self, process: subprocess.Popen[str], deadline: float) -> str:
        if process.stdout is None:
            raise ServerStartError("the server has no standard output")
        while time.monotonic() < deadline:
            line = process.stdout.readline()
            match = _ADDRESS.search(line)
            if match:
                return match.group(0)
            if not line and process.poll() is not None:
                break
        tail = self.log_path.read_text("utf-8", "replace")[-2000:]
        raise ServerStartError(f"the server did not start:\n{tail}")

    def kill(self) -> None:
        """End the server without a chance to clean up."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End the server as an operator would; its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        process = self.process
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(number)
        code = process.wait(timeout=60)
        if process.stdout is not None:
            process.stdout.close()
        self.process = None
        return code

    def issue_code(self, tenant: str = "default") -> str:
        """A task code, issued the way the operator does it."""
        answer = subprocess.run(
            [sys.executable, "-m", "ssd", "codes", "issue", "--tenant", tenant, "--json"],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return str(json.loads(answer.stdout)[0]["task_code"])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
