"""What the queue cannot store at the moment, and why: it is tried again until it is stored.

A full disk, a disk that fails, or another program that locks the database must not lose what became of a
job. Whatever waits for the database is counted here, and GET /health and /health/ready tell the reason.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ...errors import StorageUnavailable
from ...schemas.queue_state import QueueState

log = logging.getLogger(__name__)

# Seconds before the first and the longest wait before a later attempt.
FIRST_DELAY, LONGEST_DELAY = 0.25, 5.0
_RUNNING = QueueState(state="running")


def delay_before(attempt: int) -> float:
    """Seconds to wait before attempt number `attempt`, the first one that follows a failure being 1."""
    return min(FIRST_DELAY * 2.0 ** (attempt - 1), LONGEST_DELAY)


class Stalls:
    """Everything that waits for the database."""

    def __init__(self) -> None:
        self._reasons: dict[object, str] = {}

    @property
    def state(self) -> QueueState:
        """Whether the queue stands still, and the newest reason."""
        if not self._reasons:
            return _RUNNING
        return QueueState(state="stalled", reason=list(self._reasons.values())[-1])

    def begin(self, key: object, what: str, error: StorageUnavailable) -> None:
        """`what` could not be stored; told in the log once for each key."""
        if key not in self._reasons:
            log.error("%s could not be stored, and is tried again until it is: %s", what, error)
        self._reasons[key] = str(error)

    def end(self, key: object, what: str) -> None:
        """It is stored, or nobody tries any more."""
        if self._reasons.pop(key, None) is not None:
            log.info("%s is stored now", what)

    async def until_stored[T](self, what: str, write: Callable[[], Awaitable[T]]) -> T:
        """Call `write` until it raises no StorageUnavailable; its result."""
        key, attempt = object(), 0
        try:
            while True:
                try:
                    return await write()
                except StorageUnavailable as error:
                    self.begin(key, what, error)
                    attempt += 1
                    await asyncio.sleep(delay_before(attempt))
        finally:
            self.end(key, what)
