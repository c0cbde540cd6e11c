"""The architectures that the engine knows: required components, suitable values, limits."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from pydantic import TypeAdapter

from ..schemas.options import Architecture, GenerationDefaults, Preset

_LIST: TypeAdapter[tuple[Architecture, ...]] = TypeAdapter(tuple[Architecture, ...])


@cache
def load() -> tuple[Architecture, ...]:
    """All architectures, in the order of the engine's own list, from architectures.json."""
    return _LIST.validate_json(files(__package__).joinpath("architectures.json").read_bytes())


def find_by_engine_name(name: str) -> Architecture | None:
    """The architecture that the engine's log calls `name`, e.g. 'SD 1.x'."""
    return next((one for one in load() if name in one.engine_names), None)


def find_by_name(name: str) -> Architecture | None:
    """The architecture that the API calls `name` (model_architecture), e.g. 'SD1.5'."""
    return next((one for one in load() if one.name == name), None)


def list_presets(values: Mapping[str, GenerationDefaults] | None = None) -> dict[str, Preset]:
    """Key -> preset, as GET /architectures shows them."""
    return {one.key: apply_preset_values(one, values or {}).preset for one in load()}


def describe(name: str, values: Mapping[str, GenerationDefaults]) -> Architecture | None:
    """The architecture that the API calls `name`, with the values of the setting generation.presets."""
    found = find_by_name(name)
    return apply_preset_values(found, values) if found else None


def apply_preset_values(one: Architecture, values: Mapping[str, GenerationDefaults]) -> Architecture:
    """The architecture with the setting generation.presets in place of its preset's own values."""
    other = values.get(one.name) or values.get(one.key)
    if other is None:
        return one
    defaults = one.preset.generationDefaults.model_copy(update=other.model_dump())
    preset = one.preset.model_copy(update={"generationDefaults": defaults})
    return one.model_copy(update={"preset": preset})
