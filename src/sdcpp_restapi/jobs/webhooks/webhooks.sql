-- name: waiting(limit, in_hand)
-- Those that are next, due or not.
SELECT webhook_messages.id, webhook_messages.job_id, event, created_at, attempts, due_at, url, secret
FROM webhook_messages JOIN webhooks USING (job_id)
WHERE due_at IS NOT NULL AND webhook_messages.id NOT IN (SELECT value FROM json_each(:in_hand))
ORDER BY due_at LIMIT :limit;

-- name: job(id)^
-- Wherever it is: one that was deleted meanwhile has a state to tell all the same.
SELECT * FROM jobs WHERE id = :id;

-- name: record(id, due_at, error)!
UPDATE webhook_messages SET attempts = attempts + 1, due_at = :due_at, error = :error WHERE id = :id;

-- name: webhook(job_id)^
SELECT url, events, secret IS NOT NULL AS signed FROM webhooks WHERE job_id = :job_id;

-- name: messages(job_id)
SELECT event, attempts, due_at, error FROM webhook_messages WHERE job_id = :job_id ORDER BY rowid;
