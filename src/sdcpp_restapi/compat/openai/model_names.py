"""Names of models: those of this server, and those of OpenAI's, which stand for the loaded one."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from ...api.app_state import AppState
from ...errors import ModelNotFound, NoModelLoaded
from ...models import architectures
from ...models.filters import ModelFilters
from ...schemas.model_types import MAIN_TYPES, MainType
from ...schemas.models import ModelEntry
from ...schemas.options import Architecture

# Clients have these built in, or as their default.
_OPENAI_IMAGE_MODELS = re.compile(r"(chatgpt-image|dall-e|gpt-image|sora)-", re.IGNORECASE)


class ChosenModel(NamedTuple):
    """What draws: `wanted` is the field `model` of our own requests."""

    wanted: str | dict[str, Any] | None
    name: str
    architecture: Architecture | None

    @property
    def headers(self) -> dict[str, str]:
        """The header of an answer that names it."""
        return {"openai-model": quote(self.name, safe="/ !#$&'()*+,:;=?@[]")}


async def choose_model(
    state: AppState, asked: str | dict[str, Any] | None, warnings: list[str]
) -> ChosenModel:
    """The model for a request; `warnings` gets what is to be told. Raises ModelNotFound, NoModelLoaded."""
    if isinstance(asked, dict):
        name = str(asked.get("model_name", ""))
        return ChosenModel(asked, name, await _find_architecture(state, name))
    current = state.model.identity()
    stands_for_current = not asked or _OPENAI_IMAGE_MODELS.match(asked) is not None
    if asked and stands_for_current and await state.library.types_of(asked):
        stands_for_current = False  # a file of that name
    if stands_for_current or (current and asked == current[0]):
        name = _require_loaded(state)
        if asked and asked != name:
            warnings.append(f"model: {asked!r} is not here; the loaded model {name!r} answered")
        return ChosenModel(None, name, state.model.architecture())
    assert asked is not None
    if not await state.library.types_of(asked):
        raise ModelNotFound(
            f"The model {asked!r} does not exist; GET /v1/models lists those that do", field="model"
        )
    return ChosenModel(asked, asked, await _find_architecture(state, asked))


async def list_image_models(state: AppState) -> list[ModelEntry]:
    """The models that draw, the loaded one first."""
    await state.catalog.take_snapshot()
    listing = await state.library.list_models(ModelFilters(), state.model.identity())
    entries = [*listing.checkpoints, *listing.diffusion_models]
    return sorted(entries, key=lambda entry: not entry.is_loaded)


def _require_loaded(state: AppState) -> str:
    try:
        return state.model.require().model_name
    except NoModelLoaded:
        raise NoModelLoaded("No model is loaded; load one, or name one of GET /v1/models", "model") from None


async def _find_architecture(state: AppState, name: str) -> Architecture | None:
    """By the file's header; None where it does not tell, or there is no such file."""
    kinds = await state.library.types_of(name)
    if not kinds:
        return None
    kind: MainType = next(one for one in MAIN_TYPES if one in kinds)
    facts = await state.inspector.inspect(kind, name)
    presets: Mapping[str, Any] = state.settings.generation.presets
    return architectures.describe(facts.architecture, presets) if facts.architecture else None
