"""Images into and out of the engine's memory: input files, previews, results."""

import base64
import ctypes
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ...errors import JobFailed
from .structs import sd_image_t

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class InputImage:
    """An image as the engine takes it; `pixels` keeps alive what `struct.data` points at."""

    struct: sd_image_t
    pixels: ctypes.Array[ctypes.c_uint8]


@dataclass(frozen=True)
class Jpeg:
    """An encoded preview and its size in pixels."""

    width: int
    height: int
    base64: str


def load_input(path: str, channels: int, size: tuple[int, int] | None) -> InputImage:
    """Read a stored input as 1 or 3 channels, stretched to (width, height) if a size is given.

    Raises JobFailed when the file is gone or not an image.
    """
    return to_struct(open_image(path, _MODES[channels], size))


def open_image(path: str, mode: str, size: tuple[int, int] | None = None) -> Image.Image:
    """Read a stored image in a mode of Pillow, stretched to (width, height) if a size is given.

    Raises JobFailed when the file is gone or not an image.
    """
    try:
        with Image.open(path) as file:
            image = file.convert(mode)
    except (OSError, SyntaxError, ValueError) as error:
        raise JobFailed(f"The input image {Path(path).name} cannot be read: {error}") from error
    return image if size in (None, image.size) else image.resize(size, Image.Resampling.LANCZOS)


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """An RGBA image as RGB, and its alpha; None if it is opaque."""
    alpha = image.getchannel("A")
    opaque = alpha.getextrema() == (255, 255)
    return image.convert("RGB"), None if opaque else alpha


def to_struct(image: Image.Image) -> InputImage:
    """An image of mode L, RGB or RGBA as the engine takes it."""
    data = image.tobytes()
    pixels = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
    pointer = ctypes.cast(pixels, ctypes.POINTER(ctypes.c_uint8))
    channels = len(image.getbands())
    return InputImage(sd_image_t(image.width, image.height, channels, pointer), pixels)


def copy_image(struct: sd_image_t) -> Image.Image | None:
    """An image of the engine's, copied out of its memory; None when it holds no pixels."""
    if not struct.data or struct.channel not in _MODES:
        return None
    data = ctypes.string_at(struct.data, struct.width * struct.height * struct.channel)
    return Image.frombytes(_MODES[struct.channel], (struct.width, struct.height), data)


def encode_preview(image: Image.Image, max_size: int, quality: int) -> Jpeg:
    """Shrink to at most max_size pixels a side and encode; small images are not enlarged."""
    if max(image.size) > max_size:
        image.thumbnail((max_size, max_size), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return Jpeg(image.width, image.height, base64.b64encode(buffer.getvalue()).decode())
