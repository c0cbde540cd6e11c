"""Origins of web pages that may call from elsewhere, and the answers of CORS for exactly these."""

import re

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..config import Server
from .error_handlers import error_response
from .headers import find_header

_LOOPBACK = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::(\d{1,5}))?")


class Origins:
    """Those of the setting; while only this machine can connect, also every page that it serves itself."""

    def __init__(self, server: Server) -> None:
        self._listed = {origin.rstrip("/").lower() for origin in server.allowed_origins}
        self._loopback = server.on_loopback

    def allow(self, origin: str) -> bool:
        """Whether a page of this origin may call, wherever it is."""
        origin = origin.rstrip("/").lower()
        return origin in self._listed or (self._loopback and _is_loopback(origin))


class Cors(CORSMiddleware):
    """Starlette's middleware for these origins. The guard refuses what they are not, in JSON."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        super().__init__(app, allow_methods=["*"], allow_headers=["*"], expose_headers=["*"])
        self._origins = origins

    def is_allowed_origin(self, origin: str) -> bool:
        """Asked for each request that has an Origin."""
        return self._origins.allow(origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or pass the request on and add the headers to its answer."""
        origin = find_header(scope, b"origin") if scope["type"] == "http" else None
        if origin is None or not self._origins.allow(origin):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a preflight; what the page may not do is told as every other error is."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        told = error_response(bytes(answer.body).decode(), answer.status_code, "preflight_refused")
        kept = ("content-length", "content-type")
        told.headers.update({name: value for name, value in answer.headers.items() if name not in kept})
        return told


def _is_loopback(origin: str) -> bool:
    found = _LOOPBACK.fullmatch(origin)
    return found is not None and int(found[1] or 80) <= 65535
