"""SQL of the plans table. Functions over a connection run inside a unit of work."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from ssd.plans.models import Plan

LATEST: Final = "SELECT body, do_text, evidence FROM plans WHERE job_id = ? ORDER BY revision DESC LIMIT 1"
LATEST_REVISION: Final = "SELECT coalesce(max(revision), 0) AS revision FROM plans WHERE job_id = ?"
INSERT: Final = """
    INSERT INTO plans (job_id, revision, plan_id, body, do_text, evidence, created_at)
    VALUES (:job_id, :revision, :plan_id, :body, :do_text, :evidence, :created_at)"""
EDITABLE_WITH_PLAN: Final = """
    SELECT DISTINCT p.job_id FROM plans AS p JOIN jobs AS j ON j.job_id = p.job_id
    WHERE j.status IN ('created', 'draft_ready') AND j.deleted_at IS NULL"""

_ENCODER: Final = msgspec.json.Encoder()
_PLAN: Final = msgspec.json.Decoder(Plan)
_EVIDENCE: Final = msgspec.json.Decoder(dict[str, dict[str, Any]])
_DO_FILES: Final = msgspec.json.Decoder(dict[str, str])


class StoredPlan(msgspec.Struct, frozen=True):
    """A plan with the do-file of every step and the evidence of its selection. All its files follow from it."""

    plan: Plan
    do_files: dict[str, str]
    evidence: dict[str, dict[str, Any]]


def plan_of(row: sqlite3.Row) -> StoredPlan:
    return StoredPlan(_PLAN.decode(row["body"]), _DO_FILES.decode(row["do_text"]), _EVIDENCE.decode(row["evidence"]))


def load(connection: sqlite3.Connection, job_id: str) -> StoredPlan | None:
    row = connection.execute(LATEST, (job_id,)).fetchone()
    return None if row is None else plan_of(row)


def next_revision(connection: sqlite3.Connection, job_id: str) -> int:
    return int(connection.execute(LATEST_REVISION, (job_id,)).fetchone()["revision"]) + 1


def insert(connection: sqlite3.Connection, stored: StoredPlan) -> None:
    """A new revision. Its do-files are stored as JSON by step, so that no text can be taken for a delimiter."""
    plan = stored.plan
    connection.execute(
        INSERT,
        {
            "job_id": plan.job_id,
            "revision": plan.revision,
            "plan_id": plan.plan_id,
            "body": _ENCODER.encode(plan).decode(),
            "do_text": _ENCODER.encode(stored.do_files).decode(),
            "evidence": _ENCODER.encode(stored.evidence).decode(),
            "created_at": plan.created_at,
        },
    )
