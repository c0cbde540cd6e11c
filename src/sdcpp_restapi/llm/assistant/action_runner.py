"""Carrying out the assistant's safe actions: the same calls as the routes make."""

import asyncio
import base64
from typing import Any

from ...errors import BadRequest
from ...jobs.queue.listing import JobFilters
from ...jobs.queue.queue import Queue
from ...jobs.queue.runner import Runners
from ...jobs.submit.generation import GenerationSubmission
from ...jobs.submit.upscale import UpscaleSubmission
from ...models.catalog import Catalog
from ...outputs.folder import OutputFolder
from ...schemas import action_parameters as ask
from ...schemas.actions import Action
from ...schemas.generation import Accepted
from ...schemas.upscaling import UpscaleRequest
from ...slots.current_model import CurrentModel
from ...slots.current_upscaler import CurrentUpscaler

# Jobs in the answer of a search.
MAX_FOUND = 10
# Fields of a job that tell a language model nothing that others do not, and cost it tokens.
LEFT_OUT = {"progress", "timings", "model_settings"}


class ActionRunner:
    """Runs the actions of schemas.actions.SAFE."""

    def __init__(
        self,
        *,
        generation: GenerationSubmission,
        upscaling: UpscaleSubmission,
        model: CurrentModel,
        upscaler: CurrentUpscaler,
        catalog: Catalog,
        queue: Queue,
        runners: Runners,
        outputs: OutputFolder,
    ) -> None:
        self._generation = generation
        self._upscaling = upscaling
        self._model = model
        self._upscaler = upscaler
        self._catalog = catalog
        self._queue = queue
        self._runners = runners
        self._outputs = outputs

    async def run(self, action: Action) -> dict[str, Any]:
        """Carry an action out; its result as JSON data for the model and the user. Raises SdcppError."""
        match action.typed():
            case ask.Generate() as parameters:
                return _to_json(await self._generation.submit(parameters.type, parameters.request()))
            case ask.LoadModel() as parameters:
                loaded = await self._model.load(parameters.request())
                return {"model_name": loaded.model_name, "architecture": loaded.model_architecture}
            case ask.LoadUpscaler() as parameters:
                ready = await self._upscaler.load(parameters.request())
                return {"model_name": ready.model_name, "upscale_factor": ready.upscale_factor}
            case ask.Upscale() as parameters:
                return _to_json(await self._upscale(parameters))
            case ask.RefreshModels():
                await self._catalog.refresh()
                return {}
            case ask.CancelJob(job_id=job_id):
                await self._queue.cancel(job_id)
                self._runners.stop(job_id)
                return {"status": "cancelled"}
            case ask.GetJob(job_id=job_id):
                return (await self._queue.get(job_id)).model_dump(mode="json", exclude=LEFT_OUT)
            case ask.SearchJobs() as parameters:
                return await self._search(parameters)
        raise BadRequest(f"{action.type} is not carried out by the server")

    async def _upscale(self, parameters: ask.Upscale) -> Accepted:
        job = await self._queue.get(parameters.job_id)
        if parameters.image >= len(job.outputs):
            raise BadRequest(
                f"image: {parameters.image} is not allowed: the job has {len(job.outputs)} files"
            )
        path = self._outputs.resolve(job.outputs[parameters.image])
        image = base64.b64encode(await asyncio.to_thread(path.read_bytes)).decode()
        request = UpscaleRequest(image_base64=image, upscale_factor=parameters.upscale_factor)
        return await self._upscaling.submit(request)

    async def _search(self, parameters: ask.SearchJobs) -> dict[str, Any]:
        filters = JobFilters(
            search=parameters.search, status=parameters.status, type=parameters.type, limit=MAX_FOUND
        )
        page = await self._queue.page(filters)
        jobs = [
            {"job_id": job.job_id, "status": job.status, "prompt": job.params.get("prompt")}
            for job in page.items
        ]
        return {"found": page.matching_count if filters.narrow else page.total_count, "jobs": jobs}


def _to_json(accepted: Accepted) -> dict[str, Any]:
    return accepted.model_dump(mode="json")
