"""Types of request fields that take one of the engine's own names (engine/binding/names.py)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from ..engine.binding.names import (
    CACHE_MODES,
    HIRES_UPSCALERS,
    LORA_APPLY_MODES,
    PREDICTION_ALIASES,
    PREDICTIONS,
    PREVIEW_MODES,
    RNG_TYPES,
    SAMPLERS,
    SCHEDULERS,
    WRITABLE_TYPES,
)

OUTPUT_FORMATS = ("png", "jpeg", "webp")


@dataclass(frozen=True)
class _OneOf:
    """A name of the list, in small or capital letters; the interface's description shows the list."""

    allowed: tuple[str, ...]
    empty: bool = False

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, object]:
        return handler(schema) | {"enum": [*self.allowed, *[""] * self.empty]}

    def _check(self, value: str) -> str:
        name = value.strip().lower()
        name = PREDICTION_ALIASES.get(name, name) if self.allowed is PREDICTIONS else name
        if name in self.allowed or (self.empty and not name):
            return name
        raise ValueError(f"must be one of {', '.join(self.allowed)}{' or empty' if self.empty else ''}")


Sampler = Annotated[str, _OneOf(SAMPLERS)]
SamplerOrEmpty = Annotated[str, _OneOf(SAMPLERS, empty=True)]
Scheduler = Annotated[str, _OneOf(SCHEDULERS)]
RngType = Annotated[str, _OneOf(RNG_TYPES)]
RngTypeOrEmpty = Annotated[str, _OneOf(RNG_TYPES, empty=True)]
Prediction = Annotated[str, _OneOf(PREDICTIONS, empty=True)]
LoraApplyMode = Annotated[str, _OneOf(LORA_APPLY_MODES)]
PreviewMode = Annotated[str, _OneOf(PREVIEW_MODES)]
WeightType = Annotated[str, _OneOf(WRITABLE_TYPES, empty=True)]
HiresUpscaler = Annotated[str, _OneOf(HIRES_UPSCALERS)]
CacheMode = Annotated[str, _OneOf(CACHE_MODES, empty=True)]
OutputFormat = Annotated[str, _OneOf(OUTPUT_FORMATS)]
