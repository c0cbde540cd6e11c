"""Memory of the server while many clients send large pictures at once, and what it keeps of that."""

import base64
import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from PIL import Image

from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SCRIPTED, environment

from .memory import MEGABYTE
from .plan import Plan
from .report import Figure, Report

CLIENTS = 16
SIDE = 8000
INTERVAL = 0.05


def measure(folder: Path, _plan: Plan, report: Report) -> None:
    """As many requests at once as CLIENTS, each with a picture of 64 megapixels; no engine draws."""
    picture = _make_picture()
    with RunningServer(folder, env=environment(folder)) as server:
        server.post("/models/load", SCRIPTED)
        process = psutil.Process(server.process.pid)
        before = process.memory_info().rss
        began = time.monotonic()
        with _watched(process) as peak, ThreadPoolExecutor(CLIENTS) as clients:
            answers = list(clients.map(lambda _: _send(server, picture), range(CLIENTS)))
        seconds = time.monotonic() - began
        after = process.memory_info().rss
    taken = f"{answers.count(202)} of {CLIENTS} taken in {seconds:.0f} s"
    report.add(
        Figure("memory of the server before large pictures", before / MEGABYTE, "MB", 120),
        Figure(
            f"at most, with {CLIENTS} pictures of {SIDE}x{SIDE} at once",
            max(peak) / MEGABYTE,
            "MB",
            1000,
            detail=taken,
        ),
        Figure("afterwards", after / MEGABYTE, "MB", 200),
    )


def _make_picture() -> str:
    """A JPEG of some 6 MB as the API takes it."""
    noise = Image.effect_noise((SIDE // 8, SIDE // 8), 60).convert("RGB")
    buffer = io.BytesIO()
    noise.resize((SIDE, SIDE)).save(buffer, "JPEG", quality=40)
    return base64.b64encode(buffer.getvalue()).decode()


def _send(server: RunningServer, picture: str) -> int:
    body = {"prompt": "a", "init_image_base64": picture, "width": 64, "height": 64, "steps": 1}
    return httpx.post(f"{server.url}/img2img", json=body, timeout=900).status_code


@contextmanager
def _watched(process: psutil.Process) -> Iterator[list[int]]:
    """What the process takes, again and again until the block ends."""
    seen = [process.memory_info().rss]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(INTERVAL):
            seen.append(process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
