"""What each kind of job sends to the engine child, and how its files appear."""
