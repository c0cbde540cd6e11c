"""How much one request may ask for: the limits of the settings."""

from ..config import Limits
from ..errors import BadRequest
from ..schemas.video import Txt2VidRequest


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


def check_video(request: Txt2VidRequest, limits: Limits) -> None:
    """Raises BadRequest when the video would be too long, or too large as a whole."""
    at_most("video_frames", request.video_frames, limits.max_video_frames, "limits.max_video_frames")
    pixels = request.width * request.height * request.video_frames
    at_most("width x height x video_frames", pixels, limits.max_video_pixels, "limits.max_video_pixels")
    at_most("high_noise_steps", request.high_noise_steps, limits.max_steps, "limits.max_steps")
    if len(request.control_frames) > request.video_frames:
        raise BadRequest(
            f"control_frames: {len(request.control_frames)} are not allowed; at most one for each of the"
            f" {request.video_frames} frames"
        )


def at_most(field: str, value: int, most: int, setting: str) -> None:
    """Raises BadRequest when `value` is larger, naming the setting that says so."""
    if value > most:
        raise BadRequest(f"{field}: {value} is not allowed; at most {most} (setting {setting})")
