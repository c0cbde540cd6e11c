"""How much one request may ask for: the limits of the settings."""

from ...config import Limits
from ...errors import BadRequest
from ...schemas.generation import GenerationRequest, ImageRequest
from ...schemas.video import Txt2VidRequest

# What libjpeg and libwebp can write.
LONGEST_SIDES = {"jpeg": 65_500, "webp": 16_383}


def multiply_size(size: tuple[int, int], factor: int, repeats: int) -> tuple[int, int]:
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


def check_amounts(request: GenerationRequest, limits: Limits) -> None:
    """Raises BadRequest naming the field when a request asks for too much."""
    check_pixels("width x height", (request.width, request.height), limits)
    check_at_most("steps", request.steps, limits.max_steps, "limits.max_steps")
    if isinstance(request, Txt2VidRequest):
        check_video(request, limits)
    elif isinstance(request, ImageRequest):
        check_images(request, limits)
    for field in ("prompt", "negative_prompt"):
        check_length(field, getattr(request, field), limits)


def check_length(field: str, text: str, limits: Limits) -> None:
    """Raises BadRequest when a text is too long."""
    check_at_most(f"{field} length", len(text), limits.max_prompt_chars, "limits.max_prompt_chars")


def check_images(request: ImageRequest, limits: Limits) -> None:
    """Raises BadRequest when the batch, or the second pass, would be too large."""
    check_at_most("batch_count", request.batch_count, limits.max_batch, "limits.max_batch")
    check_at_most("hires_steps", request.hires_steps, limits.max_steps, "limits.max_steps")
    for number, entry in enumerate(request.adetail):
        check_at_most(f"adetail.{number}.steps", entry.steps, limits.max_steps, "limits.max_steps")
        check_pixels(f"adetail.{number}: width x height", (entry.width, entry.height), limits)
    if request.hires:
        check_pixels("hires_scale, hires_width and hires_height: the size", request.made_size, limits)


def check_format(output_format: str, size: tuple[int, int]) -> None:
    """Raises BadRequest when files of this format hold no picture of this size."""
    most = LONGEST_SIDES.get(output_format)
    if most and max(size) > most:
        raise BadRequest(
            f"output_format: {output_format!r} is not allowed for {size[0]}x{size[1]};"
            f" it holds at most {most} pixels a side"
        )


def check_video(request: Txt2VidRequest, limits: Limits) -> None:
    """Raises BadRequest when the video would be too long, or too large as a whole."""
    check_at_most("video_frames", request.video_frames, limits.max_video_frames, "limits.max_video_frames")
    pixels = request.width * request.height * request.video_frames
    check_at_most("width x height x video_frames", pixels, limits.max_video_pixels, "limits.max_video_pixels")
    check_at_most("high_noise_steps", request.high_noise_steps, limits.max_steps, "limits.max_steps")
    if len(request.control_frames) > request.video_frames:
        raise BadRequest(
            f"control_frames: {len(request.control_frames)} are not allowed; at most one for each of the"
            f" {request.video_frames} frames"
        )


def check_at_most(field: str, value: int, most: int, setting: str) -> None:
    """Raises BadRequest when `value` is larger, naming the setting that says so."""
    if value > most:
        name = field.partition(" ")[0]
        raise BadRequest(f"{field}: {value} is not allowed; at most {most} (setting {setting})", field=name)
