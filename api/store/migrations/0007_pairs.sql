-- Of a router that two nodes hold, on both: which is the first one.
ALTER TABLE resources ADD COLUMN pair_id BIGINT;
CREATE INDEX resources_pair ON resources (pair_id) WHERE pair_id IS NOT NULL;
CREATE INDEX resources_pair_failed ON resources (updated_at) WHERE pair_id IS NOT NULL AND state = 'unresourced';
