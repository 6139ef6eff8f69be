-- Small jobs on hosts; one that has not ended has a timer, due_at: until it is too late to begin, or its lease is over.
CREATE TABLE errands (
    id BIGINT PRIMARY KEY, server_id BIGINT NOT NULL, host TEXT NOT NULL, word TEXT NOT NULL, what TEXT NOT NULL,
    status TEXT NOT NULL, asked_by TEXT NOT NULL, attempts BIGINT NOT NULL, worker TEXT, surveyed TEXT, error TEXT,
    requested_at BIGINT NOT NULL, started_at BIGINT, ended_at BIGINT, due_at BIGINT,
    -- The newest event when the attempt began.
    as_of BIGINT NOT NULL
);
CREATE INDEX errands_due ON errands (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX errands_queued ON errands (host, id) WHERE status = 'queued';
CREATE INDEX errands_server ON errands (server_id, word, ended_at);

-- Things on hosts that belong to no record.
CREATE TABLE orphans (
    id BIGINT PRIMARY KEY, server_id BIGINT NOT NULL, host TEXT NOT NULL, sort TEXT NOT NULL, name TEXT NOT NULL,
    found TEXT NOT NULL, first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL, set_aside_at BIGINT
);
CREATE UNIQUE INDEX orphans_thing ON orphans (server_id, sort, name);

ALTER TABLE counters ADD COLUMN errand BIGINT NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN orphan BIGINT NOT NULL DEFAULT 0;
-- When the next survey is due.
ALTER TABLE servers ADD COLUMN survey_at BIGINT NOT NULL DEFAULT 0;
