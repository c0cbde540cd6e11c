-- Jobs are found by their ids, never by walking through their place or state: + keeps a column from choosing an index.

-- name: unfinished(ids, user)
SELECT id, status FROM jobs
WHERE id IN (SELECT value FROM json_each(:ids)) AND (:user IS NULL OR +user = :user) AND +status IN ('pending', 'processing');

-- name: waited_for(ids, user)
SELECT after AS id, id AS by FROM jobs
WHERE after IN (SELECT value FROM json_each(:ids)) AND (:user IS NULL OR +user = :user)
  AND +status IN ('pending', 'processing');

-- name: throw_away(ids, now, user)
UPDATE jobs SET place = 'trash', deleted_at = :now
WHERE id IN (SELECT value FROM json_each(:ids)) AND +place = 'queue'
  AND (:user IS NULL OR +user = :user) AND +status IN ('completed', 'failed', 'cancelled')
RETURNING id, user;

-- name: take_back(ids, user)
UPDATE jobs SET place = 'queue', deleted_at = NULL
WHERE id IN (SELECT value FROM json_each(:ids)) AND +place = 'trash' AND (:user IS NULL OR +user = :user)
RETURNING id, user;

-- name: give_up(ids, now, user)
UPDATE jobs SET place = 'gone', deleted_at = coalesce(deleted_at, :now)
WHERE id IN (SELECT value FROM json_each(:ids)) AND +place <> 'gone'
  AND (:user IS NULL OR +user = :user) AND +status IN ('completed', 'failed', 'cancelled')
RETURNING id, user;

-- name: unlink_followers(ids)!
UPDATE jobs SET after = NULL WHERE after IN (SELECT value FROM json_each(:ids));

-- name: forget(ids)!
DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(:ids)) AND +place = 'gone';

-- name: all_in(place)
SELECT id FROM jobs WHERE place = :place ORDER BY seq;

-- name: among(ids, place)
SELECT id FROM jobs WHERE id IN (SELECT value FROM json_each(:ids)) AND +place = :place;

-- name: unknown(ids)
SELECT value AS id FROM json_each(:ids) WHERE value NOT IN (SELECT id FROM jobs);

-- name: deleted_before(moment, limit)
SELECT id FROM jobs WHERE place = 'trash' AND deleted_at < :moment ORDER BY deleted_at LIMIT :limit;

-- name: ended_before(moment, limit)
SELECT id FROM jobs
WHERE place = 'queue' AND completed_at < :moment AND NOT EXISTS (
    SELECT 1 FROM jobs AS follower WHERE follower.after = jobs.id AND follower.status IN ('pending', 'processing')
)
ORDER BY completed_at LIMIT :limit;

-- name: oldest(place, limit)
-- Only the end of a job gives it a size, so these are all finished.
SELECT id, output_bytes FROM jobs WHERE place = :place AND output_bytes > 0 ORDER BY seq LIMIT :limit;

-- name: unmeasured(limit)
SELECT id FROM jobs WHERE output_bytes IS NULL AND completed_at IS NOT NULL ORDER BY seq LIMIT :limit;

-- name: keep_size(id, output_bytes, input_bytes)*!
UPDATE jobs SET output_bytes = :output_bytes, input_bytes = :input_bytes WHERE id = :id;

-- name: sizes()
SELECT place, sum(output_bytes) AS output_bytes, sum(input_bytes) AS input_bytes FROM job_sizes GROUP BY place;
