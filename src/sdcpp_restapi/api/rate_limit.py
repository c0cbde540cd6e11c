"""How many requests one key, or one address where there are no keys, may send."""

from math import ceil

from starlette.types import ASGIApp, Receive, Scope, Send

from ..access.token_buckets import TokenBuckets
from ..errors import TooManyRequests
from ..request_source import IN_PROCESS
from ..requester import REQUESTER
from .error_handlers import find_shape, respond_to
from .guard import METRICS, is_public
from .headers import client_address

# What asks whether the server is well must hear it at any time.
EXEMPT = ("/health", METRICS)


class RateLimit:
    """ASGI middleware, behind the guard: refuses requests past the setting limits.requests_per_minute.

    The page, preflights and health are free, and so are requests that this server makes of itself. A
    WebSocket counts once, whatever is said over it.
    """

    def __init__(self, app: ASGIApp, buckets: TokenBuckets) -> None:
        self._app = app
        self._buckets = buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or tell when to try again."""
        if scope["type"] not in ("http", "websocket") or _is_free(scope):
            await self._app(scope, receive, send)
            return
        pause = self._buckets.take(REQUESTER.get().key_id or client_address(scope))
        if pause == 0.0:
            await self._app(scope, receive, send)
            return
        error = TooManyRequests()
        error.retry_after = ceil(pause)
        if scope["type"] == "websocket":
            await receive()
            # Closed before it was accepted: the HTTP server answers 403, which knows no Retry-After.
            await send({"type": "websocket.close", "code": 1013, "reason": str(error)[:120]})
        else:
            await respond_to(error, find_shape(scope))(scope, receive, send)


def _is_free(scope: Scope) -> bool:
    path = scope["path"]
    is_own = client_address(scope) == IN_PROCESS
    return is_own or is_public(scope) or path in EXEMPT or path.startswith("/health/")
