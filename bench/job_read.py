"""`GET /v1/jobs/{id}` against the same framework's empty JSON handler."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.measure import ROOT, Result
from ssd.demo.journey import Journey
from ssd.demo.server import LocalServer

ROUNDS = 5
SECONDS = 3.0
CONNECTIONS = 32

_EMPTY = """
import socket, sys, uvicorn
from litestar import Litestar, get
@get("/")
async def empty() -> dict[str, str]:
    return {}
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
listener.listen(512)
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
server = uvicorn.Server(uvicorn.Config(Litestar([empty], openapi_config=None), loop="asyncio", http="httptools",
                                       access_log=False, log_level="error"))
server.run(sockets=[listener])
"""


def load(url: str, *headers: str) -> float:
    """Requests per second; every answer must be a 200."""
    answer = subprocess.run(
        [sys.executable, "-m", "bench.http_load", url, str(CONNECTIONS), str(SECONDS), *headers],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rate, bad = answer.stdout.split()
    if int(bad):
        raise RuntimeError(f"{bad} answers of {url} were not 200")
    return float(rate)


def run() -> list[Result]:
    empty = subprocess.Popen([sys.executable, "-c", _EMPTY], stdout=subprocess.PIPE, text=True)
    assert empty.stdout is not None
    empty_url = empty.stdout.readline().strip() + "/"
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            LocalServer(Path(folder) / "data", {"SS_LOG_LEVEL": "warning"}) as server,
            Journey(server.base_url) as journey,
        ):
            redeemed = journey.redeem(server.issue_code(), "Describe the data")
            url = f"{server.base_url}/v1/jobs/{redeemed['job_id']}"
            token = f"Authorization: Bearer {redeemed['token']}"
            load(url, token), load(empty_url)
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(load(url, token))
                theirs.append(load(empty_url))
    finally:
        empty.terminate()
        empty.wait()
    mine, other = statistics.median(ours), statistics.median(theirs)
    ratio = mine / other
    return [
        Result(
            "`GET /v1/jobs/{id}`, 1 process",
            f"{mine:,.0f} requests/s",
            f"empty JSON handler: {other:,.0f} requests/s",
            f"{ratio:.2f}",
            "≥ 0.6",
            ratio >= 0.6,
        )
    ]
