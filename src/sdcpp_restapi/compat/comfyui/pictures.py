"""Uploaded pictures as a request of ours takes them."""

import base64
import io
import math
from dataclasses import dataclass

from PIL import Image, ImageFilter

from ...decoding import Decoding
from ...errors import BadRequest
from ...jobs.pictures import decode, open_file
from .graph_request import InputMask, InputPicture, Scale
from .uploads import Uploads

_METHODS = {
    "nearest-exact": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_BANDS = {"red": "R", "green": "G", "blue": "B"}
# From here on a mask counts as white, as the engine reads it.
_WHITE_FROM = 128


@dataclass(frozen=True)
class Prepared:
    """A picture as base64 and its size in pixels."""

    text: str
    size: tuple[int, int]
    is_black: bool
    """Whether nothing of it is bright enough for a mask."""


class Pictures:
    """Reads uploaded pictures and masks."""

    def __init__(self, uploads: Uploads, decoding: Decoding, max_pixels: int) -> None:
        """`max_pixels`: of one picture, before and after it was scaled."""
        self._uploads = uploads
        self._decoding = decoding
        self._max_pixels = max_pixels

    async def read(self, picture: InputPicture) -> Prepared:
        """Without its transparency, scaled. Raises BadRequest, NotFound, PicturesBusy."""
        return await self._decoding.run(self._read, picture)

    async def read_mask(self, mask: InputMask) -> Prepared:
        """White where it is to be repainted. Raises BadRequest, NotFound, PicturesBusy."""
        return await self._decoding.run(self._read_mask, mask)

    def _read(self, picture: InputPicture) -> Prepared:
        with self._open(picture.name) as opened:
            largest = max([opened.size, *self._list_sizes(opened.size, picture.scales)], key=math.prod)
            with self._decoding.hold(math.prod(opened.size) + math.prod(largest)):
                image = decode("image", opened).convert("RGB")
                for scale in picture.scales:
                    image = scale_image(image, scale)
                return _encode(image)

    def _read_mask(self, mask: InputMask) -> Prepared:
        with self._open(mask.name) as opened, self._decoding.hold(2 * math.prod(opened.size)):
            return _encode(grow_mask(extract_mask(decode("image", opened), mask.channel), mask.grow_by))

    def _open(self, name: str) -> Image.Image:
        return open_file("image", self._uploads.find(name).read_bytes(), self._max_pixels)

    def _list_sizes(self, size: tuple[int, int], scales: tuple[Scale, ...]) -> list[tuple[int, int]]:
        sizes = []
        for scale in scales:
            size = complete_size(size, scale)
            if math.prod(size) > self._max_pixels:
                raise BadRequest(
                    f"ImageScale: {size[0]}x{size[1]} is too large; at most {self._max_pixels} pixels"
                    " (setting limits.max_image_pixels)"
                )
            sizes.append(size)
        return sizes


def complete_size(size: tuple[int, int], scale: Scale) -> tuple[int, int]:
    """The size that a scale gives a picture; a side of 0 keeps its shape."""
    width, height = size
    wide = scale.width or max(1, round(width * scale.height / height))
    return wide, scale.height or max(1, round(height * scale.width / width))


def scale_image(image: Image.Image, scale: Scale) -> Image.Image:
    """Cropped around its middle to the new shape if that is wanted, then stretched to the new size."""
    size = complete_size(image.size, scale)
    box: tuple[float, float, float, float] | None = None
    if scale.cropped:
        width, height = image.size
        shape = size[0] / size[1]
        wide, high = min(float(width), height * shape), min(float(height), width / shape)
        left, top = (width - wide) / 2, (height - high) / 2
        box = (left, top, left + wide, top + high)
    return image.resize(size, _METHODS[scale.method], box)


def extract_mask(image: Image.Image, channel: str) -> Image.Image:
    """White where the picture is transparent, or where a colour of it is bright."""
    if channel != "alpha":
        return image.convert("RGB").getchannel(_BANDS[channel])
    if not image.has_transparency_data:
        return Image.new("L", image.size, 0)
    return image.convert("RGBA").getchannel("A").point(lambda level: 255 - level)


def grow_mask(mask: Image.Image, pixels: int) -> Image.Image:
    """With an edge that is half of `pixels` further out, as ComfyUI grows a mask by so many."""
    mask = mask.point(lambda level: 255 * (level >= _WHITE_FROM)) if pixels else mask
    for _ in range(math.ceil((pixels - 1) / 2)):
        mask = mask.filter(ImageFilter.MaxFilter(3))
    return mask


def _encode(image: Image.Image) -> Prepared:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    text = base64.b64encode(buffer.getvalue()).decode()
    return Prepared(text, image.size, not any(image.convert("L").histogram()[_WHITE_FROM:]))
