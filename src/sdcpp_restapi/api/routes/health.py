"""GET /health, and GET /health/ready for supervisors and load balancers."""

from fastapi import APIRouter, Response

from ...schemas.models import Health
from ...schemas.queue_state import QueueState
from ..app_state import AppState, State
from ..response_cache import json_response

router = APIRouter(tags=["Health"])


def read_health(state: AppState) -> Health:
    """How the server is; nothing is asked for that could take time."""
    return state.model.health(state.upscaler.name).model_copy(
        update={
            "ws_port": state.settings.server.ws_port,
            "storage": state.usage.current,
            "queue": state.queue.stalls.state,
        }
    )


@router.get("/health", response_model=Health)
async def health(state: State) -> Response:
    """Server status, loaded model and components. Answers at any time, also while a model loads."""
    return json_response(read_health(state).model_dump_json())


@router.get("/health/ready", response_model=QueueState, responses={503: {"model": QueueState}})
async def ready(state: State) -> Response:
    """Whether jobs get on: 503 while the queue stands still, with the reason.

    That is when what became of a job cannot be stored, since the disk is full or the database is locked.
    """
    queue = state.queue.stalls.state
    return json_response(queue.model_dump_json(), 200 if queue.state == "running" else 503)
