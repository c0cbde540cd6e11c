"""Events: how fast the bus hands them out, and how fast WebSocket clients get them."""

import asyncio
import base64
import os
import time
from functools import partial

import httpx
import uvloop

from sdcpp_restapi.client_outbox import ClientOutbox
from sdcpp_restapi.events import EventBus
from sdcpp_restapi.schemas.events import JobAdded
from tests.support.running_server import RunningServer

from .report import Figure
from .work import SMALL

CLIENTS = 100
# A job that is submitted and cancelled while it waits: added, its state changed, cancelled.
EVENTS_PER_JOB = 3
# Clients that submit and cancel.
AT_ONCE = 4
MOST_SECONDS = 60.0


def bus(events: int) -> Figure:
    """Deliveries from the bus to listeners in the same process."""
    seconds = asyncio.run(_bus(events), loop_factory=uvloop.new_event_loop)
    return Figure(f"bus alone, {CLIENTS} listeners", events * CLIENTS / seconds, "deliveries/s")


def websockets(server: RunningServer, jobs: int) -> list[Figure]:
    """Deliveries to real clients, of the events of jobs that are submitted and cancelled; engine busy."""
    return asyncio.run(_websockets(server, jobs), loop_factory=uvloop.new_event_loop)


async def _bus(events: int) -> float:
    published = EventBus()
    began = time.perf_counter()
    readers = [asyncio.create_task(_read(published.subscribe(), events)) for _ in range(CLIENTS)]
    for number in range(events):
        published.publish(JobAdded(job_id=str(number), type="txt2img", queue_position=number))
        await asyncio.sleep(0)
    await asyncio.gather(*readers)
    return time.perf_counter() - began


async def _read(listener: ClientOutbox, events: int) -> None:
    for _ in range(events):
        await listener.get()


async def _websockets(server: RunningServer, jobs: int) -> list[Figure]:
    clients = await _connected(server.ws_port)
    events = jobs // AT_ONCE * AT_ONCE * EVENTS_PER_JOB
    for client in clients:
        client.expect(events)
    began = time.perf_counter()
    await _submit_and_cancel(server.url, jobs)
    published = time.perf_counter()
    await _all_heard(clients)
    ended = time.perf_counter()
    for client in clients:
        client.transport.close()
    name, rate = f"{CLIENTS} WebSocket clients, engine busy", events / (ended - began)
    return [
        Figure(name, rate * CLIENTS, "deliveries/s", detail=f"{rate:,.0f} events/s"),
        Figure(f"{name}: last event after the last answer", (ended - published) * 1000, "ms"),
    ]


async def _connected(port: int) -> list["_Client"]:
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(partial(_Client, port), "127.0.0.1", port))[1] for _ in range(CLIENTS)
    ]
    await _all_heard(clients)
    return clients


async def _all_heard(clients: list["_Client"]) -> None:
    async with asyncio.timeout(MOST_SECONDS):
        await asyncio.gather(*(client.heard.wait() for client in clients))


async def _submit_and_cancel(url: str, jobs: int) -> None:
    body = SMALL.model_dump(exclude_defaults=True)
    async with httpx.AsyncClient(base_url=url) as http:

        async def one_after_the_other() -> None:
            for _ in range(jobs // AT_ONCE):
                job_id = (await http.post("/txt2img", json=body)).json()["job_id"]
                (await http.delete(f"/queue/{job_id}")).raise_for_status()

        await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


class _Client(asyncio.Protocol):
    """Counts frames by their heads; a client that decoded them would be slower than the server."""

    def __init__(self, port: int) -> None:
        self.heard = asyncio.Event()
        self._missing = 1  # the greeting: server_status
        self._port = port
        self._data = bytearray()
        self._upgraded = False

    def expect(self, frames: int) -> None:
        """Set `heard` once so many more have come."""
        self.heard.clear()
        self._missing = frames

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET / HTTP/1.1\r\nHost: localhost:{self._port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Count the frames that are complete."""
        self._data += data
        if not self._upgraded:
            _, blank, rest = self._data.partition(b"\r\n\r\n")
            self._upgraded, self._data = bool(blank), rest if blank else self._data
        while self._upgraded and len(self._data) >= (length := _frame_length(self._data)):
            del self._data[:length]
            self._missing -= 1
            if not self._missing:
                self.heard.set()


def _frame_length(data: bytearray) -> int:
    """Head and payload of the (unmasked) frame at the beginning, at least 2."""
    if len(data) < 2:
        return 2
    short = data[1] & 127
    if short < 126:
        return 2 + short
    size = 2 if short == 126 else 8
    return 2 + size + int.from_bytes(data[2 : 2 + size])
