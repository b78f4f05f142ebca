-- Durable tasks for the model. A task belongs to a job; its record is what it came to.
CREATE TABLE llm_tasks (
    task_id         TEXT PRIMARY KEY,
    job_id          TEXT NOT NULL REFERENCES jobs (job_id),
    tenant_id       TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    task            TEXT NOT NULL,          -- route, explanation, investigation, budget_optimization, report.write
    request_id      TEXT NOT NULL,          -- the client's
    input           TEXT NOT NULL,          -- JSON, see llm_tasks.models
    content_hash    TEXT NOT NULL,          -- of task, input and limit as the client sent them
    max_cost_cents  REAL,
    status          TEXT NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
    trial           INTEGER NOT NULL,       -- 1, 2, … each time a client asks again after a failure
    deliveries      INTEGER NOT NULL,       -- how often this trial was taken up by a server
    queued_at       TEXT NOT NULL,
    not_before      TEXT NOT NULL,
    started_at      TEXT,
    ended_at        TEXT,
    boot_id         TEXT,                   -- of the server that works on it
    lease_until     TEXT,
    error           TEXT,                   -- JSON, see llm_tasks.models.TaskError
    UNIQUE (job_id, task, request_id)
) STRICT;
CREATE INDEX llm_tasks_queued ON llm_tasks (not_before, queued_at) WHERE status = 'queued';
CREATE INDEX llm_tasks_running ON llm_tasks (lease_until) WHERE status = 'running';
CREATE INDEX llm_tasks_by_job ON llm_tasks (job_id, task_id);

-- Written in the transaction that settles the call, so that neither is there without the other.
CREATE TABLE llm_task_records (
    task_id     TEXT PRIMARY KEY REFERENCES llm_tasks (task_id),
    job_id      TEXT NOT NULL REFERENCES jobs (job_id),
    tenant_id   TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    task        TEXT NOT NULL,
    call_id     TEXT NOT NULL,
    body        TEXT NOT NULL,              -- JSON
    created_at  TEXT NOT NULL
) STRICT;
CREATE INDEX llm_task_records_by_job ON llm_task_records (job_id);
