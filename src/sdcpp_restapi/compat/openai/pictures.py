"""Pictures that come with a request: files of a form, or data: addresses in JSON."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from PIL import Image, ImageOps

from ...errors import BadRequest
from ...jobs.input_images import InputStore
from .image_translation import GivenPictures

# As many as there may be reference images; OpenAI takes no more either.
MOST_IMAGES = 16
_OPAQUE = 255


class PictureLook(NamedTuple):
    """What a picture tells of itself; `holes` is a mask, white where it is transparent, None if nowhere."""

    size: tuple[int, int]
    holes: str | None


def look(image: Image.Image) -> PictureLook:
    """Its size in pixels, and where it is transparent."""
    return PictureLook(image.size, _find_holes(image))


def read_picture(field: str, value: object) -> str:
    """A picture as base64: a file of a form, a data: address, or an object that has one as `image_url`.

    Raises BadRequest for other addresses, since the server fetches nothing for others.
    """
    if isinstance(value, Mapping):
        if value.get("file_id") is not None:
            raise BadRequest(f"{field}: file_id is not allowed; no files are kept, send the image", field)
        value = value.get("image_url")
    if isinstance(value, Mapping):
        value = value.get("url")
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{field}: an image is needed, as a file of a form or as a data: address", field)
    if value.startswith(("http:", "https:")):
        raise BadRequest(f"{field}: {value[:60]!r} is not allowed; only data: addresses are", field)
    return value


async def read_pictures(inputs: InputStore, images: object, mask: object) -> GivenPictures:
    """The pictures of an edit. Raises BadRequest, PicturesBusy.

    A mask is OpenAI's: transparent where the picture is to be repainted.
    """
    listed: Sequence[object] = images if isinstance(images, list) else [images]
    if not listed or images is None:
        raise BadRequest("image is required", "image")
    if len(listed) > MOST_IMAGES:
        raise BadRequest(f"image: {len(listed)} are not allowed; at most {MOST_IMAGES}", "image")
    texts = [read_picture("image", one) for one in listed]
    first = await inputs.look_at("image", texts[0], look)
    if mask is None:
        return GivenPictures(texts, first.size, holes=first.holes)
    seen = await inputs.look_at("mask", read_picture("mask", mask), look)
    if seen.size != first.size:
        sizes = [f"{width}x{height}" for width, height in (seen.size, first.size)]
        raise BadRequest(f"mask: {sizes[0]} is not allowed; the image has {sizes[1]}", "mask")
    if seen.holes is None:
        raise BadRequest("mask: nothing of it is transparent, so nothing is to be repainted", "mask")
    return GivenPictures(texts, first.size, seen.holes, first.holes)


def _find_holes(image: Image.Image) -> str | None:
    if not image.has_transparency_data:
        return None
    alpha = image.convert("RGBA").getchannel("A")
    if alpha.getextrema() == (_OPAQUE, _OPAQUE):
        return None
    file = io.BytesIO()
    ImageOps.invert(alpha).save(file, "PNG", compress_level=1)
    return base64.b64encode(file.getvalue()).decode()
