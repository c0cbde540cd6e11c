"""The WebSocket: every event to every client, at /ws and on the port of its own."""

import asyncio
import logging
from contextlib import suppress

from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..client_outbox import ClientOutbox
from ..errors import StorageUnavailable
from ..events import EventFilter, EventMessage
from ..requester import seen_user
from ..schemas.base import LATE
from ..schemas.events import ClientMessage, EventsQuery, Ping, Pong, ServerStatus
from .app_state import AppState
from .error_handlers import our_shape, respond_to_invalid, validate
from .routes.health import read_health

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 30.0
# Close code for a client that does not read: "try again later" (RFC 6455 registry).
TRY_AGAIN_LATER = 1013
# A close frame holds 123 bytes of reason.
LONGEST_REASON = 40
_MESSAGE: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage, config=LATE)


async def serve_client(websocket: WebSocket) -> None:
    """Serve one client until it leaves."""
    state: AppState = websocket.app.state.server
    try:
        query = validate(EventsQuery, dict(websocket.query_params))
    except RequestValidationError as error:
        await websocket.send_denial_response(respond_to_invalid(error, our_shape))
        return
    await websocket.accept()
    outbox = state.bus.subscribe(EventFilter(previews=query.previews))
    try:
        try:
            status = await read_server_status(state, seen_user())
        except StorageUnavailable as error:
            await websocket.close(TRY_AGAIN_LATER, str(error)[:LONGEST_REASON])
            return
        outbox.put(status, EventMessage(status))
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(_send(websocket, outbox))
            tasks.create_task(_receive(websocket, state, outbox, sending))
    finally:
        state.bus.unsubscribe(outbox)


async def publish_heartbeats(state: AppState) -> None:
    """Tell all clients how the server is, for ever."""
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        with suppress(StorageUnavailable):  # /health tells it; clients hear the next heartbeat
            # Everybody hears the counts of what they may see.
            for user in state.bus.list_viewers():
                status = await read_server_status(state, user)
                state.bus.publish(status, user)


async def read_server_status(state: AppState, user: str | None) -> ServerStatus:
    """The body of /health and the queue's counts, of a user's jobs or of all."""
    counts = await state.queue.counts_of(user)
    return ServerStatus.model_validate({**dict(read_health(state)), **counts})


async def _send(websocket: WebSocket, outbox: ClientOutbox[EventMessage]) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        try:
            while True:
                await websocket.send_text((await outbox.get()).text)
        except ConnectionError as error:
            log.warning("a WebSocket client was let go: %s", error)
            await websocket.close(TRY_AGAIN_LATER, str(error))


async def _receive(
    websocket: WebSocket, state: AppState, outbox: ClientOutbox[EventMessage], sending: asyncio.Task[None]
) -> None:
    try:
        while (message := await websocket.receive())["type"] == "websocket.receive":
            with suppress(ValidationError):  # what we don't understand is not for us
                text = message.get("text") or message.get("bytes") or ""
                answer = await _answer(state, _MESSAGE.validate_json(text))
                outbox.put(answer, EventMessage(answer))
    except StorageUnavailable as error:
        await websocket.close(TRY_AGAIN_LATER, str(error)[:LONGEST_REASON])
    except RuntimeError:
        log.debug("a WebSocket client was gone already")
    sending.cancel()


async def _answer(state: AppState, message: ClientMessage) -> Pong | ServerStatus:
    return Pong() if isinstance(message, Ping) else await read_server_status(state, seen_user())
