"""HTTP with bounds: on the head of a request, on the time until it is there, and on open connections.

Whoever is refused here costs no route and no task: the answer is written before the application is asked.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ..schemas.options import ErrorBody
from .request_log import HEADER, choose_id

# Bytes and header fields of a request's head; browsers and proxies stay far below.
MOST_HEAD_BYTES = 64 * 1024
MOST_FIELDS = 100
# Seconds until the whole head must be there.
HEAD_TIMEOUT = 20.0
# Seconds that a refused client gets to read its answer: closed at once, it would see a broken connection.
LINGER = 1.0

type _Refusal = tuple[int, str, str]
_NOT_HTTP: _Refusal = 400, "invalid_request", "This is not HTTP that this server understands"
_HEAD_TOO_LARGE: _Refusal = (
    431,
    "request_header_fields_too_large",
    f"The head of the request is too large: at most {MOST_HEAD_BYTES // 1024} kB and {MOST_FIELDS} fields",
)
_TOO_SLOW: _Refusal = 408, "request_timeout", f"The head of the request was not there in {HEAD_TIMEOUT:g} s"
_TOO_MANY: _Refusal = (
    503,
    "too_many_connections",
    "Too many connections are open (setting server.max_connections)",
)


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol for one connection; its `limit_concurrency` is the bound on all of them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # uvicorn would start a task for each request before it refuses it.
        self._most_connections, self.limit_concurrency = self.limit_concurrency, None
        self._reading_head = True
        self._ended_message = False
        self._began = False
        self._head_bytes = 0  # of one that is not whole yet
        self._field_bytes = 0
        self._refusal: _Refusal = _NOT_HTTP
        self._refused = False
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or tell that there are too many."""
        super().connection_made(transport)
        self._await_head()
        if self._most_connections is not None and len(self.connections) > self._most_connections:
            self._refuse(_TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer too."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless the client was refused: what it still sends is dropped."""
        if self._refused:
            return
        if self._reading_head and self._head_timer is None:
            self._await_head()
        received = len(data)
        self._ended_message = False
        super().data_received(data)
        # Bytes in which a message ended were its body; the fields of a head that follows in them are counted.
        if self._reading_head and not self._ended_message and not self._refused:
            self._began = True
            self._head_bytes += received
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(_HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        """See uvicorn."""
        super().on_message_begin()
        self._field_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count it; an exception out of here ends the parsing, and `send_400_response` is called."""
        super().on_header(name, value)
        self._field_bytes += len(name) + len(value) + 4
        if len(self.headers) > MOST_FIELDS or len(self.url) + self._field_bytes > MOST_HEAD_BYTES:
            self._refusal = _HEAD_TOO_LARGE
            raise ValueError(_HEAD_TOO_LARGE[1])

    def on_headers_complete(self) -> None:
        """See uvicorn."""
        self._reading_head = False
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """See uvicorn."""
        super().on_message_complete()
        self._reading_head = self._ended_message = True
        self._head_bytes = 0
        self._began = False

    def send_400_response(self, msg: str) -> None:
        """Tell what is wrong in the shape of all errors."""
        self._refuse(self._refusal)

    def _refuse(self, refusal: _Refusal) -> None:
        status, code, text = refusal
        self._refused = True
        self._stop_timer()
        body = ErrorBody(error=text, code=code).model_dump_json().encode()
        fields = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            (HEADER, choose_id(None).encode()),
            *([(b"retry-after", b"1")] if status == 503 else []),
        ]
        head = b"".join(b"%s: %s\r\n" % field for field in fields)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER, self.transport.close)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._began:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
