"""The field `model`: what a job is drawn with instead of the current model."""

from pathlib import Path
from typing import Any

import pytest

from tests.server.requests.conftest import FLUX, MINIT2I, PICTURE
from tests.support.images import as_base64, picture
from tests.support.outputs import image_file, pixels
from tests.support.running_server import RunningServer
from tests.support.server_setup import OPTIONS
from tests.support.tiny_models import build

Bodies = dict[str, dict[str, Any]]


@pytest.mark.proves("txt2img.model")
def test_jobs_that_name_models_in_turn_get_the_pictures_of_a_plain_load(
    server: RunningServer, bodies: Bodies
) -> None:
    wanted: list[dict[str, Any]] = [{"model": MINIT2I}, {}, {"model": bodies[MINIT2I]}, {"model": FLUX}]
    ids = [server.submit(**PICTURE, **model) for model in wanted]
    drawn = [server.wait_for_job(job_id) for job_id in ids]
    assert [job["status"] for job in drawn] == ["completed"] * 4
    assert [job["model"] for job in drawn] == [MINIT2I, FLUX, MINIT2I, FLUX]
    minit2i, flux, minit2i_again, flux_again = (pixels(server, job) for job in drawn)
    health = server.get("/health")
    assert (health["model_name"], health["model_architecture"]) == (FLUX, "Flux")
    assert (minit2i, flux) == (minit2i_again, flux_again)
    server.post("/models/load", bodies[MINIT2I])
    assert pixels(server, server.make(**PICTURE)) == minit2i
    server.post("/models/load", bodies[FLUX])
    assert pixels(server, server.make(**PICTURE)) == flux != minit2i


@pytest.mark.proves("img2img.model")
def test_an_image_is_changed_by_the_model_that_is_named(server: RunningServer) -> None:
    request = PICTURE | {"init_image_base64": as_base64(picture(64, 64)), "strength": 0.5}
    named = server.make("/img2img", **request, model=MINIT2I)
    assert named["model"] == MINIT2I
    assert pixels(server, named) != pixels(server, server.make("/img2img", **request))


def test_the_architecture_of_the_named_model_decides_size_and_defaults(server: RunningServer) -> None:
    request = {"prompt": "a cat", "model": MINIT2I, "use_architecture_defaults": True}
    refused = server.post("/txt2img", {**request, "width": 64, "height": 128}, expect=400)["error"]
    assert "MiniT2I makes square images only" in refused
    plan = server.post("/plan", {**request, "width": 60, "height": 60, "negative_prompt": "dogs"})
    presets = server.get("/architectures")["architectures"]
    assert plan["params"]["steps"] == presets["MiniT2I"]["generationDefaults"]["steps"]
    assert "negative_prompt has no effect on MiniT2I" in plan["warnings"]
    assert plan["width"] % 16 == 0


def test_a_stored_body_is_complete_and_a_name_stays_a_name(server: RunningServer, bodies: Bodies) -> None:
    by_name, by_body = (
        server.get(f"/queue/{server.submit(**PICTURE, model=model)}")["params"]["model"]
        for model in (FLUX, bodies[FLUX])
    )
    assert by_name == FLUX
    assert by_body.items() >= {**bodies[FLUX], "options": by_body["options"]}.items()
    assert by_body["options"].items() >= {**OPTIONS, "flash_attn": True}.items()
    again = server.post("/plan", {**PICTURE, "model": by_body})
    assert again["params"]["model"] == by_body


def test_unknown_fields_inside_a_body_are_reported(server: RunningServer, bodies: Bodies) -> None:
    body = {**bodies[FLUX], "colour": "blue", "options": {**OPTIONS, "warp": 9}}
    answer = server.post("/txt2img", {**PICTURE, "model": body}, expect=202)
    assert answer["warnings"] == [
        "unknown field 'model.colour' was ignored",
        "unknown field 'model.options.warp' was ignored",
    ]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("nothing.gguf", "model: 'nothing.gguf' was not found in checkpoint ("),
        ("../a flux.safetensors", "model: '../a flux.safetensors' was not found in checkpoint ("),
        ("", "model: '' was not found in checkpoint ("),
        ({"model_name": "nothing.gguf"}, "model: Model not found: nothing.gguf"),
        (5, "model: 5 is not allowed"),
        ({"model_type": "diffusion"}, "model.model_name is required"),
        ({"model_name": FLUX, "model_type": "lora"}, "model.model_type: 'lora' is not allowed"),
        ({"model_name": FLUX, "options": {"n_threads": "x"}}, "model.options.n_threads: 'x' is not allowed"),
        ({"model_name": FLUX, "model_type": "diffusion", "vae": "no.gguf"}, "model: vae: 'no.gguf' was not"),
    ],
)
def test_a_model_that_cannot_be_is_refused(server: RunningServer, model: object, told: str) -> None:
    assert told in server.post("/txt2img", {**PICTURE, "model": model}, expect=400)["error"]


def test_a_name_in_two_folders_is_refused_naming_both(server: RunningServer, root: Path) -> None:
    twin = root / "models" / "checkpoints" / FLUX
    twin.parent.mkdir(exist_ok=True)
    twin.symlink_to(root / "models" / "diffusion_models" / FLUX)
    server.post("/models/refresh")
    try:
        error = server.post("/txt2img", {**PICTURE, "model": FLUX}, expect=400)["error"]
    finally:
        twin.unlink()
        server.post("/models/refresh")
    assert error.startswith(f"model: '{FLUX}' is in checkpoint and diffusion")


def test_without_a_current_model_a_job_that_names_one_runs_and_leaves_none(server: RunningServer) -> None:
    server.post("/models/unload")
    assert server.post("/txt2img", PICTURE, expect=400)["error"] == "No model loaded"
    first, second = (image_file(server, server.make(**PICTURE, model=MINIT2I)) for _ in range(2))
    health = server.get("/health")
    assert (health["model_loaded"], health["loaded_slots"][0]["model_name"]) == (False, MINIT2I)
    assert first == second


def test_what_was_loaded_is_remembered_over_a_restart(server: RunningServer) -> None:
    server.restart()
    plan = server.post("/plan", {**PICTURE, "model": FLUX})
    assert plan["model"]["taesd"] == "taef1.safetensors"
    assert plan["model"]["options"]["n_threads"] == 1


def test_a_model_that_was_never_loaded_gets_what_it_needs_and_is_fitted_to(server: RunningServer) -> None:
    build("minit2i").install(server.models_dir, "new.safetensors")
    request = {**PICTURE, "width": 60, "height": 60, "model": "new.safetensors"}
    plan = server.post("/plan", request)
    assert (plan["model"]["model_type"], plan["model"]["t5xxl"]) == ("diffusion", "t5xxl.safetensors")
    assert plan["width"] > 60
    assert server.make(**request)["params"]["width"] == plan["width"]
