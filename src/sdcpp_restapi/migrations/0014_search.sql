-- What GET /queue?search= looks into: the texts of a job, and its seed. Three letters are one look into an index.
-- Not keys and passwords; of addresses what comes before the query, which may hold some.
CREATE VIRTUAL TABLE job_texts USING fts5 (text, tokenize = 'trigram');

CREATE TRIGGER job_texts_on_insert AFTER INSERT ON jobs BEGIN
    INSERT INTO job_texts (rowid, text)
    SELECT new.seq, concat FROM (
        SELECT new.id || char(10) || coalesce(group_concat(
            iif(key LIKE '%url', iif(atom LIKE '%@%', '', substr(atom, 1, instr(atom || '?', '?') - 1)), atom), char(10)
        ), '') AS concat
        FROM (
            SELECT key, type, atom FROM json_tree(iif(json_valid(new.params), new.params, '{}'))
            UNION ALL
            SELECT key, type, atom FROM json_tree(iif(json_valid(new.model), new.model, '{}'))
        )
        WHERE key = 'seed' OR (type = 'text' AND key NOT LIKE '%secret%' AND key NOT LIKE '%token%'
            AND key NOT LIKE '%api_key%')
    );
END;

CREATE TRIGGER job_texts_on_delete AFTER DELETE ON jobs BEGIN
    DELETE FROM job_texts WHERE rowid = old.seq;
END;

INSERT INTO job_texts (rowid, text)
SELECT seq, id || char(10) || coalesce((
    SELECT group_concat(
        iif(key LIKE '%url', iif(atom LIKE '%@%', '', substr(atom, 1, instr(atom || '?', '?') - 1)), atom), char(10)
    )
    FROM (
        SELECT key, type, atom FROM json_tree(iif(json_valid(jobs.params), jobs.params, '{}'))
        UNION ALL
        SELECT key, type, atom FROM json_tree(iif(json_valid(jobs.model), jobs.model, '{}'))
    )
    WHERE key = 'seed' OR (type = 'text' AND key NOT LIKE '%secret%' AND key NOT LIKE '%token%'
        AND key NOT LIKE '%api_key%')
), '') FROM jobs;

-- Pages by model, and how many jobs each model has.
ALTER TABLE jobs ADD COLUMN model_name TEXT
GENERATED ALWAYS AS (iif(json_valid(model), json_extract(model, '$.model_name'), NULL)) VIRTUAL;
CREATE INDEX jobs_by_model ON jobs (place, model_name, seq) WHERE model_name IS NOT NULL;

CREATE TABLE job_models (
    place      TEXT NOT NULL,
    model_name TEXT NOT NULL,
    status     TEXT NOT NULL,
    type       TEXT NOT NULL,
    count      INTEGER NOT NULL,
    PRIMARY KEY (place, model_name, status, type)
) STRICT, WITHOUT ROWID;

INSERT INTO job_models
SELECT place, model_name, status, type, count(*) FROM jobs WHERE model_name IS NOT NULL GROUP BY 1, 2, 3, 4;

CREATE TRIGGER job_models_on_insert AFTER INSERT ON jobs WHEN new.model_name IS NOT NULL BEGIN
    INSERT INTO job_models VALUES (new.place, new.model_name, new.status, new.type, 1)
    ON CONFLICT (place, model_name, status, type) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER job_models_on_change AFTER UPDATE OF status, place ON jobs
WHEN new.model_name IS NOT NULL AND (old.status <> new.status OR old.place <> new.place) BEGIN
    UPDATE job_models SET count = count - 1
    WHERE place = old.place AND model_name = old.model_name AND status = old.status AND type = old.type;
    INSERT INTO job_models VALUES (new.place, new.model_name, new.status, new.type, 1)
    ON CONFLICT (place, model_name, status, type) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER job_models_on_delete AFTER DELETE ON jobs WHEN old.model_name IS NOT NULL BEGIN
    UPDATE job_models SET count = count - 1
    WHERE place = old.place AND model_name = old.model_name AND status = old.status AND type = old.type;
END;

-- What the files of all measured jobs of a place take together, kept as it changes.
CREATE TABLE job_sizes (
    place        TEXT PRIMARY KEY,
    output_bytes INTEGER NOT NULL,
    input_bytes  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO job_sizes VALUES ('queue', 0, 0), ('trash', 0, 0), ('gone', 0, 0);
INSERT OR REPLACE INTO job_sizes
SELECT place, coalesce(sum(output_bytes), 0), coalesce(sum(input_bytes), 0) FROM jobs GROUP BY place;

CREATE TRIGGER job_sizes_on_change AFTER UPDATE OF output_bytes, input_bytes, place ON jobs
WHEN new.output_bytes IS NOT NULL OR old.output_bytes IS NOT NULL BEGIN
    UPDATE job_sizes SET output_bytes = output_bytes - coalesce(old.output_bytes, 0),
        input_bytes = input_bytes - coalesce(old.input_bytes, 0) WHERE place = old.place;
    UPDATE job_sizes SET output_bytes = output_bytes + coalesce(new.output_bytes, 0),
        input_bytes = input_bytes + coalesce(new.input_bytes, 0) WHERE place = new.place;
END;

CREATE TRIGGER job_sizes_on_delete AFTER DELETE ON jobs WHEN old.output_bytes IS NOT NULL BEGIN
    UPDATE job_sizes SET output_bytes = output_bytes - old.output_bytes,
        input_bytes = input_bytes - coalesce(old.input_bytes, 0) WHERE place = old.place;
END;

-- What a start looks for: jobs that were tried and have no outputs.
CREATE INDEX jobs_without_outputs ON jobs (seq)
WHERE outputs = '[]' AND attempt > 0 AND status IN ('pending', 'failed', 'cancelled') AND place = 'queue';

-- The interface that a job came by, where it is not this server's own.
ALTER TABLE jobs ADD COLUMN source TEXT;
