-- Whether an attempt may have changed something on its host.
ALTER TABLE tasks ADD COLUMN touched BIGINT NOT NULL DEFAULT 0;
UPDATE tasks SET touched = 1 WHERE attempts > 0;
