-- name: keys()
SELECT * FROM api_keys ORDER BY created_at, name;

-- name: add_key(id, name, digest, scope, user, created_at)!
INSERT INTO api_keys (id, name, digest, scope, user, created_at)
VALUES (:id, :name, :digest, :scope, :user, :created_at);

-- name: remove_key(id)!
DELETE FROM api_keys WHERE id = :id;

-- name: keep_use(id, last_used_at)*!
UPDATE api_keys SET last_used_at = :last_used_at WHERE id = :id;

-- name: sessions(now)
SELECT * FROM sessions WHERE expires_at > :now ORDER BY created_at;

-- name: add_session(id, digest, key_id, created_at, expires_at)!
INSERT INTO sessions (id, digest, key_id, created_at, expires_at)
VALUES (:id, :digest, :key_id, :created_at, :expires_at);

-- name: remove_session(id)!
DELETE FROM sessions WHERE id = :id;

-- name: remove_sessions_of(key_id)!
DELETE FROM sessions WHERE key_id = :key_id;

-- name: forget_expired(now)!
DELETE FROM sessions WHERE expires_at <= :now;

-- name: users()
SELECT * FROM users ORDER BY name;

-- name: add_user(name, created_at, max_pending, max_gigabytes)!
INSERT INTO users (name, created_at, max_pending, max_gigabytes)
VALUES (:name, :created_at, :max_pending, :max_gigabytes);

-- name: change_user(name, max_pending, max_gigabytes)!
UPDATE users SET max_pending = :max_pending, max_gigabytes = :max_gigabytes WHERE name = :name;

-- name: remove_user(name)!
-- The user's keys go with the row; jobs stay.
DELETE FROM users WHERE name = :name;

-- name: pending_jobs()
SELECT user, sum(count) AS pending FROM job_counts WHERE place = 'queue' AND status = 'pending' GROUP BY user;

-- name: used_bytes()
SELECT user, sum(output_bytes + input_bytes) AS bytes FROM job_sizes GROUP BY user;

-- name: make_secret(secret)!
INSERT OR IGNORE INTO signing_secret (id, secret) VALUES (1, :secret);

-- name: secret()^
SELECT secret FROM signing_secret WHERE id = 1;
