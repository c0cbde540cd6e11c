"""Work that nobody waits for."""

import asyncio
from collections.abc import Coroutine


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
