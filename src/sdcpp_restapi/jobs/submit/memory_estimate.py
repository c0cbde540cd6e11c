"""How much memory a job would need: the files, and what the engine works on."""

from collections.abc import Sequence

from ...schemas.generation import GenerationRequest, ImageRequest
from ...schemas.models import LoadRequest
from ...schemas.plan import MemoryEstimate, PlannedFile
from ...schemas.video import Txt2VidRequest

# Bytes for a pixel while the engine decodes, read off its log (487de75): 1664 MiB for 512x512 by the VAE of
# SD1, 480 MiB by a TAESD; 717 MiB for 9 frames of 128x128 by the VAE of Wan, 760 MiB for 17. Drawing takes
# less where flash_attn is on, and is over by then.
VAE, TAESD = 6656, 1920
VIDEO_VAE, VIDEO_VAE_OF_A_FRAME = 42_900, 336
# A side of a tile of latents when none is given, and the pixels to one latent.
TILE, PIXELS = 32, 8


def estimate_memory(
    params: GenerationRequest | None, model: LoadRequest | None, files: Sequence[PlannedFile]
) -> MemoryEstimate:
    """An estimate; `params` and `model` are None for what is not drawn but only enlarged."""
    weights = sum(file.size_bytes for file in files)
    if params is None or model is None:
        told = "the size of the file; the tiles that it works on are small"
        return MemoryEstimate(bytes=weights, weights_bytes=weights, working_bytes=0, rests_on=told)
    per_pixel = _bytes_of_a_pixel(params, model)
    working = _pixels_at_once(params, model) * per_pixel
    return MemoryEstimate(
        bytes=weights + working,
        weights_bytes=weights,
        working_bytes=working,
        rests_on=f"the sizes of the files, and {per_pixel} bytes for each pixel that is decoded at once",
    )


def _bytes_of_a_pixel(params: GenerationRequest, model: LoadRequest) -> int:
    if isinstance(params, Txt2VidRequest):
        return VIDEO_VAE + VIDEO_VAE_OF_A_FRAME * params.video_frames
    return TAESD if model.taesd and not model.options.tae_preview_only else VAE


def _pixels_at_once(params: GenerationRequest, model: LoadRequest) -> int:
    size = params.made_size if isinstance(params, ImageRequest) else (params.width, params.height)
    if not (params.vae_tiling or model.options.vae_tiling):
        return size[0] * size[1]
    width = (params.vae_tile_size_x or model.options.vae_tile_size_x or TILE) * PIXELS
    height = (params.vae_tile_size_y or model.options.vae_tile_size_y or TILE) * PIXELS
    return min(size[0], width) * min(size[1], height)
