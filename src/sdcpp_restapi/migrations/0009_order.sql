-- A lane's line: its pending jobs that wait for no moment, in the order (priority DESC, round, seq).
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN round INTEGER NOT NULL DEFAULT 0; -- clients that take turns: each has one job in a round
ALTER TABLE jobs ADD COLUMN client_id TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN not_before TEXT;
ALTER TABLE jobs ADD COLUMN held INTEGER NOT NULL DEFAULT 0; -- 1: pending, but not_before has not come
ALTER TABLE jobs ADD COLUMN model_key TEXT NOT NULL DEFAULT ''; -- same key = same model in memory; '' = needs none
ALTER TABLE jobs ADD COLUMN passed_at TEXT; -- when a slot first took a later job for the model that it held

-- The line as a whole, that of the jobs with one model, and that of each client.
CREATE INDEX line ON jobs (lane, priority DESC, round, seq) WHERE status = 'pending' AND held = 0;
CREATE INDEX line_by_model ON jobs (lane, model_key, priority DESC, round, seq)
WHERE status = 'pending' AND held = 0;
CREATE INDEX line_by_client ON jobs (lane, priority, client_id, round) WHERE status = 'pending' AND held = 0;
CREATE INDEX held_jobs ON jobs (lane, not_before, seq) WHERE status = 'pending' AND held = 1;

-- Where clients take turns: who had one in the round that is being served.
CREATE TABLE turns_had (
    lane      TEXT NOT NULL,
    priority  INTEGER NOT NULL,
    client_id TEXT NOT NULL,
    round     INTEGER NOT NULL,
    PRIMARY KEY (lane, priority, client_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX turns_by_round ON turns_had (lane, priority, round);

-- How long each line is, by priority: the position of a new job without counting 100,000 rows.
CREATE TABLE line_counts (
    lane     TEXT NOT NULL,
    priority INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (lane, priority)
) STRICT, WITHOUT ROWID;

INSERT INTO line_counts SELECT lane, 0, count(*) FROM jobs WHERE status = 'pending' GROUP BY lane;

CREATE TRIGGER line_joined_on_insert AFTER INSERT ON jobs WHEN new.status = 'pending' AND new.held = 0 BEGIN
    INSERT INTO line_counts VALUES (new.lane, new.priority, 1)
    ON CONFLICT (lane, priority) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER line_joined AFTER UPDATE OF status, held ON jobs
WHEN (new.status = 'pending' AND new.held = 0) AND NOT (old.status = 'pending' AND old.held = 0) BEGIN
    INSERT INTO line_counts VALUES (new.lane, new.priority, 1)
    ON CONFLICT (lane, priority) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER line_left AFTER UPDATE OF status, held ON jobs
WHEN (old.status = 'pending' AND old.held = 0) AND NOT (new.status = 'pending' AND new.held = 0) BEGIN
    UPDATE line_counts SET count = count - 1 WHERE lane = new.lane AND priority = new.priority;
END;

-- Pages of GET /queue by status, by type, and by both.
DROP INDEX jobs_by_status;
DROP INDEX jobs_by_type;
CREATE INDEX jobs_by_status ON jobs (status, place, seq);
CREATE INDEX jobs_by_type ON jobs (type, place, seq);
CREATE INDEX jobs_by_status_and_type ON jobs (status, type, place, seq);

-- job_counts, now also by place and type, so that a filter needs no counting.
DROP TRIGGER jobs_counted_on_insert;
DROP TRIGGER jobs_counted_on_change;
DROP TRIGGER jobs_counted_when_deleted;
DROP TRIGGER jobs_counted_when_restored;
DROP TABLE job_counts;

CREATE TABLE job_counts (
    place  TEXT NOT NULL,
    status TEXT NOT NULL,
    type   TEXT NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (place, status, type)
) STRICT, WITHOUT ROWID;

INSERT INTO job_counts SELECT place, status, type, count(*) FROM jobs GROUP BY place, status, type;

CREATE TRIGGER jobs_counted_on_insert AFTER INSERT ON jobs BEGIN
    INSERT INTO job_counts VALUES (new.place, new.status, new.type, 1)
    ON CONFLICT (place, status, type) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER jobs_counted_on_change AFTER UPDATE OF status, place ON jobs
WHEN old.status <> new.status OR old.place <> new.place BEGIN
    UPDATE job_counts SET count = count - 1 WHERE place = old.place AND status = old.status AND type = old.type;
    INSERT INTO job_counts VALUES (new.place, new.status, new.type, 1)
    ON CONFLICT (place, status, type) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER jobs_counted_on_delete AFTER DELETE ON jobs BEGIN
    UPDATE job_counts SET count = count - 1 WHERE place = old.place AND status = old.status AND type = old.type;
END;
