-- The VM that a snapshot, backup, volume or gpu belongs to or may be attached to; what drivers found; whether a router has to
-- look again at its project's VMs once it is at rest.
ALTER TABLE resources ADD COLUMN vm_id BIGINT;
ALTER TABLE resources ADD COLUMN facts TEXT;
ALTER TABLE resources ADD COLUMN stale BIGINT NOT NULL DEFAULT 0;
CREATE INDEX resources_vm ON resources (vm_id) WHERE vm_id IS NOT NULL AND state <> 'closed';

-- Numbers of layer-2 segments, given out once.
CREATE TABLE segments (
    project_id BIGINT NOT NULL, name TEXT NOT NULL, id BIGINT NOT NULL UNIQUE, PRIMARY KEY (project_id, name)
);
ALTER TABLE counters ADD COLUMN segment BIGINT NOT NULL DEFAULT 0;
