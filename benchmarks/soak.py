"""`python -m benchmarks.soak [--minutes N]`: a server in steady use, and whether it stays as it was.

Clients of four kinds use one server with a real engine and tiny models: some submit and poll, one listens to
the WebSocket, one looks at pages and thumbnails, one deletes old jobs. The first fifth of the time,
after a tenth to warm up, is compared with the last fifth.
"""

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from tests.support.images import as_base64
from tests.support.running_server import FINAL, RunningServer
from tests.support.tiny_models import build

from .client import percentiles

SUBMITTERS = 3
# Jobs that stay stored; older ones are deleted for good.
KEPT = 200
# Seconds between two measurements of the processes.
INTERVAL = 1.0
# What may come on top of the beginning, as a share and as an amount.
MOST_GROWTH = {"server MB": (0.1, 15.0), "engine MB": (0.1, 30.0), "open files": (0.0, 12.0)}
# On a shared machine times differ by as much between two runs of the same.
MOST_SLOWDOWN = (2.0, 20.0)


@dataclass
class Observations:
    """What clients and the sampler saw, each with the second in which it did."""

    began: float = field(default_factory=time.monotonic)
    latencies: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    sizes: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began


class Clients:
    """All clients of one server, each in a thread of its own."""

    def __init__(self, server: RunningServer, seen: Observations) -> None:
        self.server, self.seen = server, seen
        self.stopping = threading.Event()
        works = [self._submit] * SUBMITTERS + [self._listen, self._browse, self._delete_old, self._sample]
        self.threads = [threading.Thread(target=self._run, args=(work, n)) for n, work in enumerate(works)]

    def _run(self, work: Callable[[random.Random], None], number: int) -> None:
        try:
            work(random.Random(number))
        except Exception as error:
            self.seen.faults.append(f"{work.__name__}: {type(error).__name__}: {error}")

    def ask(self, http: httpx.Client, method: str, path: str, label: str, body: object = None) -> Any:
        """The JSON answer of a request that must succeed; its time is kept under the label."""
        began = time.perf_counter()
        answer = http.request(method, path, json=body)
        self.seen.latencies[label].append((self.seen.now(), (time.perf_counter() - began) * 1000))
        self.seen.counts["requests"] += 1
        if answer.status_code >= 400:
            self.seen.faults.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return {}
        return answer.json() if "json" in answer.headers["content-type"] else None

    def _submit(self, chance: random.Random) -> None:
        with httpx.Client(base_url=self.server.url, timeout=60) as http:
            while not self.stopping.is_set():
                path, body = _job(chance)
                job_id = self.ask(http, "POST", path, f"POST {path}", body)["job_id"]
                job = self._follow(http, job_id)
                self.seen.counts[f"{path} {job['status']}"] += 1
                if job["status"] == "failed":
                    self.seen.faults.append(f"job {job_id}: {job['error']}")

    def _follow(self, http: httpx.Client, job_id: str) -> Any:
        while True:
            job = self.ask(http, "GET", f"/queue/{job_id}", "GET /queue/{job_id}")
            if job["status"] in FINAL:
                return job
            time.sleep(0.2)

    def _listen(self, _chance: random.Random) -> None:
        with self.server.events() as events:
            while not self.stopping.is_set():
                events.next(seconds=60)
                events.heard.clear()
                self.seen.counts["events"] += 1

    def _browse(self, _chance: random.Random) -> None:
        with httpx.Client(base_url=self.server.url, timeout=60) as http:
            while not self.stopping.wait(0.5):
                self.ask(http, "GET", "/health", "GET /health")
                page = self.ask(http, "GET", "/queue?status=completed&limit=50", "GET /queue")
                self.ask(http, "GET", "/models", "GET /models")
                for job in page["items"][:1]:
                    self.ask(http, "GET", f"/thumb/{job['outputs'][0]}", "GET /thumb")

    def _delete_old(self, _chance: random.Random) -> None:
        with httpx.Client(base_url=self.server.url, timeout=60) as http:
            while not self.stopping.wait(5):
                page = http.get("/queue", params={"limit": 1000, "offset": KEPT}).json()
                old = [job["job_id"] for job in page["items"] if job["status"] in FINAL]
                if old:
                    body = {"job_ids": old, "purge": True}
                    self.ask(http, "DELETE", "/queue/jobs", "DELETE /queue/jobs", body)
                    self.seen.counts["jobs deleted"] += len(old)

    def _sample(self, _chance: random.Random) -> None:
        process = psutil.Process(self.server.process.pid)
        while not self.stopping.wait(INTERVAL):
            (child,) = process.children()
            database = sum(path.stat().st_size for path in self.server.data_dir.glob("sdcpp.db*"))
            for name, value in {
                "server MB": process.memory_info().rss / 1e6,
                "engine MB": child.memory_info().rss / 1e6,
                "open files": float(process.num_fds()),
                "threads": float(process.num_threads()),
                "database and WAL MB": database / 1e6,
            }.items():
                self.seen.sizes[name].append((self.seen.now(), value))


def _job(chance: random.Random) -> tuple[str, dict[str, Any]]:
    drawn = {"prompt": "a cat", "width": 64, "height": 64, "cfg_scale": 1, "steps": chance.randint(2, 20)}
    return chance.choice(
        [
            ("/txt2img", drawn),
            ("/txt2img", {**drawn, "batch_count": 2}),
            ("/img2img", {**drawn, "init_image_base64": as_base64(), "strength": 0.6}),
            ("/upscale", {"image_base64": as_base64()}),
        ]
    )


# ---------------------------------------------------------------- what it says


@dataclass(frozen=True)
class Change:
    """A value of the beginning and of the end."""

    name: str
    first: float
    last: float
    allowed: float | None = None

    @property
    def kept(self) -> bool:
        """Whether the end is within what is allowed."""
        return self.allowed is None or self.last <= self.allowed


def compare(seen: Observations, seconds: float) -> Iterator[Change]:
    """Sizes by their medians, times by medians and 99th percentiles; only medians have bounds."""
    for name, samples in seen.sizes.items():
        first, last = (statistics.median(part) for part in _ends(samples, seconds))
        share, amount = MOST_GROWTH.get(name, (0.0, 0.0))
        yield Change(name, first, last, first * (1 + share) + amount if name in MOST_GROWTH else None)
    for name, samples in sorted(seen.latencies.items()):
        ends = _ends(samples, seconds)
        if min(map(len, ends)) >= 2:
            (first, first_p99), (last, last_p99) = map(percentiles, ends)
            factor, amount = MOST_SLOWDOWN
            yield Change(f"{name}, median ms", first, last, first * factor + amount)
            yield Change(f"{name}, p99 ms", first_p99, last_p99)


def _ends(samples: Sequence[tuple[float, float]], seconds: float) -> tuple[list[float], list[float]]:
    first = [value for at, value in samples if 0.1 <= at / seconds < 0.3]
    return first, [value for at, value in samples if at / seconds >= 0.8]


def soak(folder: Path, minutes: float) -> tuple[Observations, list[str]]:
    """Use a server below `folder` for so long; what was seen, and the tracebacks in its log."""
    model = build("minit2i").install(folder / "models")
    build("esrgan").install(folder / "models")
    server = RunningServer(folder)
    try:
        server.post("/models/load", model)
        server.post("/upscaler/load", {"model_name": "esrgan.safetensors"})
        seen = Observations()
        clients = Clients(server, seen)
        for thread in clients.threads:
            thread.start()
        time.sleep(minutes * 60)
        clients.stopping.set()
        for thread in clients.threads:
            thread.join()
        server.stop()
        return seen, server.tracebacks()
    finally:
        server.kill()


def main() -> int:
    """The command line; 1 when something did not stay as it was."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long (default: 60)")
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        seen, tracebacks = soak(Path(folder), minutes)
    changes = list(compare(seen, minutes * 60))
    table = Table("what", "beginning", "end", "allowed")
    for change in changes:
        allowed = "" if change.allowed is None else f"{change.allowed:.1f}"
        table.add_row(change.name, f"{change.first:.1f}", f"{change.last:.1f}", allowed)
    console = Console()
    console.print(table)
    console.print(", ".join(f"{name}: {count:,}" for name, count in sorted(seen.counts.items())))
    wrong = [change.name for change in changes if not change.kept] + seen.faults[:10] + tracebacks[:3]
    console.print("verdict: not steady: " + "; ".join(wrong) if wrong else "verdict: steady", markup=False)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
