"""Runs downloads of several files as one job: those of a set of models.

What was fetched stays when the job is cancelled or fails, whole files and parts: a later job for the same
files goes on with them.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from ..errors import Interrupted, JobCancelled
from ..schemas.downloads import DownloadRequest, JobResult, ResultFile
from ..schemas.jobs import Job, Outcome, Progress, Transfer
from ..schemas.model_sets import PulledFile, PullJob, SetFile
from ..schemas.model_types import ModelType
from .failures import FileTaken, TransferInterrupted, WrongBytes
from .fetch import Fetch
from .http_client import HttpClient
from .part_files import Part, PartFolder, disk_failure_of
from .retry_policy import RetryPolicy
from .sources.registry import Sources
from .sources.source import Origin
from .transfer_speed import TransferSpeed

if TYPE_CHECKING:
    import httpx  # slow to import, and few servers download

# Seconds between two reports of a download.
INTERVAL = 0.25

type How = Literal["fetched", "linked", "there"]
# Called when all files are there; the sentences are warnings of the job.
Finish = Callable[[PullJob, tuple[ResultFile, ...]], Awaitable[list[str]]]


class SeveralFilesExecutor:
    """Carries out jobs whose params are a PullJob, each file after the other."""

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
        finish: Finish,
    ) -> None:
        """`parts`: a folder of its own, whose records are kept for later jobs."""
        self._client = client
        self._sources = sources
        self._parts = parts
        self._folders = folders
        self._retry_policy = retry_policy
        self._remember_hash = remember_hash
        self._refresh_catalog = refresh_catalog
        self._finish = finish
        self._running: dict[str, asyncio.Task[Outcome]] = {}
        self._interruptions: dict[str, Interrupted] = {}
        self._locks: dict[Path, asyncio.Lock] = {}

    async def run(self, job: Job) -> AsyncGenerator[Progress | Transfer | Outcome]:
        """Bring the files; an Outcome at last, reports a few times a second until then."""
        params = job.params
        assert isinstance(params, PullJob)
        speed = TransferSpeed(whole=sum(file.origin.likely_size for file in params.files))
        work = asyncio.create_task(self._bring_all(params, speed))
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
            yield work.result()
        finally:
            del self._running[job.id]
            self._interruptions.pop(job.id, None)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    def can_interrupt(self, job_id: str) -> bool:
        """Whether its files are fetched now."""
        return job_id in self._running

    async def interrupt(self, job_id: str, reason: Interrupted) -> None:
        """Break off a job that goes on later."""
        work = self._running.get(job_id)
        if work is not None and not work.done():
            self._interruptions[job_id] = reason
            work.cancel()

    async def cancel(self, job_id: str) -> None:
        """Break off a job; what was fetched stays."""
        work = self._running.get(job_id)
        if work is not None:
            work.cancel()
            await asyncio.wait({work})

    async def discard(self, job: Job) -> None:
        """Nothing: files that came belong to whoever asks for them next."""

    async def _bring_all(self, params: PullJob, speed: TransferSpeed) -> Outcome:
        brought: list[ResultFile] = []
        before = 0
        for number, file in enumerate(params.files, 1):
            speed.begin_file(f"{file.name} ({number} of {len(params.files)})", before)
            brought.append(await self._bring(file, speed))
            before += file.origin.likely_size
            await self._refresh_catalog()
        warnings = await self._finish(params, tuple(brought))
        first = brought[0]
        result = JobResult(
            path=str(self._folders[first.model_type] / first.name),
            model_type=first.model_type,
            name=first.name,
            sha256=first.sha256,
            files=tuple(brought),
        )
        return Outcome(result=result, warnings=tuple(warnings))

    async def _bring(self, file: PulledFile, speed: TransferSpeed) -> ResultFile:
        target = self._folders[file.type] / file.name
        # Two jobs for the same file: the second finds it there.
        async with self._locks.setdefault(target, asyncio.Lock()):
            try:
                how, sha256 = await self._bring_one(file, target, speed)
                size = (await asyncio.to_thread(target.stat)).st_size
            except OSError as error:
                raise disk_failure_of(str(error.filename or target), error) from error
        return ResultFile(
            model_type=file.type,
            name=file.name,
            size_bytes=size,
            how=how,
            sha256=sha256 or file.origin.sha256,
        )

    async def _bring_one(
        self, file: PulledFile, target: Path, speed: TransferSpeed
    ) -> tuple[How, str | None]:
        left = await asyncio.to_thread(self._parts.find, key_of(target))
        if left is not None and left.published:
            await asyncio.to_thread(left.forget)  # killed when it had just been renamed
            return "fetched", left.state.sha256
        if await asyncio.to_thread(target.exists):
            if file.state == "there":
                return "there", None
            await asyncio.to_thread(_check_size, target, file.origin)
            return "fetched", None
        if file.linked_to is not None and await asyncio.to_thread(_link, Path(file.linked_to), target):
            return "linked", None
        sha256 = await self._fetch(file, target, left, speed)
        with suppress(FileNotFoundError):  # deleted meanwhile
            await self._remember_hash(target, sha256)
        return "fetched", sha256

    async def _fetch(self, file: PulledFile, target: Path, left: Part | None, speed: TransferSpeed) -> str:
        origin = _with_promises(await self._find_origin(file.origin), file.origin)
        key = key_of(target)

        def create_part(_response: httpx.Response) -> Part:
            return self._parts.create(key, target)

        fetch = Fetch(
            client=self._client,
            origin=origin,
            retry_policy=self._retry_policy,
            speed=speed,
            part=left or self._parts.create(key, target),
            create_part=create_part,
        )
        try:
            _, sha256 = await fetch.run()
        except (WrongBytes, FileTaken):
            await asyncio.to_thread(self._parts.discard, [key])
            raise
        await asyncio.to_thread(self._parts.discard, [key])
        return sha256

    async def _find_origin(self, file: SetFile) -> Origin:
        failures = 0
        while True:
            try:
                request, _ = await self._sources.check(request_of(file))
                return await self._sources.find_origin(request)
            except TransferInterrupted as broken:
                failures += 1
                pause = self._retry_policy.compute_pause(failures, broken)
            await asyncio.sleep(pause)


def request_of(file: SetFile) -> DownloadRequest:
    """The request that asks a source for a file of a set."""
    named = ("source", "model_id", "url", "repo_id", "filename", "revision")
    return DownloadRequest.model_validate(
        {"model_type": file.type, **{name: getattr(file, name) for name in named}}
    )


def key_of(target: Path) -> str:
    """What the record of an unfinished file is called: whoever wants the file finds it."""
    return hashlib.sha256(str(target).encode()).hexdigest()[:32]


def _with_promises(origin: Origin, file: SetFile) -> Origin:
    """With the hash that the set states. Raises WrongBytes where the site publishes another one."""
    stated, published = file.sha256, origin.sha256
    if stated and published and stated != published.lower():
        raise WrongBytes(
            f"{file.save_as} was changed by its publisher: its SHA-256 is {published.lower()}, the set"
            f" states {stated}"
        )
    size = origin.size if origin.size is not None else file.size
    return Origin(url=origin.url, path=PurePosixPath(file.save_as), sha256=stated or published, size=size)


def _check_size(target: Path, file: SetFile) -> None:
    size = target.stat().st_size
    if file.size is not None and size != file.size:
        raise FileTaken(f"{target.name} exists already, with {size} bytes instead of {file.size}")


def _link(blob: Path, target: Path) -> bool:
    """Link a file of the cache; False if it is gone. A hard link stays when the cache is emptied."""
    if not blob.is_file():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(blob, target)
    except FileExistsError:
        raise FileTaken(f"{target.name} exists already") from None
    except OSError:  # another file system
        target.symlink_to(blob)
    return True
