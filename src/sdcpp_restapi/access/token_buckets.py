"""How often each of many callers may do something."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

# Callers that are remembered; one that was forgotten begins anew.
MOST_CALLERS = 10_000


class TokenBuckets:
    """A token bucket for each caller: a minute's requests at once, then as many as come back with time."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = monotonic) -> None:
        self._most = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens left, and when that was

    def take(self, caller: str) -> float:
        """Take a token; 0.0, or the seconds until there is one."""
        now = self._clock()
        left, then = self._buckets.pop(caller, (self._most, now))
        left = min(left + (now - then) * self._per_second, self._most)
        taken = left >= 1.0
        self._buckets[caller] = (left - 1.0 if taken else left), now
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1.0 - left) / self._per_second

    def look(self, caller: str) -> float:
        """The seconds until there is a token, without taking it."""
        left, then = self._buckets.get(caller, (self._most, 0.0))
        left += (self._clock() - then) * self._per_second
        return 0.0 if left >= 1.0 else (1.0 - left) / self._per_second
