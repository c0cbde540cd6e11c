"""Model conversion."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Response

from ...schemas.conversion import ConvertAccepted, ConvertRequest
from ...schemas.jobs import JobView
from .. import examples
from ..app_state import State
from ..error_handlers import ERRORS
from ..submitting import ENDED, OnceAndWait

router = APIRouter(tags=["Models"], responses=ERRORS)


@router.post("/convert", status_code=202, response_model=ConvertAccepted | JobView, responses=ENDED)
async def convert(
    body: Annotated[ConvertRequest, Body(openapi_examples=examples.CONVERT)], state: State, jobs: OnceAndWait
) -> Response:
    """Write a model as GGUF in another type. The job waits in the queue; its `result` names the model."""
    return await jobs.submit(partial(state.conversions.submit, body))
