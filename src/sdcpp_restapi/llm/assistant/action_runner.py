"""Carrying out the assistant's safe actions: the same calls as the routes make."""

import asyncio
import base64
from typing import Any

from ...api.app_state import AppState
from ...errors import BadRequest
from ...jobs.queue.listing import Filters
from ...schemas import action_parameters as ask
from ...schemas.actions import Action
from ...schemas.generation import Accepted
from ...schemas.upscaling import UpscaleRequest

# Jobs in the answer of a search.
FOUND = 10


async def run_action(state: AppState, action: Action) -> dict[str, Any]:
    """Do it; what came of it. Raises SdcppError."""
    match action.typed():
        case ask.Generate() as wish:
            return _accepted(await state.generations.submit(wish.type, wish.request()))
        case ask.LoadModel() as wish:
            loaded = await state.model.load(wish.request())
            return {"model_name": loaded.model_name, "architecture": loaded.model_architecture}
        case ask.LoadUpscaler() as wish:
            ready = await state.upscaler.load(wish.request())
            return {"model_name": ready.model_name, "upscale_factor": ready.upscale_factor}
        case ask.Upscale() as wish:
            return _accepted(await _upscale(state, wish))
        case ask.RefreshModels():
            await state.catalog.refresh()
            return {}
        case ask.CancelJob(job_id=job_id):
            await state.queue.cancel(job_id)
            state.runners.stop(job_id)
            return {"status": "cancelled"}
        case ask.GetJob(job_id=job_id):
            return (await state.queue.get(job_id)).model_dump(mode="json", exclude={"progress"})
        case ask.SearchJobs() as wish:
            return await _search(state, wish)
    raise BadRequest(f"{action.type} is not carried out by the server")


def _accepted(accepted: Accepted) -> dict[str, Any]:
    return accepted.model_dump(mode="json")


async def _upscale(state: AppState, wish: ask.Upscale) -> Accepted:
    job = await state.queue.get(wish.job_id)
    if wish.image >= len(job.outputs):
        raise BadRequest(f"image: {wish.image} is not allowed: the job has {len(job.outputs)} files")
    path = state.outputs.resolve(job.outputs[wish.image])
    picture = base64.b64encode(await asyncio.to_thread(path.read_bytes)).decode()
    request = UpscaleRequest(image_base64=picture, upscale_factor=wish.upscale_factor)
    return await state.upscales.submit(request)


async def _search(state: AppState, wish: ask.SearchJobs) -> dict[str, Any]:
    filters = Filters(search=wish.search, status=wish.status, type=wish.type, limit=FOUND)
    page = await state.queue.page(filters)
    jobs = [
        {"job_id": job.job_id, "status": job.status, "prompt": job.params.get("prompt")} for job in page.items
    ]
    return {"found": page.matching_count if filters.narrow else page.total_count, "jobs": jobs}
