"""A real HTTP server on this machine that receives webhooks, and answers as it is told."""

import base64
import hashlib
import hmac
import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET_BYTES = b"0123456789abcdefghijklmnopqrstuv"
SECRET = "whsec_" + base64.b64encode(SECRET_BYTES).decode()


@dataclass(frozen=True)
class Received:
    """One message that arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def expected_signature(self) -> str:
        """By the text of Standard Webhooks: HMAC-SHA256 of id, timestamp and body, joined by dots."""
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        digest = hmac.new(SECRET_BYTES, signed, hashlib.sha256).digest()
        return "v1," + base64.b64encode(digest).decode()


@dataclass
class Receiver:
    """What arrived at each path, and how the next requests are answered: status and headers; else 204."""

    url: str = ""
    answers: dict[str, deque[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    # Requests for these paths are answered only once the event is set.
    held: dict[str, threading.Event] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def answer(self, path: str, *statuses: int, **headers: str) -> str:
        """Answer so, one after the other; the address of the path."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = deque((status, named) for status in statuses)
        return self.url + path

    def at(self, path: str) -> list[Received]:
        """What arrived there so far."""
        return [one for one in self.received if one.path.partition("?")[0] == path]

    def wait_for(self, path: str, count: int = 1, seconds: float = 30) -> list[Received]:
        """What arrived there, once it is so much."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.at(path)) >= count, seconds), [
                one.path for one in self.received
            ]
        return self.at(path)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver for the block."""
    receiver = Receiver()

    class Request(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            path = self.path.partition("?")[0]
            with receiver.arrived:
                receiver.received.append(Received(self.path, headers, body))
                answers = receiver.answers.get(path)
                status, named = answers.popleft() if answers else (204, {})
                receiver.arrived.notify_all()
            if path in receiver.held:
                receiver.held[path].wait(60)
            # The other side may have hung up.
            with suppress(ConnectionError):
                self.send_response(status)
                for name, value in {**named, "Content-Length": "0", "Connection": "close"}.items():
                    self.send_header(name, value)
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing on standard error."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Servers that are killed are part of these tests."""

    server = Quiet(("127.0.0.1", 0), Request)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
