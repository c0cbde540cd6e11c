"""The WebSocket: what happens to prompts, to the client that sent them."""

import asyncio
import json
import uuid
from contextlib import suppress

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from ...api.app_state import AppState
from ...client_outbox import ClientOutbox
from ...errors import JobNotFound, StorageUnavailable
from ...events import EventMessage
from ...schemas.jobs import JobStatus
from .history import count_remaining
from .messages import make_executing, make_status, translate
from .prompts import Prompts, Submitted

router = APIRouter()

# Events after which another number of jobs remains.
_COUNTED = ("job_added", "job_status_changed")
# Close code: try again later.
_TRY_AGAIN_LATER = 1013


@router.websocket("/ws")
async def follow(websocket: WebSocket) -> None:
    """Serve one client until it leaves. What it sends is not for us."""
    state: AppState = websocket.app.state.server
    prompts: Prompts = websocket.app.state.prompts
    client_id = websocket.query_params.get("clientId") or uuid.uuid4().hex
    await websocket.accept()
    outbox = state.bus.subscribe()
    try:
        sending = asyncio.create_task(_send(websocket, _Listener(state, prompts, client_id), outbox))
        try:
            while (await websocket.receive())["type"] == "websocket.receive":
                pass
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    except (RuntimeError, WebSocketDisconnect):
        pass  # it was gone already
    finally:
        state.bus.unsubscribe(outbox)


class _Listener:
    """What one client is told."""

    def __init__(self, state: AppState, prompts: Prompts, client_id: str) -> None:
        self._state = state
        self._prompts = prompts
        self._client_id = client_id

    async def greet(self) -> list[str | bytes]:
        """How the queue is, and which node of its own prompts is at work."""
        own = [prompt for prompt in self._prompts if prompt.client_id == self._client_id]
        working = [make_executing(prompt, prompt.working) for prompt in own if await self._runs(prompt)]
        return [make_status(await count_remaining(self._state), self._client_id), *working]

    async def hear(self, text: str) -> list[str | bytes]:
        """What it is told of an event."""
        event = json.loads(text)
        name, data = event["event"], event["data"]
        messages: list[str | bytes] = []
        prompt = self._prompts.of_job(data.get("job_id", ""))
        if prompt is not None and prompt.client_id in (None, "", self._client_id):
            messages += translate(prompt, name, data)
        if name in _COUNTED:
            messages.append(make_status(await count_remaining(self._state)))
        return messages

    async def _runs(self, prompt: Submitted) -> bool:
        if prompt.ended is not None:
            return False
        with suppress(JobNotFound):
            return (await self._state.queue.get(prompt.job_id)).status is JobStatus.PROCESSING
        return False


async def _send(websocket: WebSocket, listener: _Listener, outbox: ClientOutbox[EventMessage]) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        try:
            messages = await listener.greet()
            while True:
                for message in messages:
                    if isinstance(message, bytes):
                        await websocket.send_bytes(message)
                    else:
                        await websocket.send_text(message)
                messages = await listener.hear((await outbox.get()).text)
        except (ConnectionError, StorageUnavailable) as error:
            await websocket.close(_TRY_AGAIN_LATER, str(error)[:40])
