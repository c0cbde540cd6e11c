"""The id of each request, in its answer and in the log, and the access log."""

import logging
import re
from time import monotonic
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..request_source import CLIENT, IN_PROCESS, REQUEST_ID
from .headers import find_header
from .traffic import Traffic

log = logging.getLogger("sdcpp_restapi.access")

HEADER = b"x-request-id"
# What a client or a proxy may call its request; anything else is answered with an id of ours.
_WELL_FORMED = re.compile(r"[A-Za-z0-9._~:+/=@-]{1,128}")
_HEADS = ("http.response.start", "websocket.accept", "websocket.http.response.start")
# Of a WebSocket that was accepted.
SWITCHED = 101
# What nginx writes for a client that went away before it was answered.
CLIENT_GONE = 499


class RequestLog:
    """ASGI middleware: names each request, counts its answer, and logs it where the setting says so."""

    def __init__(self, app: ASGIApp, traffic: Traffic, access: bool) -> None:
        self._app = app
        self._traffic = traffic
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on. Each runs in a task of its own, so that what is set here ends with it."""
        if scope["type"] not in ("http", "websocket") or _host(scope) == IN_PROCESS:
            await self._app(scope, receive, send)
            return
        request_id = choose_id(find_header(scope, HEADER))
        REQUEST_ID.set(request_id)
        CLIENT.set(_host(scope))
        named, began, status, size = (HEADER, request_id.encode()), monotonic(), 0, 0

        async def send_named(message: Message) -> None:
            nonlocal status, size
            if message["type"] in _HEADS:
                status = message.get("status", SWITCHED)
                self._traffic.websockets += status == SWITCHED
                headers = list(message.get("headers", ()))
                # The answers that OpenAI's clients expect have the id of their job there.
                message["headers"] = (
                    headers if any(name == HEADER for name, _ in headers) else [*headers, named]
                )
            elif body := message.get("body"):
                size += len(body)
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        finally:
            self._traffic.websockets -= status == SWITCHED
            self._traffic.count(status or CLIENT_GONE, size)
            if self._access:
                self._tell(scope, status or CLIENT_GONE, size, monotonic() - began)

    def _tell(self, scope: Scope, status: int, size: int, seconds: float) -> None:
        method = scope.get("method", "WEBSOCKET")
        duration = round(seconds * 1000, 1)
        # Without the query, which may hold a key.
        log.info(
            "%s %s %s %d, %d bytes in %g ms",
            *(_host(scope), method, scope["path"], status, size, duration),
            extra={"method": method, "path": scope["path"], "status": status, "duration_ms": duration},
        )


def choose_id(given: str | None) -> str:
    """The id that came with a request, if it is well formed; else a fresh one."""
    return given if given and _WELL_FORMED.fullmatch(given) else uuid4().hex


def _host(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
