"""What /txt2img accepts, and what it makes of it."""

import re
from typing import Any

import pytest

from tests.support.images import as_base64
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
# The defaults of the API document's table.
DEFAULTS = {
    "negative_prompt": "", "width": 512, "height": 512, "steps": 20, "cfg_scale": 7.0,
    "distilled_guidance": 3.5, "eta": 0.0, "shifted_timestep": 0, "sampler": "euler_a",
    "scheduler": "discrete", "batch_count": 1, "clip_skip": -1, "slg_scale": 0.0, "skip_layers": [7, 8, 9],
    "slg_start": 0.01, "slg_end": 0.2, "custom_sigmas": [], "ref_images": [], "auto_resize_ref_image": True,
    "increase_ref_index": False, "control_strength": 0.9, "vae_tiling": False, "vae_tile_size_x": 0,
    "vae_tile_size_y": 0, "vae_tile_overlap": 0.5, "easycache": False, "easycache_threshold": 0.2,
    "easycache_start": 0.15, "easycache_end": 0.95, "pm_id_images": [], "pm_id_embed_path": "",
    "pm_style_strength": 20.0, "upscale": False, "upscale_repeats": 1, "upscale_auto_unload": True,
}  # fmt: skip


def accept(server: RunningServer, **params: Any) -> dict[str, Any]:
    """The 202 body, and the job's stored params."""
    answer = server.post("/txt2img", {"prompt": "a cat", **params}, expect=202)
    stored: dict[str, Any] = server.get(f"/queue/{answer['job_id']}")["params"]
    return {"answer": answer, "params": stored}


def test_a_submit_answers_with_the_three_documented_fields(scripted: RunningServer) -> None:
    answer = scripted.post("/txt2img", {"prompt": "a cat"}, expect=202)
    assert answer.keys() == {"job_id", "status", "position"}
    assert UUID.fullmatch(answer["job_id"])
    assert answer["status"] == "pending"
    assert answer["position"] >= 1


def test_a_prompt_alone_gets_the_documents_defaults(scripted: RunningServer) -> None:
    params = accept(scripted)["params"]
    assert params.items() >= DEFAULTS.items()
    assert params["prompt"] == "a cat"


def test_a_random_seed_is_drawn_at_submit_and_told(scripted: RunningServer) -> None:
    drawn = {accept(scripted, seed=-1)["params"]["seed"] for _ in range(3)}
    assert len(drawn) == 3
    assert all(0 <= seed < 2**31 for seed in drawn)


def test_null_means_the_default_in_every_field(scripted: RunningServer) -> None:
    params = accept(scripted, seed=5, **dict.fromkeys(DEFAULTS))["params"]
    assert params.items() >= DEFAULTS.items()


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"width": "128", "height": " 64 "}, {"width": 128, "height": 64}),
        ({"steps": "3"}, {"steps": 3}),
        ({"steps": 3.0}, {"steps": 3}),
        ({"cfg_scale": "2.5"}, {"cfg_scale": 2.5}),
        ({"cfg_scale": 0}, {"cfg_scale": 0.0}),
        ({"seed": "42"}, {"seed": 42}),
        ({"seed": 0}, {"seed": 0}),
        ({"seed": 2**63 - 1}, {"seed": 2**63 - 1}),
        ({"sampler": "EULER"}, {"sampler": "euler"}),
        ({"sampler": "DPM++2M"}, {"sampler": "dpm++2m"}),
        ({"scheduler": "Karras"}, {"scheduler": "karras"}),
        ({"custom_sigmas": [14.6, 3.0, 0], "steps": 2}, {"custom_sigmas": [14.6, 3.0, 0.0]}),
        ({"skip_layers": []}, {"skip_layers": []}),
        ({"upscale": False, "pm_id_images": []}, {}),
    ],
)
def test_a_value_is_accepted_and_stored_typed(
    scripted: RunningServer, given: dict[str, Any], stored: dict[str, Any]
) -> None:
    params = accept(scripted, **given)["params"]
    assert params.items() >= stored.items()


def test_every_sampler_and_scheduler_of_options_is_accepted(scripted: RunningServer) -> None:
    options = scripted.get("/options")
    for sampler in options["samplers"]:
        assert accept(scripted, sampler=sampler.upper())["params"]["sampler"] == sampler
    for scheduler in options["schedulers"]:
        assert accept(scripted, scheduler=scheduler)["params"]["scheduler"] == scheduler


def test_a_size_is_rounded_up_to_what_the_architecture_needs_with_a_warning(scripted: RunningServer) -> None:
    made = accept(scripted, width=500, height=65)
    assert (made["params"]["width"], made["params"]["height"]) == (512, 128)
    (warning,) = made["answer"]["warnings"]
    assert "500x65 was rounded up to 512x128" in warning
    assert "multiples of 64" in warning


def test_a_size_that_fits_is_left_alone_without_a_warning(scripted: RunningServer) -> None:
    made = accept(scripted, width=704, height=64)
    assert (made["params"]["width"], made["params"]["height"]) == (704, 64)
    assert "warnings" not in made["answer"]


def test_unknown_fields_are_reported_one_by_one_and_not_stored(scripted: RunningServer) -> None:
    made = accept(scripted, sampler_name="Euler", enable_hr=True)
    assert made["answer"]["warnings"] == [
        "unknown field 'enable_hr' was ignored",
        "unknown field 'sampler_name' was ignored",
    ]
    assert not {"sampler_name", "enable_hr"} & made["params"].keys()


@pytest.mark.parametrize(
    ("field", "value", "warning"),
    [
        ("shifted_timestep", 250, "shifted_timestep has no effect on SD1.5"),
        ("easycache", True, "easycache has no effect on SD1.5"),
        ("cache_mode", "taylorseer", "cache_mode has no effect on SD1.5"),
        ("pm_id_images", [as_base64()], "the model was loaded without photo_maker"),
        ("control_image_base64", as_base64(), "the model was loaded without a ControlNet"),
    ],
)
def test_what_has_no_effect_on_the_model_is_told(
    scripted: RunningServer, field: str, value: Any, warning: str
) -> None:
    (told,) = accept(scripted, **{field: value})["answer"]["warnings"]
    assert warning in told


@pytest.mark.parametrize(
    "fields", [{"shifted_timestep": 0}, {"cache_mode": "ucache"}, {"cache_mode": "spectrum"}]
)
def test_what_has_an_effect_is_not_warned_about(scripted: RunningServer, fields: dict[str, Any]) -> None:
    assert "warnings" not in accept(scripted, **fields)["answer"]


def test_the_size_of_the_second_pass_is_told_and_rounded_up(scripted: RunningServer) -> None:
    params = accept(scripted, width=512, height=256, hires=True, hires_width=700)["params"]
    assert (params["hires_width"], params["hires_height"]) == (704, 384)
    assert accept(scripted, **params)["params"] == params


def test_a_form_content_type_is_read_as_json_as_curl_sends_it(scripted: RunningServer) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = scripted.http.post("/txt2img", content=b'{"prompt": "a cat"}', headers=form)
    assert answer.status_code == 202, answer.text


def test_the_architectures_defaults_fill_in_when_asked_for(scripted: RunningServer) -> None:
    given = {"use_architecture_defaults": True, "steps": 3}
    params = accept(scripted, **given)["params"]
    assert (params["steps"], params["width"], params["cfg_scale"]) == (3, 512, 7.0)


def test_a_jobs_params_are_a_valid_request(scripted: RunningServer) -> None:
    params = accept(scripted, steps=2, seed=7, width=64, height=64)["params"]
    again = scripted.post("/txt2img", params, expect=202)
    assert "warnings" not in again
    assert scripted.get(f"/queue/{again['job_id']}")["params"] == params


def test_a_job_is_stamped_with_the_model_of_its_submit(scripted: RunningServer) -> None:
    job_id = scripted.submit(prompt="a cat")
    assert scripted.get(f"/queue/{job_id}")["model"] == MODEL


@pytest.mark.parametrize(
    "prompt",
    [
        "Ein Kätzchen im Gärtchen",
        "一只可爱的猫",
        "🐈‍⬛ 👨‍👩‍👧‍👦 🏳️‍🌈",
        "x\ty\nz",
        "\u202eright to left",
        "a\u0301",
        "",
    ],
)
def test_any_text_is_a_prompt_and_comes_back_unchanged(scripted: RunningServer, prompt: str) -> None:
    made = accept(scripted, prompt=prompt, negative_prompt=prompt)
    assert made["params"]["prompt"] == prompt
    assert made["params"]["negative_prompt"] == prompt
