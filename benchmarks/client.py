"""Load on one URL: by wrk where it is installed, else by a client of our own over raw asyncio."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import quantiles
from typing import cast
from urllib.parse import urlsplit

import uvloop

CONNECTIONS = 16
WRK = shutil.which("wrk")
NAME = "wrk" if WRK else "benchmarks.client"
_MS_OF = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Load:
    """What a number of keep-alive connections got out of a server, each asking as fast as it answers."""

    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


def load(url: str, seconds: float, connections: int = CONNECTIONS) -> Load:
    """Ask `url` again and again."""
    if WRK:
        return _by_wrk(WRK, url, seconds, connections)
    return asyncio.run(_by_asyncio(url, seconds, connections), loop_factory=uvloop.new_event_loop)


def percentiles(milliseconds: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    cuts = quantiles(milliseconds, n=100, method="inclusive")
    return cuts[49], cuts[98]


def _by_wrk(wrk: str, url: str, seconds: float, connections: int) -> Load:
    # wrk counts whole seconds only.
    options = ("-t1", f"-c{connections}", f"-d{round(seconds)}s", "--latency")
    said = subprocess.run([wrk, *options, url], capture_output=True, text=True, check=True).stdout
    lines = (line.replace(",", "").split() for line in said.splitlines())
    words = {words[0].rstrip(":"): words[1:] for words in lines if words}
    errors = sum(int(word) for word in words.get("Socket", ()) if word.isdigit())
    errors += int(words["Non-2xx"][-1]) if "Non-2xx" in words else 0
    return Load(float(words["Requests/sec"][0]), _ms(words["50%"][0]), _ms(words["99%"][0]), errors)


def _ms(text: str) -> float:
    number = text.rstrip("mus")
    return float(number) * _MS_OF[text[len(number) :]]


async def _by_asyncio(url: str, seconds: float, connections: int) -> Load:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    request = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    loop, began = asyncio.get_running_loop(), time.perf_counter()
    asking = partial(_Asking, request, began + seconds)
    made = [(await loop.create_connection(asking, parts.hostname, parts.port))[1] for _ in range(connections)]
    await asyncio.gather(*(one.done.wait() for one in made))
    times = [ms for one in made for ms in one.times]
    p50, p99 = percentiles(times)
    return Load(len(times) / (time.perf_counter() - began), p50, p99, sum(one.errors for one in made))


@dataclass(eq=False)
class _Asking(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the last one is complete."""

    request: bytes
    until: float
    times: list[float] = field(default_factory=list)
    errors: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)
    _missing: int = 0
    _head: bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Count down the answer's bytes: they are not looked at."""
        if not self._missing:
            self._head += data
            head, blank, body = self._head.partition(b"\r\n\r\n")
            if not blank:
                return
            self._missing = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            self.errors += not head.startswith(b"HTTP/1.1 2")
            data = body
        self._missing -= len(data)
        if self._missing <= 0:
            self.times.append((time.perf_counter() - self._asked) * 1000)
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        """The server closed it, or we did."""
        self.errors += error is not None
        self.done.set()

    def _ask(self) -> None:
        self._asked, self._head, self._missing = time.perf_counter(), b"", 0
        if self._asked >= self.until:
            self._transport.close()
        else:
            self._transport.write(self.request)
