"""What waits for one client that hears events: every status event in order, the newest preview and progress.

Of previews and progress it holds only the newest per job: a slow client sees fewer of them and never misses a
change of state.
"""

import asyncio
from collections import OrderedDict

from .schemas.events import DownloadProgress, EventData, JobPreview, JobProgress, ModelLoadingProgress

# Status events that one silent client may pile up before it is let go: about 10 MB.
MOST_WAITING = 20_000


class ClientOutbox[M]:
    """The messages that wait for one client: texts, or the events themselves."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[object, M] = OrderedDict()
        self._filled = asyncio.Event()
        self._closed = False
        self.overrun = False

    def put(self, data: EventData, message: M) -> None:
        """Add a message, replacing an older one that it makes stale."""
        if self.overrun:
            return
        key = _replaces(data)
        self._waiting.pop(key, None)
        self._waiting[key] = message
        if len(self._waiting) > MOST_WAITING:
            self.overrun = True
            self._waiting.clear()
        self._filled.set()

    def close(self) -> None:
        """The server ends: nothing more is sent."""
        self._closed = True
        self._filled.set()

    async def get(self) -> M:
        """The next message; waits for one. Raises ConnectionError once it has overrun or is closed."""
        while not (self._waiting or self.overrun or self._closed):
            self._filled.clear()
            await self._filled.wait()
        if self.overrun:
            raise ConnectionError("the client reads too slowly")
        if self._closed:
            raise ConnectionError("the server is being stopped")
        return self._waiting.popitem(last=False)[1]


def _replaces(data: EventData) -> object:
    """What identifies messages of which only the newest matters; unique for all others."""
    match data:
        case JobPreview() | JobProgress() | DownloadProgress():
            return type(data), data.job_id
        case ModelLoadingProgress():
            return type(data), data.model_name
    return object()
