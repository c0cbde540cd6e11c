"""The document's requests, run as they are printed: curl commands by bash, bodies as JSON."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.api_document import blocks, body, curl_body
from tests.support.images import as_base64, encoded
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, SHORT

LOADS = [name for name in blocks("requests.md") if name.endswith(" load")]
GENERATIONS = [
    name
    for name, text in blocks("requests.md").items()
    if text.startswith("curl") and ("/txt2img" in text or "/img2img" in text)
]
READS = ["list models", "filter models", "search models", "health", "list jobs"]


def run(server: RunningServer, name: str, folder: Path, job_id: str = "") -> str:
    """The standard output of a documented command, sent to this server."""
    for picture in ("input.png", "canny_edges.png"):
        (folder / picture).write_bytes(encoded())
    command = blocks("requests.md")[name].replace("http://localhost:8080", server.url)
    command = command.replace("{job_id}", job_id)
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_no_example_is_forgotten() -> None:
    assert len(LOADS) == 9
    assert len(GENERATIONS) == 12


@pytest.mark.parametrize("name", LOADS)
def test_a_documented_load_succeeds(named: RunningServer, tmp_path: Path, name: str) -> None:
    answer = json.loads(run(named, name, tmp_path))
    assert answer["success"] is True
    assert "warnings" not in answer
    assert named.get("/health")["model_name"] == answer["model_name"]


@pytest.mark.parametrize("name", ["POST /models/load", "controlnet setup"])
def test_a_documented_load_body_succeeds(named: RunningServer, name: str) -> None:
    answer = named.post("/models/load", body(name))
    assert "warnings" not in answer
    sent = {key: value for key, value in body(name).items() if key in answer["loaded_components"]}
    assert answer["loaded_components"].items() >= sent.items()


@pytest.fixture
def loaded(named: RunningServer) -> RunningServer:
    named.post("/models/load", {"model_name": MODEL})
    return named


@pytest.mark.parametrize("name", GENERATIONS)
def test_a_documented_generation_completes(loaded: RunningServer, tmp_path: Path, name: str) -> None:
    answer = json.loads(run(loaded, name, tmp_path))
    assert answer["status"] == "pending"
    assert [text for text in answer.get("warnings", []) if "unknown" in text] == []
    job = loaded.wait_for_job(answer["job_id"])
    assert job["status"] == "completed", job
    assert len(job["outputs"]) == job["params"]["batch_count"]


@pytest.mark.parametrize(
    ("path", "name"),
    [("/txt2img", "POST /txt2img"), ("/img2img", "POST /img2img"), ("/txt2img", "controlnet request")],
)
def test_a_documented_generation_body_completes(loaded: RunningServer, path: str, name: str) -> None:
    accepted = loaded.post(path, body(name, as_base64()), expect=202)
    assert [text for text in accepted.get("warnings", []) if "unknown" in text] == []
    assert loaded.wait_for_job(accepted["job_id"])["status"] == "completed"


def test_the_documented_video_completes(named: RunningServer, tmp_path: Path) -> None:
    run(named, "wan load", tmp_path)
    answer = json.loads(run(named, "wan generate", tmp_path))
    assert answer.keys() == {"job_id", "status", "position"}
    job = named.wait_for_job(answer["job_id"])
    assert (job["status"], job["outputs"]) == ("completed", [f"{job['job_id']}/video.mp4"])
    accepted = named.post("/txt2vid", body("POST /txt2vid"), expect=202)
    assert accepted.keys() == answer.keys()
    assert named.wait_for_job(accepted["job_id"])["status"] == "completed"


@pytest.mark.parametrize(("mode", "warned"), [("auto", True), ("at_runtime", True), ("immediately", False)])
def test_a_high_noise_lora_gets_a_warning_where_the_engine_would_not_apply_it(
    named: RunningServer, mode: str, warned: bool
) -> None:
    load = curl_body("wan load")
    pair = {"high_noise_diffusion_model": load["model_name"], "options": {"lora_apply_mode": mode}}
    named.post("/models/load", load | pair)
    prompt = "a cat <lora:|high_noise|watercolor:1>"
    accepted = named.post("/txt2vid", {"prompt": prompt, "steps": 1}, expect=202)
    assert ("high-noise LoRAs" in str(accepted.get("warnings"))) is warned
    named.wait_for_job(accepted["job_id"])


@pytest.mark.parametrize("name", READS)
def test_a_documented_read_answers_with_json(loaded: RunningServer, tmp_path: Path, name: str) -> None:
    assert isinstance(json.loads(run(loaded, name, tmp_path)), dict)


def test_a_job_is_followed_downloaded_and_cancelled_as_documented(
    loaded: RunningServer, tmp_path: Path
) -> None:
    job_id = loaded.make(**SHORT)["job_id"]
    assert json.loads(run(loaded, "job status", tmp_path, job_id))["status"] == "completed"
    run(loaded, "download an image", tmp_path, job_id)
    saved = (tmp_path / "image_0.png").read_bytes()
    assert saved == (loaded.output_dir / job_id / "image_0.png").read_bytes()
    assert "error" in json.loads(run(loaded, "cancel a job", tmp_path, job_id))


def test_outputs_are_browsed_as_documented(loaded: RunningServer, tmp_path: Path) -> None:
    documented = "550e8400-e29b-41d4-a716-446655440000"
    folder = loaded.output_dir / documented
    folder.mkdir()
    (folder / "image_0.png").write_bytes(encoded())
    pages = run(loaded, "browse outputs", tmp_path)
    assert pages.count("<!doctype html>") == 3
    assert (tmp_path / "image_0.png").read_bytes() == encoded()


def test_the_model_is_unloaded_as_documented(loaded: RunningServer, tmp_path: Path) -> None:
    assert json.loads(run(loaded, "unload", tmp_path)) == {"success": True, "message": "Model unloaded"}
