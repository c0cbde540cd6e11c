"""A queue that is paused or drained while somebody claims a job."""

from pathlib import Path
from typing import Any

from sdcpp_restapi.db import Database
from sdcpp_restapi.events import EventBus
from sdcpp_restapi.jobs.queue.new_job import NewJob
from sdcpp_restapi.jobs.queue.queue import Queue
from sdcpp_restapi.jobs.queue.store import JobStore
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.jobs import Job, JobStatus


class ClosedMeanwhile(JobStore):
    """The queue is closed while a claim is stored."""

    queue: Queue

    async def claim(self, *args: Any, **named: Any) -> Job | None:
        job = await super().claim(*args, **named)
        self.queue.is_open = False
        return job


async def test_a_job_that_was_claimed_while_the_queue_was_closed_waits_at_its_place(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "test.db")
    store = ClosedMeanwhile(database)
    queue = store.queue = Queue(store, EventBus())
    jobs = [NewJob(type="txt2img", params=Txt2ImgRequest(prompt=name)) for name in ("first", "second")]
    for job in jobs:
        await queue.submit(job)
    assert await queue.claim("engine") is None
    views = [await queue.get(job.id) for job in jobs]
    assert [(view.status, view.position) for view in views] == [
        (JobStatus.PENDING, 1),
        (JobStatus.PENDING, 2),
    ]
    await database.close()
