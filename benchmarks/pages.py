"""Requests per second of the pages that clients poll, beside the floor's."""

import httpx

from . import client
from .report import Comparison, Figure, Report

HEALTH, MODELS, QUEUE_PAGE, QUEUE = "/health", "/models", "/queue?limit=50", "/queue"
FEW, MANY = 1000, 5000
TURNS = 3


def shown_models(files: int) -> str:
    """How the tables call the listing of so many models."""
    return f"{MODELS}, {files:,} files"


def compare(report: Report, url: str, path: str, floor: str, seconds: float, engine: str, files: int) -> None:
    """Load `path` and the floor with as many bytes, in turns: what else the machine does meets both."""
    size = len(httpx.get(url + path).raise_for_status().content)
    turns = [
        (client.load(url + path, seconds), client.load(f"{floor}/{size}", seconds)) for _ in range(TURNS)
    ]
    served, least = (_middle(loads) for loads in zip(*turns, strict=True))
    report.compare(Comparison(shown_models(files) if path == MODELS else path, engine, size, served, least))


def _middle(loads: tuple[client.Load, ...]) -> client.Load:
    """The turn with the median of requests per second."""
    return sorted(loads, key=lambda load: load.per_second)[len(loads) // 2]


def targets(report: Report) -> list[Figure]:
    """What the comparisons say about the targets."""
    found = {(one.path, one.engine): one.server for one in report.comparisons}
    # A page of /queue without `limit` is a megabyte: its floor alone decides.
    fast = (shown_models(MANY), QUEUE_PAGE)
    return [
        Figure(f"{HEALTH}, engine busy: p99", found[HEALTH, "busy"].p99_ms, "ms", 10),
        *(Figure(path, found[path, "idle"].per_second, "requests/s", 1000, True) for path in fast),
    ]
