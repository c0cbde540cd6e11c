"""Prompts enhanced by a language model: Ollama, an OpenAI-compatible server, or one of the llm folder."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Request

from ...errors import NotFound
from ...schemas.ollama import (
    Enhanced,
    Enhancement,
    EnhancementHistory,
    EnhanceRequest,
    OllamaStatus,
    OllamaUpdate,
    SettingsUpdated,
    SettingsWithMask,
    Success,
)
from .. import examples
from ..app_state import State
from ..cancel_on_disconnect import cancel_on_disconnect
from ..error_handlers import ERRORS
from .provider_routes import FAILED, Shapes, add_provider_routes

router = APIRouter(prefix="/ollama", tags=["Prompt enhancement"], responses=ERRORS)


@router.post("/enhance", responses=FAILED)
async def enhance(
    body: Annotated[EnhanceRequest, Body(openapi_examples=examples.ENHANCE)], request: Request, state: State
) -> Enhanced:
    """Make a prompt better, in the way that suits the loaded model. Stops when the connection is closed."""
    return await cancel_on_disconnect(request, state.enhancer.enhance(body))


@router.get("/history")
async def history(
    state: State,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> EnhancementHistory:
    """Enhancements of the past, newest first, failed ones too."""
    return await state.enhancer.history.read_page(limit, offset)


@router.delete("/history")
async def clear_history(state: State) -> Success:
    """Forget all enhancements."""
    await state.enhancer.history.clear()
    return Success()


@router.get("/history/{id}")
async def history_entry(id: str, state: State) -> Enhancement:
    """One enhancement."""
    entry = await state.enhancer.history.get(id)
    if entry is None:
        raise NotFound("There is no such enhancement")
    return entry


@router.delete("/history/{id}")
async def delete_history_entry(id: str, state: State) -> Success:
    """Forget one enhancement."""
    if not await state.enhancer.history.delete(id):
        raise NotFound("There is no such enhancement")
    return Success()


add_provider_routes(
    router,
    lambda state: state.enhancer,
    Shapes(OllamaStatus, SettingsWithMask, OllamaUpdate, SettingsUpdated),
    about_settings="How prompts are enhanced; of the key only whether there is one.",
    examples=examples.OLLAMA_SETTINGS,
)
