"""GET /health, and /health/live and /health/ready for supervisors and load balancers."""

from typing import NamedTuple

from fastapi import APIRouter, Response

from ...errors import ServerStopping, StorageUnavailable
from ...schemas.models import Health
from ...schemas.queue_state import Liveness, QueueState
from ...schemas.trash import Storage
from ...slots.current_model import ModelState
from ..app_state import AppState, State
from ..response_cache import ReadyAnswer, json_response

router = APIRouter(tags=["Health"])


class _Facts(NamedTuple):
    engine: str | None
    model: ModelState
    upscaler_name: str | None
    storage: Storage | None
    queue: QueueState
    ws_port: int


class HealthText:
    """The body of GET /health, written anew when one of the facts in it is another."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._facts: _Facts | None = None
        self._text = b""

    def render(self) -> bytes:
        """How the server is now."""
        facts = _gather(self._state)
        if facts != self._facts:
            self._text = _describe(facts).model_dump_json().encode()
            self._facts = facts
        return self._text


def read_health(state: AppState) -> Health:
    """How the server is; nothing is asked for that could take time."""
    return _describe(_gather(state))


def _gather(state: AppState) -> _Facts:
    return _Facts(
        engine=state.engine.revision,
        model=state.model.state(),
        upscaler_name=state.upscaler.name,
        storage=state.usage.current,
        queue=state.pausing.state,
        ws_port=state.settings.server.ws_port,
    )


def _describe(facts: _Facts) -> Health:
    shown = facts.model.describe(facts.upscaler_name)
    own = {"engine": facts.engine, "ws_port": facts.ws_port, "queue": facts.queue, "storage": facts.storage}
    return shown.model_copy(update=own)


@router.get("/health", response_model=Health)
async def health(state: State) -> Response:
    """Server status, loaded model and components. Answers at any time, also while a model loads."""
    text = HealthText(state)
    return ReadyAnswer(text.render(), text.render)


@router.get("/health/live")
async def live() -> Liveness:
    """Whether this process answers, and nothing else; no key is asked for."""
    return Liveness()


@router.get("/health/ready", response_model=QueueState, responses={503: {"model": QueueState}})
async def ready(state: State) -> Response:
    """Whether jobs get on: 503 with the reason while they do not.

    That is while the queue stands still, since what became of a job cannot be stored (the disk is full, the
    database is locked or cannot be read), while it is paused or drained, while the engine starts, and while
    the server is being stopped.
    """
    readiness = await _find_readiness(state)
    return json_response(readiness.model_dump_json(), 200 if readiness.state == "running" else 503)


async def _find_readiness(state: AppState) -> QueueState:
    queue = state.pausing.state
    if state.open_answers.ended:
        return QueueState(state="stopping", reason=str(ServerStopping()))
    if queue.state != "running":
        return queue
    if state.engine.starting:
        return QueueState(state="starting", reason="The engine is being started")
    try:
        await state.queue.check_database()
    except StorageUnavailable as error:
        return QueueState(state="stalled", reason=str(error))
    return queue
