"""From plain HTTP to HTTPS: the port that redirects, and the header that makes browsers remember."""

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..config import Server
from ..errors import BadRequest
from .error_handlers import respond_to
from .guard import Hosts, split_host
from .headers import find_header


class RedirectToHttps:
    """ASGI application: every request is to be sent again to the same address by HTTPS.

    308 keeps method and body. The name must be one of ours, so that nobody is led elsewhere.
    """

    def __init__(self, server: Server) -> None:
        self._hosts = Hosts(server)
        self._port = "" if server.port == 443 else f":{server.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await self._answer(scope)(scope, receive, send)
        elif scope["type"] == "websocket":  # few clients follow a redirect of one
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "Use wss://"})

    def _answer(self, scope: Scope) -> Response:
        host, _ = split_host(find_header(scope, b"host") or "")
        try:
            self._hosts.check(host)
        except BadRequest as error:
            return respond_to(error)
        name = f"[{host}]" if ":" in host else host
        path = (scope.get("raw_path") or b"/").partition(b"?")[0].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        location = f"https://{name}{self._port}{path}{'?' if query else ''}{query}"
        return Response(status_code=308, headers={"location": location})


class StrictTransport:
    """ASGI middleware: tells browsers to use HTTPS only for this name (RFC 6797)."""

    def __init__(self, app: ASGIApp, seconds: int) -> None:
        self._app = app
        self._value = f"max-age={seconds}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["scheme"] != "https":
            await self._app(scope, receive, send)
            return

        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["strict-transport-security"] = self._value
            await send(message)

        await self._app(scope, receive, send_with_header)
