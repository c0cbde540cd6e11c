"""Upscaling: the upscaler that is loaded, and pictures that are put through it."""

from typing import Annotated

from pydantic import Field

from .base import Frozen, Integer, LeftOut, NoBoolean, Request
from .scheduling import JobRequest

# Below 32 the margins would outweigh the tile; at 4096 one tile takes more memory than any machine has.
TileSize = Annotated[int, Field(ge=32, le=4096), NoBoolean]
Repeats = Annotated[int, Field(ge=1, le=8), NoBoolean]


class UpscalerRequest(Request):
    """POST /upscaler/load, and what jobs that upscale are stamped with."""

    model_name: str = Field(min_length=1, description="ESRGAN model name from GET /models")
    n_threads: Integer = Field(-1, ge=-1, le=1024, description="CPU threads, -1 = physical cores")
    tile_size: TileSize = Field(128, description="Pixels a side, for jobs that give none")


class UpscalerLoadResponse(Frozen):
    """Answer of POST /upscaler/load."""

    success: bool = True
    message: str = "Upscaler loaded successfully"
    model_name: str
    upscale_factor: int = Field(description="The model's own")
    warnings: list[str] | None = LeftOut


class UpscaleRequest(JobRequest):
    """POST /upscale."""

    image_base64: str = Field(min_length=1)
    upscale_factor: Integer = Field(
        4, ge=1, le=16, description="Other factors than the model's own are reached by resizing after it"
    )
    tile_size: TileSize = Field(
        128, description="Pixels a side of what the engine gets at once; default: as the upscaler was loaded"
    )
    repeats: Repeats = Field(1, description="Each multiplies by upscale_factor")


class Enlargement(Frozen):
    """What is done to a picture."""

    factor: int | None = Field(None, description="Of each repeat; None = the model's own")
    tile_size: int
    repeats: int
