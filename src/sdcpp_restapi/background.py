"""Work that nobody waits for, and work that must never end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine

log = logging.getLogger(__name__)

# Seconds before work that broke is begun again; it may break at once.
PAUSE = 1.0


class BackgroundTasks:
    """Begins such work, and holds on to it: the event loop itself would let it be collected half done."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Begin it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait for all that was begun, whatever becomes of it."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def keep_running(what: str, work: Callable[[], Awaitable[None]]) -> None:
    """Begin `work` again whenever it breaks, until cancelled; it ends when `work` returns."""
    while True:
        try:
            return await work()
        except Exception:
            log.exception("%s broke and is begun again in %.0f s", what, PAUSE)
        await asyncio.sleep(PAUSE)
