"""The rules of drafts: made when needed, never thrown away with what people decided."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec
from anyio import to_thread

from ssd.db.clock import now_iso
from ssd.db.database import Database
from ssd.drafts import store
from ssd.drafts.advice import TemplateAdviser, not_asked
from ssd.drafts.compose import TemplateChooser, complete, normalized_requirement, propose
from ssd.drafts.edits import checked_edits
from ssd.drafts.model_reader import ModelReader
from ssd.drafts.models import Draft, DraftPreview, Patched, StoredDraft
from ssd.errors import SsdError
from ssd.inputs.models import InputSet
from ssd.inputs.service import Inputs
from ssd.jobs import store as jobs_store
from ssd.jobs.models import EDITABLE, Job, JobStatus
from ssd.jobs.service import Jobs
from ssd.jobs.turns import Turns
from ssd.templates.library import Library

_ATTEMPTS = 3
"""How often a draft is made again when requirement or inputs change while it is made."""


def requirement_fingerprint(requirement: str) -> str:
    """`sha256:` of the requirement; white space does not count."""
    return "sha256:" + hashlib.sha256(normalized_requirement(requirement).encode()).hexdigest()


class Drafts:
    """The drafts of the jobs of one store."""

    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        inputs: Inputs,
        library: Library,
        chooser: TemplateChooser,
        *,
        reader: ModelReader | None = None,
        adviser: TemplateAdviser | None = None,
    ) -> None:
        """Without a model (`reader`, `adviser`) the rule planner does the work."""
        self._database = database
        self._jobs = jobs
        self._inputs = inputs
        self._library = library
        self._chooser = chooser
        self._reader = reader
        self._adviser = adviser
        self._turns = Turns()

    async def ensure(self, job: Job) -> Draft | None:
        """The draft of a job, made if there is none or requirement or inputs changed; None without inputs.

        The first draft moves the job from created to draft_ready in the same transaction. A job that can
        no longer be edited shows the draft it has. Edits are kept whatever happens.
        """
        for _ in range(_ATTEMPTS):
            job = await self._jobs.get(job.job_id)
            inputs = await self._inputs.current(job.job_id)
            if inputs is None:
                return None
            stored = await self.stored(job.job_id)
            if stored is not None and (job.status not in EDITABLE or _is_current(stored, job, inputs)):
                return await self._completed(stored, job.requirement, inputs)
            if job.status not in EDITABLE:
                Jobs.require_editable(job)
            async with self._turns.of(job.job_id):
                meanwhile = await self.stored(job.job_id)
                if meanwhile is not None and _is_current(meanwhile, job, inputs):
                    continue
                made = await self._make(job, inputs)
            if made is not None:
                return await self._completed(made, job.requirement, inputs)
        raise SsdError("JOB_VERSION_CONFLICT", "Requirement or inputs keep changing while the draft is made.")

    async def renew(self, job: Job, requirement: str | None) -> Draft | None:
        """Make the draft anew on purpose, with another requirement if one is given; edits stay.

        None without inputs (the requirement is stored all the same). Raises JOB_LOCKED.
        """
        Jobs.require_editable(job)
        if requirement is not None:
            await self._database.write(_setting_requirement(job.job_id, requirement))
        for _ in range(_ATTEMPTS):
            job = await self._jobs.get(job.job_id)
            inputs = await self._inputs.current(job.job_id)
            if inputs is None:
                return None
            async with self._turns.of(job.job_id):
                made = await self._make(job, inputs)
            if made is not None:
                return await self._completed(made, job.requirement, inputs)
        raise SsdError("JOB_VERSION_CONFLICT", "Requirement or inputs keep changing while the draft is made.")

    async def patch(self, job: Job, updates: dict[str, Any]) -> Patched:
        """Record what a person decided. See `checked_edits` for what is refused; also raises JOB_LOCKED,
        INPUTS_MISSING."""
        Jobs.require_editable(job)
        if await self.ensure(job) is None:
            raise SsdError("INPUTS_MISSING")

        def unit(connection: sqlite3.Connection) -> tuple[StoredDraft, str, InputSet]:
            current = Jobs.load(connection, job.job_id)
            Jobs.require_editable(current)
            inputs = Inputs.load(connection, job.job_id)
            stored = store.load(connection, job.job_id)
            if inputs is None or stored is None:
                raise SsdError("INPUTS_MISSING")
            accepted = checked_edits(updates, inputs.primary.profile, (t.id for t in self._library.templates))
            edited = msgspec.structs.replace(stored, edits=merged(stored.edits, accepted), updated_at=now_iso())
            store.save(connection, edited)
            Jobs.append_event(connection, job.job_id, "note", {"note": "draft_patched", "fields": sorted(accepted)})
            return edited, current.requirement, inputs

        edited, requirement, inputs = await self._database.write(unit)
        self._jobs.announce(job.job_id)
        draft = await self._completed(edited, requirement, inputs)
        return Patched(sorted(updates), len(draft.open_unknowns), draft.open_unknowns, preview_of(job.job_id, draft))

    async def stored(self, job_id: str) -> StoredDraft | None:
        row = await self._database.one(store.SELECT, (job_id,))
        return None if row is None else store.draft_of(row)

    async def _completed(self, stored: StoredDraft, requirement: str, inputs: InputSet) -> Draft:
        profile = inputs.primary.profile
        return await to_thread.run_sync(complete, stored.body, stored.edits, requirement, profile, self._chooser)

    async def _make(self, job: Job, inputs: InputSet) -> StoredDraft | None:
        """Propose and store; None when requirement or inputs changed meanwhile."""
        read_from = requirement_fingerprint(job.requirement)
        draft_id = "draft_" + hashlib.sha256(f"{job.job_id}|{read_from}|{inputs.fingerprint}".encode()).hexdigest()[:24]
        body = await to_thread.run_sync(propose, draft_id, job.requirement, inputs)
        earlier = await self.stored(job.job_id)
        if self._reader is not None:
            body = await self._reader.read(job, body, inputs, occasion=earlier.updated_at if earlier else "")
        # The summary of a job counts the characters of the text stored here.
        edits = earlier.edits if earlier else {}
        profile = inputs.primary.profile
        shown = await to_thread.run_sync(complete, body, edits, job.requirement, profile, self._chooser)
        if self._adviser is not None and edits.get("selected_template_id") is None:
            # A provider that just failed or is blocked is not asked twice more while somebody waits.
            advice = not_asked(shown, job.requirement) or await self._adviser.advise(job, shown, inputs)
            body = msgspec.structs.replace(body, template_advice=advice)
            shown = await to_thread.run_sync(complete, body, edits, job.requirement, profile, self._chooser)
        body = msgspec.structs.replace(body, draft_text=shown.draft_text)

        def unit(connection: sqlite3.Connection) -> StoredDraft | None:
            current = Jobs.load(connection, job.job_id)
            Jobs.require_editable(current)
            now_inputs = Inputs.load(connection, job.job_id)
            if now_inputs is None or now_inputs.fingerprint != inputs.fingerprint:
                return None
            if requirement_fingerprint(current.requirement) != read_from:
                return None
            before = store.load(connection, job.job_id)
            moment = now_iso()
            made = StoredDraft(
                job_id=job.job_id,
                draft_id=body.draft_id,
                requirement_fingerprint=read_from,
                inputs_fingerprint=inputs.fingerprint,
                body=body,
                edits=before.edits if before else {},
                created_at=before.created_at if before else moment,
                updated_at=moment,
            )
            store.save(connection, made)
            if current.status is JobStatus.CREATED:
                Jobs.move(connection, job.job_id, JobStatus.DRAFT_READY, cause="draft")
            return made

        made = await self._database.write(unit)
        if made is not None:
            self._jobs.announce(job.job_id)
        return made


def merged(edits: dict[str, Any], accepted: dict[str, Any]) -> dict[str, Any]:
    """Earlier edits with the new ones on top; parameter overrides are merged one by one."""
    result = {**edits, **accepted}
    if "default_overrides" in accepted:
        result["default_overrides"] = {**edits.get("default_overrides", {}), **accepted["default_overrides"]}
    if "instruments" in accepted:
        result.pop("instrument_var", None)
    elif "instrument_var" in accepted:
        result.pop("instruments", None)
    return result


def preview_of(job_id: str, draft: Draft) -> DraftPreview:
    members = {name: getattr(draft, name) for name in Draft.__struct_fields__}
    return DraftPreview(job_id=job_id, **members)


def _is_current(stored: StoredDraft, job: Job, inputs: InputSet) -> bool:
    return (
        stored.requirement_fingerprint == requirement_fingerprint(job.requirement)
        and stored.inputs_fingerprint == inputs.fingerprint
    )


def _setting_requirement(job_id: str, requirement: str) -> Callable[[sqlite3.Connection], None]:
    def unit(connection: sqlite3.Connection) -> None:
        Jobs.require_editable(Jobs.load(connection, job_id))
        jobs_store.set_requirement(connection, job_id, requirement)

    return unit
