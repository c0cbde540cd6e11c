"""The application at /mcp: the Model Context Protocol over HTTP."""

import asyncio
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from ..api.app_state import AppState
from ..api.error_handlers import error_response, respond_to
from ..errors import NotFound
from .in_process import InProcessClient
from .server import create_server

# The guard has checked Host and Origin by the server's settings, which the SDK does not know.
CHECKED_ALREADY = TransportSecuritySettings(enable_dns_rebinding_protection=False)


def create_app(state: AppState) -> "HttpEndpoint":
    """Its one address."""
    return HttpEndpoint(state)


class HttpEndpoint:
    """ASGI application. Each request is served for itself, without sessions: nothing is left that would have
    to end with the server."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._server: MCPServer[Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["path"].rstrip("/") != "/mcp":
            await respond_to(NotFound())(scope, receive, send)
            return
        if scope["method"] != "POST":
            # A stream without a request, and the end of a session: there are none.
            refusal = error_response("Method not allowed", 405, "method_not_allowed")
            refusal.headers["allow"] = "POST"
            await refusal(scope, receive, send)
            return
        if self._server is None:
            # Mounting leaves in the scope which application is the main one.
            client = InProcessClient(scope["app"], self._state)
            # In a thread, since schemas of all tools are made.
            self._server = await asyncio.to_thread(create_server, client, reads_files=False)
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return  # the SDK would log a traceback
        await self._serve(self._server, scope, _after_body(body, receive), send)

    async def _serve(self, server: MCPServer[Any], scope: Scope, receive: Receive, send: Send) -> None:
        server.streamable_http_app(
            stateless_http=True,
            transport_security=CHECKED_ALREADY,
            max_request_body_size=self._state.settings.server.max_body_mb * 2**20,
        )
        manager = server.session_manager
        async with manager.run():
            await manager.handle_request(scope, receive, send)


def _after_body(body: bytes, receive: Receive) -> Receive:
    """What is received of a request whose body has been read."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again
