"""Deleting and restoring every stored job in one request each, and how others are answered meanwhile."""

import threading
import time
from collections.abc import Callable
from itertools import cycle

import httpx

from tests.support.running_server import RunningServer

from .client import percentiles
from .report import Figure

# One that reads the database, one that writes it, and one that does neither.
OTHERS = (("GET", "/queue?limit=50"), ("PUT", "/preview/settings"), ("GET", "/health"))


def housekeeping(server: RunningServer, ids: list[str]) -> list[Figure]:
    """Into the trash and out again."""
    return [
        *_watched(server, f"delete {len(ids):,} jobs", "DELETE", "/queue/jobs", ids),
        *_watched(server, f"restore {len(ids):,} jobs", "POST", "/queue/restore", ids),
    ]


def _watched(server: RunningServer, name: str, method: str, path: str, ids: list[str]) -> list[Figure]:
    def send() -> None:
        answer = httpx.request(method, server.url + path, json={"job_ids": ids}, timeout=600)
        assert answer.raise_for_status().json()["not_found"] == []

    seconds, others = _beside(send, server)
    longest = f"longest {max(others):.1f} ms"
    return [
        Figure(name, seconds, "s", 5, detail=f"{len(others)} other requests meanwhile"),
        Figure(f"{name}: others' p99", percentiles(others)[1], "ms", 50, detail=longest),
    ]


def _beside(work: Callable[[], None], server: RunningServer) -> tuple[float, list[float]]:
    """Seconds that `work` took, and milliseconds of the requests that one other client got answered."""
    others: list[float] = []
    began = time.perf_counter()
    working = threading.Thread(target=work)
    working.start()
    with httpx.Client(base_url=server.url) as http:
        for method, path in cycle(OTHERS):
            asked = time.perf_counter()
            http.request(method, path, json={} if method == "PUT" else None).raise_for_status()
            others.append((time.perf_counter() - asked) * 1000)
            if not working.is_alive() and len(others) >= len(OTHERS):
                break
    working.join()
    return time.perf_counter() - began, others
