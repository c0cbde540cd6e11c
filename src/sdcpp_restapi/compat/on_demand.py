"""An application that is made when it is first asked for: who never uses it pays neither time nor memory."""

import asyncio
import importlib

from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Scope, Send

from ..api.headers import find_header
from ..request_source import SOURCE, UNHEARD
from .registry import CompatApi


class OnDemand:
    """ASGI application: stands for the one that `create_app` of a module makes."""

    def __init__(self, interface: CompatApi, main: State) -> None:
        """`main` is the state of the main application, which holds the parts of the server once it runs."""
        self._interface = interface
        self._main = main
        self._app: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        app = self._app or await self._make()
        # For this request: each has a context of its own.
        SOURCE.set(self._interface.name)
        if not self._interface.takes_keys and find_header(scope, b"idempotency-key") is not None:
            UNHEARD.set(("Idempotency-Key was ignored: this interface makes a job of every request",))
        await app(scope, receive, send)

    async def _make(self) -> ASGIApp:
        async with self._making:
            if self._app is None:
                # In a thread, since an import may take a while.
                module = await asyncio.to_thread(importlib.import_module, self._interface.module)
                self._app = module.create_app(self._main.server)
            return self._app
