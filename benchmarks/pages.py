"""Requests per second of the pages that clients poll, beside the floor's."""

import httpx

from . import client
from .report import Comparison, Figure, Report

HEALTH, MODELS, QUEUE_PAGE, QUEUE = "/health", "/models", "/queue?limit=50", "/queue"
FEW, MANY = 1000, 5000


def shown_models(files: int) -> str:
    """How the tables call the listing of so many models."""
    return f"{MODELS}, {files:,} files"


def compare(report: Report, url: str, path: str, floor: str, seconds: float, engine: str, files: int) -> None:
    """Load `path`, then the floor with as many bytes."""
    size = len(httpx.get(url + path).raise_for_status().content)
    served = client.load(url + path, seconds)
    shown = shown_models(files) if path == MODELS else path
    report.compare(Comparison(shown, engine, size, served, client.load(f"{floor}/{size}", seconds)))


def targets(report: Report) -> list[Figure]:
    """What the comparisons say about the targets."""
    found = {(one.path, one.engine): one.server for one in report.comparisons}
    fast = (shown_models(MANY), QUEUE_PAGE, QUEUE)
    return [
        Figure(f"{HEALTH}, engine busy: p99", found[HEALTH, "busy"].p99_ms, "ms", 10),
        *(Figure(path, found[path, "idle"].per_second, "requests/s", 1000, True) for path in fast),
    ]
