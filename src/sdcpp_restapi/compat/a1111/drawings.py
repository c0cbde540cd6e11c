"""The jobs that clients of this interface wait for."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from ...api.app_state import AppState
from ...errors import CannotCancel, JobNotFound, NotFound
from ...schemas.events import EventData, JobPreview, JobProgress, JobStatusChanged
from ...schemas.jobs import FINAL, JobStatus, JobView


@dataclass
class Drawing:
    """A job that a client of this interface waits for."""

    job_id: str
    name: str
    """What the client calls it."""
    skipped: bool = False
    interrupted: bool = False
    preview: str | None = None
    finished: int = 0
    """Images that were finished when it was last heard of."""
    kept: asyncio.Event = field(default_factory=asyncio.Event)
    """What was finished of a cancelled job is there."""
    following: asyncio.Task[None] | None = None


class Drawings:
    """The jobs that clients of this interface wait for, in the order in which they came."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._drawings: dict[str, Drawing] = {}
        state.bus.add_listener(self._hear)

    @contextmanager
    def waiting_for(self, job_id: str, name: str | None) -> Iterator[Drawing]:
        """A job, while somebody waits for it."""
        drawing = self._drawings[job_id] = Drawing(job_id, name or job_id)
        try:
            yield drawing
        finally:
            del self._drawings[job_id]
            if drawing.following is not None:
                drawing.following.cancel()

    async def find_current(self) -> tuple[Drawing, JobView] | None:
        """The one that runs, else the one that waits the longest."""
        first = None
        for drawing in list(self._drawings.values()):
            with suppress(NotFound):
                job = await self._state.queue.get(drawing.job_id)
                if job.status is JobStatus.PROCESSING:
                    return drawing, job
                first = first or ((drawing, job) if job.status not in FINAL else None)
        return first

    async def stop_current(self, skip: bool) -> None:
        """Cancel it; nothing to cancel is fine too."""
        current = await self.find_current()
        if current is None:
            return
        drawing, _ = current
        drawing.skipped, drawing.interrupted = skip, not skip
        with suppress(CannotCancel):
            await self._state.queue.cancel(drawing.job_id)
            self._state.runners.stop(drawing.job_id)

    def follow(self, drawing: Drawing) -> None:
        """Keep its newest preview from now on: they are made only where somebody looks at them."""
        if drawing.following is None:
            drawing.following = asyncio.create_task(self._keep_preview(drawing))

    async def _keep_preview(self, drawing: Drawing) -> None:
        with suppress(JobNotFound, ConnectionError):
            async for event in self._state.watch.follow(drawing.job_id, previews=True):
                if isinstance(event, JobPreview):
                    drawing.preview = event.image.partition(",")[2]

    def _hear(self, data: EventData) -> None:
        if not isinstance(data, JobProgress | JobStatusChanged):
            return
        drawing = self._drawings.get(data.job_id)
        if drawing is None:
            return
        if isinstance(data, JobProgress):
            drawing.finished = data.current_image
        elif data.outputs:
            drawing.kept.set()
