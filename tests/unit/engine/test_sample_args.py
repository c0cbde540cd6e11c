"""What a request says of guidance, samplers and schedulers becomes one text for the engine."""

from typing import Any

import pytest

from sdcpp_restapi.engine.binding.image_params import build_image_params
from sdcpp_restapi.engine.binding.library import Library
from sdcpp_restapi.engine.binding.sample_args import KEYS, format_sample_args, list_scales
from sdcpp_restapi.engine.binding.self_check import open_library
from sdcpp_restapi.engine.binding.video_params import build_video_params
from sdcpp_restapi.schemas.engine import Generate, GenerateVideo
from sdcpp_restapi.schemas.generation import Img2ImgRequest, Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadOptions
from sdcpp_restapi.schemas.options import BoundedPreviewSettings
from sdcpp_restapi.schemas.sampling import SamplingFields
from sdcpp_restapi.schemas.video import Txt2VidRequest
from tests.proofs.cases import fields

STEPS = {"steps": 4, "cfg_scale": 5.0}
# field -> (value, text)
ARGUMENTS: dict[str, tuple[Any, str]] = {
    "guidance_schedule": ([1.5, 2.0], "guidance_schedule=5x1+5x1+2x1+1.5x1+1x1"),
    "cfg_start": (0.25, "guidance_schedule=5x1+5x1+5x1+1x1+1x1"),
    "cfg_end": (0.5, "guidance_schedule=1x1+1x1+5x1+5x1+1x1"),
    "apg_eta": (0.5, "apg_eta=0.5"),
    "apg_momentum": (-0.5, "apg_momentum=-0.5"),
    "apg_norm_threshold": (15.0, "apg_norm_threshold=15"),
    "apg_norm_threshold_smoothing": (0.25, "apg_norm_threshold_smoothing=0.25"),
    "slg_uncond": (True, "slg_uncond=1"),
    "noise_sampler": ("Brownian_Tree", "noise_sampler=brownian_tree"),
    "brownian_tree_rng": ("cuda", "brownian_tree_rng=cuda"),
    "euler_ge_gamma": (3.0, "gamma=3"),
    "lms_max_order": (2, "lms_max_order=2"),
    "lms_shift": (0, "lms_shift=0"),
    "lms_divisions": (10, "lms_divisions=10"),
    "lcm_noise_clip_std": (2.5, "noise_clip_std=2.5"),
    "lcm_noise_scale_start": (0.5, "noise_scale_start=0.5"),
    "lcm_noise_scale_end": (0.5, "noise_scale_end=0.5"),
    "beta_alpha": (0.9, "alpha=0.9"),
    "beta_beta": (0.9, "beta=0.9"),
    "logit_normal_std": (0.5, "std=0.5"),
    "logit_normal_logsnr_min": (-3.0, "logsnr_min=-3"),
    "logit_normal_logsnr_max": (3.0, "logsnr_max=3"),
    "base_shift": (0.75, "base_shift=0.75"),
    "max_shift": (3.0, "max_shift=3"),
    "ltx2_terminal": (0.25, "terminal=0.25"),
    "ltx2_stretch": (False, "stretch=0"),
    "llada_uniform": (True, "uniform=1"),
    "sefi_alpha": (2.0, "sefi_alpha=2"),
    "sefi_delta_t": (0.25, "sefi_delta_t=0.25"),
}
COMMAND: dict[str, Any] = {
    "id": 1, "prompt": "", "negative_prompt": "", "options": LoadOptions(), "model_name": "m",
    "folder": "/nowhere", "preview": BoundedPreviewSettings(),
}  # fmt: skip


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library(None)


def _image(**fields: Any) -> Img2ImgRequest:
    # All of the steps are sampled.
    base = {"prompt": "", "init_image_base64": "x", "strength": 1.0}
    return Img2ImgRequest.model_validate(base | STEPS | fields)


def test_every_field_is_in_the_table() -> None:
    assert set(ARGUMENTS) == set(SamplingFields.model_fields)
    assert set(KEYS) < set(ARGUMENTS)


@pytest.mark.parametrize("name", fields("img2img", ARGUMENTS, passed=True))
def test_an_argument_reaches_the_engine_for_images(library: Library, name: str) -> None:
    value, text = ARGUMENTS[name]
    command = Generate(params=_image(**{name: value}), **COMMAND)
    assert build_image_params(library, command).struct.sample_params.extra_sample_args == text.encode()


@pytest.mark.parametrize("name", fields("txt2vid", ARGUMENTS, passed=True))
def test_an_argument_reaches_both_models_of_a_video(library: Library, name: str) -> None:
    value, text = ARGUMENTS[name]
    params = Txt2VidRequest.model_validate({"prompt": ""} | STEPS | {name: value})
    struct = build_video_params(library, GenerateVideo(params=params, **COMMAND)).struct
    for sampling in (struct.sample_params, struct.high_noise_sample_params):
        assert sampling.extra_sample_args == text.encode()


@pytest.mark.proves("txt2img.sefi_alpha", "txt2img.sefi_delta_t", passed=True)
def test_text_to_image_passes_the_arguments_of_a_model_too_large_for_a_test() -> None:
    request = Txt2ImgRequest.model_validate({"prompt": "", "sefi_alpha": 2, "sefi_delta_t": 0.25})
    assert format_sample_args(request) == b"sefi_alpha=2,sefi_delta_t=0.25"


def test_a_request_that_asks_for_nothing_gives_nothing() -> None:
    assert format_sample_args(_image()) == b""


def test_several_arguments_are_separated_by_commas() -> None:
    assert format_sample_args(_image(apg_eta=0.5, base_shift=0.1)) == b"apg_eta=0.5,base_shift=0.1"


@pytest.mark.parametrize(
    ("given", "scales"),
    [
        ({"guidance_schedule": [1, 2, 3, 4]}, [1, 2, 3, 4]),
        ({"guidance_schedule": [1]}, [1, 5, 5, 5]),
        ({"guidance_schedule": [1, 2, 3, 4], "strength": 0.5}, [2, 3, 4]),
        ({"guidance_schedule": [1, 2, 3, 4], "strength": 0.0}, [4]),
        ({"cfg_start": 0.3, "cfg_end": 0.7}, [1, 5, 5, 1]),
        ({"cfg_end": 0.01}, [1, 1, 1, 1]),
    ],
    ids=str,
)
def test_each_step_has_its_scale(given: dict[str, Any], scales: list[float]) -> None:
    assert list_scales(_image(**given)) == scales
