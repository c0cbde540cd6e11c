-- name: insert_job(id, lane, type, created_at, params, model, model_key, upscaler, after, progress, work, needs, priority, client_id, not_before, warnings, source, user)<!
-- Held: it joins the line (ordering.sql) at once, or when its moment comes.
INSERT INTO jobs (id, lane, type, created_at, params, model, model_key, upscaler, after, progress, work, needs,
    priority, client_id, not_before, warnings, source, user, held)
VALUES (:id, :lane, :type, :created_at, :params, :model, :model_key, :upscaler, :after, :progress, :work, :needs,
    :priority, :client_id, :not_before, :warnings, :source, :user, 1);

-- name: insert_webhook(job_id, url, events, secret)!
INSERT INTO webhooks (job_id, url, events, secret) VALUES (:job_id, :url, :events, :secret);

-- name: get_job(id)^
SELECT * FROM jobs WHERE id = :id AND place = 'queue';

-- name: ancestors(id, most)
-- From the parent up; a job is older than what branches from it, so there are no circles.
WITH RECURSIVE up(id, parent, depth) AS (
    SELECT id, parent, 0 FROM jobs WHERE id = :id
    UNION ALL SELECT jobs.id, jobs.parent, depth + 1 FROM jobs JOIN up ON jobs.id = up.parent WHERE depth < :most
)
SELECT jobs.* FROM jobs JOIN up ON jobs.id = up.id WHERE depth > 0 AND place = 'queue' ORDER BY depth DESC;

-- name: descendants(id, most)
WITH RECURSIVE down(id) AS (
    SELECT id FROM jobs WHERE parent = :id
    UNION ALL SELECT jobs.id FROM jobs JOIN down ON jobs.parent = down.id LIMIT :most
)
SELECT jobs.* FROM jobs JOIN down ON jobs.id = down.id WHERE place = 'queue' ORDER BY seq;

-- name: durations(type, model_name, upscaled, most)
-- What the newest completed jobs of a model and type were expected to cost, and what they took.
SELECT work, seconds FROM jobs
WHERE type = :type AND json_extract(coalesce(model, upscaler), '$.model_name') = :model_name
  AND (upscaler IS NOT NULL) = :upscaled AND seconds IS NOT NULL AND work > 0
ORDER BY seq DESC LIMIT :most;

-- name: with_workers()
SELECT * FROM jobs WHERE status = 'processing' AND slot IS NOT NULL ORDER BY seq;

-- name: claim(now, seq, slot)^
-- The job becomes ours, in the transaction that chose it, so that no two claims get the same one.
UPDATE jobs SET status = 'processing', attempt = attempt + 1, started_at = :now, slot = :slot, preempted = 0
WHERE seq = :seq AND status = 'pending'
RETURNING *;

-- name: fail_damaged(now, error, seq)!
UPDATE jobs SET status = 'failed', completed_at = :now, error = :error WHERE seq = :seq;

-- name: finish(status, now, progress, outputs, result, seconds, error, warnings, engine, resumed_from_step, id, attempt)^
-- Only the attempt that holds the job may end it: what an older one says comes too late.
UPDATE jobs SET status = :status, completed_at = :now, progress = :progress, outputs = :outputs, result = :result,
    seconds = :seconds, error = :error, warnings = :warnings, engine = :engine,
    resumed_from_step = :resumed_from_step
WHERE id = :id AND status = 'processing' AND attempt = :attempt
RETURNING *;

-- name: pause(id)^
-- Of a job that runs too: its attempt is then broken off.
UPDATE jobs SET held = 2 WHERE id = :id AND status IN ('pending', 'processing') AND held <> 2
RETURNING *;

-- name: resume(id)^
-- At its old place; what waits for a moment waits on, or joins the line at the next claim.
UPDATE jobs SET held = iif(not_before IS NULL, 0, 1), preempted = 0
WHERE id = :id AND status IN ('pending', 'processing') AND held = 2
RETURNING *;

-- name: cancel(now, id)^
UPDATE jobs SET status = 'cancelled', completed_at = :now
WHERE id = :id AND status IN ('pending', 'processing')
RETURNING *;

-- name: keep(outputs, warnings, engine, id, attempt)^
-- What a cancelled job had finished stays.
UPDATE jobs SET outputs = :outputs, warnings = :warnings, engine = :engine
WHERE id = :id AND status = 'cancelled' AND attempt = :attempt
RETURNING *;

-- name: drop_followers(status, now, error, id)
-- What waits for a job that did not complete will never run.
UPDATE jobs SET status = :status, completed_at = :now, error = :error
WHERE after = :id AND status = 'pending'
RETURNING *;

-- name: follower_lanes(id)
-- Where somebody waits for a job.
SELECT DISTINCT lane FROM jobs WHERE after = :id AND status = 'pending';

-- name: requeue(progress, engine_lost, worker_lost, preempted, id, attempt)^
UPDATE jobs SET status = 'pending', started_at = NULL, progress = :progress, lost = lost + :engine_lost,
    unclean = unclean + :worker_lost, preempted = :preempted, slot = NULL
WHERE id = :id AND status = 'processing' AND attempt = :attempt
RETURNING *;

-- name: lost_count(id)^
-- A job that was cancelled and deleted may still be on its way out of the engine.
SELECT coalesce(max(lost), 0) FROM jobs WHERE id = :id;

-- name: unclean_count(id)^
SELECT coalesce(max(unclean), 0) FROM jobs WHERE id = :id;

-- name: forget_workers()!
-- Without a broker, what workers had is lost like everything that ran.
UPDATE jobs SET slot = NULL WHERE status = 'processing';

-- name: count_unclean_stop()!
-- What a worker has goes on there.
UPDATE jobs SET unclean = unclean + 1 WHERE status = 'processing' AND slot IS NULL;

-- name: fail_unclean(now, error, most)!
UPDATE jobs SET status = 'failed', completed_at = :now, error = :error
WHERE status = 'processing' AND slot IS NULL AND unclean >= :most;

-- name: fail_followers(now, error)!
-- A stop may have come between the end of a job and that of the jobs that waited for it.
UPDATE jobs SET status = 'failed', completed_at = :now, error = :error
WHERE status = 'pending' AND after IS NOT NULL
  AND (SELECT first.status FROM jobs AS first WHERE first.id = jobs.after) IN ('failed', 'cancelled');

-- name: without_outputs()
-- What was tried and is not completed. An attempt may have ended between its files and its row.
SELECT id FROM jobs
WHERE status IN ('pending', 'failed', 'cancelled') AND place = 'queue' AND attempt > 0 AND outputs = '[]';

-- name: unfinished()
SELECT id FROM jobs WHERE status IN ('pending', 'processing') AND attempt > 0;

-- name: broken(type)
SELECT * FROM jobs WHERE type = :type AND status IN ('failed', 'cancelled');

-- name: requeue_unclean()!
UPDATE jobs SET status = 'pending', started_at = NULL WHERE status = 'processing' AND slot IS NULL;
