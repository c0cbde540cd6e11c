"""A cookie with which a browser fetches pictures: it can't put a key on them, and links must not carry one.

Whoever comes to an output or a thumbnail with a key is given the cookie. It opens nothing else, tells nothing
of the key it was made from, and is void once that key is.
"""

import hmac

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import Message, Scope, Send

# What it opens, for reading.
PATHS = ("/output", "/thumb", "/models/thumb")
METHODS = ("GET", "HEAD")


class PictureCookie:
    """Makes the cookie, and knows those that it made, also before a restart."""

    def __init__(self, keys: list[bytes], port: int) -> None:
        """`port`: cookies are shared by all servers of a host, whatever their ports, so the name tells it."""
        self._name = f"sdcpp-pictures-{port}"
        self._values = {key: hmac.digest(key, b"pictures", "sha256").hex() for key in keys}

    def belongs_to(self, scope: Scope) -> bool:
        """Whether a request is for something that the cookie opens."""
        if scope["type"] != "http" or scope["method"] not in METHODS:
            return False
        path: str = scope["path"]
        return any(path == opened or path.startswith(f"{opened}/") for opened in PATHS)

    def is_valid(self, headers: Headers) -> bool:
        """Whether a request has it."""
        given = cookie_parser(headers.get("cookie", "")).get(self._name, "").encode()
        return any(hmac.compare_digest(given, value.encode()) for value in self._values.values())

    def add_to(self, send: Send, scope: Scope, key: bytes) -> Send:
        """A `send` that sets the cookie; it ends with the browser's session."""
        secure = "; Secure" if scope["scheme"] == "https" else ""
        cookie = f"{self._name}={self._values[key]}; Path=/; HttpOnly; SameSite=Strict{secure}"

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        return send_with_cookie
