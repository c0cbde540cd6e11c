-- The step from which the last attempt of a job went on.
ALTER TABLE jobs ADD COLUMN resumed_from_step INTEGER;
