"""What can be chosen: options, architecture presets, preview settings."""

from typing import Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, model_validator

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
    vae_formats: list[str] = []
    placement_modules: list[str] = Field(
        [], description="For backend, params_backend and split_mode of a load"
    )
    preview_modes: list[str]
    engine: str | None = Field(
        description="The engine's revision, whose lists these are; null: none came up yet"
    )


class PreviewSettings(Frozen):
    """GET /preview/settings."""

    enabled: bool = True
    mode: str = "tae"
    interval: int = 1
    max_size: int = 256
    quality: int = 75


class StoredPreviewSettings(PreviewSettings):
    """What is kept of PUT /preview/settings."""

    interval_given: bool = Field(False, description="It was PUT, and is kept to the letter")

    @property
    def has_fixed_interval(self) -> bool:
        """Whether it is not to be stretched; earlier releases stored it without `interval_given`."""
        return self.interval_given or self.interval != type(self).model_fields["interval"].default


class BoundedPreviewSettings(PreviewSettings):
    """How the previews of a job are made."""

    share: float = Field(0.0, description="Most of the sampling time that they may take; 0 = no bound")


class PreviewUpdate(Frozen):
    """PUT /preview/settings: fields that are left out stay as they are, null means the default."""

    enabled: bool = True
    mode: PreviewMode = "tae"
    interval: Integer = Field(1, ge=1, le=100)
    max_size: Integer = Field(256, ge=64, le=1024)
    quality: Integer = Field(75, ge=1, le=100)

    _reset: frozenset[str] = frozenset()

    @property
    def gives_interval(self) -> bool:
        """Whether it names an interval, be it the default's number."""
        return "interval" in self.model_fields_set - self._reset

    @model_validator(mode="wrap")
    @classmethod
    def _null_means_default(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, dict):
            return handler(data)
        known = cls.model_fields
        reset = frozenset(name for name, value in data.items() if value is None and name in known)
        update = handler(data | {name: known[name].default for name in reset})
        update._reset = reset
        return update


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
    # True: no model of it was ever run here; components and values are those of the engine's documentation.
    unproven: bool | None = LeftOut


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
