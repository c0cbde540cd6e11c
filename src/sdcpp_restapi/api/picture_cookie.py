"""A cookie with which a browser fetches pictures: it can't put a key on them, and links must not carry one.

Whoever comes to an output or a thumbnail with a key is given the cookie. It opens nothing else, tells nothing
of the key it was made for, and is void once that key is. A browser that logged in has no need of it.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

from .credentials import make_cookie

# What it opens, for reading.
PATHS = ("/output", "/thumb", "/models/thumb", "/models/search/preview")
METHODS = ("GET", "HEAD")


def is_for_pictures(scope: Scope) -> bool:
    """Whether a request is for something that the cookie opens."""
    if scope["type"] != "http" or scope["method"] not in METHODS:
        return False
    path: str = scope["path"]
    return any(path == opened or path.startswith(f"{opened}/") for opened in PATHS)


def add_cookie(send: Send, scope: Scope, name: str, value: str) -> Send:
    """A `send` that sets the cookie; it ends with the browser's session."""
    cookie = make_cookie(scope, name, value)

    async def send_with_cookie(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("set-cookie", cookie)
        await send(message)

    return send_with_cookie
