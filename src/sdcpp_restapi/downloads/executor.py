"""Runs download jobs: several at a time, each whole or not at all."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path, PurePosixPath

import httpx

from ..errors import JobCancelled
from ..schemas.downloads import DownloadRequest, JobResult
from ..schemas.jobs import Job, Outcome, Progress, Transfer
from ..schemas.model_types import ModelType
from .failures import FileTaken, Interrupted
from .fetch import Fetch
from .http_client import HttpClient
from .part_files import Part, PartFolder, disk_failure
from .retry_policy import RetryPolicy
from .sources.registry import Origin, Sources, name_sent
from .transfer_speed import TransferSpeed

# Seconds between two reports of a download.
INTERVAL = 0.25


Remember = Callable[[Path, str], Awaitable[None]]
Refresh = Callable[[], Awaitable[None]]


class DownloadExecutor:
    """The executor of the download lane; it carries out as many jobs at once as it is given."""

    def __init__(
        self,
        web: HttpClient,
        sources: Sources,
        parts: PartFolder,
        folders: Mapping[ModelType, Path],
        patience: RetryPolicy,
        remember: Remember,
        refresh: Refresh,
    ) -> None:
        """`remember` is told the SHA-256 of each file that arrives, `refresh` that files came or went."""
        self._web = web
        self._sources = sources
        self._parts = parts
        self._folders = folders
        self._patience = patience
        self._remember = remember
        self._refresh = refresh
        self._running: dict[str, asyncio.Task[JobResult]] = {}
        self._targets: dict[Path, str] = {}

    async def sweep(self, unfinished: Callable[[str], Awaitable[bool]]) -> None:
        """Delete what is left of jobs that will not run again; call once, before the first job."""
        over = [job_id for job_id in self._parts.jobs() if not await unfinished(job_id)]
        await asyncio.to_thread(self._parts.discard, over)

    def acquire(self) -> nullcontext[None]:
        """Downloads wait for nobody; how many run is the number of runners."""
        return nullcontext()

    async def run(self, job: Job) -> AsyncGenerator[Progress | Transfer | Outcome]:
        """Fetch the file, telling how far it is."""
        meter = TransferSpeed()
        work = asyncio.create_task(self._download(job, meter))
        self._running[job.id] = work
        try:
            while not work.done():
                await asyncio.wait({work}, timeout=INTERVAL)
                if report := meter.report():
                    progress, transfer = report
                    yield progress
                    yield transfer
            if work.cancelled():
                raise JobCancelled
            yield Outcome(result=work.result())
            await asyncio.to_thread(self._parts.discard, [job.id])
        finally:
            del self._running[job.id]
            self._targets = {path: owner for path, owner in self._targets.items() if owner != job.id}
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def cancel(self, job_id: str) -> None:
        """Break off a download and remove what it wrote, also in an earlier run of the server."""
        work = self._running.get(job_id)
        if work is not None:
            work.cancel()
            await asyncio.wait({work})
        await asyncio.to_thread(self._undo, job_id)

    async def discard(self, job: Job) -> None:
        """Delete the file of a job that was cancelled when it had just arrived."""
        work = self._running.get(job.id)
        if work is not None and work.done() and not work.cancelled():
            await asyncio.to_thread(Path(work.result().path).unlink, missing_ok=True)
            await self._refresh()

    async def _download(self, job: Job, meter: TransferSpeed) -> JobResult:
        try:
            path, sha256 = await self._file(job, meter)
        except OSError as error:
            await asyncio.to_thread(self._parts.discard, [job.id])
            raise disk_failure(str(error.filename or "The file"), error) from error
        except Exception:
            await asyncio.to_thread(self._parts.discard, [job.id])
            raise
        request = _request(job)
        with suppress(FileNotFoundError):  # somebody took it away at once
            await self._remember(path, sha256)
        await self._refresh()
        name = path.relative_to(self._folders[request.model_type]).as_posix()
        return JobResult(path=str(path), model_type=request.model_type, name=name, sha256=sha256)

    async def _file(self, job: Job, meter: TransferSpeed) -> tuple[Path, str]:
        left = await asyncio.to_thread(self._parts.find, job.id)
        if left is not None and left.published and left.state.sha256:
            return left.target, left.state.sha256
        request = _request(job)
        origin = await self._asked(request)
        if left is not None and origin.name is not None and left.target != self._target(request, origin.name):
            await asyncio.to_thread(left.discard)  # the source calls its file otherwise now
            left = None
        if left is not None:
            self._claim(job.id, left.target)
        elif origin.name is not None:
            left = self._new(job, request, origin.name)

        def make(response: httpx.Response) -> Part:
            return self._new(job, request, name_sent(request, response))

        return await Fetch(self._web, origin, self._patience, meter, left, make).run()

    async def _asked(self, request: DownloadRequest) -> Origin:
        failures = 0
        while True:
            try:
                return await self._sources.origin(request)
            except Interrupted as broken:
                failures += 1
                pause = self._patience.pause(failures, broken)
            await asyncio.sleep(pause)

    def _new(self, job: Job, request: DownloadRequest, name: PurePosixPath) -> Part:
        target = self._target(request, name)
        self._claim(job.id, target)
        return self._parts.new(job.id, target)

    def _claim(self, job_id: str, target: Path) -> None:
        owner = self._targets.setdefault(target, job_id)
        if owner != job_id:
            raise FileTaken(f"{target.name} is being downloaded already, by job {owner}")

    def _target(self, request: DownloadRequest, name: PurePosixPath) -> Path:
        return self._folders[request.model_type] / name

    def _undo(self, job_id: str) -> None:
        part = self._parts.find(job_id)
        if part is not None and part.published:
            part.target.unlink(missing_ok=True)
        self._parts.discard([job_id])


def _request(job: Job) -> DownloadRequest:
    assert isinstance(job.params, DownloadRequest)
    return job.params
