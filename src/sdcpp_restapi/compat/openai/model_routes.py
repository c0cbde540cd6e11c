"""Routes of models: those that draw, and the configured language model."""

from fastapi import APIRouter

from ...api.app_state import AppState, State
from ...errors import ModelNotFound
from ...schemas.base import Frozen, LeftOut
from .chat_models import find_configured_model
from .model_names import list_image_models

router = APIRouter(prefix="/models", tags=["Models"])


class OpenAiModel(Frozen):
    """A model; what is loaded is loaded, all others are when they are asked for."""

    id: str
    object: str = "model"
    created: int = 0  # nothing here knows
    owned_by: str
    loaded: bool | None = LeftOut


class OpenAiModels(Frozen):
    """All models."""

    object: str = "list"
    data: list[OpenAiModel]


@router.get("")
async def models(state: State) -> OpenAiModels:
    """The models that draw, the loaded one first, then the language model if it can be reached."""
    return OpenAiModels(data=await _list(state))


@router.get("/{name:path}")
async def model(name: str, state: State) -> OpenAiModel:
    """One of them."""
    found = next((one for one in await _list(state) if one.id == name), None)
    if found is None:
        raise ModelNotFound(
            f"The model {name!r} does not exist; GET /v1/models lists those that do", field="model"
        )
    return found


async def _list(state: AppState) -> list[OpenAiModel]:
    drawing = {
        entry.name: OpenAiModel(id=entry.name, owned_by="stable-diffusion.cpp", loaded=bool(entry.is_loaded))
        for entry in reversed(await list_image_models(state))
    }
    chatting = await find_configured_model(state)
    language = [OpenAiModel(id=chatting.name, owned_by=chatting.provider)] if chatting else []
    return [*reversed(drawing.values()), *language]
