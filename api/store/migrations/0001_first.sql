-- Ids and times are BIGINT (times in microseconds since 1970), words and JSON are TEXT, booleans are BIGINT 0 or 1:
-- what SQLite and PostgreSQL both know under the same name.

-- One row: the lock of all writers, and the last number that was given out of each kind.
CREATE TABLE counters (
    one BIGINT PRIMARY KEY,
    -- Transactions, and removals of servers.
    writer BIGINT NOT NULL, fleet BIGINT NOT NULL,
    project BIGINT NOT NULL, server BIGINT NOT NULL, image BIGINT NOT NULL, resource BIGINT NOT NULL,
    task BIGINT NOT NULL, event BIGINT NOT NULL, history BIGINT NOT NULL, token BIGINT NOT NULL,
    -- The feed's cursor: task_queued events up to here were handed to a dispatcher.
    dispatch BIGINT NOT NULL
);
INSERT INTO counters VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

CREATE TABLE projects (
    id BIGINT PRIMARY KEY, spec TEXT NOT NULL, version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL
);

CREATE TABLE images (
    id BIGINT PRIMARY KEY, spec TEXT NOT NULL, version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL
);

CREATE TABLE servers (
    id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, type TEXT NOT NULL, enabled BIGINT NOT NULL, spec TEXT NOT NULL,
    cores BIGINT NOT NULL, ram_mb BIGINT NOT NULL, gb BIGINT NOT NULL,
    used_cores BIGINT NOT NULL, used_ram_mb BIGINT NOT NULL, used_gb BIGINT NOT NULL,
    report TEXT, seen_at BIGINT,
    version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    -- The writer's transaction that changed it last.
    touched BIGINT NOT NULL
);
CREATE INDEX servers_touched ON servers (touched);

CREATE TABLE resources (
    id BIGINT PRIMARY KEY, type TEXT NOT NULL, kind TEXT NOT NULL, project_id BIGINT NOT NULL, name TEXT NOT NULL,
    state TEXT NOT NULL, spec TEXT NOT NULL, server_id BIGINT NOT NULL, host TEXT NOT NULL, fence BIGINT NOT NULL,
    task_id BIGINT, error TEXT, version BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    cores BIGINT NOT NULL, ram_mb BIGINT NOT NULL, gb BIGINT NOT NULL,
    scrub_due_at BIGINT, image_id BIGINT, changed_seq BIGINT NOT NULL, failed_verb TEXT
);
CREATE INDEX resources_project ON resources (project_id, type, id);
CREATE INDEX resources_state ON resources (state, type, id);
CREATE INDEX resources_host ON resources (host, id) WHERE state <> 'closed';
CREATE INDEX resources_image ON resources (image_id) WHERE image_id IS NOT NULL AND state <> 'closed';
CREATE INDEX resources_scrub ON resources (scrub_due_at) WHERE scrub_due_at IS NOT NULL;

CREATE TABLE tasks (
    id BIGINT PRIMARY KEY, resource_id BIGINT NOT NULL, project_id BIGINT NOT NULL, kind TEXT NOT NULL, verb TEXT NOT NULL,
    server_id BIGINT NOT NULL, host TEXT NOT NULL, status TEXT NOT NULL,
    attempts BIGINT NOT NULL, faults BIGINT NOT NULL, lost BIGINT NOT NULL, fence BIGINT NOT NULL,
    worker TEXT, lease_until BIGINT,
    wait_reason TEXT, wait_resource_id BIGINT, wait_since BIGINT, wait_until BIGINT,
    steps_total BIGINT, error TEXT, dry_run BIGINT NOT NULL, plan TEXT, cancel_by TEXT,
    asked_by TEXT NOT NULL, asked_from TEXT, traceparent TEXT,
    requested_at BIGINT NOT NULL, started_at BIGINT, ended_at BIGINT, deadline_at BIGINT NOT NULL,
    dry_spec TEXT, spec_before TEXT,
    -- The one timer of a task; none once it has ended.
    due_at BIGINT,
    queued_seq BIGINT NOT NULL, queued_at BIGINT NOT NULL, handed_out BIGINT NOT NULL, has_steps BIGINT NOT NULL
);
CREATE INDEX tasks_due ON tasks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX tasks_resource ON tasks (resource_id, id);
CREATE INDEX tasks_project ON tasks (project_id, id);
CREATE INDEX tasks_status ON tasks (status, host, id);
CREATE INDEX tasks_waits ON tasks (wait_resource_id) WHERE wait_resource_id IS NOT NULL;

CREATE TABLE task_steps (
    task_id BIGINT NOT NULL, attempt BIGINT NOT NULL, number BIGINT NOT NULL, name TEXT NOT NULL,
    outcome TEXT NOT NULL, started_at BIGINT NOT NULL, ended_at BIGINT, note TEXT,
    PRIMARY KEY (task_id, attempt, number, name)
);

CREATE TABLE history (
    id BIGINT PRIMARY KEY, resource_id BIGINT NOT NULL, at BIGINT NOT NULL, from_state TEXT, into_state TEXT NOT NULL,
    by_whom TEXT NOT NULL, task_id BIGINT, verb TEXT, error TEXT
);
CREATE INDEX history_resource ON history (resource_id, id);

CREATE TABLE events (
    seq BIGINT PRIMARY KEY, at BIGINT NOT NULL, event TEXT NOT NULL, project_id BIGINT NOT NULL, resource_id BIGINT NOT NULL,
    kind TEXT NOT NULL, state TEXT NOT NULL, task_id BIGINT, verb TEXT, host TEXT NOT NULL, note TEXT, traceparent TEXT
);
CREATE INDEX events_project ON events (project_id, seq);
CREATE INDEX events_queued ON events (seq) WHERE event = 'task_queued';

-- Counts that metrics show, kept along with the rows.
CREATE TABLE tallies (
    what TEXT NOT NULL, kind TEXT NOT NULL, word TEXT NOT NULL, count BIGINT NOT NULL, PRIMARY KEY (what, kind, word)
);

CREATE TABLE tokens (
    id BIGINT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL, project_id BIGINT,
    hosts TEXT NOT NULL, revoked BIGINT NOT NULL, created_at BIGINT NOT NULL
);

CREATE TABLE idempotency (
    token_id BIGINT NOT NULL, client_key TEXT NOT NULL, request_hash TEXT NOT NULL, answer TEXT NOT NULL,
    made_at BIGINT NOT NULL, PRIMARY KEY (token_id, client_key)
);
CREATE INDEX idempotency_made ON idempotency (made_at);

CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until_at BIGINT NOT NULL);
