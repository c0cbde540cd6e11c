"""From a request to convert a model to a stored job."""

import asyncio
import os
from pathlib import Path
from uuid import uuid4

from ...errors import BadRequest
from ...models.allowed_paths import AllowedPaths
from ...models.library import ModelLibrary
from ...models.type_rule_check import warn_of_idle_rules_of_conversion
from ...schemas.conversion import ConvertAccepted, ConvertRequest
from ..queue.new_job import NewJob
from ..queue.queue import Queue
from ..queue.request_keys import RequestKey


class ConversionSubmission:
    """Turns requests to convert into jobs."""

    def __init__(self, *, queue: Queue, paths: AllowedPaths, library: ModelLibrary) -> None:
        self._queue = queue
        self._paths = paths
        self._library = library

    async def submit(self, body: ConvertRequest, key: RequestKey | None = None) -> ConvertAccepted:
        """Check, complete and store a request. Raises BadRequest naming the field."""
        request = await asyncio.to_thread(self._resolve_paths, body.known())
        assert request.output_path is not None
        named = {"input_path": request.input_path, "vae_path": request.vae_path}
        files = {field: Path(path) for field, path in named.items() if path}
        await self._library.check_files(files)
        await self._library.check_scales(files)
        required_files = await self._library.find_required(request, None, None)
        warnings = body.warn_of_unknown_fields()
        warnings += await asyncio.to_thread(
            warn_of_idle_rules_of_conversion,
            request.tensor_type_rules,
            files["input_path"],
            files.get("vae_path"),
        )
        job_id, output_path = str(uuid4()), request.output_path

        def answer(position: int) -> ConvertAccepted:
            return ConvertAccepted(
                job_id=job_id, position=position, output_path=output_path, warnings=warnings or None
            )

        job = NewJob(
            id=job_id,
            type="convert",
            params=request,
            required_files=required_files,
            warnings=tuple(warnings),
            key=key,
            answer=answer,
        )
        return answer(await self._queue.submit(job))

    def _resolve_paths(self, request: ConvertRequest) -> ConvertRequest:
        """With absolute paths, so that the job means the same whatever comes into the folders later."""
        source = self._paths.find_file("input_path", request.input_path)
        vae = self._paths.find_file("vae_path", request.vae_path) if request.vae_path else None
        if request.output_path:
            output = self._paths.plan_file("output_path", request.output_path, source)
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
