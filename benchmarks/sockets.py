"""Events: how fast the bus hands them out, and how fast WebSocket clients get them."""

import asyncio
import base64
import os
import time

import httpx
import uvloop

from sdcpp_restapi.events import EventBus, Listener
from sdcpp_restapi.schemas.events import JobAdded
from tests.server import RunningServer

from .report import Figure
from .work import SMALL

CLIENTS = 100
# A job that is submitted and cancelled while it waits: added, its state changed, cancelled.
EVENTS_PER_JOB = 3


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


async def _read(listener: Listener, events: int) -> None:
    for _ in range(events):
        await listener.get()


async def _websockets(server: RunningServer, jobs: int) -> list[Figure]:
    loop = asyncio.get_running_loop()
    clients = [_Client(server.ws_port) for _ in range(CLIENTS)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", server.ws_port)
    await asyncio.gather(*(client.greeted.wait() for client in clients))
    before = sum(client.frames for client in clients)
    began = time.perf_counter()
    await _submit_and_cancel(server.url, jobs)
    published = time.perf_counter() - began
    expected = jobs * EVENTS_PER_JOB * CLIENTS
    while (heard := sum(client.frames for client in clients) - before) < expected:
        await asyncio.sleep(0.01)
        assert time.perf_counter() - began < 60, f"only {heard} of {expected} events came"
    seconds = time.perf_counter() - began
    for client in clients:
        client.transport.close()
    name = f"{CLIENTS} WebSocket clients"
    return [
        Figure(
            name, heard / seconds, "deliveries/s", detail=f"{jobs * EVENTS_PER_JOB / seconds:,.0f} events/s"
        ),
        Figure(f"{name}: last event after the last answer", (seconds - published) * 1000, "ms"),
    ]


async def _submit_and_cancel(url: str, jobs: int) -> None:
    body = SMALL.model_dump(exclude_defaults=True)
    async with httpx.AsyncClient(base_url=url) as http:

        async def one_after_the_other() -> None:
            for _ in range(jobs // 4):
                job_id = (await http.post("/txt2img", json=body)).json()["job_id"]
                (await http.delete(f"/queue/{job_id}")).raise_for_status()

        await asyncio.gather(*(one_after_the_other() for _ in range(4)))


class _Client(asyncio.Protocol):
    """Counts frames by their heads; a client that decoded them would be slower than the server."""

    def __init__(self, port: int) -> None:
        self.frames = 0
        self.greeted = asyncio.Event()
        self._port = port
        self._data = bytearray()
        self._upgraded = False

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
            self.frames += 1
            self.greeted.set()


def _frame_length(data: bytearray) -> int:
    """Head and payload of the (unmasked) frame at the beginning, at least 2."""
    if len(data) < 2:
        return 2
    short = data[1] & 127
    if short < 126:
        return 2 + short
    size = 2 if short == 126 else 8
    return 2 + size + int.from_bytes(data[2 : 2 + size])
