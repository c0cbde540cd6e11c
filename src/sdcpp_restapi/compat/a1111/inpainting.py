"""Inpainting as the web UI does it: what is sent to the engine, and how its picture goes into the whole one.

Where "only masked" is wanted, the surroundings of the mask are drawn at the full size and pasted back. The
mask is blurred, and the pictures fade into each other over its gray.
"""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageFilter, ImageOps

from .pictures import resize

type Box = tuple[int, int, int, int]

FILL, ORIGINAL = 0, 1
# From where on gray is painted over: as the engine reads a mask.
_PAINTED_FROM = 128
# Pixels over which colours from around run into what is painted: the finest that reaches a pixel counts.
_RADII = (256, 128, 64, 32, 16, 8, 4, 2, 0)


@dataclass(frozen=True)
class Inpainting:
    """How a picture is inpainted. Sizes are width and height in pixels."""

    size: tuple[int, int]
    resize_mode: int
    blur: tuple[int, int]
    fill: int
    only_masked: bool
    padding: int
    inverted: bool


@dataclass(frozen=True)
class PreparedInpainting:
    """What the engine gets, and what becomes of a picture that it made."""

    image: Image.Image
    mask: Image.Image
    finish: Callable[[Image.Image], Image.Image]


def prepare(image: Image.Image, mask: Image.Image, how: Inpainting) -> PreparedInpainting | None:
    """`image` is RGB, `mask` L and white where is painted. None if nothing is painted at all."""
    mask = resize(mask, image.size)
    mask = ImageOps.invert(mask) if how.inverted else mask
    if not any(mask.histogram()[_PAINTED_FROM:]):
        return None
    soft = mask.filter(ImageFilter.GaussianBlur(how.blur))
    return _prepare_part(image, soft, how) if how.only_masked else _prepare_whole(image, soft, how)


def _prepare_whole(image: Image.Image, soft: Image.Image, how: Inpainting) -> PreparedInpainting:
    image, soft = (resize(one, how.size, how.resize_mode) for one in (image, soft))
    # Painted up to the edge of the mask, and fading beyond it.
    share = soft.point([min(2 * level, 255) for level in range(256)])

    def finish(made: Image.Image) -> Image.Image:
        return Image.composite(made, resize(image, made.size), resize(share, made.size))

    return PreparedInpainting(_fill(image, soft, how), _round(soft), finish)


def _prepare_part(image: Image.Image, soft: Image.Image, how: Inpainting) -> PreparedInpainting:
    box = find_box(soft, how)
    part, part_of_mask = (resize(one.crop(box), how.size) for one in (image, soft))

    def finish(made: Image.Image) -> Image.Image:
        painted = image.copy()
        painted.paste(resize(made, (box[2] - box[0], box[3] - box[1])), box[:2])
        return Image.composite(painted, image, soft)

    return PreparedInpainting(_fill(part, part_of_mask, how), _round(part_of_mask), finish)


def find_box(mask: Image.Image, how: Inpainting) -> Box:
    """The mask with its padding, enlarged to the proportions of what is drawn as far as there is room."""
    box = mask.getbbox() or (0, 0, *mask.size)
    left, top = (max(side - how.padding, 0) for side in box[:2])
    right, bottom = (min(side + how.padding, end) for side, end in zip(box[2:], mask.size, strict=True))
    ratio = how.size[0] / how.size[1]
    width, height = right - left, bottom - top
    if width / height > ratio:
        top, bottom = _widen(top, bottom, round(width / ratio), mask.height)
    else:
        left, right = _widen(left, right, round(height * ratio), mask.width)
    return left, top, right, bottom


def _widen(begin: int, end: int, length: int, most: int) -> tuple[int, int]:
    """The stretch around its middle, with this length if that fits."""
    length = min(max(length, end - begin), most)
    begin = min(max(begin - (length - (end - begin)) // 2, 0), most - length)
    return begin, begin + length


def _round(mask: Image.Image) -> Image.Image:
    return mask.point([255 * (level >= _PAINTED_FROM) for level in range(256)])


def _fill(image: Image.Image, mask: Image.Image, how: Inpainting) -> Image.Image:
    """With the colours from around where is painted, unless the picture itself is wanted there."""
    if how.fill == ORIGINAL:
        return image
    hole = image.convert("RGBA")
    hole.putalpha(ImageOps.invert(mask))
    # Premultiplied, so that what is cut out has no part in the colours.
    cut = hole.convert("RGBa")
    filled = Image.new("RGBA", image.size)
    for radius in _RADII:
        filled.alpha_composite(cut.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA"))
    return filled.convert("RGB")
