"""Who may ask: the rules on Host, Origin and API keys, before any route sees a request.

A page on another site must not reach a server on the visitor's own machine: neither directly (Origin), nor
by a name of its own that resolves to 127.0.0.1 (Host). Both checks cover WebSockets too.
"""

import ipaddress
import time
from collections.abc import Callable, Collection
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ..access.access import Access
from ..access.scope_check import check_scope
from ..config import Server
from ..errors import (
    BadRequest,
    LinkExpired,
    LinkInvalid,
    NotFound,
    OriginRefused,
    SdcppError,
    Unauthorized,
)
from ..requester import EVERYBODY, NOBODY, REQUESTER, SCOPE_ENTRY, Requester
from .credentials import CookieNames, drop_token, find_cookie, list_address_keys, list_header_keys
from .ending import POLICY_VIOLATION, serve_until_ended, stays_open
from .error_handlers import find_shape, respond_to
from .headers import client_address, find_header
from .origins import Origins
from .picture_cookie import add_cookie, is_for_pictures
from .proxy import DIRECT_HOST
from .scopes import find_needed, scope_for
from .to_login import is_opened_by_person, redirect_to_login

LOOPBACK_NAMES = {"localhost", "localhost.localdomain", "ip6-localhost"}
# The stream of events. Behind most other paths are applications that know HTTP only.
STREAMS = ("/", "/ws")
DEFAULT_PORTS = {"http": 80, "https": 443}
METRICS = "/metrics"
# What changes nothing: a browser sends it without an Origin from pages of the same one.
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
LINKED = "/output/"


class Hosts:
    """The names that requests may use for this server."""

    def __init__(self, server: Server) -> None:
        self._names = {name.lower() for name in server.allowed_hosts} | LOOPBACK_NAMES | {server.host.lower()}

    def check(self, host: str) -> None:
        """Raises BadRequest for another name that is no address."""
        if host not in self._names and not _is_address(host):
            raise BadRequest(
                f"Host {host!r} is not allowed; add it to server.allowed_hosts (SDCPP_SERVER_ALLOWED_HOSTS)"
            )


class Guard:
    """ASGI middleware."""

    def __init__(
        self,
        app: ASGIApp,
        server: Server,
        find_access: Callable[[], Access],
        main_port: int,
        streams: Collection[str] = STREAMS,
    ) -> None:
        """`find_access`: keys and sessions, which are there once the server runs. `streams`: the paths of
        WebSockets."""
        self._app = app
        self._find_access = find_access
        self._streams = streams
        self._main_port = main_port
        self._cookies = CookieNames(main_port)
        self._hosts = Hosts(server)
        self._origins = Origins(server)
        self._metrics_public = server.metrics_public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        access = self._find_access()
        try:
            requester = self._check(scope, access)
        except SdcppError as error:
            await _refuse(scope, receive, send, error)
            return
        REQUESTER.set(requester)
        if requester.key_id is not None and requester.session_id is None and is_for_pictures(scope):
            value = access.signatures.pictures_of(requester.key_id)
            send = add_cookie(send, scope, self._cookies.pictures, value)
        # So that no redirect and no message repeats it: the token was for this guard.
        scope = {**scope, "query_string": drop_token(scope["query_string"])}
        if stays_open(scope):
            await serve_until_ended(self._app, scope, receive, send, access, requester)
        else:
            await self._app(scope, receive, send)

    def _check(self, scope: Scope, access: Access) -> Requester:
        """Who sends the request, and may. Raises BadRequest, NotFound, OriginRefused, Unauthorized,
        ScopeMissing, LinkExpired, LinkInvalid, TooManyRequests."""
        host, port = split_host(find_header(scope, b"host") or "")
        self._hosts.check(host)
        if (direct := scope.get(DIRECT_HOST)) is not None:
            self._hosts.check(split_host(direct)[0])
        if scope["type"] == "websocket" and scope["path"] not in self._streams:
            raise NotFound
        origin = find_header(scope, b"origin")
        is_ours = origin is not None and self._is_our_page(origin, host, port)
        if origin is not None and not is_ours:
            self._check_origin(origin)
        if not access.required:
            return EVERYBODY
        method, path = _asked(scope)
        needed = find_needed(method, path)
        if needed == "public" or (self._metrics_public and path == METRICS):
            return NOBODY
        requester = scope.get(SCOPE_ENTRY) or self._identify(scope, access, origin is None, is_ours)
        if requester is None:
            raise Unauthorized
        scope_needed = scope_for(needed, requester)
        if scope_needed is not None and not requester.may(scope_needed):
            check_scope(scope_needed, f"{method} {path[:100]}", requester)
        return requester

    def _identify(
        self, scope: Scope, access: Access, without_origin: bool, is_ours: bool
    ) -> Requester | None:
        """Whoever shows something that lets in; a key goes before a cookie, which a browser adds by itself.

        A session acts for pages of this server only: SameSite lets those of other ports of the same host
        through, and Origin tells them.
        """
        headers, query = Headers(scope=scope), scope["query_string"]
        if given := list_header_keys(headers) or list_address_keys(query):
            return access.find_by_key(given, client_address(scope))
        if b"signature=" in query and (linked := _find_linked(scope, access)) is not None:
            return linked
        session = find_cookie(headers, self._cookies.session)
        found = access.find_by_session(session) if session is not None else None
        if found is not None:
            is_safe = scope["type"] == "http" and scope["method"] in SAFE_METHODS
            if not (is_ours or (without_origin and is_safe)):
                raise OriginRefused("A session acts only for pages of this server: the Origin is another one")
            return found
        pictures = find_cookie(headers, self._cookies.pictures) if is_for_pictures(scope) else None
        return access.find_by_cookie(pictures) if pictures is not None else None

    def _check_origin(self, origin: str) -> None:
        if not self._origins.allow(origin):
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
        their_host, their_port = split_host(authority)
        ports = {port} if port else set(DEFAULT_PORTS.values())
        return their_host == host and (their_port or DEFAULT_PORTS[scheme]) in ports | {self._main_port}


def _asked(scope: Scope) -> tuple[str, str]:
    """The method and the path; a WebSocket at / is the stream of events."""
    if scope["type"] == "websocket":
        return "GET", "/ws" if scope["path"] == "/" else scope["path"]
    return scope["method"], scope["path"]


def is_public(scope: Scope) -> bool:
    """Whether it needs no key."""
    return find_needed(*_asked(scope)) == "public"


def _find_linked(scope: Scope, access: Access) -> Requester | None:
    """Whoever has a signed link to this file; None where the request is for something else. Raises
    LinkExpired, LinkInvalid."""
    if scope["type"] != "http" or scope["method"] not in SAFE_METHODS or not scope["path"].startswith(LINKED):
        return None
    query = parse_qs(scope["query_string"].decode("latin-1"))
    expires, signature = (query.get(name, [""])[0] for name in ("expires", "signature"))
    if not access.signatures.is_link(scope["path"].removeprefix(LINKED), expires, signature):
        raise LinkInvalid("The link was not made by this server, or not for this file")
    if int(expires) < time.time():
        raise LinkExpired
    return Requester(scope="read", key_name="the link")


@lru_cache(maxsize=256)
def split_host(header: str) -> tuple[str, int | None]:
    """Name and port of a Host."""
    try:
        state = urlsplit(f"//{header}")
        return (state.hostname or "").rstrip("."), state.port
    except ValueError:
        return header, None


@lru_cache(maxsize=256)
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
    elif isinstance(error, Unauthorized) and is_opened_by_person(scope):
        await redirect_to_login(scope)(scope, receive, send)
    else:
        await respond_to(error, find_shape(scope))(scope, receive, send)
