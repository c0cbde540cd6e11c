"""From requests for images to ours: pure translation, without files and without the server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from ...errors import BadRequest
from ...schemas.jobs import JobType
from ...schemas.options import Architecture
from .image_schemas import WITHOUT_EFFECT, EditBody, ImageBody
from .model_names import ChosenModel

# Architectures that were trained to edit reference images, and those of which only some models were: their
# names tell. A model that was not would take them for hints at most.
EDIT_MODELS = ("Flux.2", "Flux.2 klein")
SOMETIMES_EDIT_MODELS = ("Flux", "Qwen-Image", "LongCat-Image", "Boogu-Image")
EDITING_NAMES = ("kontext", "edit")
# Of our fields, what they are called there: errors name what the client sent.
THEIR_NAMES = {
    "batch_count": "n",
    "client_id": "user",
    "width": "size",
    "height": "size",
    "width and height": "size",
    "width x height": "size",
    "init_image_base64": "image",
    "ref_images": "image",
    "mask_image_base64": "mask",
    "video_frames": "seconds",
    "width x height x video_frames": "seconds",
}
THEIR_NAMES_FOR_VIDEOS = {"init_image_base64": "input_reference"}
# A side without an architecture that says otherwise.
_USUAL_SIDE = 512


class Translation(NamedTuple):
    """What becomes of a request: a job's type, its fields, and what is to be told."""

    job_type: JobType
    fields: dict[str, Any]
    warnings: list[str]


class GivenPictures(NamedTuple):
    """The pictures of an edit as base64, with the size of the first.

    `mask` and `holes` are white where the picture is to be repainted: by the mask that was sent, and by
    what is transparent in the first picture.
    """

    images: list[str]
    size: tuple[int, int]
    mask: str | None = None
    holes: str | None = None


def translate_generation(body: ImageBody, model: ChosenModel, warnings: list[str]) -> Translation:
    """To POST /txt2img."""
    return Translation("txt2img", _common_fields(body, model, warnings), warnings)


def translate_edit(
    body: EditBody, pictures: GivenPictures, model: ChosenModel, warnings: list[str]
) -> Translation:
    """To POST /img2img, or to reference images where the model edits those."""
    fields = _common_fields(body, model, warnings)
    given: dict[str, Any] = {}
    if "width" not in fields and "height" not in fields:
        given["width"], given["height"] = fit_size(pictures.size, model.architecture)
    mask = pictures.mask
    if takes_references(body, model):
        given["ref_images"] = pictures.images
        if mask is None:
            return Translation("txt2img", {**given, **fields}, warnings)
    else:
        mask = mask or pictures.holes
        warnings += _warn_of_idle_images(pictures, model)
    given["init_image_base64"] = pictures.images[0]
    if mask is not None:
        # What was there is to go: all of it becomes noise.
        given |= {"mask_image_base64": mask, "strength": 1.0}
    return Translation("img2img", {**given, **fields}, warnings)


def _warn_of_idle_images(pictures: GivenPictures, model: ChosenModel) -> list[str]:
    count = len(pictures.images)
    if count == 1:
        return []
    return [
        f"image: only the first of {count} was used: {model.name} is not known to edit several"
        " (as_references: true gives them to it as reference images)"
    ]


def takes_references(body: EditBody, model: ChosenModel) -> bool:
    """Whether pictures are given as reference images; a strength asks to start from the picture."""
    if body.as_references is not None:
        return body.as_references
    if model.architecture is None or "strength" in (body.model_extra or {}):
        return False
    if model.architecture.name in EDIT_MODELS:
        return True
    edits = any(word in model.name.lower() for word in EDITING_NAMES)
    return edits and model.architecture.name in SOMETIMES_EDIT_MODELS


def fit_size(size: tuple[int, int], architecture: Architecture | None) -> tuple[int, int]:
    """The shape of a picture in no more pixels than the architecture is made for, in its multiples."""
    defaults = architecture.preset.generationDefaults if architecture else None
    usual = (
        (defaults and defaults.width) or _USUAL_SIDE,
        (defaults and defaults.height) or _USUAL_SIDE,
    )
    if architecture and architecture.square_only:
        return usual
    multiple = architecture.size_multiple if architecture else 8
    scale = min(1.0, (usual[0] * usual[1] / (size[0] * size[1])) ** 0.5)
    width, height = (max(multiple, round(side * scale / multiple) * multiple) for side in size)
    return width, height


@contextmanager
def in_their_names(job_type: JobType, sent: Mapping[str, object]) -> Iterator[None]:
    """Inside the block, errors name the field that the client sent; `sent` has those under our own names."""
    names = THEIR_NAMES | THEIR_NAMES_FOR_VIDEOS if job_type == "txt2vid" else THEIR_NAMES
    try:
        yield
    except BadRequest as error:
        ours = error.field or str(error).partition(":")[0]
        theirs = names.get(ours)
        if theirs is None or ours in sent:
            raise
        text = str(error)
        text = theirs + text.removeprefix(ours) if text.startswith(ours) else text
        raise type(error)(text, theirs) from error


def parse_size(size: str) -> dict[str, int]:
    """Width and height, if they are not left to the server."""
    if size == "auto":
        return {}
    width, _, height = size.partition("x")
    return {"width": int(width), "height": int(height)}


def _common_fields(body: ImageBody, model: ChosenModel, warnings: list[str]) -> dict[str, Any]:
    """The fields of our request; what the client sent under our own names goes before the rest."""
    fields: dict[str, Any] = {
        "prompt": body.prompt,
        "model": model.wanted,
        "batch_count": body.n,
        "output_format": body.output_format,
        "client_id": body.safety_identifier or body.user or None,
        "use_architecture_defaults": True,
        **parse_size(body.size),
    }
    fields = {name: value for name, value in fields.items() if value is not None}
    extra = body.model_extra or {}
    warnings += _warn_of_idle_fields(body)
    for ours in sorted(fields.keys() & extra.keys() & THEIR_NAMES.keys()):
        if THEIR_NAMES[ours] in body.model_fields_set:
            warnings.append(f"{THEIR_NAMES[ours]} has no effect beside {ours}")
    return {**fields, **extra}


def _warn_of_idle_fields(body: ImageBody) -> list[str]:
    warnings = [
        f"{field} has no effect: {instead}"
        for field, instead in WITHOUT_EFFECT.items()
        if not _is_left_to_server(field, getattr(body, field))
    ]
    if body.user and body.safety_identifier and body.user != body.safety_identifier:
        warnings.append("user has no effect beside safety_identifier")
    if body.partial_images and not body.stream:
        warnings.append("partial_images has no effect without stream")
    if body.stream and body.response_format == "url":
        warnings.append("response_format 'url' has no effect with stream: events carry the images")
    return warnings


def _is_left_to_server(field: str, value: object) -> bool:
    # Where nothing is moderated, its default asks for too much as well.
    return value is None or (value == "auto" and field != "moderation")
