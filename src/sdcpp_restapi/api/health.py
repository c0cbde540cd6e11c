"""GET /health."""

from fastapi import APIRouter, Response

from ..schemas.models import Health
from .deps import Here
from .snapshots import json_response

router = APIRouter(tags=["Health"])


@router.get("/health", response_model=Health)
async def health(here: Here) -> Response:
    """Server status, loaded model and components. Answers at any time, also while a model loads."""
    return json_response(here.model.health().model_dump_json())
