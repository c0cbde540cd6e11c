-- held = 2: paused; such a job keeps its round, and with it its place.
ALTER TABLE jobs ADD COLUMN preempted INTEGER NOT NULL DEFAULT 0; -- 1: pending since a more urgent job took its turn
