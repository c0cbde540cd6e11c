-- Where a job is: in the queue, in the trash, from which it can come back, or gone: its files are being
-- deleted, and its row after them.
ALTER TABLE jobs ADD COLUMN place TEXT NOT NULL DEFAULT 'queue' CHECK (place IN ('queue', 'trash', 'gone'));
ALTER TABLE jobs ADD COLUMN deleted_at TEXT;
-- What its files take; null until that was measured, which is soon after its end.
ALTER TABLE jobs ADD COLUMN output_bytes INTEGER;
ALTER TABLE jobs ADD COLUMN input_bytes INTEGER;

-- Pages of the queue and of the trash in their order, and sums of bytes without reading the rows.
CREATE INDEX jobs_by_place ON jobs (place, seq, output_bytes, input_bytes);
CREATE INDEX jobs_by_end ON jobs (place, completed_at) WHERE completed_at IS NOT NULL;
CREATE INDEX jobs_by_deletion ON jobs (place, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX jobs_unmeasured ON jobs (seq) WHERE output_bytes IS NULL AND completed_at IS NOT NULL;

-- job_counts is about the queue.
CREATE TRIGGER jobs_counted_when_deleted AFTER UPDATE OF place ON jobs
WHEN old.place = 'queue' AND new.place <> 'queue' BEGIN
    UPDATE job_counts SET count = count - 1 WHERE status = new.status;
END;

CREATE TRIGGER jobs_counted_when_restored AFTER UPDATE OF place ON jobs
WHEN old.place <> 'queue' AND new.place = 'queue' BEGIN
    UPDATE job_counts SET count = count + 1 WHERE status = new.status;
END;
