"""Random kills and pauses of everything during a stream of jobs: each ends exactly once, nothing is left."""

import asyncio
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from sdcpp_restapi.cluster.connection import BrokerConnection
from sdcpp_restapi.cluster.object_files import ObjectFiles
from sdcpp_restapi.config import Cluster
from tests.support.broker import Broker
from tests.support.cluster_site import Site
from tests.support.running_server import FINAL

pytestmark = pytest.mark.heavy

WORKERS = ("one", "two", "three")


class Storm:
    """A site whose parts are ended, paused and started again, and what was submitted to it."""

    def __init__(self, root: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.broker = Broker(root / "store")
        self.site = Site(root, self.broker.url)
        self.submitted: list[str] = []
        self.cancelled: set[str] = set()
        self.blows = 0
        self.site.serve()
        for name in WORKERS:
            self.site.work(name, "killed_by_a_word")
        self.site.load()

    def rage(self, blows: int) -> None:
        """So many blows, with jobs submitted and cancelled between them."""
        ways: list[Callable[[], None]] = [
            self.kill_worker, self.kill_worker, self.pause_worker, self.kill_engine, self.kill_engine,
            self.kill_engine, self.kill_server, self.restart_broker,
        ]  # fmt: skip
        while self.blows < blows:
            for _ in range(self.random.randint(1, 4)):
                self.submit()
            if self.random.random() < 0.3:
                self.cancel()
            time.sleep(self.random.random() * 0.4)  # a blow is to come at any moment of a job
            self.random.choice(ways)()
            self.blows += 1

    # ------------------------------------------------------------ what users do

    def submit(self) -> None:
        steps = self.random.choice((2, 20, 80))
        # Small files travel in a message, large ones through the store.
        prompt = self.random.choice(("storm", "large storm"))
        if self.random.random() < 0.05:
            prompt = "deadly"
        body = {"prompt": prompt, "steps": steps, "width": 64, "height": 64}
        answer = self.site.server.http.post("/txt2img", json=body)
        if answer.status_code == 202:
            self.submitted.append(answer.json()["job_id"])
        else:  # at this moment nobody is there who has the model
            assert (answer.status_code, "worker" in answer.text) == (400, True), answer.text

    def cancel(self) -> None:
        job_id = self.random.choice(self.submitted or [""])
        if self.site.server.http.delete(f"/queue/{job_id}").status_code == 200:
            self.cancelled.add(job_id)

    # ------------------------------------------------------------ what machines suffer

    def kill_worker(self) -> None:
        worker = self.site.workers[self.random.choice(WORKERS)]
        worker.kill()
        worker.start()

    def pause_worker(self) -> None:
        worker = self.site.workers[self.random.choice(WORKERS)]
        worker.pause()
        # Sometimes shorter than the server waits for a sign of life, sometimes longer.
        time.sleep(self.random.choice((0.3, 2.0)))
        worker.go_on()

    def kill_engine(self) -> None:
        worker = self.site.workers[self.random.choice(WORKERS)]
        with suppress(psutil.Error, ValueError):
            worker.engine().kill()

    def kill_server(self) -> None:
        self.site.server.kill()
        time.sleep(self.random.random() * 0.5)
        self.site.server.start()

    def restart_broker(self) -> None:
        self.broker.stop(self.random.choice((signal.SIGTERM, signal.SIGKILL)))
        time.sleep(self.random.random() * 0.5)
        self.broker.start()

    # ------------------------------------------------------------ what must be so afterwards

    def calm(self) -> dict[str, Any]:
        """All jobs once they have ended."""
        return {job_id: self.site.server.wait_for_job(job_id, seconds=120) for job_id in self.submitted}

    def close(self) -> list[psutil.Process]:
        """End everything in order; the processes that are left."""
        processes = [psutil.Process(worker.process.pid) for worker in self.site.workers.values()]
        family = [child for one in processes for child in one.children(recursive=True)]
        codes = [worker.stop() for worker in self.site.workers.values()]
        assert codes == [0] * len(codes)
        assert self.site.server.stop() == 0
        left = psutil.wait_procs(family, timeout=20)[1]
        self.broker.stop()
        return left


def check(storm: Storm) -> None:
    """The promises."""
    output = storm.site.root / "output"
    jobs = storm.calm()
    told: dict[str, int] = {}
    for job_id, job in jobs.items():
        assert job["status"] in FINAL
        told[job["status"]] = told.get(job["status"], 0) + 1
        files = sorted(f"{job_id}/{path.name}" for path in (output / job_id).glob("*.png"))
        if job["status"] == "completed":
            assert job["outputs"] == files
            assert job_id not in storm.cancelled
        else:
            assert files == []
            assert job["status"] == "cancelled" or job["error"]
    assert {job_id for job_id in storm.cancelled if jobs[job_id]["status"] != "cancelled"} == set()
    # What is refused for good is so for a reason that names engines, workers or servers.
    reasons = {job["error"] for job in jobs.values() if job["status"] == "failed"}
    print(f"{storm.blows} blows, jobs: {told}, reasons: {reasons}")
    assert not list(output.glob(".*.tmp"))
    assert {path.name for path in output.iterdir() if path.name != ".trash"} == {
        job_id for job_id, job in jobs.items() if job["status"] == "completed"
    }
    asyncio.run(check_broker(storm))
    assert storm.close() == []


async def check_broker(storm: Storm) -> None:
    """Streams and files hold nothing of jobs that have ended."""
    prefix = storm.site.env["SDCPP_CLUSTER_PREFIX"]
    link = BrokerConnection.open(Cluster(urls=[storm.broker.url], prefix=prefix), "test")
    box = ObjectFiles(link)
    try:
        await link.ready()
        streams = [f"{prefix}-{name}" for name in ("jobs", "ends")]
        for _ in range(150):
            counts = [(await link.js.stream_info(name)).state.messages for name in streams]
            files = [name for name in await box.list_names() if not name.startswith("catalog/")]
            if not any(counts) and not files:
                break
            await asyncio.sleep(0.2)
        assert (counts, files) == ([0, 0], [])
    finally:
        await link.close()


def ride_out(root: Path, seed: int, blows: int) -> None:
    storm = Storm(root, seed)
    with storm.broker, storm.site:
        print("seed", seed)
        storm.rage(blows)
        check(storm)


@pytest.mark.timeout(300)
def test_every_job_ends_once_whatever_is_killed(tmp_path: Path) -> None:
    ride_out(tmp_path, seed=6, blows=8)


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_every_job_ends_once_through_a_hundred_kills(tmp_path: Path) -> None:
    ride_out(tmp_path, seed=random.randrange(10**6), blows=100)
