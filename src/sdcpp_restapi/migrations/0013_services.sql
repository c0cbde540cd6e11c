-- Answers that requests with an Idempotency-Key were given, for those that come again.
CREATE TABLE request_keys (
    key        TEXT PRIMARY KEY,
    digest     TEXT NOT NULL, -- SHA-256 of the request's path and body
    answer     TEXT NOT NULL, -- JSON
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX request_keys_by_age ON request_keys (created_at);

-- Where the ends of a job are told, and which of its states.
CREATE TABLE webhooks (
    job_id TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    url    TEXT NOT NULL,
    events TEXT NOT NULL, -- JSON: a list of states
    secret TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_messages (
    id         TEXT PRIMARY KEY,
    job_id     TEXT NOT NULL REFERENCES webhooks (job_id) ON DELETE CASCADE,
    event      TEXT NOT NULL, -- the state that the job entered
    created_at TEXT NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    due_at     TEXT, -- of the next attempt; null once it was delivered or given up
    error      TEXT -- why the last attempt failed; null once it was delivered
) STRICT;

CREATE INDEX webhook_messages_by_job ON webhook_messages (job_id);
CREATE INDEX webhook_messages_due ON webhook_messages (due_at) WHERE due_at IS NOT NULL;

-- Whoever changes the state of a job, and whatever stops the server behind it: the message is stored with it.
CREATE TRIGGER webhook_messages_on_change AFTER UPDATE OF status ON jobs
WHEN old.status <> new.status BEGIN
    INSERT INTO webhook_messages (id, job_id, event, created_at, due_at)
    SELECT 'msg_' || lower(hex(randomblob(16))), job_id, new.status, moment, moment
    FROM webhooks, (SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now') AS moment)
    WHERE job_id = new.id AND new.status IN (SELECT value FROM json_each(events));
END;
