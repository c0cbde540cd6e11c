"""Child processes, each with a socket pair: one JSON line a message; each end notices when the other dies."""
