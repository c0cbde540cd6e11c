"""The assistant: a language model that knows the server's state and proposes what to do."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel

from ...errors import LlmFailed
from ...schemas.assistant import (
    AssistantAnswer,
    AssistantRequest,
    AssistantSettingsUpdated,
    AssistantSettingsWithMask,
    AssistantStatus,
    AssistantUpdate,
    Conversation,
    Delta,
)
from ...schemas.llm_settings import LlmFailure
from ...schemas.ollama import Success
from .. import examples
from ..app_state import AppState, State
from ..cancel_on_disconnect import cancel_on_disconnect
from ..error_handlers import ERRORS
from .provider_routes import FAILED, Shapes, add_provider_routes

router = APIRouter(prefix="/assistant", tags=["Assistant"], responses=ERRORS)

STREAM: dict[str, Any] = {
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'event: delta\ndata: {"text":"I propose"}\n\n'
        'event: done\ndata: {"success":true,"message":"I propose to load it.","actions":[]}\n\n',
    }
}


@router.post("/chat", response_model=AssistantAnswer, responses=FAILED | {200: {"content": STREAM}})
async def chat(
    body: Annotated[AssistantRequest, Body(openapi_examples=examples.CHAT)], request: Request, state: State
) -> AssistantAnswer | Response:
    """Say something to the assistant. Stops when the connection is closed; what was begun by then is done.

    With `stream` the answer comes as events: `delta` with pieces of the message, then `done` with the same
    body as without, or `error` with the body of a failure.
    """
    server_state = await state.server_state.read()
    if body.stream:
        return EventSourceResponse(_events(state, body, server_state))
    return await cancel_on_disconnect(
        request, state.assistant.answer(body, server_state, state.action_runner.run)
    )


@router.get("/history")
async def history(state: State) -> Conversation:
    """The conversation, oldest message first."""
    return await state.assistant.history.read()


@router.delete("/history")
async def clear_history(state: State) -> Success:
    """Forget the conversation."""
    await state.assistant.history.clear()
    return Success()


add_provider_routes(
    router,
    lambda state: state.assistant,
    Shapes(AssistantStatus, AssistantSettingsWithMask, AssistantUpdate, AssistantSettingsUpdated),
    about_settings="Which model answers and how; of the key only whether there is one.",
    examples=examples.ASSISTANT_SETTINGS,
)


async def _events(
    state: AppState, body: AssistantRequest, server_state: dict[str, Any]
) -> AsyncGenerator[bytes]:
    try:
        async with aclosing(state.assistant.run_turn(body, server_state, state.action_runner.run)) as pieces:
            async for piece in pieces:
                yield _event("delta" if isinstance(piece, Delta) else "done", piece)
    except LlmFailed as error:
        yield _event("error", LlmFailure(error=str(error)))


def _event(name: str, data: BaseModel) -> bytes:
    return format_sse_event(event=name, data_str=data.model_dump_json())
