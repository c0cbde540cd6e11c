"""Following single jobs: what is heard of them, and when it ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sdcpp_restapi.db import Database
from sdcpp_restapi.errors import JobNotFound
from sdcpp_restapi.events import EventBus
from sdcpp_restapi.jobs.queue.job_watch import JobEvent, JobWatch
from sdcpp_restapi.jobs.queue.new_job import NewJob
from sdcpp_restapi.jobs.queue.queue import Queue
from sdcpp_restapi.jobs.queue.store import JobStore
from sdcpp_restapi.schemas.events import (
    JobAdded,
    JobCancelled,
    JobDeleted,
    JobProgress,
    JobStatusChanged,
)
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.jobs import Job, JobStatus, JobView, Outcome
from tests.support.job_previews import make_preview


class ObservedQueue(Queue):
    """A queue that tells when a job was read from it."""

    def __init__(self, store: JobStore, bus: EventBus) -> None:
        super().__init__(store, bus)
        self.was_read = asyncio.Event()

    async def get(self, job_id: str) -> JobView:
        view = await super().get(job_id)
        self.was_read.set()
        return view


class Site:
    """A queue on a database of its own, with a watch on its events."""

    def __init__(self, database: Database) -> None:
        self.bus = EventBus()
        self.queue = ObservedQueue(JobStore(database), self.bus)
        self.watch = JobWatch(self.queue, self.bus)
        self._following: list[Following] = []

    async def add(self) -> str:
        """A job that waits; its id."""
        job = NewJob(type="txt2img", params=Txt2ImgRequest(prompt="a cat"))
        await self.queue.submit(job)
        return job.id

    async def start(self) -> Job:
        """A job that runs."""
        await self.add()
        job = await self.queue.claim("engine")
        assert job is not None
        return job

    async def follow(self, job_id: str) -> "Following":
        """Follow it in a task; what is published from now on is heard."""
        self.queue.was_read.clear()
        following = Following(self.watch, job_id)
        self._following.append(following)
        # It reads the job first, and hears what is published after that.
        await self.queue.was_read.wait()
        return following

    async def end(self) -> None:
        """Nobody follows any more."""
        for following in self._following:
            following.task.cancel()
        await asyncio.gather(*(one.task for one in self._following), return_exceptions=True)


class Following:
    """What one follower hears."""

    def __init__(self, watch: JobWatch, job_id: str) -> None:
        self.heard: list[JobEvent] = []
        self.task = asyncio.create_task(self._listen(watch, job_id))

    async def _listen(self, watch: JobWatch, job_id: str) -> None:
        async for event in watch.follow(job_id):
            self.heard.append(event)

    async def states(self) -> list[JobStatus]:
        """The states that it was told, once it has ended."""
        await self.task
        return [event.status for event in self.heard if isinstance(event, JobStatusChanged)]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    database = await Database.open(tmp_path / "test.db")
    site = Site(database)
    yield site
    await site.end()
    await database.close()


Ending = Callable[[Site, Job], Awaitable[object]]
ENDINGS: dict[JobStatus, Ending] = {
    JobStatus.COMPLETED: lambda site, job: site.queue.complete(job, Outcome()),
    JobStatus.FAILED: lambda site, job: site.queue.fail(job, "no luck"),
    JobStatus.CANCELLED: lambda site, job: site.queue.cancel(job.id),
}


@pytest.mark.parametrize("status", ENDINGS)
async def test_a_job_that_has_ended_is_answered_at_once_and_has_no_events(
    site: Site, status: JobStatus
) -> None:
    job = await site.start()
    await ENDINGS[status](site, job)
    assert (await site.watch.wait_for_end(job.id)).status is status
    assert [event async for event in site.watch.follow(job.id)] == []


@pytest.mark.parametrize("status", ENDINGS)
async def test_a_job_that_ends_while_it_is_followed_ends_the_following(site: Site, status: JobStatus) -> None:
    job = await site.start()
    following = await site.follow(job.id)
    waiting = asyncio.create_task(site.watch.wait_for_end(job.id))
    await ENDINGS[status](site, job)
    assert await following.states() == [status]
    assert (await waiting).status is status
    assert site.watch._followers == {}


async def test_a_job_is_followed_from_the_queue_to_its_end(site: Site) -> None:
    job_id = await site.add()
    following = await site.follow(job_id)
    job = await site.queue.claim("engine")
    assert job is not None
    await site.queue.requeue(job)
    job = await site.queue.claim("engine")
    assert job is not None
    await site.queue.complete(job, Outcome())
    states = [JobStatus.PROCESSING, JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.COMPLETED]
    assert await following.states() == states


async def test_a_job_that_is_deleted_while_it_is_followed_ends_the_following(site: Site) -> None:
    job_id = await site.add()
    following = await site.follow(job_id)
    site.bus.publish(JobDeleted(job_id=job_id, purged=True))
    await following.task
    assert [type(event) for event in following.heard] == [JobDeleted]


async def test_waiting_for_a_job_that_is_deleted_meanwhile_says_that_it_is_gone(site: Site) -> None:
    job = await site.start()
    waiting = asyncio.create_task(site.watch.wait_for_end(job.id))
    await site.follow(job.id)
    await site.queue._store._database.write(lambda db: db.execute("DELETE FROM jobs").close())
    site.bus.publish(JobDeleted(job_id=job.id, purged=True))
    with pytest.raises(JobNotFound):
        await waiting


async def test_a_job_that_does_not_exist_is_not_found(site: Site) -> None:
    with pytest.raises(JobNotFound):
        await site.watch.wait_for_end("nobody")
    with pytest.raises(JobNotFound):
        await anext(site.watch.follow("nobody"))
    assert site.watch._followers == {}


@pytest.mark.parametrize("seconds", [0, 0.01])
async def test_a_wait_that_is_over_gives_the_job_as_it_is(site: Site, seconds: float) -> None:
    job = await site.start()
    assert (await site.watch.wait_for_end(job.id, seconds)).status is JobStatus.PROCESSING
    assert site.watch._followers == {}


async def test_who_is_cancelled_while_waiting_follows_no_more_and_the_job_goes_on(site: Site) -> None:
    job = await site.start()
    waiting = asyncio.create_task(site.watch.wait_for_end(job.id))
    await site.follow(job.id)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await site.queue.get(job.id)).status is JobStatus.PROCESSING


async def test_who_reads_slowly_gets_the_newest_progress_and_every_state(site: Site) -> None:
    job = await site.start()
    events = site.watch.follow(job.id)

    async def read_one() -> JobEvent:
        return await anext(events)

    first = asyncio.create_task(read_one())
    await site.follow(job.id)
    site.bus.publish(JobProgress(job_id=job.id, step=1))
    assert await first == JobProgress(job_id=job.id, step=1)
    # It does not read until all of this has happened.
    for step in range(2, 100):
        site.bus.publish(JobProgress(job_id=job.id, step=step))
        site.bus.publish(make_preview(job.id, step))
    await site.queue.requeue(job)
    again = await site.queue.claim("engine")
    assert again is not None
    await site.queue.complete(again, Outcome())
    heard = [event async for event in events]
    assert heard[:2] == [JobProgress(job_id=job.id, step=99), make_preview(job.id, 99)]
    assert [event.status for event in heard if isinstance(event, JobStatusChanged)] == [
        JobStatus.PENDING,
        JobStatus.PROCESSING,
        JobStatus.COMPLETED,
    ]


async def test_events_of_other_jobs_and_of_other_kinds_are_not_heard(site: Site) -> None:
    job, other = await site.start(), await site.add()
    following = await site.follow(job.id)
    site.bus.publish(JobAdded(job_id=job.id, type="txt2img", queue_position=1))
    site.bus.publish(JobProgress(job_id=other))
    site.bus.publish(JobCancelled(job_id=job.id))
    await site.queue.complete(job, Outcome())
    await following.task
    assert [type(event) for event in following.heard] == [JobCancelled, JobStatusChanged]
