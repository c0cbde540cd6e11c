"""What would become of a request, told without storing anything."""

from collections.abc import Callable

from ...models.planned_files import PlannedFiles
from ...schemas.generation import GenerationRequest
from ...schemas.plan import Plan, PlanType
from ...schemas.upscaling import UpscaleRequest
from ..input_images import LIST_FIELDS, SINGLE_FIELDS, InputStore
from ..queue.durations import MOST_SAMPLES, estimate_time, estimate_work
from ..queue.store import JobStore
from ..webhooks.rules import WebhookRules
from .architecture_rules import Params
from .generation import GenerationSubmission
from .memory_estimate import estimate_memory
from .upscale import UpscaleSubmission


class Planner:
    """Puts requests through the same checks as submitting does, and adds estimates."""

    def __init__(
        self,
        *,
        generations: GenerationSubmission,
        upscales: UpscaleSubmission,
        inputs: InputStore,
        store: JobStore,
        files: PlannedFiles,
        webhook_rules: WebhookRules,
        room: Callable[[], int | None],
    ) -> None:
        """`room`: bytes of main memory that a slot of this machine has for a model and its work."""
        self._generations = generations
        self._upscales = upscales
        self._inputs = inputs
        self._store = store
        self._files = files
        self._webhook_rules = webhook_rules
        self._room = room

    async def plan(self, job_type: PlanType, request: Params | UpscaleRequest) -> Plan:
        """Raises what submitting the request would raise."""
        await self._webhook_rules.check(request)
        if isinstance(request, UpscaleRequest):
            return await self._plan_upscale(request)
        checked = await self._generations.check(request)
        images = await self._inputs.check(checked.request)
        params, model = checked.request, checked.model
        files = await self._files.list_files(model, checked.upscaler, params)
        samples = await self._store.durations(
            job_type, model.model_name, checked.upscaler is not None, MOST_SAMPLES
        )
        width, height = checked.size
        return Plan(
            type=job_type,
            width=width,
            height=height,
            seed="random" if checked.random_seed else params.seed,
            params=_without_images(params) | ({"seed": -1} if checked.random_seed else {}),
            model=model,
            files=files,
            memory=estimate_memory(params, model, files, self._room()),
            time=estimate_time(estimate_work(params), samples),
            warnings=[*checked.warnings, *images.warnings],
        )

    async def _plan_upscale(self, body: UpscaleRequest) -> Plan:
        checked = await self._upscales.check(body)
        files = await self._files.list_files(None, checked.upscaler)
        samples = await self._store.durations("upscale", checked.upscaler.model_name, True, MOST_SAMPLES)
        width, height = checked.size
        return Plan(
            type="upscale",
            width=width,
            height=height,
            seed=None,
            params=_without_images(checked.request),
            model=None,
            files=files,
            memory=estimate_memory(None, None, files, self._room()),
            time=estimate_time(checked.work, samples),
            warnings=checked.warnings,
        )


def _without_images(params: GenerationRequest | UpscaleRequest) -> dict[str, object]:
    images = {field for field in (*SINGLE_FIELDS, *LIST_FIELDS) if getattr(params, field, None)}
    return params.model_dump(mode="json", exclude_none=True, exclude=images)
