"""Real HTTP servers on this machine that behave as CivitAI, Hugging Face, their CDNs, or badly."""

import hashlib
import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Request"], None]
PIECE = 64 * 1024


def model_bytes(size: int, seed: int = 1) -> bytes:
    """Bytes that no compression and no accident makes equal to others."""
    return random.Random(seed).randbytes(size)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Request(BaseHTTPRequestHandler):
    """One request, and the means to answer it."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.upstream.heard(self)
        answer = self.server.upstream.routes.get(self.path.partition("?")[0])
        # The other side may hang up whenever it likes.
        with suppress(ConnectionError):
            if answer is None:
                self.reply(404, b"not here")
            else:
                answer(self)

    do_HEAD = do_GET

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer; in the names of headers, _ stands for -."""
        self.start(status, **{"Content_Length": str(len(body)), **headers})
        if self.command != "HEAD":
            self.wfile.write(body)

    def start(self, status: int, **headers: str) -> None:
        """The beginning of an answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing on standard error."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    upstream: "Upstream"

    def handle_error(self, *_: Any) -> None:
        """Clients that are killed are part of these tests."""


@dataclass(frozen=True)
class Heard:
    """A request that arrived."""

    method: str
    path: str
    headers: dict[str, str]


class Upstream:
    """A server with routes that may be changed at any time; `requests` holds what it was asked."""

    def __init__(self) -> None:
        self.routes: dict[str, Answer] = {}
        self.requests: list[Heard] = []
        self._arrived = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), Request)
        self._server.upstream = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def heard(self, request: Request) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._arrived:
            self.requests.append(Heard(request.command, request.path, headers))
            self._arrived.notify_all()

    def asked(self, path: str, method: str = "GET") -> list[Heard]:
        """The requests for a path so far."""
        return [r for r in self.requests if r.path.partition("?")[0] == path and r.method == method]

    def wait_for(self, path: str, count: int = 1, seconds: float = 30) -> list[Heard]:
        """Wait until a path was asked for so often."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.asked(path)) >= count, seconds), self.requests
        return self.asked(path)

    def redirect(self, path: str, target: str, **headers: str) -> None:
        self.routes[path] = lambda request: request.reply(302, b"", Location=target, **headers)

    def status(self, path: str, status: int, **headers: str) -> None:
        self.routes[path] = lambda request: request.reply(status, b"no", **headers)

    def page(self, path: str, body: bytes, content_type: str = "text/html; charset=utf-8") -> None:
        self.routes[path] = lambda request: request.reply(200, body, Content_Type=content_type)

    def json(self, path: str, document: object) -> None:
        self.page(path, json.dumps(document).encode(), "application/json")

    def file(self, path: str, data: bytes, **behaviour: Any) -> "File":
        """Serve a file here; see File for what may go wrong with it."""
        served = File(data, **behaviour)
        self.routes[path] = served
        return served


@dataclass
class File:
    """A file with Range, If-Range and ETag, as a CDN serves it."""

    data: bytes
    etag: str | None = '"v1"'
    ranges: bool = True
    length: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    # Each request is cut off after the next of these many bytes of its body.
    cuts: list[int] = field(default_factory=list)
    # At this byte of the file the server stops until `go_on` is set.
    hold_at: int | None = None
    go_on: threading.Event = field(default_factory=threading.Event)

    def __call__(self, request: Request) -> None:
        start, end = self._range(request)
        part = start > 0 or end < len(self.data)
        headers = {"Content_Type": "application/octet-stream", **self.headers}
        if self.etag:
            headers["ETag"] = self.etag
        if self.length:
            headers["Content_Length"] = str(end - start)
        if part:
            headers["Content_Range"] = f"bytes {start}-{end - 1}/{len(self.data)}"
        request.start(206 if part else 200, **headers)
        if self.cuts:
            end = min(end, start + self.cuts.pop(0))
        self._send(request, start, end)

    def _range(self, request: Request) -> tuple[int, int]:
        """Where the answer begins and ends."""
        size = len(self.data)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        condition = request.headers.get("If-Range")
        if not asked or not self.ranges or (condition is not None and condition != self.etag):
            return 0, size
        return int(asked[1]), min(int(asked[2]) + 1, size) if asked[2] else size

    def _send(self, request: Request, start: int, end: int) -> None:
        hold = self.hold_at
        if hold is not None and start < hold < end and not self.go_on.is_set():
            request.wfile.write(self.data[start:hold])
            request.wfile.flush()
            self.go_on.wait(60)
            start = hold
        for at in range(start, end, PIECE):
            request.wfile.write(self.data[at : min(at + PIECE, end)])


@contextmanager
def upstreams(count: int) -> Iterator[list[Upstream]]:
    """So many servers for the block."""
    running = [Upstream() for _ in range(count)]
    try:
        yield running
    finally:
        for upstream in running:
            upstream.close()


# ------------------------------------------------------------------------ protocols


def civitai(site: Upstream, cdn: Upstream, data: bytes, **version: Any) -> str:
    """CivitAI with model 123456, whose version 789012 lies on a CDN; the path there."""
    file = {
        "id": 1,
        "name": version.get("name", "civit.safetensors"),
        "sizeKB": len(data) / 1024,
        "type": "Model",
        "primary": True,
        "hashes": {"AutoV2": "ABCDEF0123", "SHA256": version.get("sha256", sha256(data)).upper()},
        "downloadUrl": f"{site.url}/api/download/models/789012",
    }
    shown = {
        "id": 789012,
        "name": "v1.0",
        "baseModel": "SDXL 1.0",
        "files": [{**file, "id": 2, "name": "config.yaml", "primary": False}, file],
        "downloadUrl": file["downloadUrl"],
    }
    older = {**shown, "id": 789011, "name": "v0.9"}
    name = {"name": "Model Name", "type": "Checkpoint", "nsfw": False}
    site.json("/api/v1/models/123456", {"id": 123456, **name, "modelVersions": [shown, older]})
    site.json("/api/v1/model-versions/789012", {**shown, "modelId": 123456, "model": name})
    site.redirect(
        "/api/download/models/789012", f"{cdn.url}/civit/blob?X-Amz-Signature=very-secret-signature"
    )
    cdn.file("/civit/blob", data, headers={"Content-Disposition": 'attachment; filename="civit.safetensors"'})
    return "/civit/blob"


def hub(
    site: Upstream, cdn: Upstream, data: bytes, repo: str, filename: str, token: str | None = None
) -> str:
    """A Hugging Face hub with a large file, gated if `token` is given; the path at the CDN."""
    blob = f"/hf/{sha256(data)}"

    def resolve(request: Request) -> None:
        if token is not None and request.headers.get("Authorization") != f"Bearer {token}":
            gated = f"Access to model {repo} is restricted."
            request.reply(401, X_Error_Code="GatedRepo", X_Error_Message=gated)
            return
        request.reply(
            302,
            Location=f"{cdn.url}{blob}?Signature=very-secret-signature",
            X_Repo_Commit="0123456789abcdef0123456789abcdef01234567",
            X_Linked_Size=str(len(data)),
            X_Linked_ETag=f'"{sha256(data)}"',
        )

    site.routes[f"/{repo}/resolve/main/{filename}"] = resolve
    cdn.file(blob, data)
    return blob
