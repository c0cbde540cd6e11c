"""Estimates of what the engine works on, beside the weights: most of it while a picture is decoded."""

from ..engine.binding import measurements
from ..errors import NotEnoughMemory
from ..schemas.generation import GenerationRequest, ImageRequest
from ..schemas.models import LoadRequest
from ..schemas.video import Txt2VidRequest


def estimate_working_bytes(params: GenerationRequest, model: LoadRequest) -> int:
    """Bytes at most, at the size and with the tiles that are asked for."""
    return _pixels_at_once(params) * bytes_of_a_pixel(params, model)


def check_weights(model: LoadRequest, need: int, room: int) -> list[str]:
    """Sentences on a model whose files have `need` bytes, for a device with `room` bytes of main memory.

    Raises NotEnoughMemory where they cannot be held. Files that are mapped can be read again instead, as long
    as their weights stay as they are; what other types take is not known.
    """
    options = model.options
    if (
        need <= room
        or options.weight_type
        or options.tensor_type_rules
        or options.free_params_immediately
        or options.params_backend
    ):
        return []
    numbers = f"the weights take {need // 2**20} MiB, and {room // 2**20} MiB of memory are free"
    if options.enable_mmap:
        return [f"memory: {numbers}: parts of the files are read again and again"]
    raise NotEnoughMemory(
        f"Failed to load model: {model.model_name}: {numbers}; smaller weights or enable_mmap: true would do"
        " (setting engine.memory_check)"
    )


def bytes_of_a_pixel(params: GenerationRequest, model: LoadRequest) -> int:
    """For each pixel that is decoded at once."""
    if isinstance(params, Txt2VidRequest):
        per_frame = measurements.VIDEO_VAE_BYTES_PER_PIXEL_AND_FRAME
        return measurements.VIDEO_VAE_BYTES_PER_PIXEL + per_frame * params.video_frames
    decodes_with_taesd = model.taesd and not model.options.tae_preview_only
    return measurements.TAESD_BYTES_PER_PIXEL if decodes_with_taesd else measurements.VAE_BYTES_PER_PIXEL


def made_size(params: GenerationRequest) -> tuple[int, int]:
    """What is decoded, in pixels."""
    return params.made_size if isinstance(params, ImageRequest) else (params.width, params.height)


def count_pixels(params: GenerationRequest) -> int:
    """Of a picture, or of all frames of a video."""
    width, height = made_size(params)
    return width * height * (params.video_frames if isinstance(params, Txt2VidRequest) else 1)


def _pixels_at_once(params: GenerationRequest) -> int:
    width, height = made_size(params)
    if not params.vae_tiling:
        return width * height
    tile_width = params.vae_tile_size_x or measurements.DEFAULT_TILE_SIDE
    tile_height = params.vae_tile_size_y or measurements.DEFAULT_TILE_SIDE
    pixels = measurements.PIXELS_PER_LATENT
    return min(width, tile_width * pixels) * min(height, tile_height * pixels)
