"""Prompts enhanced by a language model: Ollama, an OpenAI-compatible server, or one of the llm folder."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request

from ...errors import NotFound
from ...schemas.llm_settings import LlmFailure
from ...schemas.ollama import (
    ChatModels,
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

router = APIRouter(prefix="/ollama", tags=["Prompt enhancement"], responses=ERRORS)

FAILED: dict[int | str, dict[str, Any]] = {
    500: {"model": LlmFailure, "description": "The language model gave no answer; the text says why"}
}


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


@router.get("/status")
async def status(state: State) -> OllamaStatus:
    """Whether the provider can be reached; takes 5 seconds at most."""
    return await state.enhancer.check_status()


@router.get("/models", responses=FAILED)
async def models(state: State) -> ChatModels:
    """The models of the provider."""
    return ChatModels(models=await state.enhancer.list_models())


@router.get("/settings")
async def settings(state: State) -> SettingsWithMask:
    """How prompts are enhanced; of the key only whether there is one."""
    return state.enhancer.show_settings()


@router.put("/settings")
async def update_settings(
    body: Annotated[OllamaUpdate, Body(openapi_examples=examples.OLLAMA_SETTINGS)], state: State
) -> SettingsUpdated:
    """Change some settings: what is left out stays. A key does not survive a change of its server."""
    return await state.enhancer.update_settings(body)
