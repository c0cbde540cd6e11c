"""Computing the SHA-256 of model files: in threads, each version of a file once."""

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

from ..errors import BadRequest, Interrupted, JobCancelled, JobFailed, NotFound
from ..schemas.downloads import HashRequest, JobResult
from ..schemas.jobs import Job, Outcome, Progress
from ..schemas.model_types import ModelType
from .catalog import Catalog
from .hash_cache import HashCache, Version

# Files read at the same time: more of them would only send a spinning disk's head to and fro.
READERS = 2
# Seconds between two looks at how far a job's file was read.
INTERVAL = 0.2


ResultOf = Callable[[str], Awaitable[JobResult | None]]


class _Stopped(Exception):
    """No request or job waits for this hash any more."""


class _Reading(io.FileIO):
    """A file that counts the bytes read and whose reading can be stopped from another thread."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.version = Version.of(os.fstat(self.fileno()))
        self.done = 0
        self.stopped = False

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill `buffer`; raises _Stopped."""
        if self.stopped:
            raise _Stopped
        count = super().readinto(buffer)
        self.done += count or 0
        return count or 0


class _Work:
    """The hashing of one file, and the number of callers that wait for it."""

    def __init__(self, reading: _Reading, task: "asyncio.Task[str]") -> None:
        self.reading = reading
        self.task = task
        self.waiting = 0

    async def wait(self, progress: Callable[[int, int], None] | None = None) -> str:
        """The hash. When the last waiting caller is cancelled, the reading stops."""
        self.waiting += 1
        try:
            while not self.task.done():
                await asyncio.wait({self.task}, timeout=INTERVAL if progress else None)
                if progress:
                    progress(self.reading.done, self.reading.version.size)
            return self.task.result()
        finally:
            self.waiting -= 1
            if not self.waiting:
                self.reading.stopped = True


class Hasher:
    """Hashes files by name. Concurrent requests for one file share one reading."""

    def __init__(self, catalog: Catalog, digests: HashCache) -> None:
        self._catalog = catalog
        self._digests = digests
        self._work: dict[tuple[Path, Version], _Work] = {}
        self._threads = ThreadPoolExecutor(READERS, "hash")

    async def sha256(
        self, kind: ModelType, name: str, progress: Callable[[int, int], None] | None = None
    ) -> JobResult:
        """The hash of a listed model; `progress` is called with the bytes read so far and the file's size.

        Raises NotFound, and BadRequest for a file that cannot be read or changes meanwhile.
        """
        path = await self._catalog.find(kind, name)
        if path is None:
            raise NotFound(f"Model not found: {name}")
        try:
            digest = await self._hash_file(path, progress)
        except FileNotFoundError:
            raise NotFound(f"Model not found: {name}") from None
        except OSError as error:
            raise BadRequest(f"{name} cannot be read: {error.strerror or error}") from error
        if digest is None:
            raise BadRequest(f"{name} changed while it was read; try again when it is complete")
        return JobResult(path=str(path), model_type=kind, name=name, sha256=digest)

    async def remember(self, path: Path, sha256: str) -> None:
        """Store the hash of a file that was just written and checked."""
        version = await asyncio.to_thread(_read_version, path)
        await self._digests.put(path, version, sha256)

    async def close(self) -> None:
        """Stop all readings and wait for their end."""
        for work in self._work.values():
            work.reading.stopped = True
        await asyncio.gather(*(work.task for work in self._work.values()), return_exceptions=True)
        self._threads.shutdown()

    async def _hash_file(self, path: Path, progress: Callable[[int, int], None] | None) -> str | None:
        """The hash of the file as it is now; None when it changed on the way."""
        version = await asyncio.to_thread(_read_version, path)
        known = self._digests.get(path, version)
        if known is not None:
            return known
        digest = await (await self._start_or_join(path, version)).wait(progress)
        if await asyncio.to_thread(_read_version, path) != version:
            return None
        return digest

    async def _start_or_join(self, path: Path, version: Version) -> _Work:
        work = self._work.get((path, version))
        if work is None or work.reading.stopped:
            reading = await _open_reading(path)
            work = self._work.get((path, version))
            if work is not None and not work.reading.stopped:
                reading.close()  # another caller was quicker
                return work
            task = asyncio.create_task(self._read(path, reading))
            work = self._work[path, version] = _Work(reading, task)
            task.add_done_callback(lambda _task: self._forget(path, version, work))
        return work

    async def _read(self, path: Path, reading: _Reading) -> str:
        digest = await asyncio.get_running_loop().run_in_executor(self._threads, _compute_digest, reading)
        if reading.done == reading.version.size:
            await self._digests.put(path, reading.version, digest)
        return digest

    def _forget(self, path: Path, version: Version, work: _Work) -> None:
        if self._work.get((path, version)) is work:
            del self._work[path, version]
        if not work.task.cancelled():
            work.task.exception()  # no caller may be left to retrieve it


class HashExecutor:
    """The executor of the hash lane."""

    def __init__(self, hasher: Hasher, result_of: ResultOf) -> None:
        """`result_of` gives the result of a job by its id."""
        self._hasher = hasher
        self._result_of = result_of
        self._running: dict[str, asyncio.Task[JobResult]] = {}

    def acquire(self) -> nullcontext[None]:
        """Hashing needs no exclusive resource."""
        return nullcontext()

    async def run(self, job: Job) -> AsyncGenerator[Progress | Outcome]:
        """Hash the file that the job names, or that the job before it made."""
        read = [0, 0]

        def progress(done: int, size: int) -> None:
            read[:] = done, size

        kind, name = await self._model_of(job)
        work = asyncio.create_task(self._hasher.sha256(kind, name, progress))
        self._running[job.id] = work
        try:
            while not work.done():
                await asyncio.wait({work}, timeout=INTERVAL)
                yield Progress.at(100 * read[0] // read[1] if read[1] else 0, 100, 0, 1)
            if work.cancelled():
                raise JobCancelled
            yield Outcome(result=work.result())
        finally:
            del self._running[job.id]
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def discard(self, job: Job) -> None:
        """Hashing leaves no files behind."""

    def can_interrupt(self, _job_id: str) -> bool:
        """A file is read as a whole."""
        return False

    async def interrupt(self, _job_id: str, _reason: Interrupted) -> None:
        """Never called."""

    async def cancel(self, job_id: str) -> None:
        """Cancel the job; the reading ends unless another request waits for it."""
        if job_id in self._running:
            self._running[job_id].cancel()

    async def _model_of(self, job: Job) -> tuple[ModelType, str]:
        assert isinstance(job.params, HashRequest)
        if job.params.name is not None:
            return job.params.model_type, job.params.name
        made = await self._result_of(job.after) if job.after else None
        if made is None:
            raise JobFailed("name is required where no download goes before")
        return job.params.model_type, made.name


async def _open_reading(path: Path) -> _Reading:
    opening = asyncio.create_task(asyncio.to_thread(_Reading, path))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_reading)
        raise


def _close_reading(opening: asyncio.Task[_Reading]) -> None:
    """Close a file that was opened for a caller who is gone."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _read_version(path: Path) -> Version:
    return Version.of(os.stat(path))


def _compute_digest(reading: _Reading) -> str:
    with reading:
        return hashlib.file_digest(reading, "sha256").hexdigest()  # type: ignore[arg-type]
