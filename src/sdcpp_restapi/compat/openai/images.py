"""Routes of images: from a text, from images, variations."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse

from ...api.app_state import AppState, State
from ...api.error_handlers import validate
from ...errors import BadRequest
from .form_body import read_body, take_field
from .image_answers import make_answer, read_images
from .image_schemas import EditBody, ImageBody, ImagesAnswer
from .image_stream import PartialImages, stream_images
from .image_translation import Translation, translate_edit, translate_generation
from .jobs import check_completed, submit
from .model_names import ChosenModel, choose_model
from .pictures import read_pictures

router = APIRouter(prefix="/images", tags=["Images"])

# Of these names clients expect links unless they say otherwise.
_ANSWERED_WITH_LINKS = ("dall-e-2", "dall-e-3")
_PICTURE_FIELDS = ("image", "image[]", "images", "mask", "markup")


@router.post("/generations", response_model=ImagesAnswer)
async def generations(body: ImageBody, request: Request, state: State) -> Response:
    """Images of a text."""
    warnings: list[str] = []
    model = await choose_model(state, body.model, warnings)
    return await _draw(request, state, body, model, translate_generation(body, model, warnings))


@router.post("/edits", response_model=ImagesAnswer)
async def edits(request: Request, state: State) -> Response:
    """Images of images: a form with files, or JSON with data: addresses in `images`."""
    return await _edit(request, state, await _read(request, state))


@router.post("/variations", response_model=ImagesAnswer)
async def variations(request: Request, state: State) -> Response:
    """Images like an image: an edit without a prompt."""
    fields = await _read(request, state)
    if isinstance(fields, Mapping):
        links = {} if fields.get("model") else {"response_format": "url"}
        fields = {"prompt": "", "as_references": False, **links, **fields}
    return await _edit(request, state, fields, has_holes=False)


async def _read(request: Request, state: AppState) -> object:
    return await read_body(request, state.settings.server.max_body_mb * 2**20)


async def _edit(request: Request, state: AppState, fields: object, has_holes: bool = True) -> Response:
    """`has_holes`: whether an image that is transparent in parts is its own mask."""
    if take_field(fields, "markup") is not None:
        raise BadRequest("markup: it is not supported; draw into the image, or send a mask", "markup")
    images, mask = take_field(fields, "image", "images"), take_field(fields, "mask")
    if isinstance(fields, Mapping):
        fields = {name: value for name, value in fields.items() if name not in _PICTURE_FIELDS}
    body = validate(EditBody, fields)
    warnings: list[str] = []
    model = await choose_model(state, body.model, warnings)
    pictures = await read_pictures(state.inputs, images, mask)
    if not has_holes:
        pictures = pictures._replace(holes=None)
    translated = translate_edit(body, pictures, model, warnings)
    return await _draw(request, state, body, model, translated, kind="image_edit")


async def _draw(
    request: Request,
    state: AppState,
    body: ImageBody,
    model: ChosenModel,
    translated: Translation,
    kind: str = "image_generation",
) -> Response:
    if body.stream and body.partial_images and not state.preview.current.enabled:
        translated.warnings.append("partial_images has no effect: previews are switched off")
    submitted = await submit(state, request, translated, body.model_extra)
    job_id, headers = submitted.job_id, {**submitted.headers, **model.headers}
    if body.stream:
        steps = (await state.queue.get(job_id)).progress.total_steps
        partials = PartialImages(body.partial_images, max(steps, 1))
        return EventSourceResponse(stream_images(state, job_id, partials, kind), headers=headers)
    job = check_completed(await state.watch.wait_for_end(job_id))
    images = await read_images(state.outputs, job)
    link_base = request if _wants_links(body) else None
    answer = make_answer(job, images, body.prompt, link_base)
    return JSONResponse(_dump(answer), headers=headers)


def _wants_links(body: ImageBody) -> bool:
    return (
        body.response_format == "url"
        if body.response_format is not None
        else body.model in _ANSWERED_WITH_LINKS
    )


def _dump(answer: ImagesAnswer) -> dict[str, Any]:
    return answer.model_dump(mode="json")
