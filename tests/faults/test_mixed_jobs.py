"""Mixed jobs of several clients under random signals to the engine and to the server: nothing is lost."""

import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from gguf import GGUFReader
from PIL import Image

from tests.support.http_upstream import Upstream, model_bytes, upstreams
from tests.support.images import as_base64
from tests.support.running_server import FINAL, RunningServer
from tests.support.tiny_models import build

# Both may be set to repeat a run, or for a longer one.
SEED = int(os.environ.get("TEST_SEED", "20261130"))
SIGNALS = int(os.environ.get("TEST_SIGNALS", "30"))
CLIENTS = 2
WEIGHTS = model_bytes(300_000)
# What a request may be answered with. 400: nothing is loaded, or a job has ended. 409: another load runs.
# 500: the engine did not live to see the load done. 503: the server ended meanwhile.
ANSWERS = {
    "submit": (202, 400, 503), "cancel": (200, 400, 503), "load": (200, 409, 500, 503), "unload": (200, 503)
}  # fmt: skip


class Client(threading.Thread):
    """One that submits, cancels, loads and unloads until it is told to stop."""

    def __init__(self, number: int, server: RunningServer, model: dict[str, str], upstream: Upstream) -> None:
        super().__init__(daemon=True)
        self.number, self.server, self.model, self.upstream = number, server, model, upstream
        self.chance = random.Random(f"{SEED}.{number}")
        self.stopped = threading.Event()
        self.answered = threading.Semaphore(0)  # once for each answer; the clients' killer counts them
        self.jobs: dict[str, str] = {}  # id of an accepted job -> its mark
        self.marks: list[str] = []
        self.cancelled: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.surprises: list[str] = []

    def run(self) -> None:
        acts = [self.submit] * 6 + [self.cancel] * 2 + [self.load, self.unload]
        while not self.stopped.wait(self.chance.uniform(0, 0.4)):
            self.chance.choice(acts)()

    def submit(self) -> None:
        mark = f"{self.number}-{len(self.marks)}"
        path, body = self._job(mark)
        self.marks.append(mark)
        answer = self._ask("submit", "POST", path, body)
        if answer is not None and answer.status_code == 202:
            told = answer.json()
            self.jobs[told.get("job_id") or told["download_job_id"]] = mark
            self.counts[path] += 1
        elif answer is not None and path in ("/txt2img", "/img2img"):
            self.load()

    def cancel(self) -> None:
        if self.jobs:
            job_id = self.chance.choice(list(self.jobs)[-8:])
            answer = self._ask("cancel", "DELETE", f"/queue/{job_id}")
            if answer is not None and answer.status_code == 200:
                self.cancelled.add(job_id)

    def load(self) -> None:
        self._ask("load", "POST", "/models/load", self.model)

    def unload(self) -> None:
        self._ask("unload", "POST", "/models/unload")

    def _job(self, mark: str) -> tuple[str, dict[str, Any]]:
        drawn = {
            "prompt": mark,
            "steps": self.chance.randint(1, 40),
            "width": 64,
            "height": 64,
            "cfg_scale": 1,
            "client_id": mark,
        }
        name = f"{mark}.safetensors"
        kind = self.chance.choice(["txt2img", "txt2img", "img2img", "upscale", "convert", "download"])
        if kind == "download":
            self.upstream.file(f"/{name}", WEIGHTS)
            url = f"{self.upstream.url}/{name}"
            return "/models/download", {"model_type": "lora", "url": url, "client_id": mark}
        bodies: dict[str, dict[str, Any]] = {
            "txt2img": drawn,
            "img2img": {**drawn, "init_image_base64": as_base64(), "strength": 0.6},
            "upscale": {"image_base64": as_base64(), "client_id": mark},
            "convert": {
                "input_path": self.model["model_name"],
                "output_type": "f16",
                "output_path": f"{mark}.gguf",
                "client_id": mark,
            },
        }
        return f"/{kind}", bodies[kind]

    def _ask(self, what: str, method: str, path: str, body: object = None) -> httpx.Response | None:
        """The answer; None when the server was killed before there was one."""
        self.counts[what] += 1
        try:
            answer = httpx.request(method, self.server.url + path, json=body, timeout=120)
        except httpx.TransportError:
            self.counts["unanswered"] += 1
            self.stopped.wait(0.5)
            return None
        self.answered.release()
        if answer.status_code not in ANSWERS[what]:
            self.surprises.append(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer


class Killer:
    """Sends signals to the server and to its engine."""

    def __init__(self, server: RunningServer, clients: list[Client]) -> None:
        self.server, self.clients = server, clients
        self.chance = random.Random(f"{SEED}.killer")
        self.counts: Counter[str] = Counter()
        self.children: set[psutil.Process] = set()

    def strike(self) -> None:
        """One signal, some answers after the last one and at a random moment."""
        for _ in range(self.chance.randint(1, 16)):
            self.chance.choice(self.clients).answered.acquire(timeout=30)
        time.sleep(self.chance.uniform(0, 0.5))  # the random moment itself
        acts = [self.kill_engine] * 4 + [self.end_engine, self.pause_engine] * 2
        acts += [self.kill_server] * 3 + [self.restart_server, self.pause_server] * 2
        act = self.chance.choice(acts)
        self.counts[act.__name__] += 1
        act()

    def kill_engine(self) -> None:
        self._signal_engine(signal.SIGKILL)

    def end_engine(self) -> None:
        self._signal_engine(signal.SIGTERM)

    def pause_engine(self) -> None:
        """Sometimes for longer than the watchdog bears."""
        self._signal_engine(signal.SIGSTOP)
        time.sleep(self.chance.choice([0.2, 1, 4]))
        self._signal_engine(signal.SIGCONT)

    def kill_server(self) -> None:
        self.server.kill()
        self.server.start()

    def restart_server(self) -> None:
        self.server.restart()

    def pause_server(self) -> None:
        self.server.process.send_signal(signal.SIGSTOP)
        time.sleep(self.chance.uniform(0, 1))
        self.server.process.send_signal(signal.SIGCONT)

    def _signal_engine(self, number: signal.Signals) -> None:
        for child in psutil.Process(self.server.process.pid).children():
            self.children.add(child)
            with suppress(psutil.NoSuchProcess):
                child.send_signal(number)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with upstreams(1) as (one,):
        yield one


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_mixed_jobs_end_once_each_whatever_is_killed_and_leave_nothing_behind(
    tmp_path: Path, upstream: Upstream
) -> None:
    model = build("minit2i").install(tmp_path / "models")
    build("esrgan").install(tmp_path / "models")
    env = {
        "SDCPP_DOWNLOADS_ALLOW_PRIVATE": "1",
        "SDCPP_DOWNLOADS_RETRY_DELAY": "0.05",
        "SDCPP_ENGINE_HANG_AFTER": "2",
        "SDCPP_ENGINE_RESTART_DELAY": "0",
    }
    with RunningServer(tmp_path, env=env) as server:
        server.post("/models/load", model)
        server.post("/upscaler/load", {"model_name": "esrgan.safetensors"})
        clients = [Client(number, server, model, upstream) for number in range(CLIENTS)]
        killer = Killer(server, clients)
        for client in clients:
            client.start()
        for _ in range(SIGNALS):
            killer.strike()
        for client in clients:
            client.stopped.set()
            client.join(150)
            assert not client.is_alive()
        ended = wait_for_all(server, clients)
        check_jobs(server, clients, ended)
        server.post("/models/load", model)
        server.make(prompt="a cat", steps=1, width=64, height=64, cfg_scale=1)
        assert server.get("/health")["status"] == "ok"
        server.restart()  # a start sweeps what a stop left
        server.stop()
        check_files(server)
    assert psutil.wait_procs(killer.children, timeout=30)[1] == []
    tell(clients, killer, ended)


def wait_for_all(server: RunningServer, clients: list[Client]) -> dict[str, Any]:
    """All jobs of the clients in their final states, by id."""
    return {job: server.wait_for_job(job, seconds=300) for client in clients for job in client.jobs}


def check_jobs(server: RunningServer, clients: list[Client], ended: dict[str, Any]) -> None:
    """Each accepted job is there once, in a final state that fits what was done to it, with its files."""
    assert [surprise for client in clients for surprise in client.surprises] == []
    with closing(sqlite3.connect(server.data_dir / "sdcpp.db")) as db:
        # A download's hash is a job that the server adds, with the same mark.
        marked = "SELECT client_id, id, status FROM jobs WHERE client_id <> '' AND type <> 'model_hash'"
        rows = db.execute(marked).fetchall()
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert {status for _, _, status in rows} <= set(FINAL)
    marks = Counter(mark for mark, _, _ in rows)
    assert [mark for mark, count in marks.items() if count > 1] == [], "stored twice"
    by_mark = {mark: job_id for mark, job_id, _ in rows}
    for client in clients:
        assert {job: mark for job, mark in client.jobs.items() if by_mark.get(mark) != job} == {}
        assert {job: ended[job]["status"] for job in client.cancelled} == dict.fromkeys(
            client.cancelled, "cancelled"
        )
    for job in ended.values():
        check_job(server, job)


def check_job(server: RunningServer, job: dict[str, Any]) -> None:
    """What a job says of itself is true on the disk."""
    folder = server.output_dir / job["job_id"]
    if job["status"] == "failed":
        assert job["error"]
    if job["type"] in ("convert", "model_download"):
        # A conversion that was killed between its file and its row, and then cancelled, leaves a whole model.
        if job["status"] == "completed":
            made = Path(job["result"]["path"])
            assert GGUFReader(made).tensors if made.suffix == ".gguf" else made.read_bytes() == WEIGHTS
    elif job["status"] == "completed":
        assert job["outputs"]
        for output in job["outputs"]:
            with Image.open(server.output_dir / output) as image:
                image.load()
        assert (folder / "config.json").is_file()
    else:
        assert not folder.exists() or not job["outputs"], job


def check_files(server: RunningServer) -> None:
    """The folders hold what the database says, and no temporary files."""
    with closing(sqlite3.connect(server.data_dir / "sdcpp.db")) as db:
        drawn = "SELECT id FROM jobs WHERE status = 'completed' AND outputs <> '[]'"
        completed = {job_id for (job_id,) in db.execute(drawn)}
        known = {job_id for (job_id,) in db.execute("SELECT id FROM jobs")}
    assert {path.name for path in server.output_dir.iterdir()} == completed
    assert [path for path in server.models_dir.rglob("*") if path.suffix in (".tmp", ".part")] == []
    assert not [path for path in (server.data_dir / "downloads").rglob("*") if path.is_file()]
    assert {path.name for path in (server.data_dir / "inputs").glob("*")} <= known


def tell(clients: list[Client], killer: Killer, ended: dict[str, Any]) -> None:
    """The counts, for whoever reads the test's output."""
    asked = sum((client.counts for client in clients), Counter[str]())
    states = Counter(f"{job['type']} {job['status']}" for job in ended.values())
    reasons = Counter(str(job["error"])[:90] for job in ended.values() if job["status"] == "failed")
    print(f"seed {SEED}: {dict(asked)}; signals {dict(killer.counts)}; jobs {dict(states)}; {dict(reasons)}")
