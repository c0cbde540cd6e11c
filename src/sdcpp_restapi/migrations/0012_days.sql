-- The jobs of each day (UTC): how many, and between which `seq` they are. A page of a period looks nowhere else,
-- and counts whole days without reading their jobs. A clock that was set back only widens the bounds.
CREATE TABLE job_days (
    place     TEXT NOT NULL,
    day       TEXT NOT NULL, -- 2024-01-31
    status    TEXT NOT NULL,
    type      TEXT NOT NULL,
    count     INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    PRIMARY KEY (place, day, status, type)
) STRICT, WITHOUT ROWID;

INSERT INTO job_days
SELECT place, substr(created_at, 1, 10), status, type, count(*), min(seq), max(seq) FROM jobs GROUP BY 1, 2, 3, 4;

CREATE TRIGGER job_days_on_insert AFTER INSERT ON jobs BEGIN
    INSERT INTO job_days
    VALUES (new.place, substr(new.created_at, 1, 10), new.status, new.type, 1, new.seq, new.seq)
    ON CONFLICT (place, day, status, type) DO UPDATE
    SET count = count + 1, first_seq = min(first_seq, new.seq), last_seq = max(last_seq, new.seq);
END;

CREATE TRIGGER job_days_on_change AFTER UPDATE OF status, place ON jobs
WHEN old.status <> new.status OR old.place <> new.place BEGIN
    UPDATE job_days SET count = count - 1
    WHERE place = old.place AND day = substr(old.created_at, 1, 10) AND status = old.status AND type = old.type;
    DELETE FROM job_days
    WHERE place = old.place AND day = substr(old.created_at, 1, 10) AND status = old.status AND type = old.type
      AND count = 0;
    INSERT INTO job_days
    VALUES (new.place, substr(new.created_at, 1, 10), new.status, new.type, 1, new.seq, new.seq)
    ON CONFLICT (place, day, status, type) DO UPDATE
    SET count = count + 1, first_seq = min(first_seq, new.seq), last_seq = max(last_seq, new.seq);
END;

CREATE TRIGGER job_days_on_delete AFTER DELETE ON jobs BEGIN
    UPDATE job_days SET count = count - 1
    WHERE place = old.place AND day = substr(old.created_at, 1, 10) AND status = old.status AND type = old.type;
    DELETE FROM job_days
    WHERE place = old.place AND day = substr(old.created_at, 1, 10) AND status = old.status AND type = old.type
      AND count = 0;
END;
