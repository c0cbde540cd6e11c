"""The queue as ComfyUI lists it."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

from sdcpp_restapi.api.app_state import AppState
from sdcpp_restapi.compat.comfyui.history import describe_queue
from sdcpp_restapi.compat.comfyui.prompts import Prompts
from sdcpp_restapi.jobs.queue.listing import JobFilters
from sdcpp_restapi.schemas.jobs import JobStatus, JobType, JobView, Progress, Timings


class MovingQueue:
    """A queue in which a job begins to run while it is read for the first time."""

    def __init__(self) -> None:
        self.status = JobStatus.PENDING

    async def page(self, filters: JobFilters) -> SimpleNamespace:
        items = [view("begins", self.status)] if filters.status is self.status else []
        if filters.status is JobStatus.PENDING:
            items += [view("waits", JobStatus.PENDING), view("other", JobStatus.PENDING, "model_download")]
        self.status = JobStatus.PROCESSING
        return SimpleNamespace(items=items)


def view(job_id: str, status: JobStatus, job_type: JobType = "txt2img") -> JobView:
    now = datetime.now(UTC)
    return JobView(
        job_id=job_id,
        type=job_type,
        status=status,
        progress=Progress(),
        created_at=now,
        timings=Timings(created_at=now),
        outputs=[],
        params={},
    )


async def test_a_job_that_begins_meanwhile_is_listed_once() -> None:
    settings = SimpleNamespace(limits=SimpleNamespace(queue_page=10))
    state = cast(AppState, SimpleNamespace(queue=MovingQueue(), settings=settings))
    assert await describe_queue(state, Prompts()) == {
        "queue_running": [[0, "begins", {}, {}, []]],
        "queue_pending": [[0, "waits", {}, {}, []]],
    }
