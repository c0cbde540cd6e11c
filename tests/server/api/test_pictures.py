"""Parameters act on pictures: on MiniT2I, the fastest of the tiny models."""

import json
from typing import Any

import pytest

from tests.proofs.cases import changes
from tests.support.images import as_base64
from tests.support.outputs import image_file, opened, pixels
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

BASE: dict[str, Any] = {
    "prompt": "a cat", "width": 64, "height": 64, "steps": 4, "cfg_scale": 2.0, "seed": 7, "sampler": "euler",
}  # fmt: skip

SERVER = ServerSetup(models=["lora_minit2i"], loads=["minit2i"])


@pytest.fixture(scope="module")
def base(server: RunningServer) -> bytes:
    """The pixels of the unchanged request."""
    return pixels(server, server.make(**BASE))


def test_the_same_request_gives_the_same_file(server: RunningServer) -> None:
    assert image_file(server, server.make(**BASE)) == image_file(server, server.make(**BASE))


@pytest.mark.parametrize(
    "changed",
    changes("txt2img", [
        {"seed": 8},
        {"seed": 2**62},
        {"prompt": "a dog"},
        {"prompt": "🐈"},
        {"steps": 3},
        {"cfg_scale": 5.0},
        {"sampler": "euler_a"},
        {"sampler": "dpm++2m"},
        {"width": 128, "height": 128},
        {"prompt": "a cat <lora:lora_minit2i:1>"},
        {"loras": [{"name": "lora_minit2i", "weight": 0.5}]},
    ]),
)  # fmt: skip
def test_a_parameter_changes_the_picture(server: RunningServer, base: bytes, changed: dict[str, Any]) -> None:
    assert pixels(server, server.make(**BASE | changed)) != base


@pytest.mark.parametrize("size", [16, 64, 160])
def test_a_picture_has_the_size_that_was_asked_for(server: RunningServer, size: int) -> None:
    image = opened(server, server.make(**BASE | {"width": size, "height": size}))
    assert (image.size, image.mode, image.format) == ((size, size), "RGB", "PNG")
    assert len(image.getcolors(2**20) or []) > 10


@pytest.mark.proves("txt2img.batch_count")
def test_a_batch_makes_numbered_images_with_seeds_that_count_up(server: RunningServer) -> None:
    batch = server.make(**BASE | {"batch_count": 3})
    assert batch["outputs"] == [f"{batch['job_id']}/image_{i}.png" for i in range(3)]
    singles = [server.make(**BASE | {"seed": 7 + i}) for i in range(3)]
    assert [pixels(server, batch, i) for i in range(3)] == [pixels(server, single) for single in singles]
    assert server.get(f"/output/{batch['job_id']}/config.json")["seeds"] == [7, 8, 9]
    assert "Seed: 9," in opened(server, batch, 2).info["parameters"]


def test_a_random_seed_is_reported_and_repeats_the_picture(server: RunningServer) -> None:
    job = server.make(**BASE | {"seed": -1})
    assert job["params"]["seed"] >= 0
    assert pixels(server, server.make(**job["params"])) == pixels(server, job)


@pytest.mark.parametrize(
    ("tagged", "plain"),
    [
        ("a cat<lora:lora_minit2i:0>", "a cat"),
        ("a cat<lora:lora_minit2i:1><lora:lora_minit2i:-1>", "a cat"),
    ],
)
def test_lora_tags_are_taken_out_of_the_prompt(server: RunningServer, tagged: str, plain: str) -> None:
    with_tag = server.make(**BASE | {"prompt": tagged})
    without = server.make(**BASE | {"prompt": plain})
    assert pixels(server, with_tag) == pixels(server, without)
    assert with_tag["params"]["prompt"] == tagged


def test_a_lora_named_twice_adds_up_and_the_field_is_the_same_as_the_tag(server: RunningServer) -> None:
    once = server.make(**BASE | {"prompt": "a cat<lora:lora_minit2i:0.8>"})
    twice = server.make(
        **BASE | {"prompt": "a cat<lora:lora_minit2i:0.5><lora:lora_minit2i.safetensors:0.3>"}
    )
    field = server.make(**BASE | {"loras": [{"name": "lora_minit2i", "weight": 0.8}]})
    assert pixels(server, once) == pixels(server, twice) == pixels(server, field)


def test_what_the_architecture_ignores_is_warned_about_and_changes_nothing(
    server: RunningServer, base: bytes
) -> None:
    ignored = {"negative_prompt": "a dog", "scheduler": "karras"}
    accepted = server.post("/txt2img", {**BASE, **ignored}, expect=202)
    assert accepted["warnings"] == ["negative_prompt, scheduler have no effect on MiniT2I"]
    assert pixels(server, server.wait_for_job(accepted["job_id"])) == base


def test_an_init_image_is_warned_about_where_it_has_no_effect(server: RunningServer, base: bytes) -> None:
    accepted = server.post("/img2img", {**BASE, "init_image_base64": as_base64()}, expect=202)
    assert "init_image_base64 has no effect on MiniT2I" in accepted["warnings"]
    assert server.wait_for_job(accepted["job_id"])["status"] == "completed"


def test_a_size_that_is_not_square_is_refused_for_an_architecture_that_cannot(server: RunningServer) -> None:
    error = server.post("/txt2img", {**BASE, "height": 128}, expect=400)["error"]
    assert "64x128" in error
    assert "MiniT2I makes square images only" in error


def test_a_second_pass_that_is_not_square_is_refused_for_it_too(server: RunningServer) -> None:
    second = {"hires": True, "hires_width": 128, "hires_height": 96}
    error = server.post("/txt2img", BASE | second, expect=400)["error"]
    assert "hires_width and hires_height: 128x96 is not allowed; MiniT2I makes square images only" in error


def test_a_size_is_rounded_up_to_the_patch(server: RunningServer) -> None:
    accepted = server.post("/txt2img", {**BASE, "width": 50, "height": 50}, expect=202)
    assert "50x50 was rounded up to 64x64" in accepted["warnings"][0]
    assert opened(server, server.wait_for_job(accepted["job_id"])).size == (64, 64)


def test_the_largest_seed_is_possible_and_a_batch_may_not_count_past_it(server: RunningServer) -> None:
    largest = 2**63 - 1
    assert config(server, server.make(**BASE | {"seed": largest}))["seeds"] == [largest]
    error = server.post("/txt2img", BASE | {"seed": largest, "batch_count": 2}, expect=400)["error"]
    assert f"seed: {largest} is not allowed with 2 images" in error


def config(server: RunningServer, job: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((server.output_dir / job["job_id"] / "config.json").read_text("utf-8"))
    return found


def test_config_json_has_what_is_needed_to_repeat_the_job(server: RunningServer) -> None:
    job = server.make(**BASE | {"prompt": 'a "cat" 🐈\nnew line'})
    stored = config(server, job)
    assert stored.keys() == {
        "job_id", "type", "created_at", "completed_at", "params", "model", "seeds", "timings",
        "engine", "previews",
    }  # fmt: skip
    assert (stored["job_id"], stored["type"], stored["seeds"]) == (job["job_id"], "txt2img", [7])
    assert stored["params"] == job["params"]
    assert stored["model"].items() >= {
        "model_name": "minit2i.safetensors", "model_type": "diffusion", "t5xxl": "t5xxl.safetensors"
    }.items()  # fmt: skip
    assert stored["timings"]["generate_seconds"] > 0
    assert stored["created_at"] == job["created_at"]
    again = server.post("/models/load", stored["model"])
    assert "warnings" not in again
    assert pixels(server, server.make(**stored["params"])) == pixels(server, job)


def test_a_png_carries_the_parameters_as_other_tools_read_them(server: RunningServer) -> None:
    job = server.make(**BASE | {"prompt": "a cat 🐈 <lora:lora_minit2i:0.5>", "negative_prompt": "blurry"})
    first, second, settings = opened(server, job).info["parameters"].split("\n")
    assert first == "a cat 🐈 <lora:lora_minit2i:0.5>"
    assert second == "Negative prompt: blurry"
    told = dict(part.split(": ", 1) for part in settings.split(", "))
    assert told.items() >= {
        "Steps": "4", "CFG scale": "2", "Seed": "7", "Size": "64x64",
    }.items()  # fmt: skip
    assert told["Sampler"].lower().startswith("euler")
    assert told["Model"].startswith("minit2i")
