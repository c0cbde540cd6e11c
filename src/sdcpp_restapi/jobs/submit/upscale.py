"""From a request to upscale to a stored job."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from ...config import Limits
from ...models.library import ModelLibrary
from ...request_source import UNHEARD
from ...schemas.generation import Accepted
from ...schemas.upscaling import UpscaleRequest, UpscalerRequest
from ...slots.current_upscaler import CurrentUpscaler
from ..input_images import InputStore
from ..queue.new_job import NewJob
from ..queue.queue import Queue
from ..queue.request_keys import RequestKey
from .limits import check_pixels, multiply_size


@dataclass(frozen=True)
class CheckedUpscale:
    """A request that nothing keeps from being run."""

    request: UpscaleRequest
    upscaler: UpscalerRequest
    own_factor: int
    warnings: list[str]
    size: tuple[int, int] = (0, 0)

    @property
    def work(self) -> float:
        """Megapixels of the result."""
        return self.size[0] * self.size[1] / 1e6


class UpscaleSubmission:
    """Turns requests to upscale into jobs."""

    def __init__(
        self,
        *,
        queue: Queue,
        inputs: InputStore,
        upscaler: CurrentUpscaler,
        library: ModelLibrary,
        limits: Limits,
    ) -> None:
        self._queue = queue
        self._inputs = inputs
        self._current_upscaler = upscaler
        self._library = library
        self._limits = limits

    async def submit(
        self, body: UpscaleRequest, key: RequestKey | None = None, *, told: Sequence[str] = ()
    ) -> Accepted:
        """Check, complete and store a request; `told` are warnings of whoever made it from another one.

        Raises BadRequest naming the field, NoUpscalerLoaded.
        """
        checked = self._complete(body)
        required_files = await self._library.find_required(checked.request, None, checked.upscaler)
        job_id = str(uuid4())
        stored = await self._inputs.store(job_id, checked.request)
        warnings = [*UNHEARD.get(), *told, *checked.warnings, *stored.warnings]

        def answer(position: int) -> Accepted:
            return Accepted(job_id=job_id, position=position, warnings=warnings or None)

        try:
            (image,) = await self._inputs.describe(job_id)
            checked = self._check_size(checked, (image.width, image.height))
            position = await self._queue.submit(
                NewJob(
                    id=job_id,
                    type="upscale",
                    params=stored.request,
                    upscaler=checked.upscaler,
                    work=checked.work,
                    required_files=required_files,
                    warnings=tuple(warnings),
                    key=key,
                    answer=answer,
                )
            )
            return answer(position)
        except Exception:
            # Not when it is cancelled: the job may be stored all the same. What belongs to none is removed at
            # the next start.
            await self._inputs.remove(job_id)
            raise

    async def check(self, body: UpscaleRequest) -> CheckedUpscale:
        """Check and complete a request; raises what `submit` raises, and stores nothing."""
        checked = self._complete(body)
        images = await self._inputs.check(checked.request)
        ((size,),) = images.sizes.values()
        checked = self._check_size(checked, size)
        return replace(checked, warnings=[*checked.warnings, *images.warnings])

    def _complete(self, body: UpscaleRequest) -> CheckedUpscale:
        upscaler, own_factor = self._current_upscaler.require()
        warnings = body.warn_of_unknown_fields()
        if "upscale_factor" not in body.model_fields_set and own_factor != body.upscale_factor:
            warnings.append(
                f"upscale_factor was not given: it is {body.upscale_factor}, by resizing after"
                f" {upscaler.model_name}, whose own is {own_factor}"
            )
        request = body.known()
        if "tile_size" not in request.model_fields_set:
            request = request.model_copy(update={"tile_size": upscaler.tile_size})
        return CheckedUpscale(request, upscaler, own_factor, warnings)

    def _check_size(self, checked: CheckedUpscale, image: tuple[int, int]) -> CheckedUpscale:
        """With the size of the result; `image` is that of the input."""
        factor, repeats = checked.request.upscale_factor, checked.request.repeats
        # The engine makes its own factor even where the result is resized to a smaller one.
        before_last = multiply_size(image, factor, repeats - 1)
        largest = multiply_size(before_last, max(factor, checked.own_factor), 1)
        check_pixels("upscale_factor and repeats: the size", largest, self._limits)
        return replace(checked, size=multiply_size(image, factor, repeats))
