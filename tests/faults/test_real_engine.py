"""The same promises with the real engine: kills, stops and hangs in the middle of C calls."""

import random
import re
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from tests.support.running_server import FINAL, RunningServer, StartServer
from tests.support.tiny_models import build

pytestmark = pytest.mark.heavy

PROMPT: dict[str, Any] = {
    "prompt": "a cat",
    "width": 64,
    "height": 64,
    "steps": 40,
    "cfg_scale": 1,
    "seed": 7,
}


@pytest.fixture
def start_loaded(start_server: StartServer, tmp_path: Path) -> StartServer:
    """Start a server with a tiny model loaded."""

    def start(**settings: str) -> RunningServer:
        model = build("minit2i").install(tmp_path / "models")
        server = start_server(env={f"SDCPP_{name.upper()}": value for name, value in settings.items()})
        server.post("/models/load", model)
        return server

    return start


def child_of(server: RunningServer) -> psutil.Process:
    (child,) = psutil.Process(server.process.pid).children()
    return child


def picture(server: RunningServer, job: dict[str, Any]) -> bytes:
    return (server.output_dir / str(job["outputs"][0])).read_bytes()


def start_job(server: RunningServer, **params: Any) -> str:
    """Submit a job; its id once its first step is done."""
    with server.events() as events:
        job_id = server.submit(**PROMPT | params)
        events.wait_for("job_progress", lambda data: data["job_id"] == job_id)
    return job_id


def test_a_job_whose_engine_is_killed_makes_the_same_picture_in_the_end(start_loaded: StartServer) -> None:
    server = start_loaded()
    undisturbed = picture(server, server.make(**PROMPT))
    job_id = start_job(server)
    child_of(server).kill()
    job = server.wait_for_job(job_id)
    assert job["status"] == "completed"
    assert picture(server, job) == undisturbed


def test_after_a_kill_of_the_server_in_mid_call_no_writer_survives_and_the_rerun_is_clean(
    start_loaded: StartServer,
) -> None:
    server = start_loaded()
    job_id = start_job(server, steps=300)
    child = child_of(server)
    server.kill()
    assert psutil.wait_procs([child], timeout=30)[1] == []
    leftover = {path: path.stat().st_mtime_ns for path in server.output_dir.rglob("*")}
    server.start()
    job = server.wait_for_job(job_id, seconds=100)
    assert job["status"] == "completed"
    assert not any(path.exists() for path in leftover)
    assert [path.name for path in server.output_dir.iterdir()] == [job_id]


def test_an_engine_that_is_frozen_in_a_call_is_replaced_and_its_job_runs_again(
    start_loaded: StartServer,
) -> None:
    server = start_loaded(engine_hang_after="2")
    job_id = start_job(server, steps=150)
    child_of(server).suspend()
    assert server.wait_for_job(job_id)["status"] == "completed"
    server.wait_for_log("The engine hung")


def test_a_running_job_stops_within_a_second_when_it_is_cancelled(start_loaded: StartServer) -> None:
    server = start_loaded()
    job_id = start_job(server, steps=1000)
    assert server.http.delete(f"/queue/{job_id}").status_code == 200
    next_job = server.make(**PROMPT)
    cancelled = server.get(f"/queue/{job_id}")
    assert cancelled["status"] == "cancelled"
    # The next one could only begin once the engine had stopped; the bound leaves room for a busy machine.
    stopped = cancelled["timings"]["completed_at"]
    assert next_job["timings"]["started_at"] < _later(stopped, seconds=15)
    assert not (server.output_dir / job_id).exists()


def test_a_truncated_model_is_refused_before_the_engine_sees_it_and_the_old_one_still_draws(
    start_loaded: StartServer,
) -> None:
    server = start_loaded()
    folder = server.models_dir / "diffusion_models"
    whole = (folder / "minit2i.safetensors").read_bytes()
    (folder / "truncated.safetensors").write_bytes(whole[: len(whole) // 2])
    answer = server.post(
        "/models/load", {"model_name": "truncated.safetensors", "model_type": "diffusion"}, expect=400
    )
    assert answer["error"].startswith("model_name: truncated.safetensors can't be used: ")
    assert "the file is cut off" in answer["error"]
    assert server.get("/health")["last_error"] == answer["error"]
    assert server.make(**PROMPT)["outputs"]


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_a_hundred_kills_of_the_server_at_random_moments_lose_nothing(start_loaded: StartServer) -> None:
    server = start_loaded()
    jobs: list[str] = []
    chance = random.Random(20261122)
    for _ in range(100):
        jobs += [server.submit(**PROMPT | {"steps": chance.randint(1, 60)}) for _ in range(2)]
        time.sleep(chance.uniform(0, 0.7))  # the random moment itself
        server.kill()
        server.start()
    done = [server.wait_for_job(job_id, seconds=300) for job_id in jobs]
    assert [job["status"] in FINAL for job in done] == [True] * len(jobs)
    for job in done:
        if job["status"] == "completed":
            with Image.open(server.output_dir / job["outputs"][0]) as image:
                image.load()
        else:
            assert re.search("uncleanly 3 times", job["error"])
    server.stop(signal.SIGTERM)
    kept = {path.name for path in server.output_dir.iterdir()}
    assert kept == {job["job_id"] for job in done if job["status"] == "completed"}


def _later(moment: str, seconds: int) -> str:
    later = datetime.fromisoformat(moment) + timedelta(seconds=seconds)
    return later.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
