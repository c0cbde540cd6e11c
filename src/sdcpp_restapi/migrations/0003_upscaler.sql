-- JSON: the upscaler that a job was stamped with
ALTER TABLE jobs ADD COLUMN upscaler TEXT;
