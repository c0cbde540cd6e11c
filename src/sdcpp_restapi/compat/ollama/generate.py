"""POST /api/generate: a picture, with its progress as lines of JSON."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from ...access.scope_check import check_scope
from ...api.app_state import AppState, State
from ...api.cancel_on_disconnect import cancel_on_disconnect
from ...background import BackgroundTasks
from ...errors import BadRequest, CannotCancel, JobFailed, SdcppError
from ...jobs.input_images import decode_base64
from ...jobs.pictures import open_file
from ...schemas.events import JobProgress
from ...schemas.jobs import JobStatus, JobView
from ...schemas.models import LoadRequest, ModelEntry
from .find_model import find_model
from .shapes import GenerateBody
from .translate import takes_references, translate

router = APIRouter()

_background = BackgroundTasks()


@router.post("/generate", response_model=None)
async def generate(body: GenerateBody, request: Request, state: State) -> Response:
    """Draw a picture. Without a prompt, load the model, or unload it with `keep_alive` 0.

    A client that goes away cancels its job, as it does there.
    """
    began = time.monotonic()
    entry = await find_model(state, body.model)
    if body.keep_alive == 0 or not (body.prompt or body.images):
        check_scope("manage", "Loading or unloading a model (no prompt, or keep_alive 0)")
    if not body.prompt and not body.images:
        return await _load_or_unload(state, body, entry)
    answer = _Answer(state, body.model, entry, began)
    await answer.submit(body)
    if body.stream:
        return StreamingResponse(answer.stream(request), media_type="application/x-ndjson")
    return await answer.wait(request)


class _Answer:
    """What becomes of one request."""

    def __init__(self, state: AppState, model: str, entry: ModelEntry, began: float) -> None:
        """`began`: when the request came, in seconds of time.monotonic."""
        self._state = state
        self._model = model
        self._began = began
        self._entry = entry
        self._job_id = ""

    async def submit(self, body: GenerateBody) -> None:
        """Store the job. Raises BadRequest, RequestValidationError."""
        entry = self._entry
        facts = await self._state.inspector.inspect(entry.type, entry.name)
        edits = takes_references(facts)
        if len(body.images) > 1 and not edits:
            raise BadRequest(
                f"images: {len(body.images)} are too many; {entry.name} begins with one", field="images"
            )
        body = body.model_copy(update={"model": entry.name})
        sizes = await asyncio.to_thread(
            _read_sizes, body.images, self._state.settings.limits.max_image_pixels
        )
        job_type, job, told = translate(body, edits, sizes[0] if sizes else None)
        accepted = await self._state.generations.submit(job_type, job, told=told)
        self._job_id = accepted.job_id

    async def stream(self, request: Request) -> AsyncIterator[str]:
        """The lines: progress, and at the end the picture or the error."""
        ended = False
        try:
            async for event in self._state.watch.follow(self._job_id):
                if isinstance(event, JobProgress):
                    steps = {"completed": event.current_all_steps, "total": event.all_steps}
                    yield _encode_part({**self._describe(done=False), **steps})
            ended = True
            try:
                yield _encode_part(await self._describe_end())
            except SdcppError as error:
                yield _encode_part({"error": str(error)})
        finally:
            if not ended:
                _background.spawn(self._cancel_if_gone(request))

    async def wait(self, request: Request) -> Response:
        """The last line alone."""
        try:
            await cancel_on_disconnect(request, self._state.watch.wait_for_end(self._job_id))
        except HTTPException:
            await self._cancel()
            raise
        return JSONResponse(await self._describe_end())

    async def _cancel_if_gone(self, request: Request) -> None:
        # A server that stops breaks off its answers too, and leaves the job for its next start.
        if await request.is_disconnected():
            await self._cancel()

    async def _cancel(self) -> None:
        with suppress(CannotCancel):  # it has just ended
            await self._state.queue.cancel(self._job_id)
            self._state.runners.stop(self._job_id)

    def _describe(self, done: bool) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return {"model": self._model, "created_at": now, "response": "", "done": done}

    async def _describe_end(self) -> dict[str, Any]:
        """Raises JobFailed."""
        job = await self._state.queue.get(self._job_id)
        if job.status is not JobStatus.COMPLETED:
            raise JobFailed(job.error or f"job {job.job_id} was {job.status}")
        path = await asyncio.to_thread(self._state.outputs.resolve, job.outputs[0])
        content = await asyncio.to_thread(path.read_bytes)
        return {
            **self._describe(done=True),
            "done_reason": "stop",
            "image": base64.b64encode(content).decode(),
            "total_duration": round((time.monotonic() - self._began) * 1e9),
            **_measure(job),
            **({"warnings": job.warnings} if job.warnings else {}),
        }


async def _load_or_unload(state: AppState, body: GenerateBody, entry: ModelEntry) -> Response:
    unload = body.keep_alive == 0
    if unload:
        if _may_unload(state, entry):
            await state.model.unload()
    elif state.model.identity() == (entry.name, entry.type):
        # What is in memory is not read again, but stays there as long as is asked for now.
        await state.model.load(_keep(state.model.require(), body))
    else:
        fields = {"model_name": entry.name, "model_type": entry.type}
        await state.model.load(_keep(LoadRequest.model_validate(fields), body))
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    reason = "unload" if unload else "load"
    return JSONResponse(
        {"model": body.model, "created_at": now, "response": "", "done": True, "done_reason": reason}
    )


def _keep(request: LoadRequest, body: GenerateBody) -> LoadRequest:
    return request if body.keep_alive is None else request.model_copy(update={"keep_alive": body.keep_alive})


def _may_unload(state: AppState, entry: ModelEntry) -> bool:
    """Whether no other model was made the current one: that is for whoever did so."""
    models = state.model.state()
    if models.current is None:
        return models.loading is None
    return (models.current.request.model_name, models.current.request.model_type) == (entry.name, entry.type)


def _read_sizes(images: list[str], max_pixels: int) -> list[tuple[int, int]]:
    sizes = []
    for image in images:
        with open_file("images", decode_base64("images", image), max_pixels) as picture:
            sizes.append(picture.size)
    return sizes


def _measure(job: JobView) -> dict[str, int]:
    """Nanoseconds that the job waited (for its turn and for its model) and that it ran."""
    timings = job.timings
    if timings.started_at is None or timings.completed_at is None:
        return {}
    waited, ran = timings.started_at - timings.created_at, timings.completed_at - timings.started_at
    return {
        "load_duration": round(waited.total_seconds() * 1e9),
        "eval_count": job.progress.all_steps,
        "eval_duration": round(ran.total_seconds() * 1e9),
    }


def _encode_part(part: dict[str, Any]) -> str:
    return json.dumps(part) + "\n"
