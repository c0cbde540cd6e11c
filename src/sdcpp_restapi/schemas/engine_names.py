"""Types of request fields that take one of the engine's own names (engine/binding/names.py)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from ..engine.binding.names import (
    BROWNIAN_TREE_RNGS,
    CACHE_MODES,
    CONTROL_PREPROCESSORS,
    HIRES_UPSCALERS,
    LATER_FIELDS,
    LORA_APPLY_MODES,
    NAMES,
    NOISE_SAMPLERS,
    PREDICTION_ALIASES,
    PREDICTIONS,
    PREVIEW_MODES,
    RNG_TYPES,
    SAMPLERS,
    SCHEDULERS,
    SUPPLIERS,
    WRITABLE_TYPES,
    EngineNames,
)

OUTPUT_FORMATS = ("png", "jpeg", "webp")


ANY, SAME = "any", "same"


@dataclass(frozen=True)
class _OneOf:
    """A name of the list, in small or capital letters; the interface's description shows the list.

    `known` is the field of EngineNames that has those of one revision; empty where all have the same.
    """

    allowed: tuple[str, ...]
    known: str = ""
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


def list_unknown(request: BaseModel, names: EngineNames) -> Iterator[str]:
    """A sentence for each name in the request, and in what it holds, that is not among these, and for each
    field that asks for something and that the revision does not have."""
    for field, info in type(request).model_fields.items():
        value = getattr(request, field)
        if isinstance(value, BaseModel):
            yield from (f"{field}.{told}" for told in list_unknown(value, names))
        if field in LATER_FIELDS and field not in names.later_fields and value != info.default:
            yield f"{field}: this revision of the engine does not have it"
        for rule in info.metadata:
            known = getattr(names, rule.known) if isinstance(rule, _OneOf) and rule.known else ()
            if known and value and value not in known:
                yield (
                    f"{field}: {value!r} is not known to this revision of the engine;"
                    f" it knows {', '.join(known)}"
                )


def list_able(*requests: BaseModel) -> list[str]:
    """The revisions that know every name in these; empty where all known revisions do."""
    able = [
        commit
        for commit, names in NAMES.items()
        if not any(any(list_unknown(one, names)) for one in requests)
    ]
    return able if len(able) < len(NAMES) else []


def _read_wanted_engine(value: str) -> str:
    wanted = value.strip().lower()
    if wanted in (ANY, SAME) or re.fullmatch("[0-9a-f]{7,40}", wanted):
        return wanted
    raise ValueError(
        f"must be {ANY}, {SAME}, or a commit of stable-diffusion.cpp, of which 7 digits are enough"
    )


Sampler = Annotated[str, _OneOf(SAMPLERS, "samplers")]
SamplerOrEmpty = Annotated[str, _OneOf(SAMPLERS, "samplers", empty=True)]
Scheduler = Annotated[str, _OneOf(SCHEDULERS, "schedulers")]
RngType = Annotated[str, _OneOf(RNG_TYPES, "rng_types")]
RngTypeOrEmpty = Annotated[str, _OneOf(RNG_TYPES, "rng_types", empty=True)]
Prediction = Annotated[str, _OneOf(PREDICTIONS, "predictions", empty=True)]
LoraApplyMode = Annotated[str, _OneOf(LORA_APPLY_MODES, "lora_apply_modes")]
PreviewMode = Annotated[str, _OneOf(PREVIEW_MODES, "preview_modes")]
WeightType = Annotated[str, _OneOf(WRITABLE_TYPES, empty=True)]
HiresUpscaler = Annotated[str, _OneOf(HIRES_UPSCALERS, "hires_upscalers")]
NoiseSampler = Annotated[str, _OneOf(NOISE_SAMPLERS, empty=True)]
BrownianTreeRng = Annotated[str, _OneOf(BROWNIAN_TREE_RNGS, empty=True)]
ControlPreprocessor = Annotated[str, _OneOf(CONTROL_PREPROCESSORS, empty=True)]
CacheMode = Annotated[str, _OneOf(CACHE_MODES, "cache_modes", empty=True)]
OutputFormat = Annotated[str, _OneOf(OUTPUT_FORMATS)]
Supplier = Annotated[str, _OneOf(SUPPLIERS)]
# "any", "same" or a commit in small letters.
WantedEngine = Annotated[str, AfterValidator(_read_wanted_engine)]
