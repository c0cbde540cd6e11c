"""Resident memory of the server and of its engine's child."""

import psutil

from tests.support.running_server import RunningServer

from .report import Figure

MEGABYTE = 1e6


def memory(server: RunningServer, when: str) -> list[Figure]:
    """Both, now."""
    process = psutil.Process(server.process.pid)
    child = sum(one.memory_info().rss for one in process.children(recursive=True))
    return [
        Figure(f"memory of the server, {when}", process.memory_info().rss / MEGABYTE, "MB", 120),
        Figure(f"memory of the engine's child, {when}", child / MEGABYTE, "MB"),
    ]
