"""Files: listing, hashing, downloading and browsing them, each beside a plain tool on the same data."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
from PIL import Image, ImageOps

from sdcpp_restapi.outputs.thumbnails import AT_ONCE, QUALITY, SIDE
from tests.support.output_folders import write_jobs
from tests.support.running_server import RunningServer

from .plan import Plan
from .report import Beside, Report
from .stores import add_models

TURNS = 5
LIBRARIES = (5_000, 50_000)
JOB_FOLDERS = 10_000
MEGABYTE = 1e6


def measure(root: Path, plan: Plan, report: Report) -> None:
    """All of it, on a server of its own."""
    write_jobs(root / "output" / "jobs", JOB_FOLDERS)
    server = RunningServer(root, env={"SDCPP_DOWNLOADS_ALLOW_PRIVATE": "1"})
    try:
        report.beside(listing(server))
        report.beside(hashing(server, plan.file_megabytes))
        report.beside(downloading(server, plan.file_megabytes))
        report.beside(browsing(server))
        report.beside([thumbnails(server, plan.pictures)])
    finally:
        server.kill()


def listing(server: RunningServer) -> Iterator[Beside]:
    """Models, read from disk and answered from memory, beside a walk that asks for each file's size."""
    before = 0
    for count in LIBRARIES:
        add_models(server.models_dir, before, count)
        before = count
        walk = partial(_walk, server.models_dir)
        read, again = lambda: server.post("/models/refresh"), lambda: server.http.get("/models").content
        again()  # the one that makes the answer
        name, tool = f"{count:,} model files", "os.walk and stat"
        yield _milliseconds(f"{name}, read anew (POST /models/refresh)", tool, read, walk)
        yield _milliseconds(f"{name}, GET /models", tool, again, walk)


def hashing(server: RunningServer, megabytes: int) -> Iterator[Beside]:
    """A file that lies in the cache of the system, so that the processor is what counts."""
    path = _big_file(server.models_dir / "checkpoints" / "big.safetensors", megabytes)

    def ours() -> None:
        os.utime(path)  # another version of it: nothing is known of that
        server.http.get(f"/models/hash/checkpoint/{path.name}", timeout=600).raise_for_status()

    plain = partial(subprocess.run, ["sha256sum", path], check=True, capture_output=True)
    yield _megabytes(f"SHA-256 of {megabytes:,} MB", "sha256sum", megabytes, ours, plain)


def downloading(server: RunningServer, megabytes: int) -> Iterator[Beside]:
    """Over the loopback: POST to completed job, beside curl, which neither hashes nor syncs."""
    folder = server.root / "elsewhere"
    _big_file(folder / "far.safetensors", megabytes)
    target = server.models_dir / "loras" / "far.safetensors"
    with _serving(folder) as url:

        def ours() -> None:
            target.unlink(missing_ok=True)
            body = {"model_type": "lora", "url": f"{url}/far.safetensors"}
            job_id = server.post("/models/download", body, expect=202)["download_job_id"]
            job = server.wait_for_job(job_id, 600)
            assert job["status"] == "completed", job

        curl = ["curl", "-sf", "-o", str(folder / "copy"), f"{url}/far.safetensors"]
        plain = partial(subprocess.run, curl, check=True)

        def checked() -> None:
            plain()
            subprocess.run(["sha256sum", folder / "copy"], check=True, capture_output=True)
            subprocess.run(["sync", folder / "copy"], check=True)

        name = f"download of {megabytes:,} MB"
        yield _megabytes(name, "curl", megabytes, ours, plain)
        yield _megabytes(name, "curl, sha256sum and sync", megabytes, ours, checked)


def browsing(server: RunningServer) -> Iterator[Beside]:
    """The first page of a folder of jobs, beside asking for the date of each."""
    folder = server.output_dir / "jobs"
    for sort in ("name", "date"):
        ask = partial(server.http.get, "/output/jobs", params={"sort": sort, "order": "desc"})

        def first(ask: Callable[[], object] = ask) -> None:
            os.utime(folder)  # as if a job had just been added
            ask()

        name, tool = f"first page of {JOB_FOLDERS:,} jobs by {sort}", "os.scandir and stat"
        yield _milliseconds(f"{name}, folder changed", tool, first, partial(_dates, folder))
        yield _milliseconds(f"{name}, again", tool, ask, partial(_dates, folder))


def thumbnails(server: RunningServer, count: int) -> Beside:
    """Made for as many clients as the server makes at once, beside one thread of Pillow."""
    folder = server.output_dir / "pictures"
    folder.mkdir()
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    picture = Image.fromarray(noise).resize((1024, 1024), Image.Resampling.BICUBIC)
    for number in range(count):
        picture.save(folder / f"{number}.png", compress_level=1)

    def ours() -> None:
        for kept in (folder / ".thumbs").glob("*"):
            kept.unlink()
        with ThreadPoolExecutor(AT_ONCE) as clients:
            list(clients.map(lambda n: server.http.get(f"/thumb/pictures/{n}.png"), range(count)))

    def plain() -> None:
        for number in range(count):
            with Image.open(folder / f"{number}.png") as image:
                small = ImageOps.fit(image, (SIDE, SIDE))
                small.save(server.root / "thumb.jpg", quality=QUALITY)

    mine, theirs = _in_turns(ours, plain)
    return Beside("thumbnails of 1024x1024 PNGs", "Pillow, one thread", "1/s", count / mine, count / theirs)


def _milliseconds(name: str, tool: str, ours: Callable[[], object], theirs: Callable[[], object]) -> Beside:
    mine, plain = _in_turns(ours, theirs)
    return Beside(name, tool, "ms", mine * 1000, plain * 1000)


def _megabytes(
    name: str, tool: str, size: int, ours: Callable[[], object], theirs: Callable[[], object]
) -> Beside:
    mine, plain = _in_turns(ours, theirs)
    return Beside(name, tool, "MB/s", size / mine, size / plain)


def _in_turns(*works: Callable[[], object]) -> list[float]:
    """Seconds of each, the median of some turns: what else the machine does meets all."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(TURNS):
        for work, seconds in zip(works, times, strict=True):
            began = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - began)
    return [statistics.median(seconds) for seconds in times]


def _walk(folder: Path) -> None:
    for here, _, names in os.walk(folder):
        for name in names:
            os.stat(os.path.join(here, name))


def _dates(folder: Path) -> None:
    with os.scandir(folder) as entries:
        sorted(entry.stat().st_mtime_ns for entry in entries)


def _big_file(path: Path, megabytes: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    block = np.random.default_rng(1).bytes(int(MEGABYTE))
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(block)
    return path


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
