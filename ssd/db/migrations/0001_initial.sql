CREATE TABLE tenants (
    tenant_id   TEXT PRIMARY KEY,
    created_at  TEXT NOT NULL
) STRICT;

CREATE TABLE jobs (
    job_id                TEXT PRIMARY KEY,
    tenant_id             TEXT NOT NULL REFERENCES tenants (tenant_id),
    trace_id              TEXT NOT NULL,
    status                TEXT NOT NULL,
    version               INTEGER NOT NULL,
    requirement           TEXT NOT NULL,
    selected_template_id  TEXT,
    progress              TEXT,             -- JSON, see jobs.models.Progress
    error                 TEXT,             -- JSON, see jobs.models.JobError
    created_at            TEXT NOT NULL,
    updated_at            TEXT NOT NULL,
    scheduled_at          TEXT,
    started_at            TEXT,
    finished_at           TEXT,
    expires_at            TEXT,
    deleted_at            TEXT,             -- a tombstone: the data are gone, the row stays for audit
    erased_at             TEXT              -- when the folder of a deleted job was gone too
) STRICT;
CREATE INDEX jobs_to_erase ON jobs (job_id) WHERE deleted_at IS NOT NULL AND erased_at IS NULL;
CREATE INDEX jobs_by_tenant ON jobs (tenant_id, created_at);
CREATE INDEX jobs_by_status ON jobs (status, created_at);

CREATE TABLE task_codes (
    code_id      TEXT PRIMARY KEY,
    code_hash    TEXT NOT NULL UNIQUE,      -- SHA-256; the clear code is shown once, when issued
    tenant_id    TEXT NOT NULL REFERENCES tenants (tenant_id),
    created_at   TEXT NOT NULL,
    expires_at   TEXT NOT NULL,
    revoked_at   TEXT,
    redeemed_at  TEXT,
    job_id       TEXT UNIQUE REFERENCES jobs (job_id)
) STRICT;
CREATE INDEX task_codes_by_tenant ON task_codes (tenant_id, code_id);

CREATE TABLE job_tokens (
    token_id     TEXT PRIMARY KEY,
    job_id       TEXT NOT NULL REFERENCES jobs (job_id),
    secret_hash  TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    expires_at   TEXT NOT NULL,
    revoked_at   TEXT
) STRICT;
CREATE INDEX job_tokens_by_job ON job_tokens (job_id, created_at);

CREATE TABLE job_events (
    event_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id    TEXT NOT NULL REFERENCES jobs (job_id),
    at        TEXT NOT NULL,
    kind      TEXT NOT NULL,                -- status, progress, log, error, done, note
    data      TEXT NOT NULL                 -- JSON
) STRICT;
CREATE INDEX job_events_by_job ON job_events (job_id, event_id);

CREATE TABLE datasets (
    job_id             TEXT NOT NULL REFERENCES jobs (job_id),
    dataset_key        TEXT NOT NULL,
    position           INTEGER NOT NULL,
    role               TEXT NOT NULL,
    original_name      TEXT NOT NULL,
    format             TEXT NOT NULL,
    size_bytes         INTEGER NOT NULL,
    sha256             TEXT NOT NULL,
    rel_path           TEXT NOT NULL,       -- of the file as uploaded
    prepared_rel_path  TEXT NOT NULL,       -- of the .dta made from it
    profile            TEXT NOT NULL,       -- JSON, see inputs.models.DatasetProfile
    created_at         TEXT NOT NULL,
    PRIMARY KEY (job_id, dataset_key)
) STRICT;

CREATE TABLE drafts (
    job_id                   TEXT PRIMARY KEY REFERENCES jobs (job_id),
    draft_id                 TEXT NOT NULL,
    requirement_fingerprint  TEXT NOT NULL,
    inputs_fingerprint       TEXT NOT NULL,
    body                     TEXT NOT NULL, -- JSON as the planner proposed, see drafts.models.Draft
    edits                    TEXT NOT NULL, -- JSON of what people decided; laid over body, never lost
    created_at               TEXT NOT NULL,
    updated_at               TEXT NOT NULL,
    -- Shown by every read of the job, which must not parse the body each time.
    text_chars               INTEGER NOT NULL GENERATED ALWAYS AS (length(json_extract(body, '$.draft_text'))) STORED
) STRICT;

CREATE TABLE plans (
    job_id      TEXT NOT NULL REFERENCES jobs (job_id),
    revision    INTEGER NOT NULL,
    plan_id     TEXT NOT NULL,
    body        TEXT NOT NULL,              -- JSON, plan.json
    do_text     TEXT NOT NULL,              -- JSON: do-files by step_id and evidence files, see plans.store
    created_at  TEXT NOT NULL,
    PRIMARY KEY (job_id, revision)
) STRICT;

CREATE TABLE runs (
    run_id          TEXT PRIMARY KEY,
    job_id          TEXT NOT NULL REFERENCES jobs (job_id),
    tenant_id       TEXT NOT NULL,
    plan_id         TEXT NOT NULL,
    plan_revision   INTEGER NOT NULL,
    attempt         INTEGER NOT NULL,       -- 1, 2, … over the life of the job
    trigger_attempt INTEGER NOT NULL,       -- 1, 2, … since a person last asked
    status          TEXT NOT NULL,          -- queued, running, succeeded, failed, cancelled, interrupted
    priority        INTEGER NOT NULL,
    output_formats  TEXT NOT NULL,          -- JSON list
    queued_at       TEXT NOT NULL,
    not_before      TEXT NOT NULL,
    started_at      TEXT,
    ended_at        TEXT,
    boot_id         TEXT,                   -- of the server that claimed it
    lease_until     TEXT,
    pid             INTEGER,
    pid_start       INTEGER,                -- start time in clock ticks, so that a reused pid is not killed
    engine          TEXT,                   -- JSON {name, version}
    error           TEXT,                   -- JSON, see jobs.models.JobError
    UNIQUE (job_id, attempt),
    FOREIGN KEY (job_id, plan_revision) REFERENCES plans (job_id, revision)
) STRICT;
-- A claim looks at the head of each tenant's queue; it never walks the whole queue.
CREATE INDEX runs_queued ON runs (tenant_id, priority DESC, queued_at) WHERE status = 'queued';
CREATE INDEX runs_running ON runs (tenant_id) WHERE status = 'running';
-- One job never has two live runs, whatever races.
CREATE UNIQUE INDEX runs_live ON runs (job_id) WHERE status IN ('queued', 'running');

CREATE TABLE step_runs (
    run_id      TEXT NOT NULL REFERENCES runs (run_id),
    position    INTEGER NOT NULL,
    step_id     TEXT NOT NULL,
    status      TEXT NOT NULL,
    started_at  TEXT,
    ended_at    TEXT,
    exit_code   INTEGER,
    error       TEXT,
    PRIMARY KEY (run_id, position)
) STRICT;

CREATE TABLE artifacts (
    job_id      TEXT NOT NULL REFERENCES jobs (job_id),
    rel_path    TEXT NOT NULL,
    kind        TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    size_bytes  INTEGER NOT NULL,
    sha256      TEXT NOT NULL,
    media_type  TEXT NOT NULL,
    run_id      TEXT,
    step_id     TEXT,
    title       TEXT NOT NULL,
    meta        TEXT NOT NULL,              -- JSON
    PRIMARY KEY (job_id, rel_path)
) STRICT;
CREATE INDEX artifacts_by_run ON artifacts (run_id, rel_path) WHERE run_id IS NOT NULL;
CREATE INDEX artifacts_by_kind ON artifacts (job_id, kind, rel_path);

CREATE TABLE audit_log (
    audit_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    at         TEXT NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    data       TEXT NOT NULL                -- JSON
) STRICT;

CREATE TABLE flags (
    name        TEXT PRIMARY KEY,
    value       TEXT NOT NULL,
    updated_at  TEXT NOT NULL
) STRICT;
