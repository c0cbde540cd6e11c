"""A job that lost its engine or its server goes on where it was, and ends with the same bytes."""

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from sdcpp_restapi.engine.binding.names import SAMPLERS
from tests.support.images import as_base64
from tests.support.running_server import RunningServer, of_job
from tests.support.tiny_models import build

STEPS = 30
PROMPT: dict[str, Any] = {"prompt": "a cat", "width": 64, "height": 64, "steps": STEPS, "seed": 7}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    root = tmp_path_factory.mktemp("resuming")
    model = build("sd1").install(root / "models")
    with RunningServer(root) as server:
        server.post("/models/load", {**model, "options": {"n_threads": 1}})
        yield server


def child_of(server: RunningServer) -> psutil.Process:
    (child,) = psutil.Process(server.process.pid).children()
    return child


def at_least(job_id: str, step: int) -> Callable[[dict[str, Any]], bool]:
    """Whether progress of a job says that so many steps are done."""
    return lambda data: data["job_id"] == job_id and data["current_all_steps"] >= step


def start_job(server: RunningServer, step: int, **params: Any) -> str:
    """Submit a job; its id once so many steps are done."""
    with server.events(previews=False) as events:
        job_id = server.submit(**PROMPT | params)
        events.wait_for("job_progress", at_least(job_id, step))
    return job_id


def digests(server: RunningServer, job: dict[str, Any]) -> list[str]:
    """Of the pixels with their text, which are equal where the request is."""
    return [
        hashlib.sha256((server.output_dir / file).read_bytes()).hexdigest()
        for file in job["outputs"]
        if not file.endswith("config.json")
    ]


def journals(server: RunningServer) -> list[Path]:
    return list((server.data_dir / "journals").glob("*"))


def test_a_job_that_lost_its_engine_goes_on_where_it_was(server: RunningServer) -> None:
    undisturbed = server.make(**PROMPT)
    job_id = start_job(server, 10)
    child_of(server).kill()
    job = server.wait_for_job(job_id)
    assert job["status"] == "completed"
    assert digests(server, job) == digests(server, undisturbed)
    assert (job["attempt"], job["resumed_from_step"] >= 9) == (2, True)
    config = json.loads((server.output_dir / job_id / "config.json").read_text())
    assert config["resumed_from_step"] == job["resumed_from_step"]
    assert "resumed_from_step" not in undisturbed
    assert journals(server) == []


def test_a_job_that_gets_on_may_lose_any_number_of_engines(server: RunningServer) -> None:
    undisturbed = server.make(**PROMPT)
    job_id = server.submit(**PROMPT)
    for step in (4, 10, 16, 22):
        with server.events(previews=False) as events:
            events.wait_for("job_progress", at_least(job_id, step))
            child_of(server).kill()
            events.wait_for(
                "job_status_changed",
                lambda data: data["job_id"] == job_id and data["status"] == "processing",
            )
    job = server.wait_for_job(job_id)
    assert (job["status"], job["attempt"]) == ("completed", 5)
    assert digests(server, job) == digests(server, undisturbed)


def test_a_job_that_lost_its_server_goes_on_where_it_was(server: RunningServer) -> None:
    undisturbed = server.make(**PROMPT)
    job_id = start_job(server, 10)
    server.kill()
    server.start()
    job = server.wait_for_job(job_id)
    assert digests(server, job) == digests(server, undisturbed)
    assert job["resumed_from_step"] >= 9


def test_a_job_that_was_returned_at_a_stop_goes_on_where_it_was(server: RunningServer) -> None:
    undisturbed = server.make(**PROMPT)
    job_id = start_job(server, 10)
    server.restart()
    job = server.wait_for_job(job_id)
    assert digests(server, job) == digests(server, undisturbed)
    assert job["resumed_from_step"] >= 9


def test_a_cancelled_job_leaves_no_journal(server: RunningServer) -> None:
    job_id = start_job(server, 5, steps=500)
    assert server.http.delete(f"/queue/{job_id}").status_code == 200
    assert server.make(prompt="a dog", width=64, height=64, steps=1)["status"] == "completed"
    assert journals(server) == []


def test_journals_of_jobs_that_are_gone_are_deleted_at_the_start(server: RunningServer) -> None:
    stray = server.data_dir / "journals" / "gone.journal"
    server.stop()
    stray.write_bytes(b"x")
    server.start()
    assert not stray.exists()


@pytest.mark.heavy
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_whatever_the_sampler_a_batch_ends_with_the_same_bytes(server: RunningServer, sampler: str) -> None:
    request = {"sampler": sampler, "batch_count": 2, "steps": 12, "cfg_scale": 3.0}
    undisturbed = server.make(**PROMPT | request)
    job_id = start_job(server, random.Random(sampler).randrange(1, 22), **request)
    child_of(server).kill()
    job = server.wait_for_job(job_id)
    assert digests(server, job) == digests(server, undisturbed)


@pytest.mark.heavy
@pytest.mark.parametrize(
    "request_fields",
    [
        {"init_image_base64": as_base64(), "strength": 0.7},
        {"hires": True, "hires_scale": 2.0, "steps": 12},
        {"keep_finished": True, "batch_count": 3, "steps": 12},
        {"easycache": True},
        {"ucache": True},
    ],
    ids=["img2img", "hires", "keep_finished", "easycache", "ucache"],
)
def test_whatever_the_request_it_ends_with_the_same_bytes(
    server: RunningServer, request_fields: dict[str, Any]
) -> None:
    path = "/img2img" if "init_image_base64" in request_fields else "/txt2img"
    undisturbed = server.make(path, **PROMPT | request_fields)
    with server.events(previews=False) as events:
        job_id = server.submit(path, **PROMPT | request_fields)
        events.wait_for("job_progress", at_least(job_id, 6))
    child_of(server).kill()
    job = server.wait_for_job(job_id)
    assert digests(server, job) == digests(server, undisturbed)
    assert job["resumed_from_step"] >= 5


IMAGE_KINDS = ["minit2i", "zimage", "flux_dev", "chroma", "sd3", "sdxl", "qwen_image", "sd1_edit"]
"""Tiny models of other architectures than that of this module's server."""


@pytest.mark.heavy
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", IMAGE_KINDS)
def test_whatever_the_architecture_a_picture_has_the_same_bytes_after_kills(
    tmp_path: Path, kind: str
) -> None:
    # So many steps that there is one to be killed at: most take 25 to 300 ms for each, Chroma's approximator,
    # whose width is part of the architecture, makes it eight seconds.
    steps, *kills = (5, 2, 4) if kind == "chroma" else (60, 3, 8)
    request = PROMPT | {"steps": steps, "cfg_scale": 3.0}
    with RunningServer(tmp_path) as server:
        model = build(kind).install(tmp_path / "models")
        server.post("/models/load", {**model, "options": {"n_threads": 1}})
        undisturbed = server.wait_for_job(server.submit(**request), seconds=240)
        with server.events(previews=False) as events:
            job_id = server.submit(**request)
            for step in kills:
                events.wait_for("job_progress", at_least(job_id, step))
                child_of(server).kill()
                events.wait_for("job_status_changed", of_job(job_id))
        job = server.wait_for_job(job_id, seconds=240)
        assert digests(server, job) == digests(server, undisturbed)
        assert job["resumed_from_step"] >= 2


@pytest.mark.heavy
def test_a_video_has_the_same_frames_after_a_kill(tmp_path: Path) -> None:
    request = PROMPT | {"steps": 12, "video_frames": 5, "save_frames": True}
    with RunningServer(tmp_path) as server:
        model = build("lingbot").install(tmp_path / "models")
        server.post("/models/load", {**model, "options": {"n_threads": 1}})
        undisturbed = server.make("/txt2vid", **request)
        with server.events(previews=False) as events:
            job_id = server.submit("/txt2vid", **request)
            events.wait_for("job_progress", at_least(job_id, 4))
            child_of(server).kill()
        job = server.wait_for_job(job_id, seconds=110)
        frames = [file for file in job["outputs"] if file.endswith(".png")]
        assert len(frames) == 5
        assert digests(server, {"outputs": frames}) == digests(
            server, {"outputs": [file for file in undisturbed["outputs"] if file.endswith(".png")]}
        )
        assert job["resumed_from_step"] >= 3
