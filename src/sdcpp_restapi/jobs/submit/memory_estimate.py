"""How much memory a job would need: the files, and what the engine works on."""

from collections.abc import Sequence

from ...engine.binding import measurements
from ...schemas.generation import GenerationRequest, ImageRequest
from ...schemas.models import LoadRequest
from ...schemas.plan import MemoryEstimate, PlannedFile
from ...schemas.video import Txt2VidRequest


def estimate_memory(
    params: GenerationRequest | None, model: LoadRequest | None, files: Sequence[PlannedFile]
) -> MemoryEstimate:
    """An estimate; `params` and `model` are None for what is not drawn but only enlarged."""
    weights = sum(file.size_bytes for file in files)
    if params is None or model is None:
        told = "the size of the file; the tiles that it works on are small"
        return MemoryEstimate(bytes=weights, weights_bytes=weights, working_bytes=0, rests_on=told)
    per_pixel = _bytes_of_a_pixel(params, model)
    working = _pixels_at_once(params) * per_pixel
    return MemoryEstimate(
        bytes=weights + working,
        weights_bytes=weights,
        working_bytes=working,
        rests_on=f"the sizes of the files, and {per_pixel} bytes for each pixel that is decoded at once",
    )


def _bytes_of_a_pixel(params: GenerationRequest, model: LoadRequest) -> int:
    if isinstance(params, Txt2VidRequest):
        per_frame = measurements.VIDEO_VAE_BYTES_PER_PIXEL_AND_FRAME
        return measurements.VIDEO_VAE_BYTES_PER_PIXEL + per_frame * params.video_frames
    decodes_with_taesd = model.taesd and not model.options.tae_preview_only
    return measurements.TAESD_BYTES_PER_PIXEL if decodes_with_taesd else measurements.VAE_BYTES_PER_PIXEL


def _pixels_at_once(params: GenerationRequest) -> int:
    size = params.made_size if isinstance(params, ImageRequest) else (params.width, params.height)
    if not params.vae_tiling:
        return size[0] * size[1]
    tile_width = params.vae_tile_size_x or measurements.DEFAULT_TILE_SIDE
    tile_height = params.vae_tile_size_y or measurements.DEFAULT_TILE_SIDE
    pixels = measurements.PIXELS_PER_LATENT
    return min(size[0], tile_width * pixels) * min(size[1], tile_height * pixels)
