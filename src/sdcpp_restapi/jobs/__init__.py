"""The queue: what is asked for, in which order, and what became of it."""
