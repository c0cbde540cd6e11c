"""Server-sent events as a client reads them, byte by byte from the answer."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.running_server import RunningServer


@dataclass(frozen=True)
class Sent:
    """One event; `comment` is what stands behind a colon."""

    event: str = ""
    id: str | None = None
    data: str = ""
    comment: str = ""

    @property
    def message(self) -> dict[str, Any]:
        """The same object as over the WebSocket."""
        found: dict[str, Any] = json.loads(self.data)
        return found


@contextmanager
def listening(
    server: RunningServer, last_id: str | None = None, headers: dict[str, str] | None = None, **query: Any
) -> Iterator[Iterator[Sent]]:
    """The events of GET /events, as they come; there is one more connection until the block ends."""
    sent = {name.encode(): value.encode() for name, value in (headers or {}).items()}
    if last_id is not None:
        sent[b"Last-Event-ID"] = last_id.encode()
    with (
        httpx.Client(base_url=server.url, timeout=60) as http,
        http.stream("GET", "/events", params=query, headers=sent) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield parse(answer.iter_lines())


def parse(lines: Iterator[str]) -> Iterator[Sent]:
    """Events by the rules of the HTML standard, those of which this server makes use."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name or "comment"] = value.removeprefix(" ")
            continue
        if fields.keys() & {"data", "comment"}:
            fields.pop("retry", None)
            yield Sent(**fields)
        fields = {}


def next_of(events: Iterator[Sent], name: str) -> Sent:
    """The next event of this name."""
    return next(event for event in events if event.event == name)
