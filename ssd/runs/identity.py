"""Which engine this server runs: found out by starting it, once, the way runs start it."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import anyio

from ssd.errors import SsdError
from ssd.runs.launch import DO_FILE, LOG_FILE, Launcher
from ssd.runs.log_judge import Ending, judge
from ssd.runs.models import Engine
from ssd.runs.process import Limits, running

_PROBE = 'display "SSD|engine|" c(stata_version) "|" c(flavor)\n'
_ANSWER = re.compile(r"^SSD\|engine\|([^|]+)\|(.*)$", re.MULTILINE)
_SIGNATURE = re.compile(r"(ssd-engine) (\d+\.\d+\.\d+)")
_TIMEOUT_SECONDS = 60.0


async def identify(launcher: Launcher) -> Engine:
    """Name and version of the engine, from a one-line do-file through the batch contract.

    Raises STATA_SUBPROCESS_FAILED or STATA_LICENSE when it does not run.
    """
    with tempfile.TemporaryDirectory(prefix="ssd-probe-") as folder:
        work = Path(folder)
        (work / "tmp").mkdir()
        (work / DO_FILE).write_text(_PROBE, "utf-8")
        try:
            async with running(
                launcher.command(work),
                cwd=work,
                env=launcher.environment(work),
                mark=f"probe-{work.name}",
                limits=Limits(memory_mb=0, file_size_mb=64),
                grace_seconds=1.0,
            ) as child:
                with anyio.move_on_after(_TIMEOUT_SECONDS):
                    await child.process.wait()
        except OSError as error:
            raise SsdError("STATA_SUBPROCESS_FAILED", f"The engine cannot be started: {error}.") from error
        log = work / LOG_FILE
        text = log.read_text("utf-8", "replace") if log.is_file() else None
    verdict = judge(text, child.stderr.text())
    if verdict.ending is Ending.LICENCE:
        raise SsdError("STATA_LICENSE", verdict.message)
    answer = _ANSWER.search(text or "")
    if verdict.ending is not Ending.COMPLETE or answer is None:
        raise SsdError(
            "STATA_SUBPROCESS_FAILED",
            f"The engine did not complete its first do-file ({verdict.ending.value}): {child.stderr.text()[-300:]}",
        )
    signature = _SIGNATURE.search(text or "")
    if launcher.embedded and signature:
        return Engine(signature.group(1), signature.group(2))
    return Engine(f"Stata {answer.group(2)}".strip(), answer.group(1).strip())
