"""Single answers: those that are ready, pages made anew, files of the output folder, and a start."""

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil

from sdcpp_restapi.db import Database
from sdcpp_restapi.events import EventBus
from sdcpp_restapi.jobs.queue.listing import JobFilters
from sdcpp_restapi.jobs.queue.queue import Queue
from sdcpp_restapi.jobs.queue.store import JobStore
from tests.support.running_server import RunningServer

from . import client, memory
from . import floor as floors
from .floor import running_floor
from .pages import FEW, HEALTH, MODELS, QUEUE, compare
from .plan import Plan
from .report import Beside, Figure, Report
from .startup import startup
from .stores import add_jobs, add_models

JOBS = 1000
LARGE, PICTURE = 100 * 10**6, 515_000
TURNS = 5


def measure(folder: Path, plan: Plan, report: Report) -> None:
    """All of it on one server, whose folders are below `folder`."""
    report.add(startup(folder, plan.starts))
    add_models(folder / "models", 0, FEW)
    add_jobs(folder / "data", JOBS)
    report.add(*asyncio.run(_made_anew(folder / "data" / "sdcpp.db")))
    server = RunningServer(folder)
    try:
        report.add(*memory.memory(server, "idle"))
        with running_floor() as floor:
            job_id = server.get(QUEUE, limit=1)["items"][0]["job_id"]
            for path in (HEALTH, f"{QUEUE}/{job_id}", f"{QUEUE}?limit=20", MODELS, "/options"):
                compare(report, server.url, path, floor, plan.seconds, "idle", FEW)
                report.beside([_cpu(server, path, floor, plan)])
        report.beside(_files(server, plan))
    finally:
        server.kill()


def _cpu(server: RunningServer, path: str, floor: str, plan: Plan) -> Beside:
    """CPU of one answer, which says more than requests per second where the machine has other work."""
    floor_process = next(one for one in psutil.Process().children() if floors.__name__ in one.cmdline())
    size = len(server.http.get(path).content)

    def measure_in(process: psutil.Process, url: str) -> float:
        before = sum(process.cpu_times()[:2])
        served = client.load(url, plan.seconds).per_second * plan.seconds
        return (sum(process.cpu_times()[:2]) - before) / served * 1e6

    ours, theirs = _in_turns(
        lambda: measure_in(psutil.Process(server.process.pid), server.url + path),
        lambda: measure_in(floor_process, f"{floor}/{size}"),
    )
    return Beside(f"CPU of an answer, {path}", "floor", "µs", ours, theirs)


async def _made_anew(path: Path) -> list[Figure]:
    """CPU of pages after a change of one job: from the database to JSON."""
    database = await Database.open(path)
    try:
        queue = Queue(JobStore(database), EventBus())
        return [await _page(queue, limit) for limit in (JOBS, 50)]
    finally:
        await database.close()


async def _page(queue: Queue, limit: int) -> Figure:
    milliseconds = []
    for _ in range(2 * TURNS):
        began = time.process_time()
        await queue.page_text(JobFilters(limit=limit))
        milliseconds.append((time.process_time() - began) * 1000)
    first, *others = milliseconds
    detail = f"the first one {first:.1f} ms"
    return Figure(
        f"{limit:,} jobs made anew, CPU", median(others), "ms", 30 if limit > 50 else 0.6, detail=detail
    )


def _files(server: RunningServer, plan: Plan) -> Iterator[Beside]:
    folder = server.output_dir / "files"
    folder.mkdir(parents=True)
    (folder / "large.mp4").write_bytes(os.urandom(10**6) * (LARGE // 10**6))
    (folder / "picture.png").write_bytes(os.urandom(PICTURE))
    with _http_server(server.output_dir) as plain:
        ours, theirs = _in_turns(
            lambda: LARGE / 10**6 / _fetch(f"{server.url}/output/files/large.mp4"),
            lambda: LARGE / 10**6 / _fetch(f"{plain}/files/large.mp4"),
        )
        yield Beside(f"a file of {LARGE // 10**6} MB", "http.server", "MB/s", ours, theirs)
        ours, theirs = _in_turns(
            lambda: client.load(f"{server.url}/output/files/picture.png", plan.seconds).per_second,
            lambda: client.load(f"{plain}/files/picture.png", plan.seconds, connections=4).per_second,
        )
        yield Beside(f"a picture of {PICTURE // 1000} kB", "http.server", "requests/s", ours, theirs)


def _in_turns(ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float]:
    turns = [(ours(), theirs()) for _ in range(TURNS)]
    return median(mine for mine, _ in turns), median(other for _, other in turns)


def _fetch(url: str) -> float:
    """Seconds to read a whole answer."""
    buffer = bytearray(2**20)
    began = time.perf_counter()
    with urllib.request.urlopen(url) as answer:
        while answer.readinto(buffer):
            pass
    return time.perf_counter() - began


@contextmanager
def _http_server(folder: Path) -> Iterator[str]:
    """Python's own server of files, which hands them to the kernel to send; its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "http.server", "--protocol", "HTTP/1.1", "-d", str(folder), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
