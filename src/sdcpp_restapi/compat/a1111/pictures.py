"""Pictures of requests and answers: base64, and the web UI's ways to bring one to another size."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import ExifTags, Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from ...api.app_state import AppState
from ...errors import BadRequest, JobNotFound
from ...jobs.input_images import decode_base64
from ...jobs.pictures import decode, open_file, prepare
from ...schemas.jobs import JobView

JUST_RESIZE, CROP_AND_RESIZE, RESIZE_AND_FILL = 0, 1, 2
_QUALITY = {"JPEG": 95, "WEBP": 90}
# A JPEG keeps its EXIF in one segment of 64 KiB.
_LONGEST_COMMENT = 65_000


@contextmanager
def opened(state: AppState, field: str, text: str, kind: str = "image") -> Iterator[Image.Image]:
    """A picture of a request, without transparency; a mask has one channel. For threads of `state.decoding`.

    Raises BadRequest naming the field, PicturesBusy.
    """
    if text.startswith(("http://", "https://")):
        raise BadRequest(f"{field}: addresses are not fetched; send the picture as base64", field)
    with (
        open_file(field, decode_base64(field, text), state.settings.limits.max_image_pixels) as file,
        state.decoding.hold(file.width * file.height),
    ):
        image = decode(field, file)
        yield read_mask(image) if kind == "mask" else prepare(field, image).image


def read_mask(image: Image.Image) -> Image.Image:
    """A mask as the web UI reads it: the transparency, if there is any, is the mask; else what is bright."""
    if image.has_transparency_data:
        alpha = image.convert("RGBA").getchannel("A")
        if alpha.getextrema() != (255, 255):
            return alpha.point([255 * (level > 128) for level in range(256)])
    return prepare("mask", image).image


def encode(image: Image.Image, file_format: str = "PNG", parameters: str = "") -> bytes:
    """A file of a picture, with the text of its parameters where other tools look for it."""
    options: dict[str, Any] = {"quality": _QUALITY.get(file_format)} if file_format in _QUALITY else {}
    if parameters:
        options |= _write_text(file_format, parameters)
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def _write_text(file_format: str, parameters: str) -> dict[str, Any]:
    if file_format == "PNG":
        info = PngInfo()
        info.add_itxt("parameters", parameters)
        return {"pnginfo": info}
    comment = b"UNICODE\0" + parameters.encode("utf-16-be", "replace")
    if len(comment) > _LONGEST_COMMENT:
        return {}
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    return {"exif": exif.tobytes()}


def as_base64(data: bytes) -> str:
    """A file as answers carry it."""
    return base64.b64encode(data).decode()


def resize(image: Image.Image, size: tuple[int, int], mode: int = JUST_RESIZE) -> Image.Image:
    """A picture of this size: stretched, cropped around its middle, or its edges drawn out to fill it."""
    if image.size == size:
        return image
    if mode == CROP_AND_RESIZE:
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    if mode == RESIZE_AND_FILL:
        return _fill_up(ImageOps.contain(image, size, Image.Resampling.LANCZOS), size)
    return image.resize(size, Image.Resampling.LANCZOS)


def _fill_up(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture in the middle, its outermost rows or columns repeated up to the edges."""
    left, top = (size[0] - image.width) // 2, (size[1] - image.height) // 2
    right, bottom = size[0] - image.width - left, size[1] - image.height - top
    whole = Image.new(image.mode, size)
    whole.paste(image, (left, top))
    width, height = image.size
    for edge, box in (
        ((0, 0, 1, height), (0, top, left, height)),
        ((width - 1, 0, width, height), (left + width, top, right, height)),
        ((0, 0, width, 1), (left, 0, width, top)),
        ((0, height - 1, width, height), (left, top + height, width, bottom)),
    ):
        if box[2] and box[3]:
            whole.paste(image.crop(edge).resize(box[2:]), box[:2])
    return whole


def read_outputs(state: AppState, job: JobView) -> list[bytes]:
    """The files of a job that has ended. Raises JobNotFound when somebody deleted them."""
    try:
        return [(state.settings.paths.output_dir / output).read_bytes() for output in job.outputs]
    except OSError as error:
        raise JobNotFound("The pictures of the job were deleted") from error


def read_made(data: bytes) -> Image.Image:
    """A picture that the engine made."""
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")
