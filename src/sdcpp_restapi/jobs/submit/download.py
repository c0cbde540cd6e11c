"""From a request to two stored jobs: the download, and the hash that follows it."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, Protocol

from ...downloads.failures import FileTaken
from ...downloads.http_client import HttpClient
from ...downloads.sources.registry import checked, wanted_name
from ...errors import CannotCancel
from ...schemas.downloads import DownloadAccepted, DownloadRequest, HashRequest
from ...schemas.jobs import JobStatus, JobView, Params
from ...schemas.model_types import ModelType


class Queue(Protocol):
    """What this module needs of the queue."""

    async def submit(
        self,
        job_type: Literal["model_download", "model_hash"],
        params: Params,
        model: None,
        job_id: str | None = None,
        after: str | None = None,
    ) -> tuple[str, int]: ...
    async def get(self, job_id: str) -> JobView: ...
    async def cancel(self, job_id: str) -> object: ...


class DownloadSubmission:
    """Takes orders for models."""

    def __init__(self, queue: Queue, web: HttpClient, folders: Mapping[ModelType, Path]) -> None:
        self._queue = queue
        self._web = web
        self._folders = folders

    async def place(self, request: DownloadRequest) -> DownloadAccepted:
        """Check a request and store its jobs. Raises BadRequest naming the field."""
        unknown = [f"unknown field {name!r} was ignored" for name in request.unknown_fields()]
        request, warnings = checked(request.known())
        await self._check_place(request)
        if request.url:
            await self._web.check(request.url)
        download, position = await self._queue.submit("model_download", request, None)
        following = HashRequest(
            model_type=request.model_type, priority=request.priority, client_id=request.client_id
        )
        hash_job, _ = await self._queue.submit("model_hash", following, None, after=download)
        await self._follow(download, hash_job)
        assert request.source is not None
        return DownloadAccepted(
            download_job_id=download,
            hash_job_id=hash_job,
            source=request.source,
            model_type=request.model_type,
            position=position,
            warnings=unknown + warnings or None,
        )

    async def _check_place(self, request: DownloadRequest) -> None:
        name = wanted_name(request)
        if name is not None:
            target = self._folders[request.model_type] / name
            if await asyncio.to_thread(os.path.lexists, target):
                raise FileTaken(
                    f"filename: {name} exists already among the models of type {request.model_type}"
                )

    async def _follow(self, download: str, hash_job: str) -> None:
        """A download may end before its hash job is stored, and would leave it waiting for ever."""
        if (await self._queue.get(download)).status in (JobStatus.FAILED, JobStatus.CANCELLED):
            with suppress(CannotCancel):
                await self._queue.cancel(hash_job)
