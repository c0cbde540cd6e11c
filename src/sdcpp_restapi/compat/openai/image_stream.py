"""Images as server-sent events: previews while they are drawn, then the images."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from ...api.app_state import AppState
from ...errors import SdcppError
from ...schemas.events import JobPreview, JobProgress
from .image_answers import make_completed_event, read_images
from .image_schemas import PartialImage
from .jobs import check_completed
from .sse import format_event, format_failure


class PartialImages:
    """Chooses which previews of an image are sent: so many, spread evenly over its steps."""

    def __init__(self, count: int, steps: int) -> None:
        """`count`: of each image; `steps`: until the progress tells how many there are."""
        self._count = count
        self._steps = steps
        self._sent = 0
        self._image = 0

    @property
    def wanted(self) -> bool:
        """Whether any is to be sent."""
        return self._count > 0

    def note_progress(self, progress: JobProgress) -> None:
        """The job went on, perhaps with another image."""
        self._steps = progress.total_steps or self._steps
        if progress.current_image != self._image:
            self._image, self._sent = progress.current_image, 0

    def choose(self, step: int) -> int | None:
        """The index of the partial image that the preview of a step becomes; None if it is not sent."""
        due = min(self._count, step * (self._count + 1) // self._steps)
        if due <= self._sent:
            return None
        self._sent = due
        return due - 1


async def stream_images(
    state: AppState, job_id: str, partials: PartialImages, kind: str
) -> AsyncGenerator[bytes]:
    """The events of a job; `kind` is image_generation or image_edit. A failure is the last event."""
    try:
        # A client that goes away ends this; the job goes on.
        async with aclosing(_follow(state, job_id, partials, kind)) as events:
            async for event in events:
                yield format_event(event, event.type)
        job = check_completed(await state.queue.get(job_id))
        for image in await read_images(state.outputs, job):
            completed = make_completed_event(job, image, kind)
            yield format_event(completed, completed.type)
    except SdcppError as error:
        yield format_failure(error)


async def _follow(
    state: AppState, job_id: str, partials: PartialImages, kind: str
) -> AsyncGenerator[PartialImage]:
    async with aclosing(state.watch.follow(job_id, previews=partials.wanted)) as events:
        async for event in events:
            if isinstance(event, JobProgress):
                partials.note_progress(event)
            elif isinstance(event, JobPreview) and (index := partials.choose(event.step)) is not None:
                yield PartialImage(
                    type=f"{kind}.partial_image",
                    b64_json=event.image.partition(",")[2],
                    created_at=int(time.time()),
                    partial_image_index=index,
                    size=f"{event.width}x{event.height}",
                )
