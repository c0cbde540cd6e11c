-- name: find(key, since)^
SELECT digest, answer FROM request_keys WHERE key = :key AND created_at >= :since;

-- name: forget(since)!
DELETE FROM request_keys WHERE created_at < :since;

-- name: keep(key, digest, answer, created_at)!
INSERT INTO request_keys (key, digest, answer, created_at) VALUES (:key, :digest, :answer, :created_at);
