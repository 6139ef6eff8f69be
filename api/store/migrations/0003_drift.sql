-- How a resource on its host differs from its record, and when that was looked at last; tasks that only look.
ALTER TABLE resources ADD COLUMN drift TEXT;
ALTER TABLE resources ADD COLUMN checked_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX resources_checked ON resources (checked_at)
    WHERE state IN ('running', 'quiesced') AND kind IN ('vm_kvm', 'vm_hyperv', 'virtual_router', 'ceph');
CREATE INDEX resources_drift ON resources (id) WHERE drift IS NOT NULL;
ALTER TABLE tasks ADD COLUMN looks BIGINT NOT NULL DEFAULT 0;
CREATE INDEX tasks_looks ON tasks (ended_at) WHERE looks = 1;
