"""POST /plan: what would run."""

from pathlib import Path
from typing import Any

import pytest

from tests.server.requests.conftest import FLUX, MINIT2I, PICTURE
from tests.support.images import as_base64, picture
from tests.support.running_server import RunningServer
from tests.support.tiny_models import build

ESRGAN = "esrgan.safetensors"
LORA = "lora_minit2i.safetensors"
IMAGE = as_base64(picture(40, 24))
VAE_BYTES, TAESD_BYTES = 6656, 1920


@pytest.fixture(scope="module", autouse=True)
def _upscaler(server: RunningServer) -> None:
    build("esrgan").install(server.models_dir)
    build("lora_minit2i").install(server.models_dir)
    server.post("/upscaler/load", {"model_name": ESRGAN})


def size(server: RunningServer, path: str) -> int:
    return (server.models_dir / path).stat().st_size


def test_a_plan_tells_what_the_job_then_does(server: RunningServer) -> None:
    request = {**PICTURE, "prompt": "a cat <lora:lora_minit2i:0.5>", "width": 60, "height": 60}
    request |= {"model": MINIT2I, "negative_prompt": "dogs", "colour": "blue"}
    plan = server.post("/plan", request)
    accepted = server.post("/txt2img", request, expect=202)
    assert plan["warnings"] == accepted["warnings"]
    job = server.wait_for_job(accepted["job_id"])
    assert plan["params"] == job["params"]
    assert (plan["type"], plan["seed"]) == (job["type"], 7)
    assert plan["width"] == plan["height"] == job["params"]["width"] != 60
    assert plan["model"]["model_name"] == job["model"]


def test_the_files_are_told_with_their_sizes(server: RunningServer) -> None:
    request = {**PICTURE, "prompt": "a <lora:lora_minit2i:0.5><lora:lora_minit2i:1>", "upscale": True}
    files = server.post("/plan", {**request, "model": MINIT2I})["files"]
    assert files == [
        {"role": "model", "name": MINIT2I, "size_bytes": size(server, f"diffusion_models/{MINIT2I}")},
        {"role": "t5xxl", "name": "t5xxl.safetensors", "size_bytes": size(server, "t5/t5xxl.safetensors")},
        {"role": "upscaler", "name": ESRGAN, "size_bytes": size(server, f"esrgan/{ESRGAN}")},
        {"role": "lora", "name": LORA, "size_bytes": size(server, f"loras/{LORA}"), "weight": 1.5},
    ]


def test_a_random_seed_stays_open(server: RunningServer) -> None:
    plan = server.post("/plan", {**PICTURE, "seed": -1})
    assert (plan["seed"], plan["params"]["seed"]) == ("random", -1)


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("txt2img", {"width": 0, "prompt": "a"}, "width: 0 is not allowed"),
        ("txt2img", {}, "prompt is required"),
        ("txt2img", {"prompt": "a", "width": 100_000, "height": 100_000}, "(setting limits.max_pixels)"),
        ("txt2img", {"prompt": "a <lora:nowhere:1>"}, "LoRA not found"),
        ("txt2img", {"prompt": "a", "model": "nowhere"}, "model: 'nowhere' was not found"),
        ("txt2img", {"prompt": "a", "upscale": True, "upscale_repeats": 8}, "upscale_repeats: the size"),
        ("txt2img", [], "The body must be a JSON object"),
        ("txt2img", None, "A JSON body is required"),
        ("img2img", {"prompt": "a", "init_image_base64": "?"}, "init_image_base64: not valid base64"),
        ("img2img", {"prompt": "a", "init_image_base64": "aGVsbG8="}, "init_image_base64: not a readable"),
        ("txt2vid", {"prompt": "a"}, "(Flux) makes images, not videos"),
        ("upscale", {"image_base64": "?"}, "image_base64: not valid base64"),
        ("upscale", {"image_base64": IMAGE, "repeats": 8}, "upscale_factor and repeats: the size"),
    ],
)  # fmt: skip
def test_what_would_be_refused_is_refused_with_the_same_words(
    server: RunningServer, path: str, body: object, told: str
) -> None:
    refused = server.post(f"/{path}", body, expect=400)
    assert told in refused["error"]
    assert server.post(f"/plan?type={path}", body, expect=400) == refused


def test_a_type_that_does_not_exist_is_refused(server: RunningServer) -> None:
    error = server.post("/plan?type=convert", PICTURE, expect=400)["error"]
    assert error.startswith("type: 'convert' is not allowed: Input should be 'txt2img', 'img2img'")


def test_nothing_is_stored_loaded_or_told(server: RunningServer) -> None:
    inputs = server.data_dir / "inputs"

    def state() -> list[Any]:
        held = server.get("/health")["loaded_slots"][0]["model_name"]
        return [server.get("/queue")["total_count"], held, sorted(inputs.glob("*/*"))]

    before = state()
    plan = server.post("/plan?type=img2img", {**PICTURE, "model": MINIT2I, "init_image_base64": IMAGE})
    assert "init_image_base64" not in plan["params"]
    assert state() == before


@pytest.mark.parametrize(
    ("changed", "working"),
    [
        ({}, 64 * 64 * TAESD_BYTES),
        ({"width": 512, "height": 1024}, 512 * 1024 * TAESD_BYTES),
        ({"width": 512, "height": 1024, "vae_tiling": True}, 256 * 256 * TAESD_BYTES),
        ({"width": 512, "vae_tiling": True, "vae_tile_size_x": 8}, 64 * 64 * TAESD_BYTES),
        ({"model": MINIT2I}, 64 * 64 * VAE_BYTES),
        ({"hires": True, "hires_scale": 3}, 192 * 192 * TAESD_BYTES),
    ],
    ids=str,
)
def test_memory_rests_on_the_files_and_on_what_is_decoded(
    server: RunningServer, changed: dict[str, Any], working: int
) -> None:
    plan = server.post("/plan", {**PICTURE, "model": FLUX, **changed})
    weights = sum(file["size_bytes"] for file in plan["files"])
    memory = plan["memory"]
    assert (memory["weights_bytes"], memory["working_bytes"]) == (weights, working)
    assert memory["bytes"] == weights + working == sum(part["bytes"] for part in memory["parts"])
    assert memory["parts"][-1]["bytes"] <= memory["parts"][0]["bytes"]
    assert memory["fits"] is (memory["bytes"] <= memory["free_bytes"])
    assert memory["rests_on"]


def test_time_rests_on_completed_jobs_of_the_same_model_and_type(server: RunningServer) -> None:
    request = {**PICTURE, "model": build("minit2i").install(server.models_dir, "timed.safetensors")}

    def time(kind: str = "txt2img", **changed: Any) -> dict[str, Any]:
        told: dict[str, Any] = server.post(f"/plan?type={kind}", {**request, **changed})["time"]
        return told

    assert (time()["seconds"], time()["samples"]) == (None, 0)
    timings = [server.make(**request) for _ in range(2)]
    took = [sum(config(server, job)["timings"].values()) for job in timings]
    assert time()["samples"] == 2
    assert time()["seconds"] == pytest.approx(sum(took) / 2, abs=0.002)
    assert time(steps=20)["seconds"] == pytest.approx(10 * time()["seconds"], rel=0.2)
    assert time(cfg_scale=3.0)["seconds"] == pytest.approx(2 * time()["seconds"], rel=0.2)
    assert time(hires=True, hires_strength=1)["seconds"] == pytest.approx(5 * time()["seconds"], rel=0.2)
    assert time("img2img", init_image_base64=IMAGE)["samples"] == 0
    assert time(upscale=True)["samples"] == 0
    assert time(model=FLUX, steps=77)["rests_on"] != time()["rests_on"]


def test_an_upscaling_is_planned_from_its_image(server: RunningServer) -> None:
    request = {"image_base64": IMAGE, "upscale_factor": 2}
    before = server.post("/plan?type=upscale", request)
    assert (before["width"], before["height"], before["seed"], before["model"]) == (80, 48, None, None)
    assert [file["role"] for file in before["files"]] == ["upscaler"]
    assert before["time"]["seconds"] is None
    server.make("/upscale", **request)
    assert server.post("/plan?type=upscale", request)["time"]["samples"] == 1


def config(server: RunningServer, job: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = server.get(f"/output/{job['job_id']}/config.json")
    return answer


def test_the_stored_reference_of_an_image_is_planned_too(server: RunningServer) -> None:
    job = server.submit("/img2img", **PICTURE, init_image_base64=IMAGE)
    plan = server.post(
        "/plan?type=img2img", {**PICTURE, "init_image_base64": f"input:{job}/init_image_base64"}
    )
    assert plan["width"] == 64
    unknown = "input:00000000-0000-0000-0000-000000000000/init_image_base64"
    error = server.post("/plan?type=img2img", {**PICTURE, "init_image_base64": unknown}, expect=400)["error"]
    assert "is not a stored input" in error


def test_a_model_whose_file_is_gone_while_it_is_loaded_still_gets_a_plan(
    server: RunningServer, root: Path
) -> None:
    server.post("/models/load", build("minit2i").install(server.models_dir, "gone.safetensors"))
    (root / "models/diffusion_models/gone.safetensors").unlink()
    server.post("/models/refresh")
    assert [file["role"] for file in server.post("/plan", PICTURE)["files"]] == ["t5xxl"]
