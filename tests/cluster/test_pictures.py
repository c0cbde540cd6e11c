"""The real engine on a worker: what it makes is what an engine beside the server makes, byte for byte."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import Broker
from tests.support.cluster_site import Site
from tests.support.images import as_base64, picture
from tests.support.running_server import RunningServer, of_job
from tests.support.tiny_models import build
from tests.support.videos import LINGBOT, TINY

BASE: dict[str, Any] = {
    "prompt": "a cat", "width": 64, "height": 64, "steps": 2, "cfg_scale": 2.0, "seed": 7, "sampler": "euler",
}  # fmt: skip
INPUT = as_base64(picture())
ESRGAN = "esrgan.safetensors"
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "one": ("/txt2img", BASE),
    "a batch": ("/txt2img", BASE | {"batch_count": 2}),
    "a LoRA by name": ("/txt2img", BASE | {"prompt": "a cat <lora:lora_sd1:1>"}),
    "an input": ("/img2img", BASE | {"init_image_base64": INPUT, "strength": 0.75}),
    "an upscaler": ("/upscale", {"image_base64": INPUT}),
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with an engine of its own."""
    root = tmp_path_factory.mktemp("alone")
    body = install(root / "models")
    with RunningServer(root, env={"SDCPP_ENGINE_DEVICES": "cpu:1"}) as server:
        server.post("/models/load", body)
        server.post("/upscaler/load", {"model_name": ESRGAN})
        yield server


@pytest.fixture(scope="module")
def with_worker(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Site]:
    """A server without engine and models, and a worker that has both."""
    with Site(tmp_path_factory.mktemp("site"), broker.url) as site:
        body = install(site.root / "elsewhere")
        site.serve(engine_command="")
        site.work("one", "", models="elsewhere", engine_devices="cpu:1")
        site.loaded = site.server.post("/models/load", body)
        site.server.post("/upscaler/load", {"model_name": ESRGAN})
        yield site


def install(models: Path) -> dict[str, Any]:
    """Put all models there; what loads the main one."""
    build("lora_sd1").install(models)
    build("esrgan").install(models, ESRGAN)
    build("lingbot").install(models)
    return build("sd1_vae").install(models)


def files(server: RunningServer, job: dict[str, Any]) -> list[bytes]:
    return [(server.output_dir / output).read_bytes() for output in job["outputs"]]


@pytest.mark.parametrize("request_name", REQUESTS)
def test_a_worker_makes_the_same_picture(alone: RunningServer, with_worker: Site, request_name: str) -> None:
    path, params = REQUESTS[request_name]
    here = alone.make(path, **params)
    there = with_worker.server.make(path, **params)
    assert (there["worker"], "worker" in here) == ("one", False)
    assert files(with_worker.server, there) == files(alone, here)
    folder = with_worker.server.output_dir / there["job_id"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in (alone.output_dir / here["job_id"]).iterdir()
    )


def test_nothing_of_a_job_stays_on_its_worker(with_worker: Site) -> None:
    job = with_worker.server.make("/img2img", **BASE | {"init_image_base64": INPUT})
    data = with_worker.root / "worker-one"
    assert not [path for path in data.rglob("*") if job["job_id"] in path.name]


def test_progress_and_previews_of_a_worker_reach_the_clients_of_the_server(with_worker: Site) -> None:
    server = with_worker.server
    server.http.put("/preview/settings", json={"mode": "proj", "enabled": True}).raise_for_status()
    with server.events() as events:
        job_id = server.submit(**BASE | {"steps": 4})
        done = events.wait_for(
            "job_status_changed", lambda d: d["job_id"] == job_id and d["status"] == "completed"
        )
    assert done["worker"] == "one"
    heard = [message["event"] for message in events.heard if message["data"].get("job_id") == job_id]
    assert {"job_progress", "job_preview"} < set(heard)


def test_a_worker_computes_previews_only_while_a_client_of_the_server_wants_them(with_worker: Site) -> None:
    server = with_worker.server
    server.http.put("/preview/settings", json={"mode": "proj", "enabled": True}).raise_for_status()
    job = server.make(**BASE | {"steps": 4})
    assert json.loads((server.output_dir / job["job_id"] / "config.json").read_text())["previews"] == 0
    with server.events(previews=False) as blind:
        job_id = server.submit(**BASE | {"steps": 1000})
        blind.wait_for("job_progress", of_job(job_id))
        with server.events() as events:
            assert events.wait_for("job_preview", of_job(job_id))["step"] > 1
        server.http.delete(f"/queue/{job_id}")
        blind.wait_for("job_cancelled", of_job(job_id))


def test_the_model_of_a_worker_is_the_server_s(with_worker: Site) -> None:
    server = with_worker.server
    name = with_worker.loaded["model_name"]
    health = server.get("/health")
    assert (health["model_loaded"], health["model_name"]) == (True, name)
    assert [(slot["worker"], slot["model_name"]) for slot in health["loaded_slots"]] == [("one", name)]
    with server.events() as events:
        server.post("/models/unload")
        body = build("sd1_vae").install(with_worker.root / "elsewhere")
        server.post("/models/load", body)
        assert events.wait_for("model_loaded")["model_name"] == name
    assert server.make(**BASE)["worker"] == "one"
    listed = {entry["name"]: entry["on"] for entry in server.get("/models")["checkpoints"]}
    assert listed[name] == ["one"]


def test_a_plan_and_an_inspection_tell_of_files_that_only_a_worker_has(
    alone: RunningServer, with_worker: Site
) -> None:
    request = BASE | {"prompt": "a cat <lora:lora_sd1:1>"}
    here, there = alone.post("/plan", request), with_worker.server.post("/plan", request)
    assert there["files"] == here["files"]
    assert there["memory"]["parts"] == here["memory"]["parts"]
    assert here["memory"]["fits"]
    assert {file["role"] for file in there["files"]} >= {"model", "lora"}
    (model,) = (file["name"] for file in there["files"] if file["role"] == "model")
    kind = there["model"]["model_type"]
    path = f"/models/inspect/{kind}/{model}"
    assert with_worker.server.get(path) == alone.get(path)
    assert with_worker.server.http.get("/models/inspect/lora/nobodys.safetensors").status_code == 404


@pytest.mark.heavy
def test_a_cancelled_batch_keeps_its_finished_images_on_a_worker_too(
    alone: RunningServer, with_worker: Site
) -> None:
    server = with_worker.server
    with server.events() as events:
        job_id = server.submit(**BASE | {"batch_count": 50, "keep_finished": True})
        events.wait_for("job_progress", lambda data: data["job_id"] == job_id and data["current_image"] == 2)
        assert server.http.delete(f"/queue/{job_id}").status_code == 200
        kept = events.wait_for("job_status_changed", lambda data: data["outputs"])
    job = server.get(f"/queue/{job_id}")
    assert (job["status"], job["partial"], job["outputs"]) == ("cancelled", True, kept["outputs"])
    count = len(job["outputs"])
    assert 2 <= count < 50
    config = server.get(f"/output/{job_id}/config.json")
    assert config["seeds"] == [BASE["seed"] + number for number in range(count)]
    here = alone.make(**BASE | {"seed": config["seeds"][1]})
    assert files(server, job)[1] == files(alone, here)[0]


@pytest.mark.heavy
def test_a_worker_makes_the_same_video(alone: RunningServer, with_worker: Site) -> None:
    made = []
    for server in (alone, with_worker.server):
        before = server.get("/health")["model_name"]
        server.post("/models/load", LINGBOT)
        made.append(server.make("/txt2vid", **TINY | {"video_frames": 5}))
        server.post("/models/load", {"model_name": before})
    here, there = made
    assert (there["worker"], "worker" in here) == ("one", False)
    assert [Path(output).name for output in there["outputs"]] == ["video.mp4"]
    assert files(with_worker.server, there) == files(alone, here)
