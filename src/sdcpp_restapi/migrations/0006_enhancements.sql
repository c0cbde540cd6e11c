CREATE TABLE enhancements (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    original_prompt TEXT NOT NULL,
    enhanced_prompt TEXT NOT NULL,
    model_used      TEXT NOT NULL,
    created_at      INTEGER NOT NULL, -- Unix seconds
    success         INTEGER NOT NULL,
    error_message   TEXT NOT NULL
) STRICT;
