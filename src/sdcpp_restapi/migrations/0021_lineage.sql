-- The job from which a job branched, and quick ways to those that branched from one.
ALTER TABLE jobs ADD COLUMN parent TEXT GENERATED ALWAYS AS (
    CASE WHEN json_valid(params) THEN json_extract(params, '$.from_job') END
) VIRTUAL;
CREATE INDEX jobs_by_parent ON jobs (parent) WHERE parent IS NOT NULL;
