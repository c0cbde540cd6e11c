"""From a request to upscale to a stored job."""

from typing import Protocol
from uuid import uuid4

from ..config import Limits
from ..schemas.generation import Accepted
from ..schemas.upscaling import UpscaleRequest, UpscalerRequest
from .bounds import check_pixels, enlarged
from .inputs import InputStore
from .queue import Queue


class Upscalers(Protocol):
    """What this module needs to know about the current upscaler."""

    def require(self) -> tuple[UpscalerRequest, int]: ...


class UpscaleIntake:
    """Turns requests to upscale into jobs."""

    def __init__(self, queue: Queue, inputs: InputStore, upscalers: Upscalers, limits: Limits) -> None:
        self._queue = queue
        self._inputs = inputs
        self._upscalers = upscalers
        self._limits = limits

    async def submit(self, body: UpscaleRequest) -> Accepted:
        """Check, complete and store a request. Raises BadRequest naming the field, NoUpscalerLoaded."""
        upscaler, own_factor = self._upscalers.require()
        warnings = [f"unknown field {name!r} was ignored" for name in body.unknown_fields()]
        if "upscale_factor" not in body.model_fields_set and own_factor != body.upscale_factor:
            warnings.append(
                f"upscale_factor was not given: it is {body.upscale_factor}, by resizing after"
                f" {upscaler.model_name}, whose own is {own_factor}"
            )
        request = body.known()
        if "tile_size" not in request.model_fields_set:
            request = request.model_copy(update={"tile_size": upscaler.tile_size})
        job_id = str(uuid4())
        request = await self._inputs.store(job_id, request)
        try:
            await self._check_size(job_id, request, own_factor)
            _, position = await self._queue.submit("upscale", request, None, job_id, upscaler=upscaler)
        except BaseException:
            await self._inputs.remove(job_id)
            raise
        return Accepted(job_id=job_id, position=position, warnings=warnings or None)

    async def _check_size(self, job_id: str, request: UpscaleRequest, own_factor: int) -> None:
        (image,) = await self._inputs.describe(job_id)
        before_last = enlarged((image.width, image.height), request.upscale_factor, request.repeats - 1)
        # The engine makes its own factor even where the result is resized to a smaller one.
        largest = enlarged(before_last, max(request.upscale_factor, own_factor), 1)
        check_pixels("upscale_factor and repeats: the size", largest, self._limits)
