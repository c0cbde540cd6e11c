"""The upscaler, and pictures put through it."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Response

from ...schemas.generation import Accepted
from ...schemas.jobs import JobView
from ...schemas.models import Done
from ...schemas.upscaling import UpscaleRequest, UpscalerLoadResponse, UpscalerRequest
from .. import examples
from ..app_state import State
from ..error_handlers import ERRORS
from ..submitting import ENDED, OnceAndWait

router = APIRouter(tags=["Upscaling"], responses=ERRORS)


@router.post("/upscaler/load")
async def load(
    body: Annotated[UpscalerRequest, Body(openapi_examples=examples.LOAD_UPSCALER)], state: State
) -> UpscalerLoadResponse:
    """Load an ESRGAN upscaler beside the main model; waits for the running job."""
    loaded = await state.upscaler.load(body.known())
    return UpscalerLoadResponse(
        model_name=loaded.model_name,
        upscale_factor=loaded.upscale_factor,
        warnings=[f"unknown field {name!r} was ignored" for name in body.unknown_fields()] or None,
    )


@router.post("/upscaler/unload")
async def unload(state: State) -> Done:
    """Free the upscaler; waits for the running job. Nothing loaded is fine too."""
    await state.upscaler.unload()
    return Done(message="Upscaler unloaded")


@router.post("/upscale", status_code=202, response_model=Accepted | JobView, responses=ENDED)
async def upscale(
    body: Annotated[UpscaleRequest, Body(openapi_examples=examples.UPSCALE)], state: State, jobs: OnceAndWait
) -> Response:
    """Enlarge a picture with the loaded upscaler. The job waits in the queue."""
    return await jobs.submit(partial(state.upscales.submit, body))
