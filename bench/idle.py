"""Start-up time and resident memory of an idle server."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from bench.measure import Result
from ssd.demo.server import LocalServer

ROUNDS = 7


def run() -> list[Result]:
    starts, sizes = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            with LocalServer(Path(folder) / "data") as server:
                starts.append(time.perf_counter() - begin)
                time.sleep(1.0)
                assert server.process is not None
                status = Path(f"/proc/{server.process.pid}/status").read_text()
                sizes.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
    start, size = statistics.median(starts), statistics.median(sizes)
    return [
        Result("server start until it answers", f"{start:.2f} s", "—", "—", "≤ 1 s", start <= 1.0),
        Result("idle memory", f"{size:.0f} MB", "—", "—", "≤ 120 MB", size <= 120),
    ]
