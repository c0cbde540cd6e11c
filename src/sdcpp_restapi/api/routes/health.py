"""GET /health."""

from fastapi import APIRouter, Response

from ...schemas.models import Health
from ..app_state import AppState, State
from ..response_cache import json_response

router = APIRouter(tags=["Health"])


def current(state: AppState) -> Health:
    """How the server is; nothing is asked for that could take time."""
    return state.model.health(state.upscaler.name).model_copy(update={"storage": state.usage.current})


@router.get("/health", response_model=Health)
async def health(state: State) -> Response:
    """Server status, loaded model and components. Answers at any time, also while a model loads."""
    return json_response(current(state).model_dump_json())
