"""From a request to convert a model to a stored job."""

import asyncio
import os
from pathlib import Path
from typing import Protocol

from ...errors import BadRequest
from ...schemas.conversion import ConvertAccepted, ConvertRequest
from ..queue.queue import Queue
from .generation import FindNeeds


class AllowedPaths(Protocol):
    """Which paths are open to clients."""

    def find_file(self, field: str, text: str) -> Path: ...
    def plan_file(self, field: str, text: str, beside: Path) -> Path: ...


class ConversionSubmission:
    """Turns requests to convert into jobs."""

    def __init__(self, queue: Queue, places: AllowedPaths, find_needs: FindNeeds) -> None:
        self._queue = queue
        self._places = places
        self._find_needs = find_needs

    async def submit(self, body: ConvertRequest) -> ConvertAccepted:
        """Check, complete and store a request. Raises BadRequest naming the field."""
        request = await asyncio.to_thread(self._resolved, body.known())
        assert request.output_path is not None
        needs = await self._find_needs(request, None, None)
        job_id, position = await self._queue.submit("convert", request, None, needs=needs)
        return ConvertAccepted(
            job_id=job_id,
            position=position,
            output_path=request.output_path,
            warnings=[f"unknown field {name!r} was ignored" for name in body.unknown_fields()] or None,
        )

    def _resolved(self, request: ConvertRequest) -> ConvertRequest:
        """With absolute paths, so that the job means the same whatever comes into the folders later."""
        source = self._places.find_file("input_path", request.input_path)
        vae = self._places.find_file("vae_path", request.vae_path) if request.vae_path else None
        if request.output_path:
            output = self._places.plan_file("output_path", request.output_path, source)
        else:
            output = source.with_name(f"{source.stem}.{request.output_type}.gguf")
        if output in (source, vae):
            raise BadRequest(f"output_path: {output} is an input of the conversion")
        if os.path.exists(output) and not request.overwrite:
            raise BadRequest(f"output_path: {output} exists already; overwrite: true replaces it")
        return request.model_copy(
            update={
                "input_path": str(source),
                "vae_path": str(vae) if vae else None,
                "output_path": str(output),
            }
        )
