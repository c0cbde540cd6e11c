"""The one seam: whatever runs a job looks like this."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ...errors import Interrupted
from ...schemas.events import JobPreview
from ...schemas.jobs import Job, Outcome, Progress, Transfer

ExecutorEvent = Progress | Transfer | JobPreview | Outcome


class Executor(Protocol):
    """Runs the jobs of one lane, one at a time."""

    def acquire(self) -> AbstractAsyncContextManager[None]:
        """Wait until this executor is free for a job, and keep it for the block."""
        ...

    def run(self, job: Job) -> AsyncGenerator[ExecutorEvent]:
        """Carry a job out: progress and previews as they come, an Outcome at last.

        Raises JobFailed with the reason, JobCancelled after `cancel`, EngineLost when what ran it died.
        """
        ...

    async def discard(self, job: Job) -> None:
        """Delete what a finished `run` made: the job was cancelled in the very last moment."""
        ...

    def can_interrupt(self, job_id: str) -> bool:
        """Whether this job runs here and would go on after an interruption."""
        ...

    async def interrupt(self, job_id: str, reason: Interrupted) -> None:
        """Make `run` of this job end soon, by `reason`, so that its next attempt goes on where it was."""
        ...

    async def cancel(self, job_id: str) -> None:
        """Make `run` of this job end soon, by JobCancelled; nothing happens when it does not run."""
        ...
