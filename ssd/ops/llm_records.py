"""The ledger and the evidence of model calls, for the operator: of all tenants, read-only."""

from __future__ import annotations

from typing import Final, Literal

import anyio
import msgspec

from ssd.db.database import Database
from ssd.errors import SsdError
from ssd.llm import listing
from ssd.llm.evidence import EvidenceFolder
from ssd.llm.listing import Place
from ssd.llm.models import Call, CallStatus

EvidenceFile = Literal["prompt.txt", "response.txt", "meta.json"]
EVIDENCE_FILES: Final[tuple[EvidenceFile, ...]] = ("prompt.txt", "response.txt", "meta.json")


class RecordedCall(msgspec.Struct, frozen=True):
    """A ledger row and the names of the evidence files that are there."""

    call: Call
    evidence: list[str]


class LlmRecords:
    """What was asked, answered and paid."""

    def __init__(self, database: Database, folder_of: EvidenceFolder) -> None:
        self._database = database
        self._folder_of = folder_of

    async def calls(
        self, *, tenant_id: str | None, status: CallStatus | None, job_id: str | None, before: Place | None, limit: int
    ) -> list[Call]:
        return await listing.calls(
            self._database, tenant_id=tenant_id, status=status, job_id=job_id, before=before, limit=limit
        )

    async def call(self, call_id: str) -> RecordedCall:
        """Raises NOT_FOUND."""
        call = await listing.call(self._database, call_id)
        if call is None:
            raise SsdError("NOT_FOUND", "There is no such call in the ledger.")
        folder = anyio.Path(self._folder_of(call.job_id, call.call_id))
        return RecordedCall(call, [name for name in EVIDENCE_FILES if await (folder / name).is_file()])

    async def evidence(self, call_id: str, name: EvidenceFile) -> bytes:
        """A whole file; prompts and answers are small and were redacted before they were written.

        Raises NOT_FOUND, or ARTIFACT_NOT_FOUND when the call left no such file or it went with its job.
        """
        recorded = await self.call(call_id)
        if name not in recorded.evidence:
            raise SsdError("ARTIFACT_NOT_FOUND", f"The call has no {name}.")
        return await anyio.Path(self._folder_of(recorded.call.job_id, call_id), name).read_bytes()
