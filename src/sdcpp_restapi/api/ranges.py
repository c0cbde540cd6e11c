"""The request header Range by RFC 9110, chapter 14, for all files that this server sends.

Only GET has ranges. A unit that is not bytes, or a value that is none, is as if the header were not there; a
part that the file does not have is refused in the shape of all errors.
"""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .error_handlers import error_response, find_shape

# More digits than any file has bytes; Python refuses to read numbers of several thousand.
_RANGE = re.compile(r"(\d{1,1000})-(\d{0,1000})|-\d{1,1000}", re.ASCII)


class Ranges:
    """ASGI middleware: what answers with files is asked only for ranges that can be meant."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, without a header Range that means nothing."""
        asked = Headers(scope=scope).getlist("range") if scope["type"] == "http" else []
        if not asked:
            await self._app(scope, receive, send)
        elif scope["method"] != "GET" or len(asked) > 1 or not is_range(asked[0]):
            kept = [(name, value) for name, value in scope["headers"] if name != b"range"]
            await self._app({**scope, "headers": kept}, receive, send)
        else:
            await self._answer_range(asked[0], scope, receive, send)

    async def _answer_range(self, asked: str, scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def send_refusal_as_json(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] == 416:
                refused = True
                size = Headers(raw=message["headers"])["content-range"]
                text = f"Range: {asked[:60]!r} is not allowed: the file has {size.rpartition('/')[2]} bytes"
                answer = error_response(text, 416, "range_not_satisfiable", "Range", find_shape(scope))
                answer.headers["content-range"] = size
                await answer(scope, receive, send)
            elif not refused:
                await send(message)

        await self._app(scope, receive, send_refusal_as_json)


def is_range(text: str) -> bool:
    """Whether a value of the header Range names parts in bytes, be they there or not."""
    unit, _, listed = text.partition("=")
    parts = [part for part in (part.strip(" \t") for part in listed.split(",")) if part]
    return unit.strip().lower() == "bytes" and bool(parts) and all(map(_is_part, parts))


def _is_part(text: str) -> bool:
    found = _RANGE.fullmatch(text)
    return found is not None and not (found[1] and found[2] and int(found[2]) < int(found[1]))
