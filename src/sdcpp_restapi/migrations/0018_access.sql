-- Users, API keys, and browsers that logged in with one. Of keys and sessions only SHA-256 is here: they are long
-- random texts, which nobody finds by trying, so that a slow hash would protect nothing more.
CREATE TABLE users (
    name          TEXT PRIMARY KEY,
    created_at    TEXT NOT NULL,
    max_pending   INTEGER, -- null: as the settings say
    max_gigabytes REAL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    digest       TEXT NOT NULL UNIQUE,
    scope        TEXT NOT NULL CHECK (scope IN ('read', 'generate', 'manage')),
    user         TEXT REFERENCES users (name) ON DELETE CASCADE,
    created_at   TEXT NOT NULL,
    last_used_at TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id         TEXT PRIMARY KEY,
    digest     TEXT NOT NULL UNIQUE,
    key_id     TEXT NOT NULL, -- also of a key of the settings, which has no row
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Signs links and the cookie for pictures.
CREATE TABLE signing_secret (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    secret BLOB NOT NULL
) STRICT;

-- Whose job it is; '' = nobody's. It never changes.
ALTER TABLE jobs ADD COLUMN user TEXT NOT NULL DEFAULT '';
CREATE INDEX jobs_by_user ON jobs (user, place, seq);

-- What is counted, now by user too.
DROP TRIGGER jobs_counted_on_insert;
DROP TRIGGER jobs_counted_on_change;
DROP TRIGGER jobs_counted_on_delete;
DROP TABLE job_counts;

CREATE TABLE job_counts (
    place  TEXT NOT NULL,
    status TEXT NOT NULL,
    type   TEXT NOT NULL,
    user   TEXT NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (place, status, type, user)
) STRICT, WITHOUT ROWID;

INSERT INTO job_counts SELECT place, status, type, user, count(*) FROM jobs GROUP BY place, status, type, user;

CREATE TRIGGER jobs_counted_on_insert AFTER INSERT ON jobs BEGIN
    INSERT INTO job_counts VALUES (new.place, new.status, new.type, new.user, 1)
    ON CONFLICT (place, status, type, user) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER jobs_counted_on_change AFTER UPDATE OF status, place ON jobs
WHEN old.status <> new.status OR old.place <> new.place BEGIN
    UPDATE job_counts SET count = count - 1
    WHERE place = old.place AND status = old.status AND type = old.type AND user = old.user;
    INSERT INTO job_counts VALUES (new.place, new.status, new.type, new.user, 1)
    ON CONFLICT (place, status, type, user) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER jobs_counted_on_delete AFTER DELETE ON jobs BEGIN
    UPDATE job_counts SET count = count - 1
    WHERE place = old.place AND status = old.status AND type = old.type AND user = old.user;
END;

DROP TRIGGER job_days_on_insert;
DROP TRIGGER job_days_on_change;
DROP TRIGGER job_days_on_delete;
DROP TABLE job_days;

CREATE TABLE job_days (
    place     TEXT NOT NULL,
    day       TEXT NOT NULL, -- 2024-01-31
    status    TEXT NOT NULL,
    type      TEXT NOT NULL,
    user      TEXT NOT NULL,
    count     INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    PRIMARY KEY (place, day, status, type, user)
) STRICT, WITHOUT ROWID;

INSERT INTO job_days
SELECT place, substr(created_at, 1, 10), status, type, user, count(*), min(seq), max(seq) FROM jobs
GROUP BY 1, 2, 3, 4, 5;

CREATE TRIGGER job_days_on_insert AFTER INSERT ON jobs BEGIN
    INSERT INTO job_days
    VALUES (new.place, substr(new.created_at, 1, 10), new.status, new.type, new.user, 1, new.seq, new.seq)
    ON CONFLICT (place, day, status, type, user) DO UPDATE
    SET count = count + 1, first_seq = min(first_seq, new.seq), last_seq = max(last_seq, new.seq);
END;

CREATE TRIGGER job_days_on_change AFTER UPDATE OF status, place ON jobs
WHEN old.status <> new.status OR old.place <> new.place BEGIN
    UPDATE job_days SET count = count - 1
    WHERE place = old.place AND day = substr(old.created_at, 1, 10) AND status = old.status AND type = old.type
      AND user = old.user;
    DELETE FROM job_days
    WHERE place = old.place AND day = substr(old.created_at, 1, 10) AND status = old.status AND type = old.type
      AND user = old.user AND count = 0;
    INSERT INTO job_days
    VALUES (new.place, substr(new.created_at, 1, 10), new.status, new.type, new.user, 1, new.seq, new.seq)
    ON CONFLICT (place, day, status, type, user) DO UPDATE
    SET count = count + 1, first_seq = min(first_seq, new.seq), last_seq = max(last_seq, new.seq);
END;

CREATE TRIGGER job_days_on_delete AFTER DELETE ON jobs BEGIN
    UPDATE job_days SET count = count - 1
    WHERE place = old.place AND day = substr(old.created_at, 1, 10) AND status = old.status AND type = old.type
      AND user = old.user;
    DELETE FROM job_days
    WHERE place = old.place AND day = substr(old.created_at, 1, 10) AND status = old.status AND type = old.type
      AND user = old.user AND count = 0;
END;

DROP TRIGGER job_models_on_insert;
DROP TRIGGER job_models_on_change;
DROP TRIGGER job_models_on_delete;
DROP TABLE job_models;

CREATE TABLE job_models (
    place      TEXT NOT NULL,
    model_name TEXT NOT NULL,
    status     TEXT NOT NULL,
    type       TEXT NOT NULL,
    user       TEXT NOT NULL,
    count      INTEGER NOT NULL,
    PRIMARY KEY (place, model_name, status, type, user)
) STRICT, WITHOUT ROWID;

INSERT INTO job_models
SELECT place, model_name, status, type, user, count(*) FROM jobs WHERE model_name IS NOT NULL GROUP BY 1, 2, 3, 4, 5;

CREATE TRIGGER job_models_on_insert AFTER INSERT ON jobs WHEN new.model_name IS NOT NULL BEGIN
    INSERT INTO job_models VALUES (new.place, new.model_name, new.status, new.type, new.user, 1)
    ON CONFLICT (place, model_name, status, type, user) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER job_models_on_change AFTER UPDATE OF status, place ON jobs
WHEN new.model_name IS NOT NULL AND (old.status <> new.status OR old.place <> new.place) BEGIN
    UPDATE job_models SET count = count - 1
    WHERE place = old.place AND model_name = old.model_name AND status = old.status AND type = old.type
      AND user = old.user;
    INSERT INTO job_models VALUES (new.place, new.model_name, new.status, new.type, new.user, 1)
    ON CONFLICT (place, model_name, status, type, user) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER job_models_on_delete AFTER DELETE ON jobs WHEN old.model_name IS NOT NULL BEGIN
    UPDATE job_models SET count = count - 1
    WHERE place = old.place AND model_name = old.model_name AND status = old.status AND type = old.type
      AND user = old.user;
END;

DROP TRIGGER job_sizes_on_change;
DROP TRIGGER job_sizes_on_delete;
DROP TABLE job_sizes;

CREATE TABLE job_sizes (
    place        TEXT NOT NULL,
    user         TEXT NOT NULL,
    output_bytes INTEGER NOT NULL,
    input_bytes  INTEGER NOT NULL,
    PRIMARY KEY (place, user)
) STRICT, WITHOUT ROWID;

INSERT INTO job_sizes
SELECT place, user, coalesce(sum(output_bytes), 0), coalesce(sum(input_bytes), 0) FROM jobs GROUP BY place, user;

CREATE TRIGGER job_sizes_on_change AFTER UPDATE OF output_bytes, input_bytes, place ON jobs
WHEN new.output_bytes IS NOT NULL OR old.output_bytes IS NOT NULL BEGIN
    UPDATE job_sizes SET output_bytes = output_bytes - coalesce(old.output_bytes, 0),
        input_bytes = input_bytes - coalesce(old.input_bytes, 0) WHERE place = old.place AND user = old.user;
    INSERT INTO job_sizes
    VALUES (new.place, new.user, coalesce(new.output_bytes, 0), coalesce(new.input_bytes, 0))
    ON CONFLICT (place, user) DO UPDATE
    SET output_bytes = output_bytes + excluded.output_bytes, input_bytes = input_bytes + excluded.input_bytes;
END;

CREATE TRIGGER job_sizes_on_delete AFTER DELETE ON jobs WHEN old.output_bytes IS NOT NULL BEGIN
    UPDATE job_sizes SET output_bytes = output_bytes - old.output_bytes,
        input_bytes = input_bytes - coalesce(old.input_bytes, 0) WHERE place = old.place AND user = old.user;
END;
