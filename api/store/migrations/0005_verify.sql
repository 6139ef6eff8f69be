-- What came of looking at a backup, and how far an errand is.
ALTER TABLE errands ADD COLUMN verified TEXT;
ALTER TABLE errands ADD COLUMN note TEXT;
