"""From a request to a stored job: everything is checked here, while the client still listens."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from ...config import Generation, Limits
from ...models.allowed_paths import AllowedPaths
from ...models.library import ModelLibrary
from ...models.lora_tags import check_tags
from ...request_source import UNHEARD
from ...schemas.generation import Accepted, ImageRequest
from ...schemas.jobs import JobType
from ...schemas.models import LoadRequest
from ...schemas.options import Architecture
from ...schemas.required_files import RequiredFiles
from ...schemas.upscaling import UpscalerRequest
from ...slots.current_upscaler import CurrentUpscaler
from ...slots.engine_in_use import EngineInUse
from ...slots.model_selection import ModelSelection
from ..input_images import InputStore
from ..queue.durations import estimate_work
from ..queue.new_job import NewJob
from ..queue.queue import Queue
from ..queue.request_keys import RequestKey
from .architecture_rules import (
    Params,
    fit_to_architecture,
    set_flow_shift,
    set_high_noise_guidance,
    set_tiling,
)
from .branching import Branching
from .guidance_rules import check_guidance
from .ineffective_fields import list_asked, warn_of_ineffective_fields
from .ineffective_reasons import Case
from .limits import check_amounts, check_format, check_length, check_pixels, multiply_size
from .wildcard_files import Wildcards


@dataclass(frozen=True)
class CheckedGeneration:
    """A request that nothing keeps from being run, apart from its images."""

    request: Params
    model: LoadRequest
    upscaler: UpscalerRequest | None
    size: tuple[int, int]
    required_files: RequiredFiles
    random_seed: bool
    warnings: list[str]


class GenerationSubmission:
    """Turns requests into jobs."""

    def __init__(
        self,
        *,
        queue: Queue,
        inputs: InputStore,
        models: ModelSelection,
        engine: EngineInUse,
        upscaler: CurrentUpscaler,
        wildcards: Wildcards,
        branching: Branching,
        library: ModelLibrary,
        paths: AllowedPaths,
        limits: Limits,
        generation: Generation,
    ) -> None:
        self._queue = queue
        self._inputs = inputs
        self._models = models
        self._engine = engine
        self._current_upscaler = upscaler
        self._wildcards = wildcards
        self._branching = branching
        self._library = library
        self._paths = paths
        self._limits = limits
        self._generation = generation

    async def submit(
        self, job_type: JobType, request: Params, key: RequestKey | None = None, *, told: Sequence[str] = ()
    ) -> Accepted:
        """Check, complete and store a request.

        `told`: warnings of whoever translated the request, which come first. Raises BadRequest naming the
        field, NoModelLoaded, NoUpscalerLoaded.
        """
        checked = await self.check(request)
        job_id = str(uuid4())
        stored = await self._inputs.store(job_id, checked.request)
        warnings = [*UNHEARD.get(), *told, *checked.warnings, *stored.warnings]

        def answer(position: int) -> Accepted:
            return Accepted(job_id=job_id, position=position, warnings=warnings or None)

        job = NewJob(
            id=job_id,
            type=job_type,
            params=stored.request,
            model=checked.model,
            upscaler=checked.upscaler,
            work=estimate_work(stored.request),
            required_files=checked.required_files,
            warnings=tuple(warnings),
            key=key,
            answer=answer,
        )
        try:
            return answer(await self._queue.submit(job))
        except Exception:
            # Not when it is cancelled: the job may be stored all the same. What belongs to none is removed at
            # the next start.
            await self._inputs.remove(job_id)
            raise

    async def find_model(self, wanted: str | LoadRequest) -> LoadRequest:
        """What a request that wants this model is stamped with. Raises BadRequest."""
        return (await self._models.select(wanted)).request

    async def check(self, request: Params) -> CheckedGeneration:
        """Check and complete a request, all but its images; raises what `submit` raises."""
        warnings = request.warn_of_unknown_fields()
        asked = list_asked(request)
        request = await self._branching.complete(request)
        model, architecture = await self._select_model(request, warnings)
        request = set_flow_shift(_keep_completed_model(request.known(), model), model)
        request = self._fill_defaults(set_tiling(request, model), architecture)
        request = set_high_noise_guidance(request, model)
        if architecture is not None:
            request = fit_to_architecture(request, architecture, model, warnings)
        check_guidance(request, model)
        network = await self._library.find_network(model)
        case = Case(request, model, architecture.name if architecture else None, network)
        warnings += warn_of_ineffective_fields(case, asked)
        request = self._choose_engine(request, model)
        random_seed = request.seed < 0
        if random_seed:
            # 31 bits: every client language holds seed + i exactly.
            request = request.model_copy(update={"seed": secrets.randbelow(2**31)})
        request = await self._draw_prompt(request)
        warnings += check_tags(request)
        check_amounts(request, self._limits)
        upscaler, size = self._select_upscaler(request)
        if isinstance(request, ImageRequest):
            request = await self._resolve_paths(request)
        warnings += await self._library.check_loras(request, model)
        warnings += await self._library.check_embeddings(request, model)
        required_files = await self._library.find_required(request, model, upscaler)
        return CheckedGeneration(request, model, upscaler, size, required_files, random_seed, warnings)

    async def _select_model(
        self, request: Params, warnings: list[str]
    ) -> tuple[LoadRequest, Architecture | None]:
        chosen = await self._models.select(request.model)
        warnings += chosen.warnings
        if request.model is not None and chosen.architecture is None:
            warnings.append(
                "model: the request was not fitted to it, since what"
                f" {chosen.request.model_name} is will only be known when it was loaded once"
            )
        return chosen.request, chosen.architecture

    def _choose_engine(self, request: Params, model: LoadRequest) -> Params:
        """With the revision that may draw it. Raises BadRequest: it is not here, or does not know a name."""
        wanted = self._engine.resolve(request.engine or self._generation.engine)
        self._engine.check(request, wanted)
        self._engine.check(model, wanted)
        return request.model_copy(update={"engine": wanted})

    async def _draw_prompt(self, request: Params) -> Params:
        """With a prompt drawn from the template, where there is no other."""
        if request.prompt_template is None:
            return request
        check_length("prompt_template", request.prompt_template, self._limits)
        if request.prompt:
            return request
        prompt = await self._wildcards.draw(request.prompt_template, request.seed)
        return request.model_copy(update={"prompt": prompt})

    def _fill_defaults(self, request: Params, architecture: Architecture | None) -> Params:
        wanted = request.use_architecture_defaults
        if wanted is None:
            wanted = self._generation.use_architecture_defaults
        if not wanted or architecture is None:
            return request
        preset = architecture.preset.generationDefaults.model_dump(exclude_none=True)
        suits = {k: v for k, v in preset.items() if k in type(request).model_fields}
        if isinstance(request, ImageRequest) and request.custom_sigmas:
            suits.pop("steps", None)  # they have decided the number of steps already
        if self._current_upscaler.name is None:
            suits.pop("upscale", None)  # a default asks for nothing that is not there
        return request.model_copy(
            update={k: v for k, v in suits.items() if k not in request.model_fields_set}
        )

    def _select_upscaler(self, request: Params) -> tuple[UpscalerRequest | None, tuple[int, int]]:
        """What upscales, if anything, and the size in pixels of what comes out."""
        if not isinstance(request, ImageRequest):
            return None, (request.width, request.height)
        upscaler, size = None, request.made_size
        if request.upscale:
            upscaler, factor = self._current_upscaler.require()
            size = multiply_size(size, factor, request.upscale_repeats)
            check_pixels("upscale_repeats: the size", size, self._limits)
        check_format(request.output_format, size)
        return upscaler, size

    async def _resolve_paths[R: ImageRequest](self, request: R) -> R:
        """With absolute paths, so that the job means the same whatever comes into the folders later."""
        named = {
            "pm_id_embed_path": request.pm_id_embed_path,
            "pulid_id_embed_path": request.pulid_id_embed_path,
            "hires_model": request.hires_model if request.hires else None,
        }
        found = {field: await self._find_file(field, text) for field, text in named.items() if text}
        detectors = {
            f"adetail.{number}.model": await self._find_file(f"adetail.{number}.model", entry.model)
            for number, entry in enumerate(request.adetail)
        }
        await self._library.check_files(found | detectors)
        entries = [
            entry.model_copy(update={"model": str(path)})
            for entry, path in zip(request.adetail, detectors.values(), strict=True)
        ]
        named_files = {field: str(path) for field, path in found.items()}
        return request.model_copy(update={**named_files, "adetail": entries})

    async def _find_file(self, field: str, text: str) -> Path:
        return await asyncio.to_thread(self._paths.find_file, field, text)


def _keep_completed_model(request: Params, model: LoadRequest) -> Params:
    """With the load request as it was completed, so that the stored parameters mean the same for ever."""
    return request.model_copy(update={"model": model}) if isinstance(request.model, LoadRequest) else request
