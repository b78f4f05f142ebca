CREATE TABLE admin_accounts (
    username       TEXT PRIMARY KEY,
    password_hash  TEXT NOT NULL,           -- scrypt$N$r$p$salt$key
    created_at     TEXT NOT NULL,
    updated_at     TEXT NOT NULL
) STRICT;

CREATE TABLE admin_tokens (
    token_id     TEXT PRIMARY KEY,          -- begins with the time of issue
    username     TEXT NOT NULL REFERENCES admin_accounts (username),
    name         TEXT NOT NULL,
    secret_hash  TEXT NOT NULL,             -- SHA-256 of 256 random bits
    created_at   TEXT NOT NULL,
    expires_at   TEXT NOT NULL,
    revoked_at   TEXT
) STRICT;
CREATE INDEX admin_tokens_by_account ON admin_tokens (username, expires_at);

CREATE INDEX audit_by_subject ON audit_log (subject, audit_id);
CREATE INDEX audit_by_action ON audit_log (action, audit_id);

-- The operator pages through jobs by age; the id settles jobs of the same millisecond.
DROP INDEX jobs_by_tenant;
DROP INDEX jobs_by_status;
CREATE INDEX jobs_by_age ON jobs (created_at, job_id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_by_status ON jobs (status, created_at, job_id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_by_tenant ON jobs (tenant_id, created_at, job_id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_by_tenant_status ON jobs (tenant_id, status, created_at, job_id) WHERE deleted_at IS NULL;

-- And through the ledger of model calls.
DROP INDEX llm_calls_by_time;
CREATE INDEX llm_calls_by_time ON llm_calls (started_at, call_id);
CREATE INDEX llm_calls_by_tenant ON llm_calls (tenant_id, started_at, call_id);
CREATE INDEX llm_calls_by_status ON llm_calls (status, started_at, call_id);
DROP INDEX llm_calls_by_job;
CREATE INDEX llm_calls_by_job ON llm_calls (job_id, started_at, call_id) WHERE job_id IS NOT NULL;
