"""Asking what would become of a request."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from ...schemas.generation import Img2ImgRequest, Txt2ImgRequest
from ...schemas.plan import Plan, PlanType
from ...schemas.upscaling import UpscaleRequest
from ...schemas.video import Txt2VidRequest
from ..app_state import State
from ..error_handlers import ERRORS, validate

router = APIRouter(tags=["Generation"], responses=ERRORS)

_SHAPES: dict[PlanType, type[Txt2ImgRequest | Img2ImgRequest | Txt2VidRequest | UpscaleRequest]] = {
    "txt2img": Txt2ImgRequest,
    "img2img": Img2ImgRequest,
    "txt2vid": Txt2VidRequest,
    "upscale": UpscaleRequest,
}
_BODY = {"anyOf": [{"$ref": f"#/components/schemas/{shape.__name__}"} for shape in _SHAPES.values()]}


@router.post("/plan", openapi_extra={"requestBody": {"content": {"application/json": {"schema": _BODY}}}})
async def plan(
    body: Annotated[Any, Body()],
    state: State,
    type: Annotated[PlanType, Query(description="The endpoint that the body is for")] = "txt2img",
) -> Plan:
    """What would run: size, seed, parameters, files, warnings, memory and time. Nothing is stored or loaded.

    What would be refused is refused with the same words.
    """
    return await state.planner.plan(type, validate(_SHAPES[type], body))
