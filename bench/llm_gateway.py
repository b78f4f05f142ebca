"""A call through the gateway against the same request sent straight to the same provider."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import httpx
import msgspec

from bench.measure import ROOT, Result
from ssd.db.database import Database
from ssd.llm.gateway import Gateway
from ssd.llm.models import LlmRequest, Scope
from ssd.ops.logs import configure
from ssd.settings import Secret, Settings

CALLS = 300
KEY = "sk-bench-0123456789"
_HEADERS = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1)]


def _request(number: int) -> LlmRequest[Choice]:
    return LlmRequest(
        operation="draft_preview",
        request_id=f"bench-{number}",
        scope=Scope("default", "bench"),
        schema=Choice,
        schema_version="1",
        instructions="Choose the outcome variable.",
        fields={"requirement": "the effect of education on wages", "columns": "wage, educ, exper " * 200},
    )


async def _measure(folder: Path, url: str) -> tuple[list[float], list[float]]:
    """(seconds of calls through the gateway, seconds of plain requests), interleaved."""
    settings = Settings(
        data_dir=folder,
        llm_provider="anthropic",
        llm_base_url=url,
        llm_api_key=Secret(KEY),
        llm_monthly_cap_cents=1_000_000_000,
        llm_hourly_cap_cents=1_000_000_000,
    )
    database = await Database.open(folder / "store.sqlite3")
    gateway = Gateway.configured(settings, database, lambda job, call: folder / "llm" / call)
    assert gateway is not None
    ours, theirs = [], []
    try:
        async with gateway.serving(), httpx.AsyncClient(base_url=url, headers=_HEADERS) as plain:
            await gateway.call(_request(-1))
            body = (await plain.get("/_requests")).json()[-1]["body"]
            for number in range(CALLS):
                begin = time.perf_counter()
                await gateway.call(_request(number))
                middle = time.perf_counter()
                answer = await plain.post("/v1/messages", json=body)
                theirs.append(time.perf_counter() - middle)
                ours.append(middle - begin)
                answer.raise_for_status()
    finally:
        await database.close()
    return ours, theirs


def run() -> list[Result]:
    configure("warning")
    peer = subprocess.Popen(
        [sys.executable, "-m", "tests.peers.llm_server", "--key", KEY], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert peer.stdout is not None
    url = peer.stdout.readline().strip()
    try:
        # The current folder's disk, not a memory file system: an fsync must cost what it costs.
        with tempfile.TemporaryDirectory(dir=".") as name:
            ours, theirs = asyncio.run(_measure(Path(name), url))
    finally:
        peer.terminate()
        peer.wait()
    mine, other = statistics.median(ours), statistics.median(theirs)
    overhead = mine - other
    return [
        Result(
            "a call through the LLM gateway",
            f"{mine * 1e3:.1f} ms",
            f"the same request sent straight: {other * 1e3:.1f} ms",
            f"+{overhead * 1e3:.1f} ms",
            "≤ +5 ms median",
            overhead <= 0.005,
        )
    ]
