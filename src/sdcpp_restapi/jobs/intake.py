"""From a request to a stored job: everything is checked here, while the client still listens."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Protocol
from uuid import uuid4

from ..config import Generation, Limits
from ..errors import BadRequest
from ..schemas.generation import Accepted, GenerationRequest, ImageRequest
from ..schemas.jobs import JobType
from ..schemas.models import LoadRequest
from ..schemas.options import Architecture
from ..schemas.upscaling import UpscalerRequest
from ..schemas.video import Txt2VidRequest
from .bounds import at_most, check_pixels, check_video, enlarged
from .fitting import Params, fitted, shifted, warn_of_missing
from .inputs import InputStore
from .queue import Queue

# Fields of the API document that this version does not act on yet: asking for them is an error, since to
# accept and ignore them would be worse.
NOT_YET = {
    "pm_id_images",
    "pm_id_embed_path",
}


class Models(Protocol):
    """What this module needs to know about the current model."""

    def require(self) -> LoadRequest: ...
    def architecture(self) -> Architecture | None: ...


class Upscalers(Protocol):
    """What this module needs to know about the current upscaler."""

    def require(self) -> tuple[UpscalerRequest, int]: ...


CheckLoras = Callable[[GenerationRequest, LoadRequest], Awaitable[list[str]]]


class Intake:
    """Turns requests into jobs."""

    def __init__(
        self,
        queue: Queue,
        inputs: InputStore,
        models: Models,
        upscalers: Upscalers,
        check_loras: CheckLoras,
        limits: Limits,
        generation: Generation,
    ) -> None:
        self._queue = queue
        self._inputs = inputs
        self._models = models
        self._upscalers = upscalers
        self._check_loras = check_loras
        self._limits = limits
        self._generation = generation

    async def submit(self, job_type: JobType, request: Params) -> Accepted:
        """Check, complete and store a request.

        Raises BadRequest naming the field, NoModelLoaded, NoUpscalerLoaded.
        """
        model = self._models.require()
        architecture = self._models.architecture()
        warnings = _unknown(request)
        request = self._completed(shifted(request.known(), model), architecture)
        if architecture is not None:
            request = fitted(request, architecture, warnings)
        warn_of_missing(request, model, warnings)
        self._within_limits(request)
        upscaler = self._upscaler(request)
        warnings += await self._check_loras(request, model)
        if request.seed < 0:
            # 31 bits: every client language holds seed + i exactly.
            request = request.model_copy(update={"seed": secrets.randbelow(2**31)})
        return await self._store(job_type, request, model, upscaler, warnings)

    async def _store(
        self,
        job_type: JobType,
        request: Params,
        model: LoadRequest,
        upscaler: UpscalerRequest | None,
        warnings: list[str],
    ) -> Accepted:
        job_id = str(uuid4())
        request = await self._inputs.store(job_id, request)
        try:
            _, position = await self._queue.submit(job_type, request, model, job_id, upscaler=upscaler)
        except BaseException:
            await self._inputs.remove(job_id)
            raise
        return Accepted(job_id=job_id, position=position, warnings=warnings or None)

    def _completed(self, request: Params, architecture: Architecture | None) -> Params:
        wanted = request.use_architecture_defaults
        if wanted is None:
            wanted = self._generation.use_architecture_defaults
        if not wanted or architecture is None:
            return request
        preset = architecture.preset.generationDefaults.model_dump(exclude_none=True)
        suits = {k: v for k, v in preset.items() if k in type(request).model_fields}
        if isinstance(request, ImageRequest) and request.custom_sigmas:
            suits.pop("steps", None)  # they have decided the number of steps already
        return request.model_copy(
            update={k: v for k, v in suits.items() if k not in request.model_fields_set}
        )

    def _upscaler(self, request: Params) -> UpscalerRequest | None:
        if not isinstance(request, ImageRequest) or not request.upscale:
            return None
        upscaler, factor = self._upscalers.require()
        size = (request.width, request.height)
        check_pixels(
            "upscale_repeats: the size", enlarged(size, factor, request.upscale_repeats), self._limits
        )
        return upscaler

    def _within_limits(self, request: Params) -> None:
        limits = self._limits
        check_pixels("width x height", (request.width, request.height), limits)
        at_most("steps", request.steps, limits.max_steps, "limits.max_steps")
        if isinstance(request, Txt2VidRequest):
            check_video(request, limits)
        else:
            at_most("batch_count", request.batch_count, limits.max_batch, "limits.max_batch")
        for field in ("prompt", "negative_prompt"):
            length = len(getattr(request, field))
            at_most(f"{field} length", length, limits.max_prompt_chars, "limits.max_prompt_chars")


def _unknown(request: Params) -> list[str]:
    extra = request.model_extra or {}
    for field in sorted(NOT_YET & set(extra)):
        if extra[field]:
            raise BadRequest(f"{field}: not supported by this version; leave it out")
    return [f"unknown field {name!r} was ignored" for name in request.unknown_fields()]
