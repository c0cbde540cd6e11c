"""Requests of the web UI's API as requests of ours."""

from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sdcpp_restapi.compat.a1111.options import OptionChanges
from sdcpp_restapi.compat.a1111.requests import Img2Img, Txt2Img
from sdcpp_restapi.compat.a1111.translation import TranslatedRequest, build_request, translate
from sdcpp_restapi.errors import BadRequest
from tests.unit.compat.a1111.entries import entry

UPSCALERS = [entry("4x.pth", "esrgan")]
INIT = {"init_images": ["aGk="]}
LORA = {"path": "x", "multiplier": 0.5, "is_high_noise": True}
# Everything that the Python client `webuiapi` sends when it is asked for nothing but a prompt.
CLIENT: dict[str, Any] = {
    "enable_hr": False, "hr_scale": 2, "hr_upscaler": "Latent", "hr_second_pass_steps": 0,
    "hr_resize_x": 0, "hr_resize_y": 0, "hr_checkpoint_name": None, "hr_sampler_name": None,
    "hr_scheduler": None, "hr_prompt": "", "hr_negative_prompt": "", "denoising_strength": 0.7,
    "firstphase_width": 0, "firstphase_height": 0, "prompt": "a cat", "styles": [], "seed": -1,
    "subseed": -1, "subseed_strength": 0.0, "seed_resize_from_h": 0, "seed_resize_from_w": 0,
    "batch_size": 1, "n_iter": 1, "steps": 20, "cfg_scale": 7.0, "width": 512, "height": 512,
    "restore_faces": False, "tiling": False, "do_not_save_samples": False, "do_not_save_grid": False,
    "negative_prompt": "", "eta": 1.0, "s_churn": 0, "s_tmax": 0, "s_tmin": 0, "s_noise": 1,
    "override_settings": {}, "override_settings_restore_afterwards": True, "sampler_name": "Euler a",
    "scheduler": "automatic", "sampler_index": "Euler a", "script_name": None, "script_args": [],
    "send_images": True, "save_images": False,
    "alwayson_scripts": {"ADetailer": {"args": [False]}, "ControlNet": {"args": []}},
}  # fmt: skip


def txt2img(
    options: dict[str, Any] | None = None, *, defaults: bool = True, **fields: Any
) -> TranslatedRequest:
    changes = OptionChanges.model_validate(options or {})
    request = Txt2Img.model_validate(fields)
    return translate(request, changes, UPSCALERS, defaults=defaults, automatic=True)


def img2img(**fields: Any) -> TranslatedRequest:
    return translate(
        Img2Img.model_validate(INIT | fields), OptionChanges(), UPSCALERS, defaults=True, automatic=True
    )


@pytest.mark.parametrize(
    ("sent", "field", "value"),
    [
        ({"prompt": "a cat"}, "prompt", "a cat"),
        ({"negative_prompt": "a dog"}, "negative_prompt", "a dog"),
        ({"seed": 7}, "seed", 7),
        ({"seed": ""}, "seed", -1),
        ({"seed": None}, "seed", -1),
        ({"steps": 9}, "steps", 9),
        ({}, "steps", 50),
        ({"cfg_scale": 3}, "cfg_scale", 3),
        ({}, "cfg_scale", 7),
        ({"width": 64}, "width", 64),
        ({"height": 64}, "height", 64),
        ({"distilled_cfg_scale": 2.5}, "distilled_guidance", 2.5),
        ({"batch_size": 2, "n_iter": 3}, "batch_count", 6),
        ({"n_iter": 2}, "keep_finished", True),
        ({"sampler_index": "Heun"}, "sampler", "heun"),
        ({"sampler_name": "LMS", "sampler_index": "Heun"}, "sampler", "lms"),
        ({}, "sampler", "euler"),
        ({"sampler_name": "DPM++ 2M"}, "scheduler", "karras"),
        ({"scheduler": "Simple"}, "scheduler", "simple"),
        ({"tiling": True}, "circular_x", True),
        ({"tiling": True}, "circular_y", True),
        ({"clip_skip": 2}, "clip_skip", 2),
        ({"eta": 0.5, "sampler_name": "Euler a"}, "eta", 0.5),
        ({"lora": [LORA]}, "loras", [{"name": "x", "weight": 0.5, "high_noise": True}]),
        ({"extra_images": ["aGk="]}, "ref_images", ["aGk="]),
        ({"enable_hr": True}, "hires", True),
        ({"enable_hr": True}, "hires_upscaler", "latent"),
        ({"enable_hr": True, "hr_upscaler": "Latent (nearest)"}, "hires_upscaler", "latent (nearest)"),
        ({"enable_hr": True, "hr_upscaler": "None"}, "hires_upscaler", "lanczos"),
        ({"enable_hr": True, "hr_upscaler": "4x"}, "hires_upscaler", "model"),
        ({"enable_hr": True, "hr_upscaler": "4x"}, "hires_model", "4x.pth"),
        ({"enable_hr": True, "hr_scale": 1.5}, "hires_scale", 1.5),
        ({"enable_hr": True, "hr_resize_x": 96}, "hires_width", 96),
        ({"enable_hr": True, "hr_resize_y": 96}, "hires_height", 96),
        ({"enable_hr": True, "hr_second_pass_steps": 3}, "hires_steps", 3),
        ({"enable_hr": True, "denoising_strength": 0.4}, "hires_strength", 0.4),
    ],
)  # fmt: skip
def test_a_field_becomes_ours(sent: dict[str, Any], field: str, value: object) -> None:
    translation = txt2img(**sent)
    assert translation.fields[field] == value
    assert translation.told == []


@pytest.mark.parametrize(
    ("sent", "field", "value"),
    [
        ({}, "strength", 0.75),
        ({"denoising_strength": 0.3}, "strength", 0.3),
        ({"image_cfg_scale": 1.5}, "img_cfg_scale", 1.5),
    ],
)
def test_a_field_of_img2img_becomes_ours(sent: dict[str, Any], field: str, value: object) -> None:
    assert img2img(**sent).fields[field] == value


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ({"CLIP_stop_at_last_layers": 2}, "clip_skip", 2),
        ({"samples_format": "jpg"}, "output_format", "jpeg"),
        ({"samples_format": "WEBP"}, "output_format", "webp"),
        ({"eta_ancestral": 0.25}, "eta", 0.25),
        ({"tiling": True}, "circular_x", True),
    ],
)
def test_an_option_acts(options: dict[str, Any], field: str, value: object) -> None:
    assert txt2img(options, sampler_name="Euler a").fields[field] == value


def test_no_clip_skip_is_the_models_own() -> None:
    assert "clip_skip" not in txt2img({"CLIP_stop_at_last_layers": 1}, clip_skip=1).fields


def test_no_eta_is_told_from_the_samplers_own() -> None:
    assert "eta" not in txt2img(sampler_name="Euler a").fields
    assert 0 < txt2img(sampler_name="Euler a", eta=0).fields["eta"] < 1e-5


@pytest.mark.parametrize("eta", [0, 1])
def test_the_defaults_of_eta_ask_for_nothing_where_it_does_nothing(eta: int) -> None:
    assert "eta" not in txt2img(sampler_name="Euler", eta=eta).fields


def test_automatic_is_the_samplers_scheduler_on_models_that_it_was_made_for_only() -> None:
    request = Txt2Img(sampler_name="DPM++ 2M", scheduler="Automatic")
    other = translate(request, OptionChanges(), [], defaults=True, automatic=False)
    assert "scheduler" not in other.fields


def test_what_is_not_given_is_left_to_the_presets_where_they_are_wanted() -> None:
    assert not {"steps", "cfg_scale", "width", "height", "sampler"} & set(txt2img(defaults=False).fields)
    given = txt2img(defaults=False, steps=3, sampler_index="LCM").fields
    assert (given["steps"], given["sampler"]) == (3, "lcm")
    assert "width" not in given
    assert "prompt" in txt2img(defaults=False).fields


def test_what_a_client_sends_by_default_needs_no_word() -> None:
    assert txt2img(**CLIENT).told == []


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"styles": ["Photo"]}, "styles has no effect"),
        ({"subseed_strength": 0.1}, "subseed_strength has no effect"),
        ({"seed_resize_from_h": 64}, "seed_resize_from_h has no effect"),
        ({"seed_resize_from_w": 64}, "seed_resize_from_w has no effect"),
        ({"restore_faces": True}, "restore_faces has no effect"),
        ({"do_not_save_samples": True}, "do_not_save_samples has no effect"),
        ({"s_min_uncond": 0.5}, "s_min_uncond has no effect"),
        ({"s_churn": 0.5}, "s_churn has no effect"),
        ({"s_tmax": 0.5}, "s_tmax has no effect"),
        ({"s_tmin": 0.5}, "s_tmin has no effect"),
        ({"s_noise": 0.5}, "s_noise has no effect"),
        ({"refiner_checkpoint": "x"}, "refiner_checkpoint has no effect"),
        ({"disable_extra_networks": True}, "disable_extra_networks has no effect"),
        ({"comments": {"a": 1}}, "comments has no effect"),
        ({"infotext": "Steps: 3"}, "infotext has no effect"),
        ({"firstphase_width": 64}, "firstphase_width has no effect"),
        ({"firstphase_height": 64}, "firstphase_height has no effect"),
        ({"never_heard_of": 1}, "unknown field 'never_heard_of' was ignored"),
        ({"alwayson_scripts": {"ADetailer": {"args": [True, {}]}}}, "ADetailer has no effect"),
        ({"alwayson_scripts": {"Refiner": {"args": [{"enable": True}]}}}, "Refiner has no effect"),
        ({"prompt": "a [cat:dog:0.5]"}, "prompt: [cat:dog:0.5] stays part of the text"),
        ({"negative_prompt": "[cat|dog]"}, "negative_prompt: [cat|dog] stays part of the text"),
        ({"prompt": "cat AND dog"}, "prompt: AND stays part of the text"),
        ({"enable_hr": True, "hr_prompt": "b"}, "hr_prompt has no effect"),
        ({"enable_hr": True, "hr_negative_prompt": "b"}, "hr_negative_prompt has no effect"),
        ({"enable_hr": True, "hr_sampler_name": "LMS"}, "hr_sampler_name has no effect"),
        ({"enable_hr": True, "hr_scheduler": "Karras"}, "hr_scheduler has no effect"),
        ({"enable_hr": True, "hr_checkpoint_name": "b"}, "hr_checkpoint_name has no effect"),
        ({"enable_hr": True, "hr_resize_x": 64, "hr_resize_y": 96}, "64x96 has other proportions"),
        ({"enable_hr": True, "denoising_strength": 0}, "denoising_strength: 0 became 0.01"),
    ],
)  # fmt: skip
def test_what_does_nothing_is_told(sent: dict[str, Any], told: str) -> None:
    (sentence,) = txt2img(**sent).told
    assert told in sentence


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"initial_noise_multiplier": 1.1}, "initial_noise_multiplier has no effect"),
        ({"mask_round": False}, "mask_round has no effect"),
        ({"mask": "aGk=", "inpainting_fill": 2}, "inpainting_fill: 2 became 0"),
        ({"mask": "aGk=", "inpainting_fill": 3}, "inpainting_fill: 3 became 0"),
    ],
)
def test_what_does_nothing_in_img2img_is_told(sent: dict[str, Any], told: str) -> None:
    (sentence,) = img2img(**sent).told
    assert told in sentence


@pytest.mark.parametrize(
    "prompt", ["a (cat:1.2)", "[cat]", "a cat BREAK a dog", "<lora:x:0.8>", r"\[a:b:0.5\]", "SAND"]
)
def test_syntax_that_the_engine_knows_needs_no_word(prompt: str) -> None:
    assert txt2img(prompt=prompt).told == []


def test_options_that_do_nothing_are_told_and_those_that_are_so_anyway_are_not() -> None:
    assert txt2img({"jpeg_quality": 95, "return_grid": False}).told == []
    assert txt2img({"jpeg_quality": 50, "foo": 1}).told == [
        "option 'foo' has no effect here",
        "option 'jpeg_quality' has no effect here",
    ]


@pytest.mark.parametrize(
    ("sent", "refused"),
    [
        ({"sampler_name": "UniPC"}, "sampler_name: 'UniPC' is not allowed; allowed are"),
        ({"scheduler": "Sawtooth"}, "scheduler: 'Sawtooth' is not allowed; allowed are"),
        ({"script_name": "X/Y/Z plot"}, "script_name: 'X/Y/Z plot' was not found"),
        (
            {"enable_hr": True, "hr_upscaler": "LDSR"},
            "hr_upscaler: 'LDSR' was not found; there are 4x.pth; besides",
        ),
    ],
)
def test_what_is_not_there_is_refused(sent: dict[str, Any], refused: str) -> None:
    with pytest.raises(BadRequest, match=refused):
        txt2img(**sent)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("shape", [Txt2Img, Img2Img])
@given(data=st.data())
@settings(max_examples=60, derandomize=True, deadline=None, database=None)
def test_any_json_in_any_field_is_translated_or_refused(
    shape: type[Txt2Img | Img2Img], data: st.DataObject
) -> None:
    fields = data.draw(st.dictionaries(st.sampled_from(sorted(shape.model_fields)), JSON, max_size=4))
    try:
        request = shape.model_validate(INIT | {"enable_hr": True} | fields)
        translation = translate(request, OptionChanges(), [], defaults=True, automatic=True)
        init = {"init_image_base64": "aGk="} if shape is Img2Img else {}
        build_request(request, translation.fields | init)
    except (ValidationError, RequestValidationError, BadRequest):
        pass
