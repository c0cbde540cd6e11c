"""The client library within the server itself, so that tools are written once for both transports."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from ..api.app_state import AppState
from ..client import AsyncClient
from ..client.asynchronous import AsyncEvents
from ..events import EventFilter
from ..request_source import IN_PROCESS
from ..requester import REQUESTER, SCOPE_ENTRY


class InProcessClient(AsyncClient):
    """Its requests go into the main application without a network, and events come from the bus."""

    def __init__(self, app: ASGIApp, state: AppState) -> None:
        async def send_on(scope: Scope, receive: Receive, send: Send) -> None:
            # It is the client that asks, with what it may do and see.
            await app({**scope, SCOPE_ENTRY: REQUESTER.get()}, receive, send)

        super().__init__(
            "http://localhost",  # a name that every server answers to
            None,
            httpx.ASGITransport(send_on, raise_app_exceptions=False, client=(IN_PROCESS, 0)),
        )
        self._bus = state.bus

    @asynccontextmanager
    async def events(self, previews: bool = False) -> AsyncIterator[AsyncEvents]:
        """What happens from now on, to all jobs and models; with `previews` also pictures of running jobs."""
        outbox = self._bus.subscribe(EventFilter(previews=previews))

        async def receive() -> str:
            return (await outbox.get()).text

        try:
            yield AsyncEvents(self._address, receive)
        finally:
            self._bus.unsubscribe(outbox)
