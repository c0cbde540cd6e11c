"""The journals of jobs: what the engine's child recorded, by which a job's next attempt goes on.

The child reads and writes them (engine/child/graphs); here they are named, measured and deleted.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from ..engine.binding.measurements import JOURNAL_HEADER
from ..errors import EngineLost, JobCancelled, JobFailed
from ..schemas.engine import JournalOrder
from ..schemas.generation import GenerationRequest
from ..schemas.jobs import Job

log = logging.getLogger(__name__)

MEGABYTE = 2**20


class Journals:
    """A folder with one file for each job that runs, or was broken off."""

    def __init__(self, folder: Path, most_mb: int) -> None:
        """`most_mb`: of one journal; 0: there are none."""
        self._folder, self._most_mb = folder, most_mb

    @asynccontextmanager
    async def follow(self, job: Job) -> AsyncIterator[JournalOrder | None]:
        """For one attempt of a job: what the child is told about its journal, which stays if the job goes on.

        An EngineLost of the block is told whether the attempt got on.
        """
        if not self._most_mb or not isinstance(job.params, GenerationRequest):
            yield None
            return
        before = await self._measure(job)
        try:
            yield await self._order(job)
        except EngineLost as lost:
            lost.got_on = await self._measure(job) > before
            raise
        except (JobFailed, JobCancelled):
            await self._delete(job)
            raise
        await self._delete(job)

    async def sweep(self, unfinished: Collection[str] = (), minimum_age: float = 0) -> None:
        """Delete what ended jobs left behind that a kill broke off; call once, before the first job.

        Only what was not written to for `minimum_age` seconds.
        """

        def sweep() -> None:
            kept = {self._path(job_id) for job_id in unfinished}
            for path in self._folder.glob("*.journal"):
                if path not in kept and _measure_age(path) >= minimum_age:
                    _delete(path)

        await asyncio.to_thread(sweep)

    async def _order(self, job: Job) -> JournalOrder | None:
        try:
            await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            # The job runs all the same.
            log.warning("job %s has no journal: %s", job.id, error)
            return None
        return JournalOrder(path=str(self._path(job.id)), most_bytes=self._most_mb * MEGABYTE)

    async def _measure(self, job: Job) -> int:
        """Bytes of the results that are recorded."""

        def measure() -> int:
            try:
                return max(0, self._path(job.id).stat().st_size - JOURNAL_HEADER)
            except OSError:
                return 0

        return await asyncio.to_thread(measure)

    async def _delete(self, job: Job) -> None:
        await asyncio.to_thread(_delete, self._path(job.id))

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.journal"


def _measure_age(path: Path) -> float:
    """Seconds since the last write; 0 where it is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s could not be deleted: %s", path, error)
