"""A runner takes the jobs of one lane, one after the other, and reports what becomes of them."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing

from ...background import BackgroundTasks, keep_running
from ...errors import (
    CannotLoad,
    EngineLost,
    InternalError,
    Interrupted,
    JobCancelled,
    Preempted,
    SdcppError,
    StorageUnavailable,
    WorkerLost,
)
from ...schemas.events import JobPreview
from ...schemas.jobs import Job, Lane, Outcome, Progress, Transfer
from ...slots.dispatch import ANY_JOB, ClaimRequest
from .executor import Executor, ExecutorEvent
from .queue import Queue
from .storage_stalls import delay_before

log = logging.getLogger(__name__)


class Runner:
    """Connects a lane of the queue with the executor that serves it."""

    def __init__(
        self,
        *,
        queue: Queue,
        lane: Lane,
        executor: Executor,
        claim_request: Callable[[], ClaimRequest] = lambda: ANY_JOB,
        resumed: Job | None = None,
    ) -> None:
        """`claim_request`: who asks for jobs. `resumed`: what runs since an earlier run of this server."""
        self._queue = queue
        self.lane: Lane = lane
        self._executor = executor
        self._claim_request = claim_request
        self._resumed = resumed
        self._wakeup = asyncio.Event()
        self._stopping = BackgroundTasks()
        self.job: Job | None = None
        """What it works on."""

    async def run(self) -> None:
        """Work until cancelled; the job in hand then returns to the queue, or goes on on its worker."""
        self._wakeup = self._queue.wakeups.subscribe(self.lane)
        try:
            if self._resumed is not None:
                resumed, self._resumed = self._resumed, None
                await self._work(resumed)
            while True:
                await self._queue.wait(self.lane, self._wakeup)
                await self._claim_and_work()
        finally:
            self._queue.wakeups.unsubscribe(self.lane, self._wakeup)

    async def _claim_and_work(self) -> None:
        failures = 0
        try:
            while True:
                try:
                    async with self._executor.acquire():
                        return await self._next()
                except StorageUnavailable as error:
                    # It is the claim's: what becomes of a job is tried again where it is stored.
                    self._queue.stalls.begin(self, f"a claim in lane {self.lane}", error)
                    failures += 1
                # The executor is free meanwhile: loads need no database.
                await asyncio.sleep(delay_before(failures))
        finally:
            self._queue.stalls.end(self, f"a claim in lane {self.lane}")

    async def _next(self) -> None:
        self._wakeup.clear()
        job = await self._queue.claim(self.lane, self._claim_request())
        if job is not None:
            self._queue.stalls.end(self, f"a claim in lane {self.lane}")
            self._wakeup.set()
            await self._work(job)

    def stop(self, job_id: str) -> None:
        """Make a cancelled job leave the executor soon, if it is there; nobody waits for that."""
        self._stopping.spawn(self._executor.cancel(job_id))

    def interrupt(self, job_id: str, reason: Interrupted) -> bool:
        """Have the job broken off soon, by `reason`; False if it is not here, or would not go on after it."""
        if not self._executor.can_interrupt(job_id):
            return False
        self._stopping.spawn(self._executor.interrupt(job_id, reason))
        return True

    async def _work(self, job: Job) -> None:
        self.job = job
        try:
            with self._queue.request_ids.logging_for(job.id):
                await self._carry_out(job)
        finally:
            self.job = None

    async def _carry_out(self, job: Job) -> None:
        log.info("job %s: %s begins (attempt %d)", job.id, job.type, job.attempt)
        try:
            async with aclosing(self._executor.run(job)) as events:
                async for event in events:
                    await self._record(job, event)
        except JobCancelled:
            log.info("job %s: cancelled", job.id)
        except EngineLost as lost:
            log.warning("job %s: %s", job.id, lost)
            await self._queue.requeue_engine_lost(job, str(lost), lost.got_on)
        except WorkerLost as lost:
            log.warning("job %s: %s", job.id, lost)
            await self._queue.requeue_worker_lost(job, str(lost))
        except Interrupted as interrupted:
            log.warning("job %s: %s", job.id, interrupted)
            await self._queue.requeue(job, preempted=isinstance(interrupted, Preempted))
        except CannotLoad as error:
            await self._pass_on_or_fail(job, error)
        except SdcppError as error:
            await self._fail(job, error)
        except asyncio.CancelledError:
            if job.slot is None:
                await asyncio.shield(self._queue.requeue_at_shutdown(job))
            raise
        except Exception as error:
            # A bug of ours must not stop the lane, and the job must not stay in the air.
            log.exception("job %s: broke", job.id)
            await self._queue.fail(job, str(InternalError.of(error)), InternalError.code)

    async def _pass_on_or_fail(self, job: Job, error: CannotLoad) -> None:
        if await self._claim_request().pass_on(job):
            log.warning("job %s: %s; it is left to another slot", job.id, error)
            await self._queue.requeue(job)
        else:
            await self._fail(job, error)

    async def _fail(self, job: Job, error: SdcppError) -> None:
        log.warning("job %s: failed: %s", job.id, error)
        await self._queue.fail(job, str(error), error.code)

    async def _record(self, job: Job, event: ExecutorEvent) -> None:
        match event:
            case Progress():
                self._queue.live.record(job, event)
            case Transfer():
                self._queue.live.record_transfer(job, event)
            case JobPreview():
                self._queue.live.publish_preview(event)
            case Outcome():
                if await self._queue.complete(job, event):
                    log.info("job %s: completed: %s", job.id, ", ".join(event.outputs))
                elif job.keeps_finished:
                    await self._queue.keep(job, event)
                    log.info("job %s: cancelled, kept: %s", job.id, ", ".join(event.outputs))
                else:
                    await self._executor.discard(job)


class Runners:
    """All runners of a server; a lane with several of them works on several jobs at once."""

    def __init__(self) -> None:
        self._runners: list[Runner] = []
        self._tasks: asyncio.TaskGroup | None = None
        self._running: dict[Runner, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Work until cancelled; a runner that breaks is begun again."""
        async with asyncio.TaskGroup() as self._tasks:
            for runner in self._runners:
                self._start(runner)
            await asyncio.Event().wait()  # runners may come later, and all of them may go

    def add(self, runner: Runner) -> None:
        """A runner more."""
        self._runners.append(runner)
        if self._tasks is not None:
            self._start(runner)

    def remove(self, runner: Runner) -> None:
        """A runner less."""
        self._runners.remove(runner)
        task = self._running.pop(runner, None)
        if task is not None:
            task.cancel()

    def stop(self, job_id: str) -> None:
        """Make a cancelled job leave its executor soon, wherever it is."""
        for runner in self._runners:
            runner.stop(job_id)

    def find_jobs(self, lane: Lane) -> list[Job | None]:
        """What each runner of a lane works on."""
        return [runner.job for runner in self._runners if runner.lane == lane]

    def interrupt(self, job_id: str, reason: Interrupted) -> bool:
        """Have a job broken off soon, by `reason`; False if it does not run, or would not go on after it."""
        return any(runner.interrupt(job_id, reason) for runner in self._runners)

    def _start(self, runner: Runner) -> None:
        assert self._tasks is not None
        self._running[runner] = self._tasks.create_task(keep_running("a runner", runner.run))
