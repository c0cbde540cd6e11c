"""Runs download jobs: several at a time, each whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ..errors import Interrupted, JobCancelled
from ..schemas.downloads import DownloadRequest, JobResult
from ..schemas.jobs import Job, Outcome, Progress, Transfer
from ..schemas.model_types import ModelType
from .failures import FileTaken, TransferInterrupted
from .fetch import Fetch
from .file_names import derive_path
from .http_client import HttpClient
from .part_files import Part, PartFolder, disk_failure_of
from .retry_policy import RetryPolicy
from .sidecar_files import SidecarFiles
from .sources.registry import Sources
from .sources.source import Origin, PublishedNotes
from .transfer_speed import TransferSpeed

if TYPE_CHECKING:
    import httpx  # slow to import, and few servers download

# Seconds between two reports of a download.
INTERVAL = 0.25


class DownloadExecutor:
    """The executor of the download lane; it carries out as many jobs at once as it is given."""

    def __init__(
        self,
        *,
        client: HttpClient,
        sources: Sources,
        parts: PartFolder,
        folders: Mapping[ModelType, Path],
        retry_policy: RetryPolicy,
        remember_hash: Callable[[Path, str], Awaitable[None]],
        refresh_catalog: Callable[[], Awaitable[None]],
    ) -> None:
        """`remember_hash` is given each new file with its SHA-256; `refresh_catalog` is called when a file
        was added or deleted."""
        self._client = client
        self._sources = sources
        self._parts = parts
        self._folders = folders
        self._retry_policy = retry_policy
        self._sidecars = SidecarFiles(client)
        self._remember_hash = remember_hash
        self._refresh_catalog = refresh_catalog
        self._running: dict[str, asyncio.Task[JobResult]] = {}
        self._targets: dict[Path, str] = {}
        self._interruptions: dict[str, Interrupted] = {}
        self._notes: dict[str, PublishedNotes] = {}
        self._beside: dict[str, list[Path]] = {}

    async def sweep(self, unfinished: Callable[[str], Awaitable[bool]]) -> None:
        """Delete what is left of jobs that will not run again; call once, before the first job."""
        over = [job_id for job_id in self._parts.list_jobs() if not await unfinished(job_id)]
        await asyncio.to_thread(self._parts.discard, over)

    def acquire(self) -> nullcontext[None]:
        """No lock: as many downloads run at once as the lane has runners."""
        return nullcontext()

    async def run(self, job: Job) -> AsyncGenerator[Progress | Transfer | Outcome]:
        """Fetch the file; an Outcome with a JobResult at last, reports a few times a second until then."""
        speed = TransferSpeed()
        self._beside[job.id] = []
        work = asyncio.create_task(self._download(job, speed))
        self._running[job.id] = work
        try:
            while not work.done():
                await asyncio.wait({work}, timeout=INTERVAL)
                if report := speed.report():
                    progress, transfer = report
                    yield progress
                    yield transfer
            if work.cancelled():
                raise self._interruptions.get(job.id) or JobCancelled
            # Before the end is told: whoever hears of it may order the same file again.
            self._release(job.id)
            yield Outcome(result=work.result())
            await asyncio.to_thread(self._parts.discard, [job.id])
        finally:
            del self._running[job.id]
            self._interruptions.pop(job.id, None)
            self._release(job.id)
            self._interruptions.pop(job.id, None)
            self._notes.pop(job.id, None)
            self._beside.pop(job.id, None)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    def can_interrupt(self, job_id: str) -> bool:
        """Whether it is fetched now."""
        return job_id in self._running

    async def interrupt(self, job_id: str, reason: Interrupted) -> None:
        """Break off a download; what it wrote stays for the next attempt."""
        work = self._running.get(job_id)
        if work is not None and not work.done():
            self._interruptions[job_id] = reason
            work.cancel()

    async def cancel(self, job_id: str) -> None:
        """Break off a download and remove what it wrote, also in an earlier run of the server."""
        work, beside = self._running.get(job_id), self._beside.get(job_id, [])
        if work is not None:
            work.cancel()
            await asyncio.wait({work})
        await asyncio.to_thread(self._undo, job_id, beside)

    async def discard(self, job: Job) -> None:
        """Delete the file of a job that was cancelled when it had just arrived."""
        work = self._running.get(job.id)
        if work is not None and work.done() and not work.cancelled():
            for path in (Path(work.result().path), *self._beside.get(job.id, ())):
                await asyncio.to_thread(path.unlink, missing_ok=True)
            await self._refresh_catalog()

    async def _download(self, job: Job, speed: TransferSpeed) -> JobResult:
        try:
            path, sha256 = await self._fetch_file(job, speed)
        except OSError as error:
            await asyncio.to_thread(self._parts.discard, [job.id])
            raise disk_failure_of(str(error.filename or "The file"), error) from error
        except Exception:
            await asyncio.to_thread(self._parts.discard, [job.id])
            raise
        request = _request_of(job)
        with suppress(FileNotFoundError):  # deleted meanwhile
            await self._remember_hash(path, sha256)
        notes = self._notes.pop(job.id, None)
        if notes is not None:
            await self._sidecars.write(path, notes, self._beside[job.id])
        await self._refresh_catalog()
        name = path.relative_to(self._folders[request.model_type]).as_posix()
        return JobResult(path=str(path), model_type=request.model_type, name=name, sha256=sha256)

    async def _fetch_file(self, job: Job, speed: TransferSpeed) -> tuple[Path, str]:
        left = await asyncio.to_thread(self._parts.find, job.id)
        if left is not None and left.published and left.state.sha256:
            return left.target, left.state.sha256
        request = _request_of(job)
        origin = await self._find_origin(request)
        if origin.notes is not None:
            self._notes[job.id] = origin.notes
        path = origin.path
        if left is not None and path is not None and left.target != self._target_path(request, path):
            await asyncio.to_thread(left.discard)  # the source calls its file otherwise now
            left = None
        if left is not None:
            self._claim(job.id, left.target)
        elif path is not None:
            left = self._create_part(job, request, path)

        def create_part(response: httpx.Response) -> Part:
            return self._create_part(job, request, derive_path(request, response))

        fetch = Fetch(
            client=self._client,
            origin=origin,
            retry_policy=self._retry_policy,
            speed=speed,
            part=left,
            create_part=create_part,
        )
        return await fetch.run()

    async def _find_origin(self, request: DownloadRequest) -> Origin:
        failures = 0
        while True:
            try:
                return await self._sources.find_origin(request)
            except TransferInterrupted as broken:
                failures += 1
                pause = self._retry_policy.compute_pause(failures, broken)
            await asyncio.sleep(pause)

    def _create_part(self, job: Job, request: DownloadRequest, path: PurePosixPath) -> Part:
        target = self._target_path(request, path)
        self._claim(job.id, target)
        return self._parts.create(job.id, target)

    def _claim(self, job_id: str, target: Path) -> None:
        owner = self._targets.setdefault(target, job_id)
        if owner != job_id:
            raise FileTaken(f"{target.name} is being downloaded already, by job {owner}")

    def _release(self, job_id: str) -> None:
        self._targets = {path: owner for path, owner in self._targets.items() if owner != job_id}

    def _target_path(self, request: DownloadRequest, path: PurePosixPath) -> Path:
        return self._folders[request.model_type] / path

    def _undo(self, job_id: str, beside: list[Path]) -> None:
        part = self._parts.find(job_id)
        if part is not None and part.published:
            for path in (part.target, *beside):
                path.unlink(missing_ok=True)
        self._parts.discard([job_id])


def _request_of(job: Job) -> DownloadRequest:
    assert isinstance(job.params, DownloadRequest)
    return job.params
