"""A second pass at a larger size."""

from pydantic import Field

from .base import Integer, Number, Request
from .engine_names import HiresUpscaler
from .upscaling import TileSize


class HiresFields(Request):
    """The picture is enlarged and sampled again from there; defaults are the engine's."""

    hires: bool = Field(False, description="Make the picture larger and sample it once more")
    hires_upscaler: HiresUpscaler = Field(
        "latent", description="What enlarges it: latents, pixels (lanczos, nearest), or an ESRGAN model"
    )
    hires_model: str | None = Field(None, description="For hires_upscaler model: an ESRGAN of GET /models")
    hires_scale: Number = Field(2.0, gt=0.0, le=16.0)
    hires_width: Integer = Field(0, ge=0, description="Pixels, instead of hires_scale; 0 = as the other side")
    hires_height: Integer = Field(
        0, ge=0, description="Pixels, instead of hires_scale; 0 = as the other side"
    )
    hires_steps: Integer = Field(0, ge=0, description="0 = as many as in the first pass")
    hires_strength: Number = Field(0.7, ge=0.01, le=1.0, description="Denoising strength of the second pass")
    hires_tile_size: TileSize = Field(128, description="For hires_upscaler model: pixels a side")
    hires_custom_sigmas: list[Number] = Field(
        [], max_length=1001, description="Instead of hires_steps, hires_strength and the scheduler"
    )

    def enlarged(self, width: int, height: int) -> tuple[int, int]:
        """What becomes of a picture of this size."""
        wide, high = self.hires_width, self.hires_height
        if not wide and not high:
            return max(1, round(width * self.hires_scale)), max(1, round(height * self.hires_scale))
        return wide or max(1, round(width * high / height)), high or max(1, round(height * wide / width))
