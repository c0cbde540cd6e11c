"""The queue: submit, look, cancel, claim, end. Stored first, published second."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

from ...background import BackgroundTasks
from ...errors import CannotCancel, JobNotFound, StorageUnavailable
from ...events import EventBus
from ...schemas.downloads import JobResult
from ...schemas.events import (
    JobAdded,
    JobCancelled,
    JobStatusChanged,
)
from ...schemas.jobs import (
    KINDS,
    Job,
    JobStatus,
    JobType,
    JobView,
    Lane,
    Outcome,
    Progress,
    QueueView,
)
from ...schemas.required_files import RequiredFiles
from ...slots.dispatch import ANY_JOB, ClaimRequest
from .disk_reserve import NO_RESERVE, DiskReserve
from .job_view import group_by_date, show_error, show_warnings, view_of
from .listing import Counts, JobFilters
from .live_progress import LiveProgress
from .new_job import NewJob
from .ordering import ClaimingSlot
from .storage_stalls import Stalls
from .store import MOST_UNCLEAN_STOPS, JobStore
from .wakeups import Wakeups

log = logging.getLogger(__name__)

# An engine that dies this often while it runs one job has met a job that kills it.
MOST_LOST_ENGINES = 2

# Seconds that a runner sleeps at most towards the moment of a job, so that it notices when the clock was set
# or the machine was asleep.
LONGEST_SLEEP = 60.0


class Queue:
    """All jobs of this server."""

    def __init__(self, store: JobStore, bus: EventBus, reserve: DiskReserve = NO_RESERVE) -> None:
        self._store = store
        self._bus = bus
        self._reserve = reserve
        self.live = LiveProgress(bus, self.touch)
        self._background = BackgroundTasks()
        self.wakeups = Wakeups()
        self.stalls = Stalls()
        self.revision = 0

    # ------------------------------------------------------------ for clients

    async def submit(self, job: NewJob) -> int:
        """Store a job; its position among the pending jobs of its lane, 1 = next.

        Raises DiskFull and StorageUnavailable: then there is no such job.
        """
        await self._reserve.check()
        position = await self._store.insert(job)
        self.revision += 1
        self._bus.publish(JobAdded(job_id=job.id, type=job.type, queue_position=position))
        self.wakeups.notify(KINDS[job.type].lane)
        return position

    async def get(self, job_id: str) -> JobView:
        """One job as the API shows it. Raises JobNotFound."""
        job = await self._store.get(job_id)
        if job is not None and self.live.lacks(job):
            job = await self._store.get(job_id)
        if job is None:
            raise JobNotFound
        position = await self._store.position(job) if job.status is JobStatus.PENDING else None
        return view_of(self.live, job, position)

    async def page(self, filters: JobFilters, by_date: bool = False) -> QueueView:
        """A page of jobs with the counts of the whole queue; `by_date` tells the days of its jobs too."""
        page = await self._store.page(filters)
        if any(self.live.lacks(job) for job in page.jobs):
            page = await self._store.page(filters)
        shown = {"status", "type", "search", "model", "after", "before"}
        applied = filters.model_dump(include=shown, exclude_none=True, mode="json")
        return QueueView(
            **_named(page.counts),
            items=[view_of(self.live, job, None) for job in page.jobs],
            groups=group_by_date(page.jobs) if by_date else None,
            limit=filters.limit,
            offset=filters.offset,
            page=filters.offset // filters.limit + 1,
            has_more=page.has_more,
            matching_count=page.matching,
            applied_filters=applied or None,
        )

    async def counts(self) -> dict[str, int]:
        """`pending_count` ... `total_count`."""
        return _named(await self._store.counts())

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job that is not finished. Raises CannotCancel."""
        cancelled = await self._store.cancel(job_id)
        if cancelled is None:
            raise CannotCancel
        job, before = cancelled
        self.live.end(job_id)
        self._publish_change(job, before)
        self._bus.publish(JobCancelled(job_id=job_id))
        # Not awaited: whoever cancels must also stop the job, even if the followers cannot be stored now.
        self._background.spawn(self._drop_followers(job, JobStatus.CANCELLED, None))
        return job

    async def result(self, job_id: str) -> JobResult | None:
        """What a job made that is not an output file."""
        job = await self.stalls.until_stored(f"the result of job {job_id}", lambda: self._store.get(job_id))
        return job.result if job else None

    async def broken(self, job_type: JobType) -> list[Job]:
        """Jobs of this type that failed or were cancelled."""
        return await self._store.broken(job_type)

    async def unfinished(self, job_id: str) -> bool:
        """Whether a job waits or runs."""
        job = await self._store.get(job_id)
        return job is not None and job.status in (JobStatus.PENDING, JobStatus.PROCESSING)

    def touch(self) -> None:
        """Somebody else changed what the queue shows."""
        self.revision += 1

    # ------------------------------------------------------------ for runners

    async def recover(self, with_workers: bool = False) -> None:
        """Put in order what an unclean stop left behind; call once, before the runners start.

        `with_workers`: what workers run goes on there.
        """
        await self._store.recover(with_workers)

    async def with_workers(self) -> list[tuple[Job, str]]:
        """Jobs that slots of workers have, with the names of the slots; they count as running again."""
        jobs = await self._store.with_workers()
        for job, _ in jobs:
            self.live.begin(job)
        return jobs

    async def wait(self, lane: Lane, wakeup: asyncio.Event) -> None:
        """Wait until there may be work, or the moment of a job of the lane has come."""
        if wakeup.is_set():
            return
        due = await self.stalls.until_stored(f"lane {lane}", lambda: self._store.find_next_due(lane))
        seconds = min((due - datetime.now(UTC)).total_seconds(), LONGEST_SLEEP) if due else None
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await wakeup.wait()

    async def claim(self, lane: Lane, claim_request: ClaimRequest = ANY_JOB) -> Job | None:
        """Take the job of a lane that is next for whoever asks."""
        able: list[str] | None = None
        if claim_request.can_run is not None:
            waiting = await self._store.list_waiting_files(lane)
            able = [
                text
                for text in waiting
                if await claim_request.can_run(RequiredFiles.model_validate_json(text))
            ]
            if not able:
                return None
        job = await self._store.claim(
            lane, ClaimingSlot(name=claim_request.slot, holds=claim_request.loaded, able=able)
        )
        if job is not None:
            self.live.begin(job)
            self._publish_change(job, JobStatus.PENDING)
        return job

    async def complete(self, job: Job, outcome: Outcome) -> bool:
        """The attempt went well; False when the job was cancelled meanwhile."""
        return await self._end(job, JobStatus.COMPLETED, outcome, None)

    async def keep(self, job: Job, outcome: Outcome) -> None:
        """The attempt was cancelled, and what it had finished stays."""
        kept = await self._until_stored(job, lambda: self._store.keep(job, outcome))
        if kept is not None:
            self._publish_change(kept, JobStatus.CANCELLED)

    async def fail(self, job: Job, error: str) -> None:
        """The attempt failed for good."""
        await self._end(job, JobStatus.FAILED, Outcome(), error)

    async def requeue_engine_lost(self, job: Job, error: str) -> None:
        """The engine died under the attempt: once is bad luck, twice is the job's doing."""
        lost = await self._until_stored(job, lambda: self._store.count_lost_engines(job.id))
        if lost + 1 >= MOST_LOST_ENGINES:
            await self.fail(job, f"{error} (this job ended {MOST_LOST_ENGINES} engine processes)")
        else:
            await self.requeue(job, engine_lost=True)

    async def requeue_worker_lost(self, job: Job, error: str) -> None:
        """The worker that had the job is gone: often enough, and that is the job's doing too."""
        unclean = await self._until_stored(job, lambda: self._store.count_unclean_stops(job.id))
        if unclean + 1 >= MOST_UNCLEAN_STOPS:
            await self.fail(job, f"{error} (the {MOST_UNCLEAN_STOPS}rd time that this job lost its worker)")
        else:
            await self.requeue(job, worker_lost=True)

    async def requeue(self, job: Job, engine_lost: bool = False, worker_lost: bool = False) -> None:
        """The attempt was broken off through no fault of the job: it is next again."""
        self._publish_requeue(
            job, await self._until_stored(job, lambda: self._store.requeue(job, engine_lost, worker_lost))
        )

    async def requeue_at_shutdown(self, job: Job) -> None:
        """The server stops, and the job is next at its next start.

        Tried only once: a job that is not returned is found as processing, and runs again as after a kill.
        """
        try:
            self._publish_requeue(job, await self._store.requeue(job))
        except StorageUnavailable as error:
            log.error("job %s could not be returned to the queue: %s", job.id, error)

    # ------------------------------------------------------------ inside

    def _publish_requeue(self, job: Job, pending: Job | None) -> None:
        self.live.end(job.id)
        if pending is not None:
            self._publish_change(pending, JobStatus.PROCESSING)
            self.wakeups.notify(KINDS[job.type].lane)

    async def _end(self, job: Job, status: JobStatus, outcome: Outcome, error: str | None) -> bool:
        progress = self.live.progress_of(job)
        if status is JobStatus.COMPLETED:
            progress = progress.finished()
        self.live.show(job, progress)
        ended = await self._until_stored(job, lambda: self._finish(job, status, progress, outcome, error))
        self.live.end(job.id)
        if ended is None:
            return False
        self._publish_change(ended, JobStatus.PROCESSING)
        if status is JobStatus.COMPLETED:
            self.wakeups.notify()  # somebody may have waited for this job
        else:
            await self._drop_followers(job, JobStatus.FAILED, f"It waited for job {job.id}, which failed")
        return True

    async def _finish(
        self, job: Job, status: JobStatus, progress: Progress, outcome: Outcome, error: str | None
    ) -> Job | None:
        ended = await self._store.finish(job, status, progress, outcome, error)
        if ended is None:
            # A write that seemed to fail may have reached the disk: then the row says what was to be stored.
            stored = await self._store.get(job.id)
            if stored is not None and (stored.attempt, stored.status) == (job.attempt, status):
                return stored
        return ended

    async def _drop_followers(self, job: Job, status: JobStatus, error: str | None) -> None:
        followers = await self._until_stored(job, lambda: self._store.drop_followers(job, status, error))
        for follower in followers:
            self._publish_change(follower, JobStatus.PENDING)
            if status is JobStatus.CANCELLED:
                self._bus.publish(JobCancelled(job_id=follower.id))

    async def _until_stored[T](self, job: Job, write: Callable[[], Awaitable[T]]) -> T:
        return await self.stalls.until_stored(f"what became of job {job.id}", write)

    def _publish_change(self, job: Job, before: JobStatus) -> None:
        self.revision += 1
        self._bus.publish(
            JobStatusChanged(
                job_id=job.id,
                status=job.status,
                previous_status=before,
                outputs=list(job.outputs),
                worker=job.worker,
                started_at=job.started_at,
                completed_at=job.completed_at,
                error=show_error(job),
                warnings=show_warnings(job),
            )
        )


def _named(counts: Counts) -> dict[str, int]:
    named = {f"{status.value}_count": counts.get(status, 0) for status in JobStatus}
    return {**named, "total_count": sum(counts.values())}
