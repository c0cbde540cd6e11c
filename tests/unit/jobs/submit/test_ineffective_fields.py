"""Which fields are told to do nothing, by the model and by the other fields; that it is so is measured
elsewhere (tests/server)."""

from typing import Any

import pytest

from sdcpp_restapi.jobs.submit import ineffective_fields, ineffective_reasons
from sdcpp_restapi.jobs.submit.architecture_rules import Params, set_high_noise_guidance
from sdcpp_restapi.jobs.submit.ineffective_fields import RULES, list_asked, warn_of_ineffective_fields
from sdcpp_restapi.jobs.submit.ineffective_reasons import Case
from sdcpp_restapi.models import architectures
from sdcpp_restapi.schemas.generation import Img2ImgRequest, Txt2ImgRequest
from sdcpp_restapi.schemas.inspection import Network
from sdcpp_restapi.schemas.models import LoadRequest
from sdcpp_restapi.schemas.video import Txt2VidRequest

KINDS: dict[str, type[Params]] = {
    "txt2img": Txt2ImgRequest,
    "img2img": Img2ImgRequest,
    "txt2vid": Txt2VidRequest,
}
ALONE = LoadRequest(model_name="any.gguf")
PAIR = LoadRequest(model_name="any.gguf", high_noise_diffusion_model="high.gguf")
IMAGE = "aW1hZ2U="
T2V: dict[str, int] = {"text_width": 4096}
I2V, VACE = T2V | {"image_width": 1280}, T2V | {"vace_width": 1536}
SLG = {"slg_scale": 3.0, "slg_end": 1.0}


def request(kind: str, **fields: Any) -> Params:
    more = {"init_image_base64": IMAGE} if kind == "img2img" else {}
    return KINDS[kind].model_validate({"prompt": "a cat", **more, **fields})


def told(
    kind: str,
    fields: dict[str, Any],
    architecture: str | None = None,
    traits: dict[str, int] | None = None,
    model: LoadRequest = ALONE,
) -> list[str]:
    """The warnings about a request with these fields."""
    network = None if traits is None else Network(kind="diffusion", name=architecture, traits=traits)
    asked = request(kind, **fields)
    return warn_of_ineffective_fields(Case(asked, model, architecture, network), list_asked(asked))


BY_MODEL: list[tuple[str, dict[str, Any], str, dict[str, int] | None, list[str]]] = [
    ("txt2img", {"clip_skip": 2}, "SD1.5", None, []),
    ("txt2img", {"clip_skip": 2}, "Z-Image", None, ["clip_skip has no effect on Z-Image"]),
    ("txt2img", {"distilled_guidance": 2.0}, "SD3", None, ["distilled_guidance has no effect on SD3"]),
    ("txt2img", {"distilled_guidance": 2.0}, "Flux", {"guidance_width": 256}, []),
    ("txt2img", {"distilled_guidance": 2.0}, "Flux", {},
     ["distilled_guidance has no effect: the model has no input for it"]),
    ("txt2img", {"distilled_guidance": 2.0}, "Flux", None, []),
    ("txt2img", SLG, "Flux", None, []),
    ("txt2img", SLG, "SDXL", None, ["slg_scale, slg_end have no effect on SDXL"]),
    ("txt2img", {"shifted_timestep": 250}, "SDXL", None, []),
    ("txt2img", {"shifted_timestep": 250}, "Flux", None, ["shifted_timestep has no effect on Flux"]),
    ("txt2img", {"easycache": True}, "SD1.5", None, ["easycache has no effect on SD1.5"]),
    ("txt2img", {"easycache": True}, "Flux", None, []),
    ("txt2img", {"cache_mode": "ucache"}, "Flux", None, ["cache_mode has no effect on Flux"]),
    ("txt2img", {"cache_mode": "ucache"}, "SDXL", None, []),
    ("txt2img", {"cache_mode": "spectrum"}, "SDXL", None, []),
    ("txt2img", {"ref_images": [IMAGE]}, "SD3", None, ["ref_images has no effect on SD3"]),
    ("txt2img", {"ref_images": [IMAGE]}, "SD1.5", {"input_channels": 8}, []),
    ("txt2img", {"ref_images": [IMAGE]}, "SD1.5", {"input_channels": 4},
     ["ref_images has no effect: the model does not edit or inpaint"]),
    ("txt2img", {"ref_images": [IMAGE], "increase_ref_index": True}, "Flux", None, []),
    ("txt2img", {"circular_x": True}, "MiniT2I", None, ["circular_x has no effect on MiniT2I"]),
    ("img2img", {"img_cfg_scale": 2.0}, "SD1.5", {"input_channels": 8}, []),
    ("img2img", {"img_cfg_scale": 2.0}, "SD1.5", {"input_channels": 4},
     ["img_cfg_scale has no effect: the model does not edit or inpaint"]),
    ("img2img", {"img_cfg_scale": 2.0}, "Flux", None, ["img_cfg_scale has no effect without ref_images"]),
    ("img2img", {"img_cfg_scale": 2.0, "ref_images": [IMAGE]}, "Flux", None, []),
    ("txt2vid", {"init_image_base64": IMAGE, "end_image_base64": IMAGE}, "Wan", I2V, []),
    ("txt2vid", {"init_image_base64": IMAGE, "end_image_base64": IMAGE}, "Wan", T2V,
     ["init_image_base64 has no effect: the model makes videos of the prompt alone",
      "end_image_base64 has no effect: the model takes no last frame"]),
    ("txt2vid", {"init_image_base64": IMAGE, "end_image_base64": IMAGE}, "Wan", None, []),
    ("txt2vid", {"init_image_base64": IMAGE, "end_image_base64": IMAGE}, "Wan", VACE,
     ["end_image_base64 has no effect: the model takes no last frame"]),
    ("txt2vid", {"end_image_base64": IMAGE}, "Wan2.2 TI2V", None,
     ["end_image_base64 has no effect without init_image_base64"]),
    ("txt2vid", {"control_image_base64": IMAGE, "vace_strength": 0.5}, "Wan", VACE, []),
    ("txt2vid", {"control_image_base64": IMAGE, "vace_strength": 0.5}, "Wan", T2V,
     ["control_image_base64, vace_strength have no effect: the model is not a VACE"]),
    ("txt2vid", {"control_frames": [IMAGE]}, "LingBot Video", None,
     ["control_frames has no effect on LingBot Video"]),
    ("txt2vid", {"strength": 0.5}, "LTX-2", None, []),
    ("txt2vid", {"strength": 0.5}, "Wan2.2 I2V", None, ["strength has no effect on Wan2.2 I2V"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "architecture", "traits", "warnings"), BY_MODEL)
def test_the_model_decides(
    kind: str,
    fields: dict[str, Any],
    architecture: str,
    traits: dict[str, int] | None,
    warnings: list[str],
) -> None:
    assert told(kind, fields, architecture, traits) == warnings


BESIDE_OTHERS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("txt2img", {"negative_prompt": "a dog"}, []),
    ("txt2img", {"negative_prompt": "a dog", "cfg_scale": 1},
     ["negative_prompt has no effect: cfg_scale is 1"]),
    ("img2img", {"negative_prompt": "a dog", "cfg_scale": 1, "img_cfg_scale": 2.0}, []),
    ("txt2img", {"eta": 0.5}, []),
    ("txt2img", {"eta": 0.5, "sampler": "dpm++2m"}, ["eta has no effect with sampler dpm++2m"]),
    ("txt2img", {"steps": 2, "custom_sigmas": [1, 0.5, 0], "scheduler": "karras"},
     ["scheduler has no effect beside custom_sigmas"]),
    ("txt2img", {"slg_scale": 3.0, "steps": 20}, []),
    ("txt2img", {"slg_scale": 3.0, "steps": 4},
     ["slg_scale has no effect: none of the 4 steps lies between slg_start and slg_end"]),
    ("txt2img", {"slg_scale": 3.0, "steps": 4, "hires": True}, []),
    ("img2img", {"slg_scale": 3.0, "steps": 20, "strength": 0.2},
     ["slg_scale has no effect: none of the 5 steps lies between slg_start and slg_end"]),
    ("txt2img", {"slg_scale": 3.0, "skip_layers": []},
     ["slg_scale, skip_layers have no effect: skip_layers is empty"]),
    ("txt2img", {"skip_layers": [1], "slg_start": 0.1},
     ["skip_layers, slg_start have no effect without slg_scale or slg_uncond"]),
    ("txt2img", {"vae_tile_size_x": 32, "vae_tile_overlap": 0.25},
     ["vae_tile_size_x, vae_tile_overlap have no effect without vae_tiling"]),
    ("txt2img", {"vae_tile_size_x": 32, "vae_tile_overlap": 0.25, "vae_tiling": True}, []),
    ("txt2img", {"easycache_threshold": 0.5}, ["easycache_threshold has no effect without easycache"]),
    ("txt2img", {"cache_threshold": 0.5, "cache_mode": "dbcache"},
     ["cache_threshold has no effect without cache_mode easycache or ucache"]),
    ("txt2img", {"cache_spectrum_w": 0.5}, ["cache_spectrum_w has no effect without cache_mode spectrum"]),
    ("txt2img", {"control_strength": 0.5}, ["control_strength has no effect without control_image_base64"]),
    ("txt2img", {"increase_ref_index": True}, ["increase_ref_index has no effect without ref_images"]),
    ("img2img", {"mask_composite": False}, ["mask_composite has no effect without mask_image_base64"]),
    ("txt2img", {"upscale_repeats": 2}, ["upscale_repeats has no effect without upscale"]),
    ("txt2img", {"hires_scale": 1.5, "hires_steps": 3},
     ["hires_scale, hires_steps have no effect without hires"]),
    ("txt2img", {"hires": True, "hires_scale": 1.5, "hires_steps": 3}, []),
    ("txt2img", {"hires": True, "hires_scale": 1.5, "hires_height": 128},
     ["hires_scale has no effect beside hires_height"]),
    ("txt2img", {"hires": True, "hires_tile_size": 64},
     ["hires_tile_size has no effect with hires_upscaler latent"]),
    ("txt2img", {"hires": True, "hires_steps": 3, "hires_custom_sigmas": [1, 0]},
     ["hires_steps has no effect beside hires_custom_sigmas"]),
    ("txt2img", {"pm_style_strength": 30.0},
     ["pm_style_strength has no effect: the model was loaded without photo_maker"]),
    ("txt2vid", {"high_noise_steps": 4, "high_noise_cfg_scale": 3.0},
     ["high_noise_steps, high_noise_cfg_scale have no effect:"
      " the model was loaded without high_noise_diffusion_model"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "warnings"), BESIDE_OTHERS)
def test_other_fields_decide(kind: str, fields: dict[str, Any], warnings: list[str]) -> None:
    assert told(kind, fields) == warnings


OF_A_PAIR: list[tuple[dict[str, Any], list[str]]] = [
    ({"cfg_scale": 1, "high_noise_cfg_scale": 3.5, "negative_prompt": "a dog"}, []),
    ({"cfg_scale": 1, "high_noise_cfg_scale": 1, "negative_prompt": "a dog"},
     ["negative_prompt has no effect: cfg_scale and high_noise_cfg_scale are 1"]),
    ({"eta": 0.5, "high_noise_sampler": "euler_a"}, []),
    ({"moe_boundary": 0.5}, []),
    ({"moe_boundary": 0.5, "high_noise_steps": 2}, ["moe_boundary has no effect beside high_noise_steps"]),
    ({"high_noise_steps": 0, "high_noise_sampler": "heun"},
     ["high_noise_sampler has no effect: high_noise_steps is 0"]),
    ({"high_noise_slg_scale": 2.0, "high_noise_distilled_guidance": 2.0},
     ["high_noise_distilled_guidance has no effect on Wan", "high_noise_slg_scale has no effect on Wan"]),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "warnings"), OF_A_PAIR)
def test_the_models_of_a_pair_decide_together(fields: dict[str, Any], warnings: list[str]) -> None:
    assert told("txt2vid", fields, "Wan", T2V, PAIR) == warnings


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("architecture", [one.name for one in architectures.load()])
def test_default_values_ask_for_nothing(kind: str, architecture: str) -> None:
    body = request(kind).model_dump(exclude={"prompt", "init_image_base64"})
    assert told(kind, body, architecture, T2V) == told(kind, {}, architecture, T2V)


def test_the_rules_name_fields_and_architectures_that_there_are() -> None:
    fields = {name for kind in KINDS.values() for name in kind.model_fields}
    assert {field for rule in RULES for field in rule.fields} <= fields
    lists = [
        value
        for module in (ineffective_fields, ineffective_reasons)
        for name, value in vars(module).items()
        if name.startswith("NO_") or name in ("UNETS", "WAN", "WITH_REFERENCES")
    ]
    assert {name for names in lists for name in names} <= {one.name for one in architectures.load()}


@pytest.mark.parametrize(
    ("given", "model", "scale"),
    [
        ({"cfg_scale": 1.0}, PAIR, 1.0),
        ({"cfg_scale": 1.0}, ALONE, 7.0),
        ({"cfg_scale": 2.0}, PAIR, 7.0),
        ({"cfg_scale": 1.0, "high_noise_cfg_scale": 7.0}, PAIR, 7.0),
    ],
)
def test_a_pair_whose_main_model_is_not_guided_has_guidance_only_if_it_is_asked_for(
    given: dict[str, Any], model: LoadRequest, scale: float
) -> None:
    made = set_high_noise_guidance(request("txt2vid", **given), model)
    assert isinstance(made, Txt2VidRequest)
    assert made.high_noise_cfg_scale == scale
