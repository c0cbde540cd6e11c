"""Jobs that wait although they could run: paused ones, and one that makes room for a more urgent one.

A job that runs is broken off, and goes on later from where it was (docs/journal.md): pausing changes no byte.
"""

import logging
from typing import Self

from ...errors import CannotPause, Paused, Preempted
from ...preferences import Preferences
from ...schemas.jobs import KINDS, Job, JobStatus
from ...schemas.queue_state import QueueState
from .new_job import NewJob
from .queue import Queue
from .runner import Runners

log = logging.getLogger(__name__)

RUNNING = QueueState(state="running")
PAUSED = QueueState(state="paused", reason="The queue is paused: POST /queue/resume")
DRAINING = QueueState(state="draining", reason="The queue is drained, and no job begins: POST /queue/resume")


class Pausing:
    """What clients say of the order beyond priorities."""

    NAME = "queue_state"

    def __init__(self, queue: Queue, runners: Runners, preferences: Preferences, state: QueueState) -> None:
        self._queue, self._runners, self._preferences = queue, runners, preferences
        self._state = state
        queue.is_open = state is RUNNING
        queue.consider = self._preempt_for

    @classmethod
    async def open(cls, queue: Queue, runners: Runners, preferences: Preferences) -> Self:
        """A queue that was paused is so after a restart; one that was drained runs again."""
        stored = await preferences.get(cls.NAME, QueueState)
        return cls(queue, runners, preferences, PAUSED if stored == PAUSED else RUNNING)

    @property
    def state(self) -> QueueState:
        """Whether the queue gets on: what cannot be stored is told before what somebody wants."""
        stalls = self._queue.stalls.state
        return stalls if stalls.state == "stalled" else self._state

    async def pause(self, job_id: str) -> Job:
        """Have a job wait until it is resumed. Raises CannotPause."""
        job = await self._queue.pause(job_id)
        if job.status is JobStatus.PROCESSING and not self._runners.interrupt(job_id, Paused()):
            await self._queue.resume(job_id)
            raise CannotPause(f"job {job_id} runs where it can't be interrupted (docs/journal.md)")
        return job

    async def resume(self, job_id: str) -> Job:
        """Let a paused job go on. Raises CannotResume."""
        return await self._queue.resume(job_id)

    async def pause_all(self) -> QueueState:
        """No job begins, and those that run wait, as far as they can be interrupted."""
        await self._preferences.set(self.NAME, PAUSED)
        self._set(PAUSED)
        for lane in {kind.lane for kind in KINDS.values()}:
            for job in self._runners.find_jobs(lane):
                if job is not None:
                    self._runners.interrupt(job.id, Paused())
        return self.state

    async def drain(self) -> QueueState:
        """No job begins, and those that run go on to their end."""
        await self._preferences.set(self.NAME, None)
        self._set(DRAINING)
        return self.state

    async def resume_all(self) -> QueueState:
        """Jobs begin again; those that were paused one by one wait on."""
        await self._preferences.set(self.NAME, None)
        self._set(RUNNING)
        return self.state

    def _set(self, state: QueueState) -> None:
        if state != self._state:
            log.info("the queue is %s now", state.state)
        self._state = state
        self._queue.is_open = state == RUNNING
        self._queue.touch()
        if self._queue.is_open:
            self._queue.wakeups.notify()

    def _preempt_for(self, job: NewJob) -> None:
        """Interrupt the least urgent job that runs, where no runner is free for a new one that may do so."""
        if not job.params.preempt or not self._queue.is_open:
            return
        running = self._runners.find_jobs(KINDS[job.type].lane)
        if None in running:
            return
        urgent = job.params.priority
        for other in sorted((one for one in running if one is not None), key=lambda one: one.params.priority):
            if other.params.priority < urgent and self._runners.interrupt(other.id, Preempted()):
                log.info("job %s makes room for job %s", other.id, job.id)
                return
