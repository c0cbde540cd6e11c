"""Many clients that connect and submit at the same moment."""

import asyncio
import json
import time

from .report import Figure
from .work import SMALL

CLIENTS = 200


def burst(port: int, engine: str) -> list[Figure]:
    """How many of the clients were answered with 202, and when the last one was."""
    began = time.perf_counter()
    answers = asyncio.run(_all(port))
    seconds = time.perf_counter() - began
    accepted = sum(answer.startswith(b"HTTP/1.1 202") for answer in answers)
    name = f"{CLIENTS} concurrent POSTs, engine {engine}"
    return [
        Figure(f"{name}: accepted", accepted, "jobs", CLIENTS, more_is_better=True),
        Figure(f"{name}: all answered after", seconds * 1000, "ms"),
    ]


async def _all(port: int) -> list[bytes]:
    return await asyncio.gather(*(_post(port) for _ in range(CLIENTS)))


async def _post(port: int) -> bytes:
    body = json.dumps(SMALL.model_dump(exclude_defaults=True)).encode()
    head = f"POST /txt2img HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + body)
        answer = await reader.readline()
        writer.close()
        return answer
    except OSError:
        return b""
