"""Running one step: a private folder, a child under limits, three witnesses, an archive."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import msgspec
import structlog

from ssd.db.clock import now_iso
from ssd.db.durable import write_durably
from ssd.jobs.models import ArtifactRecord, JobError
from ssd.plans.models import PlanStep
from ssd.runs import archive
from ssd.runs.failure import Evidence, failure, job_error
from ssd.runs.launch import LOG_FILE, STATUS_FILE, Launcher
from ssd.runs.log_follow import LogFollower, StepLine, keep_log, read_tail, step_line
from ssd.runs.log_judge import TAIL_BYTES, Ending, fail_line, judge, locate
from ssd.runs.models import Engine, FileHash, Run, RunStatus, StepMeta
from ssd.runs.outputs import check_outputs
from ssd.runs.process import Child, Limits, running

LOG_INTERVAL_SECONDS: Final = 0.1
_LOW_DISK_BYTES: Final = 8 * 1_048_576
"""A child that failed while less than this was free failed for want of space."""

logger = structlog.get_logger(__name__)

Watcher = Callable[[list[str], StepLine | None], Awaitable[None]]
Started = Callable[[int], Awaitable[None]]


class _EngineStatus(msgspec.Struct, frozen=True):
    """What the embedded engine writes about its own end."""

    rc: int = 0
    line: int | None = None
    file: str | None = None


class StepTask(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one step needs to run."""

    run: Run
    step: PlanStep
    position: int
    """1-based position in the plan."""
    job_root: Path
    data: Path
    do_text: str
    engine: Engine
    timeout_seconds: float
    grace_seconds: float
    limits: Limits
    log_cap: int

    @property
    def folder(self) -> Path:
        return self.job_root / "runs" / self.run.run_id / f"{self.position:02d}_{self.step.step_id}"


class StepResult(msgspec.Struct, frozen=True):
    """The end of one step: its error, if any, and the files to be indexed."""

    error: JobError | None
    exit_code: int | None
    records: list[ArtifactRecord]


async def run_step(task: StepTask, launcher: Launcher, *, watch: Watcher, started: Started) -> StepResult:
    """Run the step to its end. When cancelled, the child is gone and partial evidence is archived before
    the cancellation goes on."""
    started_at, begin = now_iso(), time.monotonic()
    work = await anyio.to_thread.run_sync(archive.prepare_work, task.folder, task.data, task.do_text)
    command = launcher.command(work)
    timed_out = False
    child: Child | None = None
    error: JobError | None
    try:
        async with running(
            command,
            cwd=work,
            env=launcher.environment(work),
            mark=task.run.run_id,
            limits=task.limits,
            grace_seconds=task.grace_seconds,
        ) as child:
            await started(child.pid)
            with anyio.move_on_after(task.timeout_seconds) as limit:
                await _follow(child, work / LOG_FILE, task.log_cap, watch)
            timed_out = limit.cancelled_caught
        error = await anyio.to_thread.run_sync(_judge, task, work, child, timed_out)
    except OSError as fault:
        error = job_error("STATA_SUBPROCESS_FAILED", f"Stata could not be started: {fault.strerror}.")
    except anyio.get_cancelled_exc_class():
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_archive_evidence, task, work)
        raise
    exit_code = None if child is None else child.process.returncode
    meta = StepMeta(
        run_id=task.run.run_id,
        job_id=task.run.job_id,
        step_id=task.step.step_id,
        plan_id=task.run.plan_id,
        template_id=task.step.template_id,
        template_version=task.step.template_version,
        status=RunStatus.SUCCEEDED if error is None else RunStatus.FAILED,
        engine=task.engine,
        command=[part.replace(str(work), ".") for part in command],
        exit_code=exit_code,
        started_at=started_at,
        ended_at=now_iso(),
        duration_seconds=round(time.monotonic() - begin, 6),
        sandbox=launcher.sandbox,
        do_sha256=hashlib.sha256(task.do_text.encode()).hexdigest(),
        data_sha256=await anyio.to_thread.run_sync(archive.sha256_of, task.data),
        outputs=[],
        log_bytes=0,
        log_truncated=False,
        error=error,
    )
    records = await anyio.to_thread.run_sync(_archive, task, work, meta)
    return StepResult(error, exit_code, records)


async def _follow(child: Child, log: Path, cap: int, watch: Watcher) -> None:
    """Pass on new log lines until the child ends."""
    follower = LogFollower(log, cap)
    ended = anyio.Event()

    async def wait() -> None:
        await child.process.wait()
        ended.set()

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        while not ended.is_set():
            with anyio.move_on_after(LOG_INTERVAL_SECONDS):
                await ended.wait()
            while lines := await anyio.to_thread.run_sync(follower.new_lines):
                steps = [step for line in lines if (step := step_line(line))]
                await watch(lines, steps[-1] if steps else None)


def _judge(task: StepTask, work: Path, child: Child, timed_out: bool) -> JobError | None:
    tail = read_tail(work / LOG_FILE, TAIL_BYTES)
    verdict = judge(tail, child.stderr.text())
    complete = verdict.ending is Ending.COMPLETE
    declared = task.step.params.template_contract.outputs_contract.declared
    return failure(
        Evidence(
            verdict=verdict,
            sentinel=(work / archive.SENTINEL).is_file(),
            unmet=check_outputs(work, declared) if complete else [],
            exit_code=child.process.returncode,
            timed_out=timed_out,
            timeout_seconds=task.timeout_seconds,
            stderr=child.stderr.text(),
            fail=fail_line(tail or ""),
            line=_engine_line(work) or locate(task.do_text, verdict.command),
            disk_full=not complete and archive.free_bytes(work) < _LOW_DISK_BYTES,
        )
    )


def _engine_line(work: Path) -> int | None:
    path = work / STATUS_FILE
    if not path.is_file():
        return None
    try:
        status = msgspec.json.decode(path.read_bytes(), type=_EngineStatus)
    except msgspec.DecodeError as fault:
        # Evidence only; the log stays the judge.
        logger.warning("SS_ENGINE_STATUS_UNREADABLE", reason=str(fault))
        return None
    return status.line


def _archive(task: StepTask, work: Path, meta: StepMeta) -> list[ArtifactRecord]:
    """Keep outputs, do-file and log, write run.meta.json last, and drop the working folder."""
    store = archive.StepArchive(task.job_root, task.folder, task.run.run_id, task.step)
    if meta.status is RunStatus.SUCCEEDED:
        store.keep_outputs(work, task.step.params.template_contract.outputs_contract.declared)
    outputs = [FileHash(Path(item.rel_path).name, item.size_bytes, item.sha256) for item in store.records]
    log_bytes, cut = _keep_log(task, work)
    store.keep_log()
    store.keep_do_file(work)
    meta = msgspec.structs.replace(meta, outputs=outputs, log_bytes=log_bytes, log_truncated=cut)
    target = task.folder / archive.META_FILE
    write_durably(target, msgspec.json.format(msgspec.json.encode(meta), indent=2))
    store.keep(target, archive.META_FILE, kind="run_meta", title=f"{task.step.step_id}: run record")
    for fault in work.glob("engine-fault-*.txt"):
        fault.replace(task.folder / fault.name)
    store.close(work)
    return store.records


def _archive_evidence(task: StepTask, work: Path) -> None:
    """Of a step that was stopped: the log so far and the do-file stay in the folder, unlisted."""
    _keep_log(task, work)
    archive.StepArchive(task.job_root, task.folder, task.run.run_id, task.step).close(work)


def _keep_log(task: StepTask, work: Path) -> tuple[int, bool]:
    log = work / LOG_FILE
    if not log.is_file() or log.is_symlink():
        return 0, False
    size = log.stat().st_size
    return size, keep_log(log, task.folder / LOG_FILE, task.log_cap)
