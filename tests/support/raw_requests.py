"""Requests exactly as written: no client tidies up the path or the headers."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.running_server import RunningServer


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def request(
    server: RunningServer,
    path: str,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    body: bytes | None = None,
    port: int | None = None,
) -> Answer:
    """One request; a Host header that is given replaces the usual one. `port`: another than the main one."""
    connection = http.client.HTTPConnection("127.0.0.1", port or server.port, timeout=30)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())
    finally:
        connection.close()
