"""The state machine: every pair of states, and what a move leaves behind."""

from __future__ import annotations

import itertools
import re
import sqlite3

import pytest

from ssd.db.database import open_for_writing
from ssd.db.migrate import migrate
from ssd.errors import SsdError
from ssd.jobs.models import EDITABLE, MOVES, JobError, JobStatus, Progress
from ssd.jobs.service import Jobs, new_job_id

FAILURE = JobError("STATA_TIMEOUT", "m", False, "h")


@pytest.fixture
def store(tmp_path):
    connection = open_for_writing(tmp_path / "store.sqlite3")
    migrate(connection)
    connection.execute("INSERT INTO tenants VALUES ('default', '')")
    yield connection
    connection.close()


def job_in(store: sqlite3.Connection, status):
    job_id = Jobs.create(store, "default", "x")
    store.execute("UPDATE jobs SET status = ? WHERE job_id = ?", (status, job_id))
    return job_id


@pytest.mark.parametrize(("before", "after"), list(itertools.product(JobStatus, JobStatus)))
def test_only_listed_moves_are_allowed(store, before, after):
    job_id = job_in(store, before)
    if after in MOVES[before]:
        moved = Jobs.move(store, job_id, after, cause="test")
        assert (moved.status, moved.version) == (after, 2)
        assert Jobs.load(store, job_id) == moved
    else:
        with pytest.raises(SsdError) as refused:
            Jobs.move(store, job_id, after, cause="test")
        assert refused.value.code == "JOB_ILLEGAL_TRANSITION"
        assert refused.value.members == {"job_status": before, "requested_status": after}
        assert Jobs.load(store, job_id).status is before


def test_every_move_leaves_an_event(store):
    job_id = job_in(store, JobStatus.RUNNING)
    Jobs.move(store, job_id, JobStatus.FAILED, cause="judge", error=FAILURE)
    kinds = [tuple(row) for row in store.execute("SELECT kind, json_extract(data, '$.cause') FROM job_events")]
    assert kinds == [("status", "redeem"), ("status", "judge")]


def test_queueing_again_clears_what_the_last_attempt_left(store):
    job_id = job_in(store, JobStatus.RUNNING)
    Jobs.set_progress(store, job_id, Progress(1, 2, "s", "p", 50.0))
    failed = Jobs.move(store, job_id, JobStatus.FAILED, cause="judge", error=FAILURE)
    assert failed.error == FAILURE
    assert failed.finished_at is not None
    queued = Jobs.move(store, job_id, JobStatus.QUEUED, cause="run")
    assert (queued.error, queued.progress, queued.started_at, queued.finished_at) == (None, None, None, None)
    assert queued.scheduled_at is not None


def test_an_interrupted_run_may_say_why_it_is_queued_again(store):
    job_id = job_in(store, JobStatus.RUNNING)
    assert Jobs.move(store, job_id, JobStatus.QUEUED, cause="interrupted", error=FAILURE).error == FAILURE


@pytest.mark.parametrize("status", JobStatus)
def test_only_early_jobs_are_editable(store, status):
    job = Jobs.load(store, job_in(store, status))
    if status in EDITABLE:
        Jobs.require_editable(job)
    else:
        with pytest.raises(SsdError, match="JOB_LOCKED"):
            Jobs.require_editable(job)


def test_job_ids_are_random_and_well_formed():
    ids = {new_job_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"job_[0-9a-f]{32}", job_id) for job_id in ids)
