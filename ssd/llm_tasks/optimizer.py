"""Runs the optimization child: bounded in number, time and memory."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL
from typing import Final

import anyio
import msgspec
from anyio import to_thread

from ssd.errors import SsdError
from ssd.llm.optimize import ChannelRequest, OptimizationOutcome, OptimizationRequest, Optimum
from ssd.llm_tasks.models import BudgetInput
from ssd.settings import Settings

_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT", "TZ")
_FIXED: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
_SECONDS: Final = 60.0


class Optimizer:
    """At most one child at a time; the others wait."""

    def __init__(self, settings: Settings) -> None:
        self._memory_mb = settings.prepare_memory_mb
        self._limiter = anyio.CapacityLimiter(1)

    async def optimum(self, data: Path, given: BudgetInput) -> Optimum:
        """The division of the budget. Raises LLM_TASK_OPTIMUM_MISSING with the reason when there is none."""
        async with self._limiter:
            outcome = await self._run(data, given)
        if outcome.optimum is None:
            raise SsdError("LLM_TASK_OPTIMUM_MISSING", f"There is no optimum: {outcome.problem}.")
        return outcome.optimum

    async def _run(self, data: Path, given: BudgetInput) -> OptimizationOutcome:
        with tempfile.TemporaryDirectory(prefix="ssd-optimize-") as name:
            folder = Path(name)
            request = OptimizationRequest(
                data_path=str(data),
                result_path=str(folder / "result.json"),
                channels=[ChannelRequest(c.name, c.spend, c.response, c.min, c.max) for c in given.channels],
                total_budget=given.total_budget,
                goal=given.goal,
                memory_mb=self._memory_mb,
                cpu_seconds=int(_SECONDS),
            )
            path = folder / "request.json"
            await to_thread.run_sync(path.write_bytes, msgspec.json.encode(request))
            await _child(path, folder)
            result = Path(request.result_path)
            if not await to_thread.run_sync(result.is_file):
                raise SsdError("LLM_TASK_OPTIMUM_MISSING", "The optimization stopped without a result.")
            content = await to_thread.run_sync(result.read_bytes)
        return msgspec.json.decode(content, type=OptimizationOutcome)


async def _child(request: Path, folder: Path) -> None:
    environment = {key: os.environ[key] for key in _INHERITED if key in os.environ} | _FIXED | {"TMPDIR": str(folder)}
    process = await anyio.open_process(
        [sys.executable, "-m", "ssd.llm.optimize", str(request)],
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        env=environment,
        start_new_session=True,
    )
    try:
        with anyio.fail_after(_SECONDS):
            await process.wait()
    except TimeoutError as error:
        raise SsdError("LLM_TASK_OPTIMUM_MISSING", "The optimization took too long.") from error
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
            await process.aclose()
