"""What can be chosen: options, architecture presets, preview settings."""

from typing import Literal

from pydantic import Field, model_validator

from .base import Frozen, Integer, LeftOut
from .engine_names import PreviewMode


class QuantizationType(Frozen):
    """One entry of `quantization_types`."""

    id: str
    name: str
    bits: int


class Options(Frozen):
    """GET /options."""

    samplers: list[str]
    schedulers: list[str]
    quantization_types: list[QuantizationType]
    rng_types: list[str]
    predictions: list[str]
    lora_apply_modes: list[str]
    preview_modes: list[str]


class PreviewSettings(Frozen):
    """GET /preview/settings."""

    enabled: bool = True
    mode: str = "tae"
    interval: int = 1
    max_size: int = 256
    quality: int = 75


class PreviewUpdate(Frozen):
    """PUT /preview/settings: fields that are left out stay as they are, null means the default."""

    enabled: bool = True
    mode: PreviewMode = "tae"
    interval: Integer = Field(1, ge=1, le=100)
    max_size: Integer = Field(256, ge=64, le=1024)
    quality: Integer = Field(75, ge=1, le=100)

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        known = cls.model_fields
        return {k: known[k].default if v is None and k in known else v for k, v in data.items()}


class PreviewUpdated(Frozen):
    """Answer of PUT /preview/settings."""

    success: Literal[True] = True
    settings: PreviewSettings


class GenerationDefaults(Frozen):
    """Values that suit an architecture; only the ones it has an opinion on."""

    width: int | None = LeftOut
    height: int | None = LeftOut
    steps: int | None = LeftOut
    cfg_scale: float | None = LeftOut
    distilled_guidance: float | None = LeftOut
    sampler: str | None = LeftOut
    scheduler: str | None = LeftOut
    flow_shift: float | None = LeftOut
    video_frames: int | None = LeftOut
    fps: int | None = LeftOut
    upscale: bool | None = LeftOut
    upscale_auto_unload: bool | None = LeftOut


class Preset(Frozen):
    """One architecture: what it needs and what suits it."""

    display_name: str
    requiredComponents: list[str]
    optionalComponents: list[str] = []
    generationDefaults: GenerationDefaults


class Architecture(Frozen):
    """A preset with what the engine calls it and what it can't do (measured)."""

    key: str = Field(description="Its name in GET /architectures, e.g. 'SD1'")
    name: str = Field(description="model_architecture in the API, e.g. 'SD1.5'")
    engine_names: list[str] = Field(description="What the engine's log calls it, e.g. 'SD 1.x'")
    preset: Preset
    size_multiple: int = Field(8, description="Width and height are rounded up to this")
    frame_group: int = Field(4, description="Frames of a video are rounded up to a multiple of this, plus 1")
    square_only: bool = False
    takes_references: bool = Field(True, description="False: reference images end the engine's process")
    makes: Literal["images", "videos"] = "images"


class Architectures(Frozen):
    """GET /architectures."""

    architectures: dict[str, Preset]
    current_architecture: str | None
    current_preset: Preset | None


class ErrorBody(Frozen):
    """Every error, whatever its status.

    `error` is a sentence for people, `code` a stable word for programs, `field` the request's field at fault.
    """

    error: str
    code: str | None = LeftOut
    field: str | None = LeftOut
