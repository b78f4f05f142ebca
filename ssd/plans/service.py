"""The rules of plans: frozen from a draft, replaced while only frozen, fixed once queued."""

from __future__ import annotations

import asyncio
import functools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import anyio
import msgspec
from anyio import to_thread

from ssd.db.clock import now_iso
from ssd.db.database import Database
from ssd.drafts import store as drafts_store
from ssd.drafts.advice import advice_basis, valid_advice
from ssd.drafts.models import StoredDraft, TemplateAdvice
from ssd.drafts.service import Drafts, requirement_fingerprint
from ssd.errors import SsdError
from ssd.inputs.models import InputSet
from ssd.inputs.service import Inputs
from ssd.jobs import artifact_index
from ssd.jobs.models import EDITABLE, Job
from ssd.jobs.service import Jobs
from ssd.plans import store
from ssd.plans.advice import ModelAdviser
from ssd.plans.confirmation import is_blank
from ssd.plans.do_files import joined
from ssd.plans.files import DO_FOLDER, PlanFile, mend_files, plan_files, write_files
from ssd.plans.freeze import STEPS_EVIDENCE, Decided, Freezer, Frozen, Prepared, draft_fingerprint
from ssd.plans.models import FreezeRequest, Plan, StepProposal
from ssd.plans.pipeline import MOST_ROBUSTNESS
from ssd.plans.selection import EVIDENCE
from ssd.plans.store import StoredPlan
from ssd.templates.library import Library

_OFFERED_ROBUSTNESS = 3 * MOST_ROBUSTNESS
"""Checks the model may choose among."""
_ATTEMPTS = 3
"""How often a plan is made again when draft or inputs change while it is made."""


class _Overtaken(Exception):
    """Draft, inputs or requirement changed while the plan was made from them."""


class Plans:
    """The plans of the jobs of one store."""

    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        inputs: Inputs,
        library: Library,
        drafts: Drafts,
        *,
        timeout_seconds: float,
        adviser: ModelAdviser | None = None,
    ) -> None:
        """Without a model (`adviser`) the rules choose template and steps."""
        self._database = database
        self._jobs = jobs
        self._inputs = inputs
        self._drafts = drafts
        self._adviser = adviser
        self._freezer = Freezer(library, timeout_seconds=timeout_seconds)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def current(self, job_id: str) -> Plan | None:
        """The newest revision, or None."""
        stored = await self._stored(job_id)
        return None if stored is None else stored.plan

    async def require(self, job_id: str) -> Plan:
        """Raises PLAN_MISSING."""
        plan = await self.current(job_id)
        if plan is None:
            raise SsdError("PLAN_MISSING")
        return plan

    async def do_files(self, job_id: str) -> dict[str, str]:
        """The exact do-file of every step, by step_id. Raises PLAN_MISSING."""
        stored = await self._stored(job_id)
        if stored is None:
            raise SsdError("PLAN_MISSING")
        return stored.do_files

    async def do_text(self, job_id: str, step_id: str | None = None) -> str:
        """The do-file of one step, or of all with headings. Raises PLAN_MISSING, NOT_FOUND for no such step."""
        stored = await self._stored(job_id)
        if stored is None:
            raise SsdError("PLAN_MISSING")
        if step_id is None:
            return joined(stored.plan.steps, stored.do_files)
        if step_id not in stored.do_files:
            raise SsdError("NOT_FOUND", "The plan has no such step.", steps=list(stored.do_files))
        return stored.do_files[step_id]

    @staticmethod
    def load_current(connection: sqlite3.Connection, job_id: str) -> StoredPlan | None:
        """The newest revision as a unit of work sees it."""
        return store.load(connection, job_id)

    async def is_fresh(self, job: Job, plan: Plan) -> bool:
        """Whether the plan was made from the inputs, requirement and draft the job has now."""
        if job.status not in EDITABLE:
            return True
        inputs = await self._inputs.current(job.job_id)
        stored = await self._drafts.stored(job.job_id)
        return inputs is not None and stored is not None and _made_from(plan, job, inputs, stored)

    async def freeze(self, job: Job, request: FreezeRequest) -> Plan:
        """Freeze the plan of a job, or answer with the same plan when nothing differs.

        Raises PLAN_FREEZE_MISSING_REQUIRED (nothing is stored then), CONTRACT_COLUMN_NOT_FOUND,
        INPUT_VALIDATION_FAILED, TEMPLATE_NOT_FOUND, INPUTS_MISSING, PLAN_ALREADY_FROZEN_CONFLICT when another
        plan was already confirmed.
        """
        async with self._turn(job.job_id):
            for _ in range(_ATTEMPTS):
                job = await self._jobs.get(job.job_id)
                if job.status not in EDITABLE:
                    return await self._same_or_conflict(job, request)
                if await self._drafts.ensure(job) is None:
                    raise SsdError("INPUTS_MISSING")
                try:
                    return await self._freeze_once(await self._jobs.get(job.job_id), request)
                except _Overtaken:
                    continue
        raise SsdError("JOB_VERSION_CONFLICT", "Draft or inputs keep changing while the plan is frozen.")

    async def freeze_as_is(self, job: Job) -> Plan:
        """The plan with what was confirmed before; made anew when the draft or the inputs changed since."""
        earlier = await self.current(job.job_id)
        job = await self._jobs.get(job.job_id)
        if earlier is not None and await self.is_fresh(job, earlier):
            return earlier
        return await self.freeze(job, _request_of(earlier) if earlier else FreezeRequest())

    async def confirm(self, job: Job, request: FreezeRequest) -> Plan:
        """The plan to be queued: the frozen one when nothing more is said, else one frozen with what is said."""
        if is_blank(request):
            return await self.freeze_as_is(job)
        earlier = await self.current(job.job_id)
        return await self.freeze(job, _said_further(_request_of(earlier), request) if earlier else request)

    async def mend(self, job_id: str) -> list[str]:
        """Make the files of a plan agree with the store, as after a freeze that failed or was cut off."""
        stored = await self._stored(job_id)
        if stored is None:
            return []
        return await to_thread.run_sync(mend_files, self._jobs.folder(job_id), plan_files(stored))

    async def mend_all(self) -> int:
        """`mend` for every job whose plan may have been under way when the server stopped; for boot."""
        rows = await self._database.all(store.EDITABLE_WITH_PLAN)
        return sum([len(await self.mend(row["job_id"])) for row in rows])

    async def _same_or_conflict(self, job: Job, request: FreezeRequest) -> Plan:
        """The plan of a job that can no longer be edited, if the request asks for that very plan."""
        stored = await self._stored(job.job_id)
        if stored is None:
            raise SsdError("JOB_LOCKED", job_status=job.status)
        if is_blank(request):
            return stored.plan
        inputs = await self._inputs.current(job.job_id)
        draft = await self._drafts.stored(job.job_id)
        if inputs is not None and draft is not None:
            try:
                frozen = await self._made(job, draft, inputs, request, stored, may_ask=False)
            except SsdError as error:
                raise _conflict(job) from error
            if frozen.plan.plan_id == stored.plan.plan_id:
                return stored.plan
        raise _conflict(job)

    async def _freeze_once(self, job: Job, request: FreezeRequest) -> Plan:
        inputs = await self._inputs.require(job.job_id)
        draft = await self._drafts.stored(job.job_id)
        if draft is None:
            raise _Overtaken
        earlier = await self._stored(job.job_id)
        frozen = await self._made(job, draft, inputs, request, earlier)
        if earlier is not None and _is_same(earlier.plan, frozen.plan):
            return earlier.plan
        revision = earlier.plan.revision + 1 if earlier else 1
        plan = msgspec.structs.replace(frozen.plan, revision=revision, created_at=now_iso())
        stored = StoredPlan(plan, frozen.do_files, frozen.evidence)
        files = plan_files(stored)
        # Once begun it runs to its end even if the client goes away.
        with anyio.CancelScope(shield=True):
            try:
                await to_thread.run_sync(write_files, self._jobs.folder(job.job_id), files)
                await self._database.write(lambda connection: _store(connection, stored, files))
            except Exception:
                await self.mend(job.job_id)
                raise
        self._jobs.announce(job.job_id)
        return plan

    async def _made(
        self,
        job: Job,
        draft: StoredDraft,
        inputs: InputSet,
        request: FreezeRequest,
        earlier: StoredPlan | None,
        *,
        may_ask: bool = True,
    ) -> Frozen:
        """The plan, with the model's part in it where one is configured.

        Advice that an earlier plan recorded for the same draft is used again, so that the same confirmation gives
        the same plan. With `may_ask` false, raises PLAN_ALREADY_FROZEN_CONFLICT where there is none.
        """
        if self._adviser is None:
            return await to_thread.run_sync(self._freezer.freeze, job.job_id, job.requirement, draft, inputs, request)
        decided = await to_thread.run_sync(self._freezer.decide, job.job_id, job.requirement, draft, inputs, request)
        decided = await self._advised(job, decided, earlier, self._adviser, may_ask=may_ask)
        prepare = functools.partial(self._freezer.prepare, most_robustness=_OFFERED_ROBUSTNESS)
        prepared = await to_thread.run_sync(prepare, decided)
        proposal = await self._steps(job, prepared, earlier, self._adviser, may_ask=may_ask)
        return await to_thread.run_sync(self._freezer.finish, prepared, proposal)

    @staticmethod
    async def _advised(
        job: Job, decided: Decided, earlier: StoredPlan | None, adviser: ModelAdviser, *, may_ask: bool
    ) -> Decided:
        """With advice on the template, unless a person chose it or the draft carries it already."""
        draft = decided.draft
        if decided.wanted is not None or valid_advice(draft, job.requirement) is not None:
            return decided
        recorded = _recorded_advice(earlier)
        if recorded is not None and recorded.basis == advice_basis(draft, job.requirement):
            advice = recorded
        elif may_ask:
            advice = await adviser.advise(job, draft, decided.inputs)
        else:
            raise _conflict(job)
        return msgspec.structs.replace(decided, draft=msgspec.structs.replace(draft, template_advice=advice))

    @staticmethod
    async def _steps(
        job: Job, prepared: Prepared, earlier: StoredPlan | None, adviser: ModelAdviser, *, may_ask: bool
    ) -> StepProposal:
        recorded = _recorded_steps(earlier)
        if recorded is not None and recorded.basis == prepared.basis:
            return recorded
        if not may_ask:
            raise _conflict(job)
        draft = prepared.decided.draft
        return await adviser.propose_steps(job, draft, prepared.skeleton, prepared.most_steps, prepared.basis)

    async def _stored(self, job_id: str) -> StoredPlan | None:
        row = await self._database.one(store.LATEST, (job_id,))
        return None if row is None else store.plan_of(row)

    @asynccontextmanager
    async def _turn(self, job_id: str) -> AsyncIterator[None]:
        """One freeze of a job at a time, so that files and rows of two plans never mix."""
        lock = self._turns.get(job_id)
        if lock is None:
            lock = self._turns[job_id] = asyncio.Lock()
        async with lock:
            yield


def _recorded_advice(earlier: StoredPlan | None) -> TemplateAdvice | None:
    """The advice an earlier plan was made with."""
    recorded = earlier.evidence.get(EVIDENCE[2], {}).get("advice") if earlier else None
    return None if recorded is None else msgspec.convert(recorded, TemplateAdvice)


def _recorded_steps(earlier: StoredPlan | None) -> StepProposal | None:
    recorded = earlier.evidence.get(STEPS_EVIDENCE) if earlier else None
    return None if recorded is None else msgspec.convert(recorded, StepProposal)


def _store(connection: sqlite3.Connection, stored: StoredPlan, files: list[PlanFile]) -> None:
    """Plan row and index in one transaction. Raises _Overtaken when what the plan was made from has changed."""
    plan = stored.plan
    job = Jobs.load(connection, plan.job_id)
    Jobs.require_editable(job)
    inputs = Inputs.load(connection, plan.job_id)
    draft = drafts_store.load(connection, plan.job_id)
    if inputs is None or draft is None or not _made_from(plan, job, inputs, draft):
        raise _Overtaken
    if store.next_revision(connection, plan.job_id) != plan.revision:
        raise _Overtaken
    store.insert(connection, stored)
    artifact_index.forget(connection, plan.job_id, DO_FOLDER)
    for file in files:
        artifact_index.record(connection, plan.job_id, file.record)
    data = {"note": "plan_frozen", "plan_id": plan.plan_id, "revision": plan.revision}
    Jobs.append_event(connection, plan.job_id, "note", data)


def _made_from(plan: Plan, job: Job, inputs: InputSet, draft: StoredDraft) -> bool:
    return (
        plan.inputs_fingerprint == inputs.fingerprint
        and plan.requirement_fingerprint == requirement_fingerprint(job.requirement)
        and plan.draft_fingerprint == draft_fingerprint(draft)
    )


def _is_same(earlier: Plan, new: Plan) -> bool:
    """Same id and same notes. A draft that changed back and forth leaves the id as it was."""
    return (
        earlier.plan_id == new.plan_id
        and earlier.notes == new.notes
        and earlier.draft_fingerprint == new.draft_fingerprint
    )


def _request_of(plan: Plan) -> FreezeRequest:
    """What was said when the plan was frozen, to be said again."""
    said = plan.confirmation
    return FreezeRequest(
        notes=plan.notes,
        answers=said.get("answers", {}),
        variable_corrections=said.get("variable_corrections", {}),
        default_overrides=said.get("default_overrides", {}),
        template_id=said.get("template_id"),
    )


def _said_further(earlier: FreezeRequest, request: FreezeRequest) -> FreezeRequest:
    """What was said before with what is said now on top."""
    return FreezeRequest(
        notes=request.notes if request.notes is not None else earlier.notes,
        answers={**earlier.answers, **request.answers},
        variable_corrections={**earlier.variable_corrections, **request.variable_corrections},
        default_overrides={**earlier.default_overrides, **request.default_overrides},
        template_id=request.template_id or earlier.template_id,
    )


def _conflict(job: Job) -> SsdError:
    return SsdError(
        "PLAN_ALREADY_FROZEN_CONFLICT",
        f"The job is {job.status} with another plan; reopen it to change the plan.",
        job_status=job.status,
    )
