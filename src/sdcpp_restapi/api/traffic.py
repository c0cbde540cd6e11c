"""Counts of answers, for the metrics."""

from collections import Counter


class Traffic:
    """What was answered since the start."""

    def __init__(self) -> None:
        self.answers: Counter[int] = Counter()  # by status
        self.bytes_served = 0
        self.websockets = 0  # that are open

    def count(self, status: int, size: int) -> None:
        """An answer was given, or its client went away."""
        self.answers[status] += 1
        self.bytes_served += size
