"""Requests that are still open when the server ends: they get an answer rather than a broken line."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ServerStopping
from .error_handlers import respond_to


class AnswerWhenCancelled:
    """ASGI middleware: a request that the server cancels, its grace being over, is answered with 503."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except asyncio.CancelledError:
            # Nobody else cancels a whole request, and the task ends here anyway.
            if not started:
                await respond_to(ServerStopping())(scope, receive, send)
