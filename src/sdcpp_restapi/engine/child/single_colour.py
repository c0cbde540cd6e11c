"""Pictures of one single colour: what comes of weights that are no numbers, and looks like success."""

from collections.abc import Iterable

from PIL import Image

_WHY = "not a number (NaN) somewhere in the weights, or a VAE or a LoRA whose values f16 can't hold?"
_NAMES = {"#000000": "black", "#ffffff": "white"}


def find_single_colour(image: Image.Image) -> str | None:
    """The colour as #rrggbb if all pixels have the same, and are as transparent as each other."""
    colours = image.convert("RGBA").getcolors(maxcolors=1)
    if colours is None:
        return None
    pixel = colours[0][1]
    assert isinstance(pixel, tuple)
    return "#" + "".join(f"{int(level):02x}" for level in pixel[:3])


def warn_of_single_colour(file: str, colour: str | None) -> list[str]:
    """A sentence about a finished file, if it has such a colour."""
    if colour is None:
        return []
    what = f"all {_NAMES[colour]}" if colour in _NAMES else f"of one single colour ({colour})"
    return [f"{file} is {what}: {_WHY}"]


def warn_of_single_coloured_frames(file: str, colours: Iterable[str | None]) -> list[str]:
    """A sentence about a finished video, if each of its frames is of a single colour."""
    found = set(colours)
    if not found or None in found:
        return []
    if len(found) == 1:
        return warn_of_single_colour(file, found.pop())
    return [f"{file}: each frame is of one single colour: {_WHY}"]
