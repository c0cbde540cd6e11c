-- What was asked for and does not act, or acts otherwise: a JSON list of sentences.
ALTER TABLE jobs ADD COLUMN warnings TEXT NOT NULL DEFAULT '[]';
