"""Following single jobs from inside the server: for answers that wait for a job or show its progress."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress

from ...client_outbox import ClientOutbox
from ...events import EventBus
from ...schemas.events import (
    DownloadProgress,
    EventData,
    JobCancelled,
    JobDeleted,
    JobPreview,
    JobProgress,
    JobStatusChanged,
)
from ...schemas.jobs import FINAL, JobView
from .queue import Queue

JobEvent = JobStatusChanged | JobProgress | JobPreview | DownloadProgress | JobCancelled | JobDeleted


class JobWatch:
    """Hears all events, and hands those of a job to who follows it."""

    def __init__(self, queue: Queue, bus: EventBus) -> None:
        self._queue = queue
        self._bus = bus
        self._followers: dict[str, set[ClientOutbox[JobEvent]]] = {}
        bus.add_listener(self._hand_on)

    async def wait_for_end(self, job_id: str, seconds: float | None = None) -> JobView:
        """The job once it has ended, or as it is after `seconds`. Raises JobNotFound."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for _ in self.follow(job_id):
                    pass
        return await self._queue.get(job_id)

    async def follow(self, job_id: str, previews: bool = False) -> AsyncGenerator[JobEvent]:
        """Its events from now on, up to the one that ends it. Raises JobNotFound.

        Previews are computed only while somebody wants them: with `previews` this follower does.
        Who reads slowly gets the newest progress and preview only. A job that has ended has no events.
        """
        with self._viewing(previews), self._following(job_id) as outbox:
            job = await self._queue.get(job_id)
            while job.status not in FINAL:
                event = await outbox.get()
                yield event
                if isinstance(event, JobDeleted) or (
                    isinstance(event, JobStatusChanged) and event.status in FINAL
                ):
                    return

    @contextmanager
    def _viewing(self, previews: bool) -> Iterator[None]:
        if not previews:
            yield
            return
        self._bus.add_viewer()
        try:
            yield
        finally:
            self._bus.remove_viewer()

    @contextmanager
    def _following(self, job_id: str) -> Iterator[ClientOutbox[JobEvent]]:
        outbox = ClientOutbox[JobEvent]()
        outboxes = self._followers.setdefault(job_id, set())
        outboxes.add(outbox)
        try:
            yield outbox
        finally:
            outboxes.discard(outbox)
            if not outboxes:
                self._followers.pop(job_id, None)

    def _hand_on(self, data: EventData) -> None:
        if self._followers and isinstance(data, JobEvent):
            for outbox in self._followers.get(data.job_id, ()):
                outbox.put(data, data)
