"""The rules of inputs: an upload replaces the whole set or changes nothing; a sheet choice prepares one anew."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

import anyio
import msgspec
from anyio import to_thread

from ssd.db.clock import now_iso
from ssd.db.database import Database
from ssd.db.durable import write_durably
from ssd.errors import SsdError
from ssd.inputs import files, manifest, store
from ssd.inputs.content import check_content
from ssd.inputs.models import Dataset, InputSet
from ssd.inputs.preparer import Preparer
from ssd.inputs.upload import NewInput, UploadLimits, arrange, receive
from ssd.jobs import artifact_index
from ssd.jobs.folder import JobFolder
from ssd.jobs.models import Job
from ssd.jobs.service import Jobs
from ssd.settings import Settings


class Inputs:
    """The inputs of the jobs of one store."""

    def __init__(self, database: Database, jobs: Jobs, settings: Settings) -> None:
        self._database = database
        self._jobs = jobs
        self._data_dir = settings.data_dir
        self._preparer = Preparer(settings)
        self._limits = UploadLimits(settings.upload_max_mb << 20, settings.min_free_disk_mb << 20)
        self._started = time.time()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def current(self, job_id: str) -> InputSet | None:
        """The inputs of a job; None while there are none."""
        rows = await self._database.all(store.SELECT_OF_JOB, (job_id,))
        return _input_set(store.datasets_of(rows))

    @staticmethod
    def load(connection: sqlite3.Connection, job_id: str) -> InputSet | None:
        """The inputs as a unit of work sees them."""
        return _input_set(store.load(connection, job_id))

    async def require(self, job_id: str) -> InputSet:
        """Raises INPUTS_MISSING while there are none."""
        inputs = await self.current(job_id)
        if inputs is None:
            raise SsdError("INPUTS_MISSING")
        return inputs

    async def upload(self, job: Job, stream: AsyncGenerator[bytes, None], content_type: str) -> InputSet:
        """Receive, check and prepare files, then make them the inputs of the job, all or nothing.

        Raises JOB_LOCKED, STORAGE_FULL and everything `receive`, `arrange`, `check_content` and
        `Preparer.prepare` name; the earlier inputs then stay as they were.
        """
        Jobs.require_editable(job)
        folder = self._jobs.folder(job.job_id)
        async with _staging(folder) as staging:
            await to_thread.run_sync(self._limits.require_space, staging)
            received = await receive(stream, content_type, staging, self._limits)
            uploaded = arrange(received)
            for item in uploaded:
                await to_thread.run_sync(check_content, item.path, item.name, item.format)
            datasets, moves = await self._prepare_all(job, folder, uploaded)
            async with self._turn(job.job_id):
                await self._commit(job, folder, datasets, moves, store.replace_all)
        return InputSet(datasets, manifest.fingerprint(datasets))

    async def choose_sheet(self, job: Job, dataset_key: str | None, sheet: str) -> InputSet:
        """Prepare another sheet of a workbook; `dataset_key` None means the primary dataset.

        Raises JOB_LOCKED, INPUTS_MISSING, INPUT_DATASET_NOT_FOUND, INPUT_SHEET_NOT_FOUND,
        JOB_VERSION_CONFLICT when the inputs were replaced meanwhile, and what `Preparer.prepare` names.
        """
        Jobs.require_editable(job)
        inputs = await self.require(job.job_id)
        dataset = inputs.primary if dataset_key is None else find_dataset(inputs, dataset_key)
        if sheet not in dataset.profile.sheet_names:
            raise SsdError(
                "INPUT_SHEET_NOT_FOUND",
                f"{dataset.original_name} has no sheet {sheet[:100]!r}.",
                sheet_names=dataset.profile.sheet_names,
            )
        folder = self._jobs.folder(job.job_id)
        async with _staging(folder) as staging:
            output = staging / "prepared.dta"
            source = folder.root / dataset.rel_path
            profile = await self._preparer.prepare(source, dataset.original_name, dataset.format, output, sheet=sheet)
            target = files.prepared_path(folder, dataset.dataset_key, sheet)
            changed = msgspec.structs.replace(dataset, prepared_rel_path=folder.rel(target), profile=profile)
            async with self._turn(job.job_id):
                datasets = [
                    changed if item.dataset_key == changed.dataset_key else item
                    for item in (await self.require(job.job_id)).datasets
                ]
                await self._commit(job, folder, datasets, [(output, target)], _updating(changed))
        return InputSet(datasets, manifest.fingerprint(datasets))

    async def sweep(self, job_id: str) -> list[str]:
        """Remove what a crash left: files nobody knows, folders of requests of an earlier server. Safe at any time."""
        async with self._turn(job_id):
            return await self._tidy(self._jobs.folder(job_id), job_id)

    async def sweep_all(self) -> int:
        """`sweep` for every job that has a folder of inputs; the number of files and folders removed."""
        root = self._data_dir / "jobs"
        count = 0
        for job_id in await to_thread.run_sync(_jobs_with_inputs, root):
            count += len(await self.sweep(job_id))
        return count

    async def _prepare_all(
        self, job: Job, folder: JobFolder, uploaded: list[NewInput]
    ) -> tuple[list[Dataset], list[tuple[Path, Path]]]:
        datasets, moves = [], []
        moment = now_iso()
        for position, item in enumerate(uploaded):
            output = item.path.with_name(f"{item.path.name}.dta")
            profile = await self._preparer.prepare(item.path, item.name, item.format, output)
            raw = files.input_path(folder, item.dataset_key, item.format)
            prepared = files.prepared_path(folder, item.dataset_key, None)
            moves += [(item.path, raw), (output, prepared)]
            datasets.append(
                Dataset(
                    job_id=job.job_id,
                    dataset_key=item.dataset_key,
                    position=position,
                    role=item.role,
                    original_name=item.name,
                    format=item.format,
                    size_bytes=item.size_bytes,
                    sha256=item.sha256,
                    rel_path=folder.rel(raw),
                    prepared_rel_path=folder.rel(prepared),
                    profile=profile,
                    created_at=moment,
                )
            )
        return datasets, moves

    async def _commit(
        self,
        job: Job,
        folder: JobFolder,
        datasets: list[Dataset],
        moves: list[tuple[Path, Path]],
        change: Callable[[sqlite3.Connection, str, list[Dataset]], None],
    ) -> None:
        """Files first, then the one transaction that makes them known, then the files nobody knows any more.

        Once begun it runs to its end even if the client goes away.
        """
        content = manifest.manifest_bytes(job.job_id, datasets)
        record = manifest.manifest_record(content, now_iso())

        def unit(connection: sqlite3.Connection) -> None:
            Jobs.require_editable(Jobs.load(connection, job.job_id))
            change(connection, job.job_id, datasets)
            artifact_index.record(connection, job.job_id, record)
            Jobs.append_event(
                connection,
                job.job_id,
                "note",
                {"note": "inputs", "fingerprint": manifest.fingerprint(datasets), "datasets": len(datasets)},
            )

        with anyio.CancelScope(shield=True):
            try:
                await to_thread.run_sync(files.settle, moves)
                await to_thread.run_sync(write_durably, folder.root / manifest.REL_PATH, content)
                await self._database.write(unit)
            finally:
                await self._tidy(folder, job.job_id)
        self._jobs.announce(job.job_id)

    async def _tidy(self, folder: JobFolder, job_id: str) -> list[str]:
        """Leave on disk what the store knows: after success and after failure alike."""
        datasets = store.datasets_of(await self._database.all(store.SELECT_OF_JOB, (job_id,)))
        sweep = partial(files.sweep, folder, _paths(datasets), staged_before=self._started)
        removed = await to_thread.run_sync(sweep)
        if datasets:
            await to_thread.run_sync(_mend_manifest, folder, job_id, datasets)
        return removed

    @asynccontextmanager
    async def _turn(self, job_id: str) -> AsyncIterator[None]:
        """One change of a job's input files at a time, so that none is swept before it is known."""
        lock = self._turns.get(job_id)
        if lock is None:
            lock = self._turns[job_id] = asyncio.Lock()
        async with lock:
            yield


def find_dataset(inputs: InputSet, dataset_key: str) -> Dataset:
    """Raises INPUT_DATASET_NOT_FOUND."""
    for dataset in inputs.datasets:
        if dataset.dataset_key == dataset_key:
            return dataset
    raise SsdError("INPUT_DATASET_NOT_FOUND", f"The job has no dataset {dataset_key[:64]!r}.")


def _input_set(datasets: list[Dataset]) -> InputSet | None:
    return InputSet(datasets, manifest.fingerprint(datasets)) if datasets else None


def _updating(changed: Dataset) -> Callable[[sqlite3.Connection, str, list[Dataset]], None]:
    def change(connection: sqlite3.Connection, _job_id: str, _datasets: list[Dataset]) -> None:
        if not store.set_prepared(connection, changed):
            raise SsdError("JOB_VERSION_CONFLICT", "The inputs were replaced meanwhile.")

    return change


def _paths(datasets: list[Dataset]) -> set[str]:
    return {path for item in datasets for path in (item.rel_path, item.prepared_rel_path)}


def _mend_manifest(folder: JobFolder, job_id: str, datasets: list[Dataset]) -> None:
    """The manifest is a function of the rows; a crash or a failed commit may have left another one."""
    path = folder.root / manifest.REL_PATH
    content = manifest.manifest_bytes(job_id, datasets)
    if not path.is_file() or path.read_bytes() != content:
        write_durably(path, content)


def _jobs_with_inputs(root: Path) -> list[str]:
    return sorted(path.parent.name for path in root.glob("??/job_*/inputs"))


@asynccontextmanager
async def _staging(folder: JobFolder) -> AsyncIterator[Path]:
    """A private folder that is gone afterwards, whatever happened."""
    staging = await to_thread.run_sync(files.open_staging, folder)
    try:
        yield staging
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(files.remove_staging, folder, staging)
