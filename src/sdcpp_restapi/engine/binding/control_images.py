"""Control images are turned into what a ControlNet was trained on: for now, the edges that Canny finds."""

import ctypes
from collections.abc import Iterable

from ...schemas.generation import GenerationRequest
from .library import Library
from .structs import sd_image_t

# What the engine calls pixels that may belong to an edge, and those that do.
WEAK, STRONG = 0.8, 1.0


def preprocess_control(library: Library, request: GenerationRequest, images: Iterable[sd_image_t]) -> None:
    """Change the pixels of the images as the request asks for; several of them may share their pixels."""
    if request.control_preprocess != "canny":
        return
    own = {ctypes.addressof(image.data.contents): image for image in images if image.data}
    for image in own.values():
        _find_edges(library, image, request.canny_low, request.canny_high)


def _find_edges(library: Library, image: sd_image_t, low: float, high: float) -> None:
    """White edges on black.

    What the engine found to be no edge it leaves at its gray, and where nothing is an edge, everything is one
    to it; measured with stable-diffusion.cpp 2bb7294.
    """
    count = image.width * image.height * image.channel
    before = ctypes.string_at(image.data, count)
    pixel = before[: image.channel]
    if before == pixel * (image.width * image.height):
        ctypes.memset(image.data, 0, count)
        return
    library.c.preprocess_canny(image, high, low, WEAK, STRONG, False)
    found = ctypes.string_at(image.data, count)
    ctypes.memmove(image.data, found.translate(bytes(255) + b"\xff"), count)
