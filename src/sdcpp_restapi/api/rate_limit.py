"""How many requests one key, or one address where there are no keys, may send."""

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from time import monotonic

from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import TooManyRequests
from ..request_source import IN_PROCESS
from ..requester import REQUESTER
from .error_handlers import find_shape, respond_to
from .guard import METRICS, is_public

# Callers that are remembered; one that was forgotten begins anew.
MOST_CALLERS = 10_000
# What asks whether the server is well must hear it at any time.
EXEMPT = ("/health", METRICS)


class TokenBuckets:
    """A token bucket for each caller: a minute's requests at once, then as many as come back with time."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = monotonic) -> None:
        self._most = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens left, and when that was

    def take(self, caller: str) -> float:
        """Take a token; 0.0, or the seconds until there is one."""
        now = self._clock()
        left, then = self._buckets.pop(caller, (self._most, now))
        left = min(left + (now - then) * self._per_second, self._most)
        taken = left >= 1.0
        self._buckets[caller] = (left - 1.0 if taken else left), now
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1.0 - left) / self._per_second


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
        pause = self._buckets.take(REQUESTER.get().key_id or _address(scope))
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
    return _address(scope) == IN_PROCESS or is_public(scope) or path in EXEMPT or path.startswith("/health/")


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
