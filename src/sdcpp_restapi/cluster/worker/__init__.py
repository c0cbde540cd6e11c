"""The worker's half: announces itself, serves the server's requests, runs the jobs assigned to its slots."""
