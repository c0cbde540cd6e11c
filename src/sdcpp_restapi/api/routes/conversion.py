"""Model conversion."""

from typing import Annotated

from fastapi import APIRouter, Body

from ...schemas.conversion import ConvertAccepted, ConvertRequest
from .. import examples
from ..app_state import State
from ..error_handlers import ERRORS

router = APIRouter(tags=["Models"], responses=ERRORS)


@router.post("/convert", status_code=202)
async def convert(
    body: Annotated[ConvertRequest, Body(openapi_examples=examples.CONVERT)], state: State
) -> ConvertAccepted:
    """Write a model as GGUF in another type. The job waits in the queue; its `result` names the model."""
    return await state.conversions.submit(body)
