"""Submitting generation jobs."""

from typing import Annotated

from fastapi import APIRouter, Body

from ...schemas.generation import Accepted, Img2ImgRequest, Txt2ImgRequest
from ...schemas.video import Txt2VidRequest
from .. import examples
from ..app_state import State
from ..error_handlers import ERRORS

router = APIRouter(tags=["Generation"], responses=ERRORS)


@router.post("/txt2img", status_code=202)
async def txt2img(
    body: Annotated[Txt2ImgRequest, Body(openapi_examples=examples.TXT2IMG)], state: State
) -> Accepted:
    """Make images from a text prompt. The job waits in the queue; follow it at /queue/{job_id}."""
    return await state.generations.submit("txt2img", body)


@router.post("/img2img", status_code=202)
async def img2img(
    body: Annotated[Img2ImgRequest, Body(openapi_examples=examples.IMG2IMG)], state: State
) -> Accepted:
    """Make images from an image and a text prompt; with a mask, repaint only its white part."""
    return await state.generations.submit("img2img", body)


@router.post("/txt2vid", status_code=202)
async def txt2vid(
    body: Annotated[Txt2VidRequest, Body(openapi_examples=examples.TXT2VID)], state: State
) -> Accepted:
    """Make a video, video.mp4, from a text prompt, and from images where the model takes them."""
    return await state.generations.submit("txt2vid", body)
