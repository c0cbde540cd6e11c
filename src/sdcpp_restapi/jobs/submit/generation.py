"""From a request to a stored job: everything is checked here, while the client still listens."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from ...config import Generation, Limits
from ...schemas.generation import Accepted, GenerationRequest, ImageRequest
from ...schemas.jobs import JobType
from ...schemas.jobs import Params as JobParams
from ...schemas.models import LoadRequest
from ...schemas.options import Architecture
from ...schemas.required_files import RequiredFiles
from ...schemas.upscaling import UpscalerRequest
from ..queue.durations import estimate_work
from ..queue.queue import Queue
from .architecture_rules import Params, fit_to_architecture, set_flow_shift, warn_of_missing
from .input_images import InputStore
from .limits import check_amounts, check_format, check_length, check_pixels, enlarged
from .wildcards import Wildcards


class Chosen(Protocol):
    """The model of a job, and what is known of its architecture before it is loaded."""

    @property
    def request(self) -> LoadRequest: ...
    @property
    def architecture(self) -> Architecture | None: ...


class Models(Protocol):
    """What this module needs to know about models."""

    async def choose(self, wanted: str | LoadRequest | None) -> Chosen: ...


class Upscalers(Protocol):
    """What this module needs to know about the current upscaler."""

    @property
    def name(self) -> str | None: ...
    def require(self) -> tuple[UpscalerRequest, int]: ...


class AllowedPaths(Protocol):
    """Which paths are open to clients."""

    def find_file(self, field: str, text: str) -> Path: ...


CheckLoras = Callable[[GenerationRequest, LoadRequest], Awaitable[list[str]]]
FindNeeds = Callable[[JobParams, LoadRequest | None, UpscalerRequest | None], Awaitable[RequiredFiles]]


@dataclass(frozen=True)
class Checked:
    """A request that nothing keeps from being run, apart from its images."""

    request: Params
    model: LoadRequest
    upscaler: UpscalerRequest | None
    size: tuple[int, int]
    needs: RequiredFiles
    random_seed: bool
    warnings: list[str]


class GenerationSubmission:
    """Turns requests into jobs."""

    def __init__(
        self,
        queue: Queue,
        inputs: InputStore,
        models: Models,
        upscalers: Upscalers,
        wildcards: Wildcards,
        check_loras: CheckLoras,
        find_needs: FindNeeds,
        places: AllowedPaths,
        limits: Limits,
        generation: Generation,
    ) -> None:
        self._queue = queue
        self._inputs = inputs
        self._models = models
        self._upscalers = upscalers
        self._wildcards = wildcards
        self._check_loras = check_loras
        self._find_needs = find_needs
        self._places = places
        self._limits = limits
        self._generation = generation

    async def submit(self, job_type: JobType, request: Params) -> Accepted:
        """Check, complete and store a request.

        Raises BadRequest naming the field, NoModelLoaded, NoUpscalerLoaded.
        """
        checked = await self.check(request)
        job_id = str(uuid4())
        request = await self._inputs.store(job_id, checked.request)
        try:
            _, position = await self._queue.submit(
                job_type,
                request,
                checked.model,
                job_id,
                upscaler=checked.upscaler,
                work=estimate_work(request),
                needs=checked.needs,
            )
        except BaseException:
            await self._inputs.remove(job_id)
            raise
        return Accepted(job_id=job_id, position=position, warnings=checked.warnings or None)

    async def check(self, request: Params) -> Checked:
        """Check and complete a request, all but its images; raises what `submit` raises."""
        warnings = [f"unknown field {name!r} was ignored" for name in request.unknown_fields()]
        model, architecture = await self._chosen(request, warnings)
        request = self._completed(set_flow_shift(_explicit(request.known(), model), model), architecture)
        if architecture is not None:
            request = fit_to_architecture(request, architecture, warnings)
        warn_of_missing(request, model, warnings)
        random_seed = request.seed < 0
        if random_seed:
            # 31 bits: every client language holds seed + i exactly.
            request = request.model_copy(update={"seed": secrets.randbelow(2**31)})
        request = await self._drawn(request)
        check_amounts(request, self._limits)
        upscaler, size = self._upscaler(request)
        if isinstance(request, ImageRequest):
            request = await asyncio.to_thread(self._with_files, request)
        warnings += await self._check_loras(request, model)
        needs = await self._find_needs(request, model, upscaler)
        return Checked(request, model, upscaler, size, needs, random_seed, warnings)

    async def _chosen(self, request: Params, warnings: list[str]) -> tuple[LoadRequest, Architecture | None]:
        chosen = await self._models.choose(request.model)
        if request.model is not None and chosen.architecture is None:
            warnings.append(
                "model: the request was not fitted to it, since what"
                f" {chosen.request.model_name} is will only be known when it was loaded once"
            )
        return chosen.request, chosen.architecture

    async def _drawn(self, request: Params) -> Params:
        """With a prompt drawn from the template, where there is no other."""
        if request.prompt_template is None:
            return request
        check_length("prompt_template", request.prompt_template, self._limits)
        if request.prompt:
            return request
        prompt = await self._wildcards.draw(request.prompt_template, request.seed)
        return request.model_copy(update={"prompt": prompt})

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
        if self._upscalers.name is None:
            suits.pop("upscale", None)  # a default asks for nothing that is not there
        return request.model_copy(
            update={k: v for k, v in suits.items() if k not in request.model_fields_set}
        )

    def _upscaler(self, request: Params) -> tuple[UpscalerRequest | None, tuple[int, int]]:
        """What upscales, if anything, and the size in pixels of what comes out."""
        if not isinstance(request, ImageRequest):
            return None, (request.width, request.height)
        upscaler, size = None, request.made_size
        if request.upscale:
            upscaler, factor = self._upscalers.require()
            size = enlarged(size, factor, request.upscale_repeats)
            check_pixels("upscale_repeats: the size", size, self._limits)
        check_format(request.output_format, size)
        return upscaler, size

    def _with_files[R: ImageRequest](self, request: R) -> R:
        """With absolute paths, so that the job means the same whatever comes into the folders later."""
        named = {
            "pm_id_embed_path": request.pm_id_embed_path,
            "hires_model": request.hires_model if request.hires else None,
        }
        return request.model_copy(
            update={field: str(self._places.find_file(field, text)) for field, text in named.items() if text}
        )


def _explicit(request: Params, model: LoadRequest) -> Params:
    """With the load request as it was completed, so that the stored parameters mean the same for ever."""
    return request.model_copy(update={"model": model}) if isinstance(request.model, LoadRequest) else request
