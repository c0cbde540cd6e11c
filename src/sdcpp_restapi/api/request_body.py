"""What a request body may be: JSON, or a form with files where an interface has them; and not too long."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import BodyTooLarge
from .error_handlers import find_shape, respond_to

# A client that is still sending does not read our answer: this much of a body that is too large is read and
# thrown away, then the connection is closed.
MOST_DISCARDED = 512 * 2**20


class JsonBodies:
    """ASGI middleware: every body but a form with files counts as JSON, and one past the limit
    is answered with 400 unread.

    `curl -d` declares a form where JSON is meant; a page of another site that uses this to avoid the
    browser's preflight is stopped by Guard's rule on Origin.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._too_large = (
            f"The request body is too large: at most {max_bytes // 2**20} MB (setting server.max_body_mb)"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["headers"] = _as_json(scope["headers"])
        declared = next((int(v) for k, v in scope["headers"] if k == b"content-length" and v.isdigit()), 0)
        if declared > self._max_bytes:
            await _discard(receive, already=0)
            refusal = respond_to(BodyTooLarge(self._too_large), find_shape(scope))
            await refusal(scope, receive, send)
            return
        read = 0

        async def receive_counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max_bytes:
                await _discard(receive, already=read)
                raise BodyTooLarge(self._too_large)
            return message

        await self._app(scope, receive_counted, send)


async def _discard(receive: Receive, already: int) -> None:
    read, more = already, True
    while more and read < MOST_DISCARDED:
        message = await receive()
        read += len(message.get("body", b""))
        more = message.get("more_body", False)


def _as_json(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    if any(name == b"content-type" and value.startswith(b"multipart/form-data") for name, value in headers):
        return headers
    kept = [(name, value) for name, value in headers if name != b"content-type"]
    return [*kept, (b"content-type", b"application/json")]
