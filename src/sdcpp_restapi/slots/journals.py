"""The journals of jobs: what the engine's child recorded, by which a job's next attempt goes on.

The child reads and writes them (engine/child/graphs); here they are named, measured, kept and deleted.
Those of jobs that ask for it are kept for others to branch from, within a bound: the oldest go first.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from ..engine.binding.measurements import JOURNAL_HEADER
from ..errors import BadRequest, EngineLost, JobCancelled, JobFailed
from ..schemas.engine import JournalOrder
from ..schemas.generation import GenerationRequest
from ..schemas.jobs import Job

log = logging.getLogger(__name__)

MEGABYTE = 2**20


class Journals:
    """A folder with one file for each job that runs, or was broken off."""

    def __init__(self, folder: Path, most_mb: int, kept_mb: int) -> None:
        """`most_mb`: of one journal; 0: there are none. `kept_mb`: of all that are kept."""
        self._folder, self._most_mb, self._kept_mb = folder, most_mb, kept_mb

    async def check_parent(self, job_id: str) -> None:
        """Raise BadRequest if no journal of this job is kept."""
        self.check_keeping("from_job")
        if not await asyncio.to_thread(self._kept_path(job_id).is_file):
            raise BadRequest(
                f"from_job: job {job_id} has no journal: it is not completed, was not submitted with"
                " keep_journal, or its journal made room for newer ones (engine.kept_journals_mb)",
                field="from_job",
            )

    def check_keeping(self, field: str) -> None:
        """Raise BadRequest if the settings keep no journals."""
        names = {"journal_mb": self._most_mb, "kept_journals_mb": self._kept_mb}
        if missing := next((name for name, value in names.items() if not value), None):
            raise BadRequest(f"{field}: not possible here, since engine.{missing} is 0", field=field)

    async def keep(self, job: Job) -> str | None:
        """Keep the journal of a job that asks for it and has just been made; why it is not kept."""
        if not isinstance(job.params, GenerationRequest) or not job.params.keep_journal:
            return None
        return await asyncio.to_thread(self._keep, job.id)

    async def forget(self, job_ids: Iterable[str]) -> None:
        """Delete the kept journals of jobs that were deleted for good."""

        def forget() -> None:
            for job_id in job_ids:
                _delete(self._kept_path(job_id))

        await asyncio.to_thread(forget)

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
        path, parent = self._path(job.id), job.parent
        return JournalOrder(
            path=str(path),
            most_bytes=self._most_mb * MEGABYTE,
            parent=str(self._kept_path(parent)) if parent else None,
        )

    async def _measure(self, job: Job) -> int:
        """Bytes of the results that are recorded."""

        def measure() -> int:
            return max(0, _measure_size(self._path(job.id)) - JOURNAL_HEADER)

        return await asyncio.to_thread(measure)

    async def _delete(self, job: Job) -> None:
        await asyncio.to_thread(_delete, self._path(job.id))

    def _keep(self, job_id: str) -> str | None:
        """Move the journal to those that are kept, and let the oldest of them go; why it is not kept."""
        path, kept = self._path(job_id), self._kept_path(job_id)
        size, room = _measure_size(path), self._kept_mb * MEGABYTE
        if size <= JOURNAL_HEADER:
            return "keep_journal: nothing was recorded, so that no job can branch from this one"
        if size > room:
            return (
                f"keep_journal: the journal has {size // MEGABYTE} MB and is not kept; all that are kept may"
                f" have {self._kept_mb} (engine.kept_journals_mb)"
            )
        try:
            kept.parent.mkdir(mode=0o700, exist_ok=True)
            path.replace(kept)
        except OSError as error:
            # The pictures are there all the same.
            return f"keep_journal: the journal could not be kept: {error.strerror or error}"
        for path in sorted(kept.parent.glob("*.journal"), key=_measure_age):
            room -= _measure_size(path)
            if room < 0:
                _delete(path)
        return None

    def _kept_path(self, job_id: str) -> Path:
        return self._folder / "kept" / f"{job_id}.journal"

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.journal"


def _measure_size(path: Path) -> int:
    """Bytes; 0 where it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


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
