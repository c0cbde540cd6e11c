"""A runner takes the jobs of one lane, one after the other, and reports what becomes of them."""

import asyncio
import logging
from contextlib import aclosing

from ..errors import EngineLost, JobCancelled, SdcppError
from ..schemas.events import JobPreview
from ..schemas.jobs import Job, Lane, Outcome, Progress, Transfer
from .executor import Executor, Happening
from .queue import Queue

log = logging.getLogger(__name__)


class Runner:
    """Connects a lane of the queue with the executor that serves it."""

    def __init__(self, queue: Queue, lane: Lane, executor: Executor) -> None:
        self._queue = queue
        self._lane: Lane = lane
        self._executor = executor
        self._stopping: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until cancelled; the job in hand then returns to the queue, uncounted."""
        while True:
            await self._queue.wait(self._lane)
            async with self._executor.turn():
                job = await self._queue.claim(self._lane)
                if job is not None:
                    await self._work(job)

    def stop(self, job_id: str) -> None:
        """Make a cancelled job leave the executor soon, if it is there; nobody waits for that."""
        task = asyncio.create_task(self._executor.cancel(job_id))
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    async def _work(self, job: Job) -> None:
        log.info("job %s: %s begins (attempt %d)", job.id, job.type, job.attempt)
        try:
            async with aclosing(self._executor.run(job)) as happenings:
                async for happening in happenings:
                    await self._record(job, happening)
        except JobCancelled:
            log.info("job %s: cancelled", job.id)
        except EngineLost as lost:
            log.warning("job %s: %s", job.id, lost)
            await self._queue.lose(job, str(lost))
        except SdcppError as error:
            log.warning("job %s: failed: %s", job.id, error)
            await self._queue.fail(job, str(error))
        except asyncio.CancelledError:
            await asyncio.shield(self._queue.give_back(job))
            raise
        except Exception as error:
            # A bug of ours must not stop the lane, and the job must not stay in the air.
            log.exception("job %s: broke", job.id)
            await self._queue.fail(job, f"Internal error: {type(error).__name__}: {error}")

    async def _record(self, job: Job, happening: Happening) -> None:
        match happening:
            case Progress():
                self._queue.progress(job, happening)
            case Transfer():
                self._queue.transfer(job, happening)
            case JobPreview():
                self._queue.preview(happening)
            case Outcome():
                if await self._queue.complete(job, happening):
                    log.info("job %s: completed: %s", job.id, ", ".join(happening.outputs))
                elif job.keeps_finished:
                    await self._queue.keep(job, happening)
                    log.info("job %s: cancelled, kept: %s", job.id, ", ".join(happening.outputs))
                else:
                    await self._executor.discard(job)


class Runners:
    """All runners of a server; a lane with several of them works on several jobs at once."""

    def __init__(self, *runners: Runner) -> None:
        self._runners = runners

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for runner in self._runners:
                tasks.create_task(runner.run())

    def stop(self, job_id: str) -> None:
        """Make a cancelled job leave its executor soon, wherever it is."""
        for runner in self._runners:
            runner.stop(job_id)
