"""Requests for images and their answers, as OpenAI's API spells them.

Fields, defaults and meanings: OpenAI's API reference of images, and the types of its client library (3.57).
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ...schemas.base import Frozen, Integer, LeftOut, Request
from ...schemas.engine_names import OutputFormat

_SIZE = re.compile(r"[1-9]\d{0,5}x[1-9]\d{0,5}")
# Fields that are taken and do nothing, and what does instead.
WITHOUT_EFFECT = {
    "quality": "send steps",
    "style": "describe it in the prompt",
    "moderation": "nothing is moderated",
    "output_compression": "JPEG and WebP files have a fixed quality",
    "complexity": "nothing is planned",
    "input_fidelity": "send strength",
    "frame_count": "images have one frame",
    "frame_duration_ms": "images have one frame",
    "svg": "images are made of pixels",
}


def _check_size(text: str) -> str:
    if text == "auto" or _SIZE.fullmatch(text):
        return text
    raise ValueError("'auto' or WIDTHxHEIGHT in pixels is needed, such as '1024x1024'")


def _refuse_transparent(value: object) -> object:
    if value == "transparent":
        raise ValueError("no model draws transparency; allowed are 'opaque' and 'auto'")
    return value


Size = Annotated[str, AfterValidator(_check_size)]
Background = Annotated[Literal["opaque", "auto"], BeforeValidator(_refuse_transparent)]


class ImageBody(Request):
    """What requests for images have in common; other fields are those of POST /txt2img or /img2img."""

    prompt: str | None = None
    model: str | dict[str, Any] | None = Field(
        None, description="A name of GET /v1/models, or a body of POST /models/load"
    )
    n: Integer = Field(1, ge=1, description="Number of images")
    size: Size = Field("auto", description="WIDTHxHEIGHT; auto = what suits the model, or the given image")
    response_format: Literal["url", "b64_json"] | None = Field(
        None, description="b64_json, but url for dall-e-2 and dall-e-3"
    )
    output_format: OutputFormat = "png"
    background: Background = "auto"
    user: str | None = Field(None, max_length=200, description="Becomes the client_id of the job")
    safety_identifier: str | None = Field(None, max_length=200, description="Before `user`")
    stream: bool = False
    partial_images: Integer = Field(0, ge=0, le=3, description="Previews of each image, with `stream`")
    quality: Any = None
    style: Any = None
    moderation: Any = None
    output_compression: Any = None
    complexity: Any = None
    input_fidelity: Any = None
    frame_count: Any = None
    frame_duration_ms: Any = None
    svg: Any = None


class EditBody(ImageBody):
    """POST /v1/images/edits and /v1/images/variations; the pictures are taken out of it before."""

    as_references: bool | None = Field(
        None,
        description="true: the images are reference images of an edit model; false: the first one is where"
        " the picture starts from. Not given: by the model",
    )


class ImageData(Frozen):
    """One image: its address or its content."""

    url: str | None = LeftOut
    b64_json: str | None = LeftOut
    revised_prompt: str | None = LeftOut  # where it is another one than was sent


class InputTokens(Frozen):
    """Nothing counts tokens here."""

    image_tokens: int = 0
    text_tokens: int = 0


class ImageUsage(Frozen):
    """Nothing counts tokens here: all are 0."""

    input_tokens: int = 0
    input_tokens_details: InputTokens = InputTokens()
    output_tokens: int = 0
    output_tokens_details: InputTokens = InputTokens()
    total_tokens: int = 0


class ImagesAnswer(Frozen):
    """The images of a request."""

    created: int = Field(description="Unix seconds")
    background: Literal["opaque"] = "opaque"
    data: list[ImageData]
    output_format: str
    size: str = Field(description="Of the first image")
    usage: ImageUsage = ImageUsage()
    warnings: list[str] | None = LeftOut


class PartialImage(Frozen):
    """An event of a stream: what an image looks like before it is finished."""

    type: str
    b64_json: str
    background: Literal["opaque"] = "opaque"
    created_at: int
    output_format: Literal["jpeg"] = "jpeg"
    partial_image_index: int
    quality: Literal["auto"] = "auto"
    size: str


class CompletedImage(Frozen):
    """An event of a stream: a finished image."""

    type: str
    b64_json: str
    background: Literal["opaque"] = "opaque"
    created_at: int
    output_format: str
    quality: Literal["auto"] = "auto"
    size: str
    usage: ImageUsage = ImageUsage()
    warnings: list[str] | None = LeftOut
