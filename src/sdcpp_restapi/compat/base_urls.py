"""Base URLs with a slash at their end: programs that append "/path" to one ask for "//path".

Open WebUI and LibreChat do, and Open WebUI's documentation has such base URLs.
"""

import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send


class BaseUrlSlashes:
    """ASGI middleware: a slash too many before or behind the prefix of an interface means nothing."""

    def __init__(self, app: ASGIApp, prefixes: Iterable[str]) -> None:
        """`prefixes`: the addresses below which the interfaces answer, such as /v1."""
        self._app = app
        any_prefix = "|".join(re.escape(prefix.lstrip("/")) for prefix in prefixes)
        self._address = re.compile(rf"/+({any_prefix})(?:/+(.*))?", re.DOTALL) if any_prefix else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if self._address is not None and "//" in scope.get("path", ""):
            match = self._address.fullmatch(scope["path"])
            if match is not None:
                rest = "" if match[2] is None else f"/{match[2]}"
                scope = {**scope, "path": f"/{match[1]}{rest}"}
        await self._app(scope, receive, send)
