"""Child processes and the socket pair to each: one JSON line a message, and each end sees the other die."""
