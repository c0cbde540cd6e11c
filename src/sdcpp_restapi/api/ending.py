"""Connections that stay open end when the key or the session that let them in does."""

import asyncio
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..access.access import Access
from ..requester import Requester

# Close code of a WebSocket that is refused: policy violation (RFC 6455, 7.4.1).
POLICY_VIOLATION = 1008
# Answers over HTTP without an end of their own.
STREAMS = ("/events",)
_REASON = "the key or the session that let this connection in has ended"


def stays_open(scope: Scope) -> bool:
    """Whether a request may go on for ever."""
    return scope["type"] == "websocket" or scope["path"] in STREAMS


async def serve_until_ended(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, access: Access, requester: Requester
) -> None:
    """Serve a request for as long as its key and its session last."""
    begun = False

    async def send_noting(message: Message) -> None:
        nonlocal begun
        begun = True
        await send(message)

    ids = (requester.key_id, *([requester.session_id] if requester.session_id else []))
    with access.connections.ended_with(*ids) as end:
        serving = asyncio.ensure_future(app(scope, receive, send_noting))
        ending = asyncio.ensure_future(end.wait())
        try:
            lasts = _seconds_left(access.find_expiry(requester.session_id))
            await asyncio.wait({serving, ending}, timeout=lasts, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
                return
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await _close(scope, send, begun)
        finally:
            ending.cancel()
            if not serving.done():
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)


def _seconds_left(expires: datetime | None) -> float | None:
    return None if expires is None else max((expires - datetime.now(UTC)).total_seconds(), 0.0)


async def _close(scope: Scope, send: Send, begun: bool) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": _REASON})
    elif begun:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
