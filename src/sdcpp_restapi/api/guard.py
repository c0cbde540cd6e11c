"""Who may ask: the rules on Host, Origin and API keys, before any route sees a request.

A page on another site must not reach a server on the visitor's own machine: neither directly (Origin), nor
by a name of its own that resolves to 127.0.0.1 (Host). Both checks cover WebSockets too.
"""

import hmac
import ipaddress
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ..config import Server
from ..errors import BadRequest, NotFound, OriginRefused, SdcppError, Unauthorized
from .error_handlers import respond_to
from .origins import Origins
from .picture_cookie import PictureCookie

LOOPBACK_NAMES = {"localhost", "localhost.localdomain", "ip6-localhost"}
# The description of the API and the page are no secrets, and a browser can't put a key on assets.
PUBLIC = ("/docs", "/redoc", "/openapi.json", "/static-offline-docs/", "/ui/")
# The stream of events. Behind other paths are applications that know HTTP only.
STREAMS = ("/", "/ws")
LEADS_TO_PAGE = ("/", "/ui")
DEFAULT_PORTS = {"http": 80, "https": 443}
# Close code of a WebSocket that is refused: policy violation (RFC 6455, 7.4.1).
POLICY_VIOLATION = 1008


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, server: Server, main_port: int) -> None:
        self._app = app
        self._main_port = main_port
        self._keys = [key.get_secret_value().encode() for key in server.api_keys]
        self._cookie = PictureCookie(self._keys, main_port)
        self._hosts = {name.lower() for name in server.allowed_hosts} | LOOPBACK_NAMES | {server.host.lower()}
        self._origins = Origins(server)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        if scope["type"] in ("http", "websocket"):
            try:
                key = self._check(scope)
            except SdcppError as error:
                await _refuse(scope, receive, send, error)
                return
            if key is not None and self._cookie.belongs_to(scope):
                send = self._cookie.add_to(send, scope, key)
            # So that no redirect and no message repeats it: the token was for this guard.
            scope = {**scope, "query_string": _drop_token(scope["query_string"])}
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> bytes | None:
        """The key that came with the request, if it needed one. Raises BadRequest, NotFound, OriginRefused,
        Unauthorized."""
        headers = Headers(scope=scope)
        host, port = _split_host(headers.get("host", ""))
        self._check_host(host)
        if scope["type"] == "websocket" and scope["path"] not in STREAMS:
            raise NotFound
        if "origin" in headers:
            self._check_origin(headers["origin"], host, port)
        if not self._keys or _is_public(scope):
            return None
        if self._cookie.belongs_to(scope) and self._cookie.is_valid(headers):
            return None
        return self._check_key(headers, scope["query_string"])

    def _check_host(self, host: str) -> None:
        if host not in self._hosts and not _is_address(host):
            raise BadRequest(
                f"Host {host!r} is not allowed; add it to server.allowed_hosts (SDCPP_SERVER_ALLOWED_HOSTS)"
            )

    def _check_origin(self, origin: str, host: str, port: int | None) -> None:
        if self._origins.allow(origin) or self._is_our_page(origin, host, port):
            return
        raise OriginRefused(
            f"Origin {origin!r} is not allowed; add it to server.allowed_origins"
            " (SDCPP_SERVER_ALLOWED_ORIGINS)"
        )

    def _is_our_page(self, origin: str, host: str, port: int | None) -> bool:
        """Whether the page came from where the request went to.

        A Host without a port stands for 80 and 443: a proxy that ends TLS passes on the name alone.
        """
        scheme, _, authority = origin.rstrip("/").lower().partition("://")
        if scheme not in DEFAULT_PORTS:
            return False
        their_host, their_port = _split_host(authority)
        ports = {port} if port else set(DEFAULT_PORTS.values())
        return their_host == host and (their_port or DEFAULT_PORTS[scheme]) in ports | {self._main_port}

    def _check_key(self, headers: Headers, query: bytes) -> bytes:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        token = parse_qs(query.decode("latin-1")).get("token", [""])[0]
        given = headers.get("x-api-key") or (bearer.strip() if scheme.lower() == "bearer" else "") or token
        matching = [key for key in self._keys if hmac.compare_digest(given.encode(), key)]
        if not matching:
            raise Unauthorized
        return matching[0]


def _drop_token(query: bytes) -> bytes:
    if b"token" not in query:
        return query
    return b"&".join(part for part in query.split(b"&") if part.partition(b"=")[0] != b"token")


def _is_public(scope: Scope) -> bool:
    if scope["type"] == "websocket":  # one at / is the stream of events
        return False
    path: str = scope["path"]
    return scope["method"] == "OPTIONS" or path in LEADS_TO_PAGE or path.startswith(PUBLIC)


def _split_host(header: str) -> tuple[str, int | None]:
    try:
        state = urlsplit(f"//{header}")
        return (state.hostname or "").rstrip("."), state.port
    except ValueError:
        return header, None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _refuse(scope: Scope, receive: Receive, send: Send, error: SdcppError) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": str(error)[:120]})
    else:
        await respond_to(error)(scope, receive, send)
