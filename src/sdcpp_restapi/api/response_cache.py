"""Answers kept as bytes for as long as nothing changed.

A page that a hundred clients poll is built once per change, not once per request; and who asks for the same
address again gets it without routes and models (`ReadyAnswers`).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from functools import partial

from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..requester import seen_user

# Answers, and bytes of all of them.
MOST_KEPT, MOST_BYTES = 256, 64 * 2**20
# Where a request carries the function that has its answer kept.
_KEEP = "sdcpp.keep_ready"

# The body as its route would write it now; None when only the route can tell.
Render = Callable[[], bytes | None]


@dataclass(slots=True)
class _Kept:
    revision: int = -1
    body: bytes = b""
    building: asyncio.Lock = field(default_factory=asyncio.Lock)


class ResponseCache:
    """A small cache of rendered answers, each with the revision that it shows."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._bytes = 0

    async def answer(
        self,
        find_key: Callable[[], Hashable],
        revision: Callable[[], int],
        make: Callable[[], Awaitable[BaseModel | bytes]],
        is_fresh: Callable[[], bool] = lambda: True,
    ) -> Response:
        """The JSON answer for a key; `make` runs only when `revision`, which only rises, has risen since.

        Each user has answers apart: what one is shown is not for another one.

        Who asks while an answer is being built waits for it, and builds another only if that one is too old.
        `is_fresh`: whether the revision can be believed without the route.
        """
        asked, sees = revision(), seen_user()
        key = sees, find_key()
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Kept()
        self._kept.move_to_end(key)
        if kept.revision < asked:
            async with kept.building:
                if kept.revision < asked:
                    now = revision()
                    try:
                        made = await make()
                    except BaseException:
                        # Else every address of nothing, of which there is no end, would be kept.
                        self._drop(key, kept)
                        raise
                    body = made if isinstance(made, bytes) else made.model_dump_json().encode()
                    self._store(key, kept, now, body)
        return ReadyAnswer(
            kept.body, lambda: self._find((sees, find_key()), revision()) if is_fresh() else None
        )

    def _store(self, key: Hashable, kept: _Kept, revision: int, body: bytes) -> None:
        if self._kept.get(key) is kept:
            self._bytes += len(body) - len(kept.body)
        kept.revision, kept.body = revision, body
        while len(self._kept) > MOST_KEPT or (self._bytes > MOST_BYTES and len(self._kept) > 1):
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped.body)

    def _drop(self, key: Hashable, kept: _Kept) -> None:
        if self._kept.get(key) is kept:
            del self._kept[key]
            self._bytes -= len(kept.body)

    def _find(self, key: Hashable, revision: int) -> bytes | None:
        kept = self._kept.get(key)
        if kept is None or kept.revision < revision:
            return None
        self._kept.move_to_end(key)
        return kept.body


class ReadyAnswer(Response):
    """A JSON answer that may be given again without its route, for as long as `render` has its bytes."""

    media_type = "application/json"

    def __init__(self, body: bytes, render: Render) -> None:
        super().__init__(body)
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; requests for the same address get the next one from `ReadyAnswers`."""
        if keep := scope.get(_KEEP):
            keep(self._render)
        await super().__call__(scope, receive, send)


class ReadyAnswers:
    """ASGI middleware, behind the guard: answers a GET of an address whose last answer was a ReadyAnswer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._renders: OrderedDict[Hashable, Render] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        if scope["type"] != "http" or scope["method"] != "GET" or _has_body(scope):
            await self._app(scope, receive, send)
            return
        # What one user is shown is not for another one.
        address = seen_user(), scope["path"], scope["query_string"]
        render = self._renders.get(address)
        body = render() if render is not None else None
        if body is None:
            scope[_KEEP] = partial(self._keep, address)
            await self._app(scope, receive, send)
            return
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _keep(self, address: Hashable, render: Render) -> None:
        self._renders[address] = render
        self._renders.move_to_end(address)
        if len(self._renders) > MOST_KEPT:
            self._renders.popitem(last=False)


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


def json_response(content: bytes | str, status: int = 200) -> Response:
    """A JSON answer whose text is ready."""
    return Response(content, status, media_type="application/json")
