"""How late the event loop is: what every request waits besides its own work."""

import asyncio
from collections.abc import Callable
from time import monotonic

from ...jobs.queue.statistics import Histogram

# Seconds between two looks, and the bounds of the histogram.
INTERVAL = 1.0
BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class LoopLag:
    """Sleeps again and again, and measures by how much it was woken too late."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.histogram = Histogram(BOUNDS)
        self._clock = clock

    async def measure(self) -> None:
        """For ever."""
        while True:
            due = self._clock() + INTERVAL
            await asyncio.sleep(INTERVAL)
            self.histogram.add(max(self._clock() - due, 0.0))
