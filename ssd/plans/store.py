"""SQL of the plans table. Functions over a connection run inside a unit of work."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from ssd.plans.models import Plan

LATEST: Final = "SELECT body, do_text FROM plans WHERE job_id = ? ORDER BY revision DESC LIMIT 1"
LATEST_REVISION: Final = "SELECT coalesce(max(revision), 0) AS revision FROM plans WHERE job_id = ?"
INSERT: Final = """
    INSERT INTO plans (job_id, revision, plan_id, body, do_text, created_at)
    VALUES (:job_id, :revision, :plan_id, :body, :do_text, :created_at)"""
EDITABLE_WITH_PLAN: Final = """
    SELECT DISTINCT p.job_id FROM plans AS p JOIN jobs AS j ON j.job_id = p.job_id
    WHERE j.status IN ('created', 'draft_ready') AND j.deleted_at IS NULL"""

_ENCODER: Final = msgspec.json.Encoder()
_PLAN: Final = msgspec.json.Decoder(Plan)


class StoredPlan(msgspec.Struct, frozen=True):
    """A plan with the do-file of every step and the evidence of its selection. All its files follow from it."""

    plan: Plan
    do_files: dict[str, str]
    evidence: dict[str, dict[str, Any]]


class _Texts(msgspec.Struct, frozen=True):
    """Content of the column do_text: JSON, so that no text can be taken for a delimiter."""

    do_files: dict[str, str]
    evidence: dict[str, dict[str, Any]]


_TEXTS: Final = msgspec.json.Decoder(_Texts)


def plan_of(row: sqlite3.Row) -> StoredPlan:
    texts = _TEXTS.decode(row["do_text"])
    return StoredPlan(_PLAN.decode(row["body"]), texts.do_files, texts.evidence)


def load(connection: sqlite3.Connection, job_id: str) -> StoredPlan | None:
    row = connection.execute(LATEST, (job_id,)).fetchone()
    return None if row is None else plan_of(row)


def next_revision(connection: sqlite3.Connection, job_id: str) -> int:
    return int(connection.execute(LATEST_REVISION, (job_id,)).fetchone()["revision"]) + 1


def insert(connection: sqlite3.Connection, stored: StoredPlan) -> None:
    """A new revision."""
    plan = stored.plan
    connection.execute(
        INSERT,
        {
            "job_id": plan.job_id,
            "revision": plan.revision,
            "plan_id": plan.plan_id,
            "body": _ENCODER.encode(plan).decode(),
            "do_text": _ENCODER.encode(_Texts(stored.do_files, stored.evidence)).decode(),
            "created_at": plan.created_at,
        },
    )
