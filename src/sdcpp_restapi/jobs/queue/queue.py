"""The queue: submit, look, cancel, claim, end. Stored first, published second."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

from ...background import BackgroundTasks
from ...errors import (
    CannotCancel,
    CannotPause,
    CannotResume,
    EngineLost,
    JobFailed,
    JobNotFound,
    QueueFull,
    StorageUnavailable,
    WorkerLost,
)
from ...events import EventBus
from ...requester import may_see, seen_user
from ...schemas.downloads import JobResult
from ...schemas.events import (
    JobAdded,
    JobCancelled,
    JobStatusChanged,
)
from ...schemas.generation import GenerationRequest
from ...schemas.jobs import (
    KINDS,
    Job,
    JobStatus,
    JobType,
    JobView,
    Lane,
    Outcome,
    Params,
    Progress,
    QueueView,
)
from ...schemas.lineage import Lineage
from ...schemas.required_files import RequiredFiles
from ...slots.dispatch import ANY_JOB, ClaimRequest
from .disk_reserve import NO_RESERVE, DiskReserve
from .durations import MOST_SAMPLES, estimate_time, estimate_work
from .job_view import group_by_date, show_error, show_warnings, view_of
from .lineage import trace_lineage
from .listing import Counts, JobFilters
from .live_progress import LiveProgress
from .new_job import NewJob
from .ordering import ClaimingSlot
from .page_text import JobTexts
from .quotas import NO_LIMITS, QuotaLimits
from .request_ids import RequestIds
from .statistics import JobStatistics
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

    def __init__(
        self,
        store: JobStore,
        bus: EventBus,
        reserve: DiskReserve = NO_RESERVE,
        check: Callable[[Params], Awaitable[None]] | None = None,
        limits_of: Callable[[str], QuotaLimits] = lambda _user: NO_LIMITS,
    ) -> None:
        """`check`: raises for what no job may ask for, whatever its type. `limits_of`: those of a user."""
        self._store = store
        self._check = check
        self._limits_of = limits_of
        self._bus = bus
        self.reserve = reserve
        self.live = LiveProgress(bus, self.touch)
        self._texts = JobTexts(self.live)
        self._background = BackgroundTasks()
        self.wakeups = Wakeups()
        self.stalls = Stalls()
        self.request_ids = RequestIds()
        self.statistics = JobStatistics()
        self.revision = 0
        self.is_open = True
        """Whether jobs begin."""
        self.consider: Callable[[NewJob], None] = lambda _: None
        """Called with each new job: it may be more urgent than one that runs."""

    # ------------------------------------------------------------ for clients

    async def submit(self, job: NewJob) -> int:
        """Store a job; its position among the pending jobs of its lane, 1 = next.

        Raises DiskFull, QueueFull, QuotaReached and StorageUnavailable, and what `check` raises: then there
        is no such job.
        """
        if self._check is not None:
            await self._check(job.params)
        await self.reserve.check(job.params)
        try:
            position = await self._store.insert(job, self._limits_of(job.user))
        except QueueFull as error:
            error.retry_after = self.statistics.find_pause(KINDS[job.type].lane)
            raise
        self.request_ids.keep(job.id)
        self.statistics.added[job.type] += 1
        self.revision += 1
        self._bus.publish(JobAdded(job_id=job.id, type=job.type, queue_position=position), job.user)
        self.wakeups.notify(KINDS[job.type].lane)
        self.consider(job)
        return position

    async def get(self, job_id: str) -> JobView:
        """One job as the API shows it. Raises JobNotFound, also for one that the request may not see."""
        job = await self._store.get(job_id)
        if job is not None and self.live.lacks(job):
            job = await self._store.get(job_id)
        if job is None or not may_see(job.user):
            raise JobNotFound
        position = await self._store.position(job) if job.status is JobStatus.PENDING else None
        return view_of(self.live, job, position)

    async def lineage(self, job_id: str) -> Lineage:
        """How it descends from other jobs, and others from it. Raises JobNotFound."""
        return await trace_lineage(self._store, job_id)

    async def page(self, filters: JobFilters) -> QueueView:
        """A page of jobs with the counts of the whole queue."""
        frame, jobs = await self._read_page(filters, by_date=False)
        return frame.model_copy(update={"items": [view_of(self.live, job, None) for job in jobs]})

    async def page_text(self, filters: JobFilters, by_date: bool = False) -> bytes:
        """The JSON of a page; `by_date` tells the days of its jobs too."""
        return self._texts.write_page(*await self._read_page(filters, by_date))

    async def counts(self) -> dict[str, int]:
        """`pending_count` ... `total_count`, of what the request may see."""
        return await self.counts_of(seen_user())

    async def counts_of(self, user: str | None) -> dict[str, int]:
        """The same of one user's jobs, or of all."""
        return _named(await self._store.counts(user))

    async def count_unfinished(self) -> dict[tuple[JobType, JobStatus], int]:
        """How many jobs wait and run, by type; hash jobs of waiting downloads too."""
        return await self._store.count_unfinished()

    async def check_database(self) -> None:
        """Raises StorageUnavailable where the database cannot be read."""
        await self._store.check()

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job that is not finished. Raises CannotCancel, also for what the request may not see."""
        if seen_user() is not None:
            await self._check_seen(job_id)
        cancelled = await self._store.cancel(job_id)
        if cancelled is None:
            raise CannotCancel
        job, before = cancelled
        self.live.end(job_id)
        self._publish_change(job, before)
        self._bus.publish(JobCancelled(job_id=job_id), job.user)
        # Not awaited: whoever cancels must also stop the job, even if the followers cannot be stored now.
        self._background.spawn(self._drop_followers(job, JobStatus.CANCELLED, None))
        return job

    async def pause(self, job_id: str) -> Job:
        """Keep a job from beginning, or from going on once its attempt is broken off. Raises CannotPause."""
        job = await self._store.pause(job_id)
        if job is None:
            raise CannotPause
        self._publish_change(job, job.status)
        return job

    async def resume(self, job_id: str) -> Job:
        """Let a paused job go on, at its old place. Raises CannotResume."""
        job = await self._store.resume(job_id)
        if job is None:
            raise CannotResume
        self._publish_change(job, job.status)
        self.wakeups.notify(KINDS[job.type].lane)
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
        """Take the job of a lane that is next for whoever asks; none while the queue is paused."""
        if not self.is_open:
            return None
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
            lane, ClaimingSlot(name=claim_request.slot, holds=tuple(claim_request.loaded), able=able)
        )
        if job is not None:
            self.live.begin(job)
            self._publish_change(job, JobStatus.PENDING)
            if not self.is_open:  # it was paused or drained while the claim was stored
                await self.requeue(job)
                return None
            self._background.spawn(self._expect(job))
        return job

    async def complete(self, job: Job, outcome: Outcome) -> bool:
        """The attempt went well; False when the job was cancelled meanwhile."""
        return await self._end(job, JobStatus.COMPLETED, outcome, None)

    async def keep(self, job: Job, outcome: Outcome) -> None:
        """The attempt was cancelled, and what it had finished stays."""
        kept = await self._until_stored(job, lambda: self._store.keep(job, outcome))
        if kept is not None:
            self._publish_change(kept, JobStatus.CANCELLED)

    async def fail(self, job: Job, error: str, code: str = JobFailed.code) -> None:
        """The attempt failed for good; `code` is that of the error."""
        if await self._end(job, JobStatus.FAILED, Outcome(), error):
            self.statistics.failures[code] += 1

    async def requeue_engine_lost(self, job: Job, error: str, got_on: bool = False) -> None:
        """The engine died under the attempt: once is bad luck, twice is the job's doing.

        Not so if the attempt got on: the next one goes on behind it.
        """
        if got_on:
            await self.requeue(job)
            return
        lost = await self._until_stored(job, lambda: self._store.count_lost_engines(job.id))
        if lost + 1 >= MOST_LOST_ENGINES:
            await self.fail(
                job, f"{error} (this job ended {MOST_LOST_ENGINES} engine processes)", EngineLost.code
            )
        else:
            await self.requeue(job, engine_lost=True)

    async def requeue_worker_lost(self, job: Job, error: str) -> None:
        """The worker that had the job is gone: often enough, and that is the job's doing too."""
        unclean = await self._until_stored(job, lambda: self._store.count_unclean_stops(job.id))
        if unclean + 1 >= MOST_UNCLEAN_STOPS:
            told = f"{error} (the {MOST_UNCLEAN_STOPS}rd time that this job lost its worker)"
            await self.fail(job, told, WorkerLost.code)
        else:
            await self.requeue(job, worker_lost=True)

    async def requeue(
        self, job: Job, engine_lost: bool = False, worker_lost: bool = False, preempted: bool = False
    ) -> None:
        """The attempt was broken off through no fault of the job: it is next again."""
        pending = await self._until_stored(
            job, lambda: self._store.requeue(job, engine_lost, worker_lost, preempted)
        )
        self._publish_requeue(job, pending)

    async def requeue_at_shutdown(self, job: Job) -> None:
        """The server stops, and the job is next at its next start.

        Tried only once: a job that is not returned is found as processing, and runs again as after a kill.
        """
        try:
            self._publish_requeue(job, await self._store.requeue(job))
        except StorageUnavailable as error:
            log.error("job %s could not be returned to the queue: %s", job.id, error)

    # ------------------------------------------------------------ inside

    async def _expect(self, job: Job) -> None:
        """Tell what such jobs took."""
        if not isinstance(job.params, GenerationRequest) or job.model is None:
            return
        with suppress(StorageUnavailable):
            samples = await self._store.durations(
                job.type, job.model.model_name, job.upscaler is not None, MOST_SAMPLES
            )
            seconds = estimate_time(estimate_work(job.params), samples).seconds
            if seconds is not None:
                self.live.expect(job, seconds)

    async def _read_page(self, filters: JobFilters, by_date: bool) -> tuple[QueueView, list[Job]]:
        """A page without its items, and the jobs that are its items."""
        filters = filters.model_copy(update={"user": seen_user()})
        page = await self._store.page(filters)
        if any(self.live.lacks(job) for job in page.jobs):
            page = await self._store.page(filters)
        shown = {"status", "type", "search", "model", "after", "before"}
        applied = filters.model_dump(include=shown, exclude_none=True, mode="json")
        frame = QueueView(
            **_named(page.counts),
            items=[],
            groups=group_by_date(page.jobs) if by_date else None,
            limit=filters.limit,
            offset=filters.offset,
            page=filters.offset // filters.limit + 1,
            has_more=page.has_more,
            next_cursor=None if page.next_cursor is None else str(page.next_cursor),
            matching_count=page.matching,
            applied_filters=applied or None,
            warnings=page.warnings or None,
        )
        return frame, page.jobs

    async def _check_seen(self, job_id: str) -> None:
        job = await self._store.get(job_id)
        if job is None or not may_see(job.user):
            raise CannotCancel

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
            self._background.spawn(self._wake_followers(job))
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

    async def _wake_followers(self, job: Job) -> None:
        """Wake the lanes of those that waited for a job, and its own; others would claim for nothing."""
        try:
            followers = await self._store.find_follower_lanes(job)
        except StorageUnavailable:
            self.wakeups.notify()
        else:
            self.wakeups.notify(KINDS[job.type].lane, *followers)

    async def _drop_followers(self, job: Job, status: JobStatus, error: str | None) -> None:
        followers = await self._until_stored(job, lambda: self._store.drop_followers(job, status, error))
        for follower in followers:
            self._publish_change(follower, JobStatus.PENDING)
            if status is JobStatus.CANCELLED:
                self._bus.publish(JobCancelled(job_id=follower.id), follower.user)

    async def _until_stored[T](self, job: Job, write: Callable[[], Awaitable[T]]) -> T:
        return await self.stalls.until_stored(f"what became of job {job.id}", write)

    def _publish_change(self, job: Job, before: JobStatus) -> None:
        self.revision += 1
        self.statistics.record(job, before)
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
            ),
            job.user,
        )


def _named(counts: Counts) -> dict[str, int]:
    named = {f"{status.value}_count": counts.get(status, 0) for status in JobStatus}
    return {**named, "total_count": sum(counts.values())}
