-- What users wrote about model files, by the names that GET /models lists.
CREATE TABLE model_notes (
    type  TEXT NOT NULL,
    name  TEXT NOT NULL,
    notes TEXT NOT NULL,
    tags  TEXT NOT NULL, -- JSON: a list of texts
    PRIMARY KEY (type, name)
) STRICT, WITHOUT ROWID;
