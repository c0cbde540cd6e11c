-- The revision of the engine that ran the job.
ALTER TABLE jobs ADD COLUMN engine TEXT;
