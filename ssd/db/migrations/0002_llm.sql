-- Money is in micro-cents (a millionth of a cent), whole numbers everywhere.

CREATE TABLE llm_calls (
    call_id              TEXT PRIMARY KEY,
    tenant_id            TEXT NOT NULL,
    user_id              TEXT NOT NULL,
    operation            TEXT NOT NULL,
    request_id           TEXT NOT NULL,
    attempt              INTEGER NOT NULL,   -- 1, 2, … of the same request
    content_hash         TEXT NOT NULL,
    job_id               TEXT,
    status               TEXT NOT NULL CHECK (status IN ('pending', 'success', 'blocked', 'failed')),
    reason               TEXT,               -- of a block or failure
    error_message        TEXT,               -- redacted
    provider             TEXT,               -- that answered, or was asked last
    model                TEXT,
    schema_version       TEXT NOT NULL,
    cached               INTEGER NOT NULL DEFAULT 0,
    cost                 INTEGER NOT NULL DEFAULT 0,
    input_tokens         INTEGER NOT NULL DEFAULT 0,  -- all of them, cached ones too
    cached_input_tokens  INTEGER NOT NULL DEFAULT 0,
    output_tokens        INTEGER NOT NULL DEFAULT 0,
    provider_attempts    INTEGER NOT NULL DEFAULT 0,
    boot_id              TEXT NOT NULL,      -- of the server that works on it
    lease_until          TEXT NOT NULL,
    started_at           TEXT NOT NULL,
    ended_at             TEXT,
    duration_ms          INTEGER,
    UNIQUE (tenant_id, user_id, operation, request_id, attempt)
) STRICT;
-- A request has at most one attempt that is under way or has succeeded, whatever races.
CREATE UNIQUE INDEX llm_calls_live ON llm_calls (tenant_id, user_id, operation, request_id)
    WHERE status IN ('pending', 'success');
CREATE INDEX llm_calls_pending ON llm_calls (lease_until) WHERE status = 'pending';
CREATE INDEX llm_calls_by_time ON llm_calls (started_at);
CREATE INDEX llm_calls_of_user ON llm_calls (tenant_id, user_id, started_at, call_id);
CREATE INDEX llm_calls_by_job ON llm_calls (job_id, started_at) WHERE job_id IS NOT NULL;

-- What a call answered: the researcher's words may be in it, so it goes when its job goes; the ledger row stays.
CREATE TABLE llm_outcomes (
    call_id    TEXT PRIMARY KEY REFERENCES llm_calls (call_id),
    tenant_id  TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    job_id     TEXT,
    value      TEXT NOT NULL                 -- JSON of the answer, redacted
) STRICT;
CREATE INDEX llm_outcomes_by_job ON llm_outcomes (job_id) WHERE job_id IS NOT NULL;

CREATE TABLE llm_reservations (
    call_id    TEXT PRIMARY KEY REFERENCES llm_calls (call_id),
    tenant_id  TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    month      TEXT NOT NULL,                -- YYYY-MM, UTC, in which it was made and is settled
    amount     INTEGER NOT NULL,             -- worst case of the call
    state      TEXT NOT NULL CHECK (state IN ('held', 'settled', 'released')),
    spent      INTEGER,                      -- when settled
    made_at    TEXT NOT NULL,
    closed_at  TEXT
) STRICT;
CREATE INDEX llm_reservations_held ON llm_reservations (made_at) WHERE state = 'held';

CREATE TABLE llm_monthly (
    tenant_id  TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    month      TEXT NOT NULL,
    spent      INTEGER NOT NULL,
    reserved   INTEGER NOT NULL CHECK (reserved >= 0),
    calls      INTEGER NOT NULL,             -- that were settled, cached ones included
    PRIMARY KEY (tenant_id, user_id, month)
) STRICT, WITHOUT ROWID;
CREATE INDEX llm_monthly_by_month ON llm_monthly (month);

CREATE TABLE llm_hourly (
    tenant_id  TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    hour       TEXT NOT NULL,                -- YYYY-MM-DDTHH, UTC
    spent      INTEGER NOT NULL,
    calls      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX llm_hourly_by_hour ON llm_hourly (hour);

CREATE TABLE llm_caps (
    tenant_id   TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    month_cap   INTEGER NOT NULL,            -- instead of the cap all users have
    updated_at  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE llm_cache (
    tenant_id   TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    cache_key   TEXT NOT NULL,
    operation   TEXT NOT NULL,
    provider    TEXT NOT NULL,
    model       TEXT NOT NULL,
    job_id      TEXT,                        -- whose call made it; it goes when the job goes
    value       TEXT NOT NULL,               -- JSON of the answer, redacted
    created_at  TEXT NOT NULL,
    expires_at  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, user_id, cache_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX llm_cache_by_expiry ON llm_cache (expires_at);
CREATE INDEX llm_cache_by_age ON llm_cache (created_at);
CREATE INDEX llm_cache_by_job ON llm_cache (job_id) WHERE job_id IS NOT NULL;

CREATE TABLE llm_breakers (
    provider           TEXT PRIMARY KEY,
    failures           INTEGER NOT NULL,     -- in a row
    open_until         TEXT,                 -- null: closed; in the past: one probe may go
    probe_call_id      TEXT,
    probe_lease_until  TEXT,
    opened_at          TEXT,
    updated_at         TEXT NOT NULL
) STRICT, WITHOUT ROWID;
