-- Which worker's slot has the job, and which files a machine must have to run it.
ALTER TABLE jobs ADD COLUMN slot TEXT;
ALTER TABLE jobs ADD COLUMN needs TEXT NOT NULL DEFAULT '{}';
CREATE INDEX waiting_needs ON jobs (lane, needs) WHERE status = 'pending';
