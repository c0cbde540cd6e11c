"""How much one request may ask for: the limits of the settings."""

from ..config import Limits
from ..errors import BadRequest


def enlarged(size: tuple[int, int], factor: int, repeats: int) -> tuple[int, int]:
    """What becomes of a size in pixels when each repeat multiplies it."""
    return size[0] * factor**repeats, size[1] * factor**repeats


def check_pixels(field: str, size: tuple[int, int], limits: Limits) -> None:
    """Raises BadRequest when the picture would be too large."""
    width, height = size
    if width * height > limits.max_pixels:
        raise BadRequest(
            f"{field}: {width}x{height} is not allowed; at most {limits.max_pixels} pixels"
            " (setting limits.max_pixels)"
        )


def at_most(field: str, value: int, most: int, setting: str) -> None:
    """Raises BadRequest when `value` is larger, naming the setting that says so."""
    if value > most:
        raise BadRequest(f"{field}: {value} is not allowed; at most {most} (setting {setting})")
