-- How a resource on its host differs from its record, and when that was looked at last.
ALTER TABLE resources ADD COLUMN drift TEXT;
ALTER TABLE resources ADD COLUMN checked_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX resources_checked ON resources (checked_at) WHERE state IN ('running', 'quiesced');
CREATE INDEX resources_drift ON resources (id) WHERE drift IS NOT NULL;
CREATE INDEX tasks_drift ON tasks (ended_at) WHERE asked_by = 'drift';
