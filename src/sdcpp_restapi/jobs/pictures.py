"""Pictures that clients send, decoded and brought to what the engine takes: 8 bits, without transparency.

What is done to a picture on the way is told in sentences, unless nobody could see it.
"""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from ..errors import BadRequest

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
# Fields whose pictures keep their transparency.
KEEP_ALPHA = ("image_base64",)

# What the engine counts as white in a mask.
_WHITE_FROM = 128
_OPAQUE = 255

# Texts and profiles of PNG files, which Pillow unpacks up to a limit and fails beyond: ComfyUI keeps its
# workflows there. The one text with this name holds EXIF, and with it how the camera was held.
_SKIPPED_CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_EXIF_TEXT = b"Raw profile type exif\0"
_PNG_START = b"\x89PNG\r\n\x1a\n"
# Four bytes of length before the name of a chunk, four of checksum behind its content.
_CHUNK_FRAME = 12

# The engine shrinks reference images to a megapixel and rounds their sides to multiples of 16.
_REFERENCE_PIXELS = 1024 * 1024
_SHORTEST_REFERENCE_SIDE = 8


class Picture(NamedTuple):
    """A picture of mode L, RGB or RGBA, and sentences on what was done to it."""

    image: Image.Image
    warnings: tuple[str, ...] = ()


def open_file(field: str, data: bytes, max_pixels: int) -> Image.Image:
    """A picture whose size is known and whose pixels are still to be decoded. Raises BadRequest naming the
    field."""
    with _refuse_unreadable(field):
        image = Image.open(io.BytesIO(_skip_texts(data)), formats=FORMATS)
        if image.width * image.height > max_pixels:
            raise BadRequest(
                f"{field}: {image.width}x{image.height} is too large;"
                f" at most {max_pixels} pixels (setting limits.max_image_pixels)"
            )
        return image


def decode(field: str, image: Image.Image) -> Image.Image:
    """The pixels of an opened picture, turned as its camera was held. Raises BadRequest naming the field."""
    with _refuse_unreadable(field):
        image.load()
        return _transpose(image)


@contextmanager
def _refuse_unreadable(field: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            # We have a bound of our own; Pillow's warning about large pictures would only repeat it.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", "Corrupt EXIF data")
            yield
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise BadRequest(f"{field}: not a readable image; allowed are {', '.join(FORMATS)}") from None


def prepare(field: str, image: Image.Image) -> Picture:
    """A decoded picture as it is stored for a field. Raises BadRequest for a shape that nothing can take."""
    if field == "ref_images":
        _check_reference(field, image.size)
    image = _reduce_depth(image)
    mode = "L" if field.startswith("mask") else "RGB"
    if not image.has_transparency_data:
        return Picture(_convert(image, mode))
    image = _convert(image, "RGBA")
    alpha = image.getchannel("A")
    if alpha.getextrema() == (_OPAQUE, _OPAQUE):
        return Picture(image.convert("RGB").convert(mode))
    if field in KEEP_ALPHA:
        return Picture(image)
    if mode == "L":
        return _read_mask(field, image, alpha)
    white = Image.new("RGBA", image.size, "white")
    return Picture(
        Image.alpha_composite(white, image).convert("RGB"),
        (f"{field}: its transparent parts were made white",),
    )


def _convert(image: Image.Image, mode: str) -> Image.Image:
    """Without a copy where it has this mode already."""
    return image if image.mode == mode else image.convert(mode)


def _transpose(image: Image.Image) -> Image.Image:
    try:
        ImageOps.exif_transpose(image, in_place=True)
        return image
    except (OSError, SyntaxError, ValueError, KeyError, TypeError, ArithmeticError, struct.error):
        return image  # what the camera noted is damaged, the picture is not


def _reduce_depth(image: Image.Image) -> Image.Image:
    """A picture with 16 bits for gray, which Pillow would clip, with 8; of colours it has kept 8 already."""
    transparent = image.info.get("transparency")
    if not image.mode.startswith("I"):
        if isinstance(transparent, tuple) and max(transparent) > _OPAQUE:
            image.info["transparency"] = tuple(level >> 8 for level in transparent)
        return image
    levels = image.convert("I")
    gray = levels.point([round(level / 257) for level in range(2**16)], "L")
    gray.info.pop("transparency", None)
    if not isinstance(transparent, int):
        return gray
    # One level of gray that stands for nothing.
    gray.putalpha(levels.point([_OPAQUE * (level != transparent) for level in range(2**16)], "L"))
    return gray


def _read_mask(field: str, image: Image.Image, alpha: Image.Image) -> Picture:
    """What is transparent is kept. Of what is not, the bright part is repainted, or all if none is bright."""
    gray = ImageChops.multiply(image.convert("RGB").convert("L"), alpha)
    if any(gray.histogram()[_WHITE_FROM:]):
        return Picture(gray, (f"{field}: its transparent parts count as black, which is kept",))
    return Picture(alpha, (f"{field}: nothing in it is bright, so what is not transparent counts as white",))


def _check_reference(field: str, size: tuple[int, int]) -> None:
    width, height = size
    scale = min(1.0, (_REFERENCE_PIXELS / (width * height)) ** 0.5)
    if min(size) * scale < _SHORTEST_REFERENCE_SIDE:
        raise BadRequest(
            f"{field}: {width}x{height} is too narrow; shrunk to a megapixel, both sides must have"
            f" {_SHORTEST_REFERENCE_SIDE} pixels"
        )


def _skip_texts(data: bytes) -> bytes:
    """A PNG file without its texts and profiles; other files, and what is no whole chunk, as they are."""
    if not data.startswith(_PNG_START):
        return data
    return b"".join([_PNG_START, *_list_kept(memoryview(data))])


def _list_kept(data: memoryview) -> Iterator[memoryview]:
    at = len(_PNG_START)
    while at + _CHUNK_FRAME <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + _CHUNK_FRAME + length
        content = data[at + 8 : end - 4]
        if data[at + 4 : at + 8] not in _SKIPPED_CHUNKS or content[: len(_EXIF_TEXT)] == _EXIF_TEXT:
            yield data[at:end]
        at = end
    yield data[at:]
