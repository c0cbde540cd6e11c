"""What a reverse proxy tells of a request: who asked, by which name and scheme, and below which prefix.

Only proxies of the setting server.trusted_proxies are believed. The rules, by header:

- X-Forwarded-Proto: http or https; anything else is ignored.
- X-Forwarded-For: the last address that is not itself a trusted proxy; what is no address is ignored.
- X-Forwarded-Host: the name that links have. `Guard` checks it beside the Host of the request itself, since
  a page of another site that reaches 127.0.0.1 by a name of its own may send this header too.
- X-Forwarded-Prefix: what the proxy has cut off the path. It goes before server.root_path.
"""

import ipaddress
import re
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ..config import Server
from ..config.server import PREFIX
from .headers import find_header

# Where `Guard` finds the Host that the proxy itself asked for.
DIRECT_HOST = "sdcpp.direct_host"
# FastAPI takes the prefix from root_path here. Everywhere else it stays empty: paths are those of this
# server, and whatever writes whole addresses asks for app_root_path, as Starlette does.
_DESCRIPTIONS = ("/docs", "/redoc", "/openapi.json")


class BehindProxy:
    """ASGI middleware, the first that a request meets."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app = app
        self._root_path = server.root_path
        forwarded: Any = ProxyHeadersMiddleware(self._pass_on, server.trusted_proxies)
        self._read_forwarded: ASGIApp = forwarded
        self._trusted = forwarded.trusted_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as the client of the proxy sent it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        prefix, path = self._root_path, scope["path"]
        if prefix and path == prefix and scope["type"] == "http":
            await _redirect_into(prefix)(scope, receive, send)
            return
        if prefix and path.startswith(f"{prefix}/"):
            scope = {**scope, **_cut(scope, prefix)}
        client = scope.get("client")
        if client and client[0] in self._trusted:
            scope = _with_host(scope)
            given = (find_header(scope, b"x-forwarded-prefix") or "").rstrip("/")
            prefix = given if re.fullmatch(PREFIX, given) else prefix
        if prefix:
            root = prefix if scope["path"].startswith(_DESCRIPTIONS) else ""
            scope = {**scope, "app_root_path": prefix, "root_path": root}
        scope["sdcpp.peer"] = client
        await self._read_forwarded(scope, receive, send)

    async def _pass_on(self, scope: Any, receive: Any, send: Any) -> None:
        peer = scope.pop("sdcpp.peer", None)
        if scope.get("client") and not _is_address(scope["client"][0]):
            scope["client"] = peer
        await self._app(scope, receive, send)


def _cut(scope: Scope, prefix: str) -> dict[str, Any]:
    raw = scope.get("raw_path") or b""
    return {
        "path": scope["path"].removeprefix(prefix),
        "raw_path": raw.removeprefix(prefix.encode()),
    }


def _with_host(scope: Scope) -> Scope:
    given = find_header(scope, b"x-forwarded-host")
    if not given:
        return scope
    # Each proxy adds to the list; the first name is the one that the client used.
    host = given.partition(",")[0].strip().encode("latin-1")
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    direct = find_header(scope, b"host") or ""
    return {**scope, "headers": [(b"host", host), *others], DIRECT_HOST: direct}


def _redirect_into(prefix: str) -> Response:
    return Response(status_code=308, headers={"location": f"{prefix.rpartition('/')[2]}/"})


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class RelativeRedirects:
    """ASGI middleware: a redirect to the same address with or without a slash at its end is relative.

    Starlette writes the whole address, with the scheme and the path that this server sees: neither need be
    what the client of a proxy asked for.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_relative(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] in (307, 308):
                headers = [
                    (name, _relative(value, scope) if name == b"location" else value)
                    for name, value in message["headers"]
                ]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, send_relative)


def _relative(location: bytes, scope: Scope) -> bytes:
    asked: bytes = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
    if not re.match(rb"https?://", location) or asked.rstrip(b"/") == b"":
        return location
    target, mark, query = location.partition(b"?")
    last = asked.rstrip(b"/").rpartition(b"/")[2]
    if target.endswith(asked + b"/"):
        return last + b"/" + mark + query
    if asked.endswith(b"/") and target.endswith(asked.rstrip(b"/")):
        return b"../" + last + mark + query
    return location
