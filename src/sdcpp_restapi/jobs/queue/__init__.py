"""The queue: jobs in SQLite, their order, and the runners that connect a lane with its executor."""
