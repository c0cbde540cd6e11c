CREATE TABLE jobs (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of the queue
    id           TEXT NOT NULL UNIQUE,
    lane         TEXT NOT NULL,
    type         TEXT NOT NULL,
    status       TEXT NOT NULL DEFAULT 'pending'
                 CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    attempt      INTEGER NOT NULL DEFAULT 0, -- how often it was claimed
    unclean      INTEGER NOT NULL DEFAULT 0, -- how often the server died while it ran
    lost         INTEGER NOT NULL DEFAULT 0, -- how often the engine died while it ran
    created_at   TEXT NOT NULL,
    started_at   TEXT,
    completed_at TEXT,
    params       TEXT NOT NULL, -- JSON: the typed request
    model        TEXT, -- JSON: the load request that it was stamped with
    after        TEXT REFERENCES jobs (id), -- the job that must be completed first
    progress     TEXT NOT NULL, -- JSON: the seven fields
    outputs      TEXT NOT NULL DEFAULT '[]',
    result       TEXT, -- JSON: what it made that is not an output file
    error        TEXT
) STRICT;

CREATE INDEX jobs_by_status ON jobs (lane, status, seq);
CREATE INDEX jobs_by_after ON jobs (after) WHERE after IS NOT NULL;
CREATE INDEX jobs_by_type ON jobs (type, seq);

-- Counting 100,000 rows on every poll of /queue would cost more than the page itself.
CREATE TABLE job_counts (
    status TEXT PRIMARY KEY,
    count  INTEGER NOT NULL
) STRICT;

INSERT INTO job_counts VALUES
    ('pending', 0), ('processing', 0), ('completed', 0), ('failed', 0), ('cancelled', 0);

CREATE TRIGGER jobs_counted_on_insert AFTER INSERT ON jobs BEGIN
    UPDATE job_counts SET count = count + 1 WHERE status = new.status;
END;

CREATE TRIGGER jobs_counted_on_change AFTER UPDATE OF status ON jobs WHEN old.status <> new.status BEGIN
    UPDATE job_counts SET count = count - 1 WHERE status = old.status;
    UPDATE job_counts SET count = count + 1 WHERE status = new.status;
END;

-- A final state is never left, whoever asks.
CREATE TRIGGER jobs_stay_final BEFORE UPDATE OF status ON jobs
WHEN old.status IN ('completed', 'failed', 'cancelled') AND new.status <> old.status BEGIN
    SELECT RAISE(ABORT, 'a final state is never left');
END;

CREATE TABLE preferences (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL -- JSON
) STRICT;
