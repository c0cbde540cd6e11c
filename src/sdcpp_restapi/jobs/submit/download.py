"""From a request to two stored jobs: the download, and the hash that follows it."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from ...downloads.failures import FileTaken
from ...downloads.file_names import requested_path
from ...downloads.sources.registry import Sources
from ...errors import CannotCancel
from ...schemas.downloads import DownloadAccepted, DownloadRequest, HashRequest
from ...schemas.jobs import JobStatus
from ...schemas.model_types import ModelType
from ..queue.new_job import NewJob
from ..queue.queue import Queue
from ..queue.request_keys import RequestKey


class DownloadSubmission:
    """Turns requests to download into jobs."""

    def __init__(self, *, queue: Queue, sources: Sources, folders: Mapping[ModelType, Path]) -> None:
        """`folders`: of the models, by type."""
        self._queue = queue
        self._sources = sources
        self._folders = folders

    async def submit(self, request: DownloadRequest, key: RequestKey | None = None) -> DownloadAccepted:
        """Check a request and store its jobs. Raises BadRequest naming the field."""
        unknown = request.warn_of_unknown_fields()
        request, ignored = await self._sources.check(request.known())
        warnings = [*unknown, *ignored]
        await self._check_target(request)
        source, model_type = request.source, request.model_type
        assert source is not None
        download_id = str(uuid4())
        following = HashRequest(model_type=model_type, priority=request.priority, client_id=request.client_id)
        hash_job = NewJob(type="model_hash", params=following, after=download_id)

        def answer(position: int) -> DownloadAccepted:
            return DownloadAccepted(
                download_job_id=download_id,
                hash_job_id=hash_job.id,
                source=source,
                model_type=model_type,
                position=position,
                warnings=warnings or None,
            )

        download = NewJob(
            id=download_id,
            type="model_download",
            params=request,
            warnings=tuple(warnings),
            key=key,
            answer=answer,
        )
        accepted = answer(await self._queue.submit(download))
        await self._queue.submit(hash_job)
        await self._cancel_orphan(download.id, hash_job.id)
        return accepted

    async def _check_target(self, request: DownloadRequest) -> None:
        path = requested_path(request)
        if path is not None:
            target = self._folders[request.model_type] / path
            if await asyncio.to_thread(os.path.lexists, target):
                raise FileTaken(
                    f"filename: {path} exists already among the models of type {request.model_type}"
                )

    async def _cancel_orphan(self, download: str, hash_job: str) -> None:
        """A download may end before its hash job is stored, and would leave it waiting for ever."""
        if (await self._queue.get(download)).status in (JobStatus.FAILED, JobStatus.CANCELLED):
            with suppress(CannotCancel):
                await self._queue.cancel(hash_job)
