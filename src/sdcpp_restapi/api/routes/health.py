"""GET /health."""

from fastapi import APIRouter, Response

from ...schemas.models import Health
from ..app_state import AppState, Here
from ..response_cache import json_response

router = APIRouter(tags=["Health"])


def current(parts: AppState) -> Health:
    """How the server is; nothing is asked for that could take time."""
    return parts.model.health().model_copy(update={"storage": parts.usage.current})


@router.get("/health", response_model=Health)
async def health(here: Here) -> Response:
    """Server status, loaded model and components. Answers at any time, also while a model loads."""
    return json_response(current(here).model_dump_json())
