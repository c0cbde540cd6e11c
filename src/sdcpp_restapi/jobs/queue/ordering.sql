-- The line: pending jobs with held = 0. What is said of it in WHERE must stay as the indexes have it.

-- name: head(lane, able)^
SELECT seq FROM jobs WHERE lane = :lane AND status = 'pending' AND held = 0
  AND (after IS NULL OR (SELECT status FROM jobs AS first WHERE first.id = jobs.after) = 'completed')
  AND (:able IS NULL OR needs IN (SELECT value FROM json_each(:able)))
ORDER BY priority DESC, round, seq LIMIT 1;

-- name: models(lane)
-- The different models that the line needs, each found by one look into the index.
WITH RECURSIVE keys (model_key) AS (
    SELECT min(model_key) FROM jobs WHERE lane = :lane AND status = 'pending' AND held = 0
    UNION ALL
    SELECT (SELECT min(jobs.model_key) FROM jobs
            WHERE lane = :lane AND status = 'pending' AND held = 0 AND jobs.model_key > keys.model_key)
    FROM keys WHERE keys.model_key IS NOT NULL
)
SELECT model_key FROM keys WHERE model_key IS NOT NULL;

-- name: first_of_model(lane, model_key, able)^
SELECT * FROM jobs WHERE lane = :lane AND model_key = :model_key AND status = 'pending' AND held = 0
  AND (after IS NULL OR (SELECT status FROM jobs AS first WHERE first.id = jobs.after) = 'completed')
  AND (:able IS NULL OR needs IN (SELECT value FROM json_each(:able)))
ORDER BY priority DESC, round, seq LIMIT 1;

-- name: needs(lane)
-- In the same way; held jobs may join in the same moment.
WITH RECURSIVE texts (needs) AS (
    SELECT min(needs) FROM jobs WHERE lane = :lane AND status = 'pending'
    UNION ALL
    SELECT (SELECT min(jobs.needs) FROM jobs
            WHERE lane = :lane AND status = 'pending' AND jobs.needs > texts.needs)
    FROM texts WHERE texts.needs IS NOT NULL
)
SELECT needs FROM texts WHERE needs IS NOT NULL;

-- name: pass_over(seq, now)!
UPDATE jobs SET passed_at = :now WHERE seq = :seq AND passed_at IS NULL;

-- name: due(lane, now)
-- A claim that lets 100,000 jobs join at once would keep all other writes waiting; the next one lets more join.
SELECT seq FROM jobs WHERE lane = :lane AND status = 'pending' AND held = 1 AND not_before <= :now
ORDER BY not_before, seq LIMIT 1000;

-- name: next_due(lane)^
SELECT min(not_before) FROM jobs WHERE lane = :lane AND status = 'pending' AND held = 1;

-- name: join_line(seq, in_turns)!
-- In the round that is being served, or in the one after the last that its client has a job in, or had.
UPDATE jobs SET held = 0, round = iif(:in_turns, max(
    coalesce((SELECT max(turns_had.round) FROM turns_had
              WHERE turns_had.lane = jobs.lane AND turns_had.priority = jobs.priority), 0),
    coalesce((SELECT turns_had.round + 1 FROM turns_had
              WHERE turns_had.lane = jobs.lane AND turns_had.priority = jobs.priority
                AND turns_had.client_id = jobs.client_id), 0),
    coalesce((SELECT max(other.round) + 1 FROM jobs AS other
              WHERE other.lane = jobs.lane AND other.priority = jobs.priority
                AND other.client_id = jobs.client_id AND other.status = 'pending' AND other.held = 0), 0)
), 0)
WHERE seq = :seq;

-- name: have_turn(seq)!
INSERT INTO turns_had SELECT lane, priority, client_id, round FROM jobs WHERE seq = :seq
ON CONFLICT (lane, priority, client_id) DO UPDATE SET round = max(round, excluded.round);

-- name: end_rounds(seq)!
-- What is known of earlier rounds decides nothing any more.
DELETE FROM turns_had
WHERE (lane, priority) = (SELECT lane, priority FROM jobs WHERE seq = :seq)
  AND round < (SELECT round FROM jobs WHERE seq = :seq);

-- name: forget_turns()!
DELETE FROM turns_had;

-- name: name_clients(by_user)!
-- client_id is who takes turns: the client that the request names, or the user.
UPDATE jobs SET client_id = iif(:by_user, user,
    coalesce(iif(json_valid(params), json_extract(params, '$.client_id'), ''), ''))
WHERE status = 'pending';

-- name: number_rounds()!
UPDATE jobs SET round = numbered.round FROM (
    SELECT seq, row_number() OVER (PARTITION BY lane, priority, client_id ORDER BY seq) - 1 AS round
    FROM jobs WHERE status = 'pending' AND held = 0
) AS numbered
WHERE jobs.seq = numbered.seq AND jobs.round <> numbered.round;

-- name: drop_rounds()!
UPDATE jobs SET round = 0 WHERE status = 'pending' AND held = 0 AND round <> 0;

-- name: position(id)^
-- Counted from the end of the line, where new jobs are. Jobs that wait for a moment come after the line.
SELECT iif(held,
    (SELECT coalesce(sum(count), 0) FROM line_counts WHERE lane = jobs.lane)
    + (SELECT count(*) FROM jobs AS other WHERE other.lane = jobs.lane AND other.status = 'pending' AND other.held = 1
       AND (other.not_before, other.seq) <= (jobs.not_before, jobs.seq)),
    (SELECT sum(count) FROM line_counts WHERE lane = jobs.lane AND priority >= jobs.priority)
    - (SELECT count(*) FROM jobs AS other WHERE other.lane = jobs.lane AND other.status = 'pending' AND other.held = 0
       AND other.priority = jobs.priority AND other.round > jobs.round)
    - (SELECT count(*) FROM jobs AS other WHERE other.lane = jobs.lane AND other.status = 'pending' AND other.held = 0
       AND other.priority = jobs.priority AND other.round = jobs.round AND other.seq > jobs.seq))
FROM jobs WHERE id = :id;
