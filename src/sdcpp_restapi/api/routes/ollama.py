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
from ..app_state import Here
from ..cancel_on_disconnect import while_present
from ..error_handlers import ERRORS

router = APIRouter(prefix="/ollama", tags=["Prompt enhancement"], responses=ERRORS)

FAILED: dict[int | str, dict[str, Any]] = {
    500: {"model": LlmFailure, "description": "The language model gave no answer; the text says why"}
}


@router.post("/enhance", responses=FAILED)
async def enhance(
    body: Annotated[EnhanceRequest, Body(openapi_examples=examples.ENHANCE)], request: Request, here: Here
) -> Enhanced:
    """Make a prompt better, in the way that suits the loaded model. Stops when the connection is closed."""
    return await while_present(request, here.enhancer.enhance(body))


@router.get("/history")
async def history(
    here: Here,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> EnhancementHistory:
    """Enhancements of the past, newest first, failed ones too."""
    return await here.enhancer.history.read_page(limit, offset)


@router.delete("/history")
async def clear_history(here: Here) -> Success:
    """Forget all enhancements."""
    await here.enhancer.history.clear()
    return Success()


@router.get("/history/{id}")
async def history_entry(id: str, here: Here) -> Enhancement:
    """One enhancement."""
    entry = await here.enhancer.history.get(id)
    if entry is None:
        raise NotFound("There is no such enhancement")
    return entry


@router.delete("/history/{id}")
async def delete_history_entry(id: str, here: Here) -> Success:
    """Forget one enhancement."""
    if not await here.enhancer.history.delete(id):
        raise NotFound("There is no such enhancement")
    return Success()


@router.get("/status")
async def status(here: Here) -> OllamaStatus:
    """Whether the provider can be reached; takes 5 seconds at most."""
    return await here.enhancer.check_status()


@router.get("/models", responses=FAILED)
async def models(here: Here) -> ChatModels:
    """The models of the provider."""
    return ChatModels(models=await here.enhancer.list_models())


@router.get("/settings")
async def settings(here: Here) -> SettingsWithMask:
    """How prompts are enhanced; of the key only whether there is one."""
    return here.enhancer.show_settings()


@router.put("/settings")
async def update_settings(
    body: Annotated[OllamaUpdate, Body(openapi_examples=examples.OLLAMA_SETTINGS)], here: Here
) -> SettingsUpdated:
    """Change some settings: what is left out stays. A key does not survive a change of its server."""
    return await here.enhancer.update_settings(body)
