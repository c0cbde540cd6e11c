-- How each model was loaded the last time that it went well: what its bare name means in a request.
CREATE TABLE loaded_models (
    model_type   TEXT NOT NULL,
    model_name   TEXT NOT NULL,
    request      TEXT NOT NULL, -- JSON: the load request
    architecture TEXT, -- model_architecture, as the engine recognised it
    PRIMARY KEY (model_type, model_name)
) STRICT, WITHOUT ROWID;

-- What a job was expected to cost, in a unit of its own for each type (jobs/work.py), and what it took.
ALTER TABLE jobs ADD COLUMN work REAL;
ALTER TABLE jobs ADD COLUMN seconds REAL;

CREATE INDEX jobs_by_duration ON jobs (type, json_extract(coalesce(model, upscaler), '$.model_name'), seq)
WHERE seconds IS NOT NULL;
