-- What the headers of model files told. `rules` names the rules by which it was read: others mean read again.
CREATE TABLE model_facts (
    path     TEXT PRIMARY KEY,
    size     INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    rules    TEXT NOT NULL,
    facts    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
