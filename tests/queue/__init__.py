"""The order of the queue: who is next, and how it is found."""
