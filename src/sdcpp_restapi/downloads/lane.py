"""The executor of the download lane: hands each job to the one that carries out its kind."""

from collections.abc import AsyncGenerator
from contextlib import nullcontext

from ..errors import Interrupted
from ..schemas.jobs import Job, Outcome, Progress, Transfer
from ..schemas.model_sets import PullJob
from .executor import DownloadExecutor
from .several_files import SeveralFilesExecutor


class DownloadLane:
    """Downloads of one file, and of several."""

    def __init__(self, single: DownloadExecutor, several: SeveralFilesExecutor) -> None:
        self._single = single
        self._several = several

    def acquire(self) -> nullcontext[None]:
        """No lock: as many downloads run at once as the lane has runners."""
        return nullcontext()

    def run(self, job: Job) -> AsyncGenerator[Progress | Transfer | Outcome]:
        """See Executor."""
        return self._executor_of(job).run(job)

    def can_interrupt(self, job_id: str) -> bool:
        """See Executor."""
        return self._several.can_interrupt(job_id) or self._single.can_interrupt(job_id)

    async def interrupt(self, job_id: str, reason: Interrupted) -> None:
        """See Executor."""
        await self._several.interrupt(job_id, reason)
        await self._single.interrupt(job_id, reason)

    async def cancel(self, job_id: str) -> None:
        """See Executor."""
        await self._several.cancel(job_id)
        await self._single.cancel(job_id)

    async def discard(self, job: Job) -> None:
        """See Executor."""
        await self._executor_of(job).discard(job)

    def _executor_of(self, job: Job) -> DownloadExecutor | SeveralFilesExecutor:
        return self._several if isinstance(job.params, PullJob) else self._single
