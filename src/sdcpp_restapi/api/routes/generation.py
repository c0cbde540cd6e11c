"""Submitting generation jobs."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Response

from ...schemas.generation import Accepted, Img2ImgRequest, Txt2ImgRequest
from ...schemas.jobs import JobView
from ...schemas.video import Txt2VidRequest
from .. import examples
from ..app_state import State
from ..error_handlers import ERRORS
from ..submitting import ENDED, OnceAndWait

router = APIRouter(tags=["Generation"], responses=ERRORS)


@router.post("/txt2img", status_code=202, response_model=Accepted | JobView, responses=ENDED)
async def txt2img(
    body: Annotated[Txt2ImgRequest, Body(openapi_examples=examples.TXT2IMG)], state: State, jobs: OnceAndWait
) -> Response:
    """Make images from a text prompt. The job waits in the queue; follow it at /queue/{job_id}."""
    return await jobs.submit(partial(state.generations.submit, "txt2img", body))


@router.post("/img2img", status_code=202, response_model=Accepted | JobView, responses=ENDED)
async def img2img(
    body: Annotated[Img2ImgRequest, Body(openapi_examples=examples.IMG2IMG)], state: State, jobs: OnceAndWait
) -> Response:
    """Make images from an image and a text prompt; with a mask, repaint only its white part."""
    return await jobs.submit(partial(state.generations.submit, "img2img", body))


@router.post("/txt2vid", status_code=202, response_model=Accepted | JobView, responses=ENDED)
async def txt2vid(
    body: Annotated[Txt2VidRequest, Body(openapi_examples=examples.TXT2VID)], state: State, jobs: OnceAndWait
) -> Response:
    """Make a video, video.mp4, from a text prompt, and from images where the model takes them."""
    return await jobs.submit(partial(state.generations.submit, "txt2vid", body))
