"""Which methods an address answers: HEAD wherever GET is, and the list of them that a 405 carries."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


class HeadRequests:
    """ASGI middleware: a HEAD that no route takes is answered as GET; the HTTP server drops the body.

    Routes of their own for HEAD are only for what is dear to read, such as files.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http" and scope["method"] == "HEAD" and not _is_taken(self._routes, scope):
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)


def list_allowed(routes: Sequence[BaseRoute], scope: Scope) -> list[str]:
    """The methods that the address of this request answers."""
    # A mount has put its own address into root_path. What it holds may be an application with routes of its
    # own, which are below that.
    whole = {**scope, "root_path": scope.get("app_root_path", scope.get("root_path", ""))}
    if any(isinstance(route, Mount) and route.matches(whole)[0] is Match.FULL for route in routes):
        return ["GET", "HEAD"]  # folders of files
    allowed = {method for method in _METHODS if _is_taken(routes, {**scope, "method": method})}
    return sorted(allowed | ({"HEAD"} if "GET" in allowed else set()))


def _is_taken(routes: Sequence[BaseRoute], scope: Scope) -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in routes)
