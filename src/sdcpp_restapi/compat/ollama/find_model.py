"""The models of this server under the names that Ollama's clients use: MODEL or MODEL:latest."""

from pathlib import PurePosixPath

from ...api.app_state import AppState
from ...errors import NotFound
from ...models.filters import ModelFilters
from ...schemas.models import ModelEntry

TAG = ":latest"


async def list_main_models(state: AppState) -> list[ModelEntry]:
    """All models that can draw, checkpoints first."""
    listing = await state.library.list_models(ModelFilters(), state.model.identity())
    return [*listing.checkpoints, *listing.diffusion_models]


async def find_model(state: AppState, name: str) -> ModelEntry:
    """The model of this name, with or without its file extension. Raises NotFound."""
    wanted = name.strip().removesuffix(TAG)
    entries = await list_main_models(state)
    same = [entry for entry in entries if entry.name == wanted]
    same = same or [entry for entry in entries if str(PurePosixPath(entry.name).with_suffix("")) == wanted]
    if not same:
        known = ", ".join(entry.name for entry in entries[:20]) or "none"
        raise NotFound(f"model {name!r} not found; there are: {known}", field="model")
    return same[0]
