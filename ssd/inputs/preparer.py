"""Runs preparation children: bounded in number, time and memory; a child that dies is a named failure."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL
from typing import Final

import anyio
import msgspec
from anyio import to_thread
from anyio.abc import Process

from ssd.errors import CATALOGUE, SsdError
from ssd.inputs.models import DatasetProfile, PreparationOutcome, PreparationRequest
from ssd.settings import Settings

_LEAST_FREE_BYTES: Final = 1 << 20
_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT", "TZ")
_THREADS: Final = {
    "POLARS_MAX_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
}


class Preparer:
    """At most one child for each core; the others wait."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.prepare_timeout_seconds
        self._memory_mb = settings.prepare_memory_mb
        self._limiter = anyio.CapacityLimiter(os.cpu_count() or 1)

    async def prepare(
        self, source: Path, name: str, format_name: str, output: Path, *, sheet: str | None = None
    ) -> DatasetProfile:
        """Make `output` (.dta) from `source`; what is known about it.

        Raises INPUT_PARSE_FAILED (also when the child takes too long or dies), INPUT_ENCRYPTED,
        INPUT_EMPTY_FILE, INPUT_SHEET_NOT_FOUND, INPUT_UNSUPPORTED_FORMAT, STORAGE_FULL.
        """
        request = PreparationRequest(
            input_path=str(source),
            format=format_name,
            output_path=str(output),
            result_path=f"{output}.result.json",
            sheet=sheet,
            memory_mb=self._memory_mb,
            cpu_seconds=int(self._timeout) + 1 if self._timeout else 0,
        )
        async with self._limiter:
            ended_well = await self._run(request, Path(f"{output}.request.json"), name)
        return await to_thread.run_sync(_outcome, request, name, ended_well)

    async def _run(self, request: PreparationRequest, request_path: Path, name: str) -> bool:
        await to_thread.run_sync(request_path.write_bytes, msgspec.json.encode(request))
        environment = {key: os.environ[key] for key in _INHERITED if key in os.environ} | _THREADS
        environment["TMPDIR"] = str(request_path.parent)
        process = await anyio.open_process(
            [sys.executable, "-m", "ssd.inputs.prepare", str(request_path)],
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            env=environment,
            start_new_session=True,
        )
        try:
            with anyio.fail_after(self._timeout or None):
                return await process.wait() == 0
        except TimeoutError as error:
            raise SsdError(
                "INPUT_PARSE_FAILED", f"{name}: reading took longer than {self._timeout:g} seconds."
            ) from error
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process)


async def _end(process: Process) -> None:
    """Kill the child's group if it still runs, and reap it."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    await process.aclose()


def _outcome(request: PreparationRequest, name: str, ended_well: bool) -> DatasetProfile:
    result = Path(request.result_path)
    if not ended_well or not result.is_file():
        if shutil.disk_usage(result.parent).free < _LEAST_FREE_BYTES:
            raise SsdError("STORAGE_FULL")
        raise SsdError(
            "INPUT_PARSE_FAILED",
            f"{name}: the program that reads the file stopped; the file is damaged or needs more memory than allowed.",
        )
    outcome = msgspec.json.decode(result.read_bytes(), type=PreparationOutcome)
    if outcome.profile is not None:
        return outcome.profile
    if outcome.error_code not in CATALOGUE:
        raise SsdError("INPUT_PARSE_FAILED", f"{name}: {outcome.message}")
    raise SsdError(outcome.error_code, f"{name}: {outcome.message}", **outcome.members)
