"""Requests that are still open when the server ends: they get an answer rather than a broken line."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ServerStopping
from .error_handlers import find_shape, respond_to


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
                await respond_to(ServerStopping(), find_shape(scope))(scope, receive, send)


class OpenAnswers:
    """Answers that stay open on purpose: they are ended as soon as the server begins to end."""

    def __init__(self) -> None:
        self._ended = False
        self._ends: set[Callable[[], None]] = set()

    @property
    def ended(self) -> bool:
        """Whether the server is being stopped."""
        return self._ended

    def end(self) -> None:
        """End all of them, and those that begin from now on."""
        self._ended = True
        for end in self._ends:
            end()

    @contextmanager
    def ended_by(self, end: Callable[[], None]) -> Iterator[None]:
        """An answer is open in the block, and `end` ends it."""
        self._ends.add(end)
        try:
            if self._ended:
                end()
            yield
        finally:
            self._ends.discard(end)
