-- SHA-256 of model files. One row per path: a file that changed makes its row stale, and is hashed again.
CREATE TABLE model_digests (
    path     TEXT PRIMARY KEY,
    size     INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    sha256   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
