"""GET /options and /architectures."""

import pytest

from tests.support.running_server import RunningServer

SAMPLERS = [
    "euler", "euler_a", "heun", "dpm2", "dpm++2s_a", "dpm++2m", "dpm++2mv2", "ipndm", "ipndm_v", "lcm",
    "ddim_trailing", "tcd",
]  # fmt: skip
SCHEDULERS = [
    "discrete", "karras", "exponential", "ays", "gits", "sgm_uniform", "simple", "smoothstep", "lcm"
]  # fmt: skip
QUANTIZATION_TYPES = [
    {"id": "f32", "name": "F32 (32-bit float)", "bits": 32},
    {"id": "f16", "name": "F16 (16-bit float)", "bits": 16},
    {"id": "bf16", "name": "BF16 (Brain float 16)", "bits": 16},
    {"id": "q8_0", "name": "Q8_0 (8-bit)", "bits": 8},
    {"id": "q5_0", "name": "Q5_0 (5-bit)", "bits": 5},
    {"id": "q5_1", "name": "Q5_1 (5-bit)", "bits": 5},
    {"id": "q4_0", "name": "Q4_0 (4-bit)", "bits": 4},
    {"id": "q4_1", "name": "Q4_1 (4-bit)", "bits": 4},
    {"id": "q4_k", "name": "Q4_K (4-bit K-quant)", "bits": 4},
    {"id": "q5_k", "name": "Q5_K (5-bit K-quant)", "bits": 5},
    {"id": "q6_k", "name": "Q6_K (6-bit K-quant)", "bits": 6},
    {"id": "q8_k", "name": "Q8_K (8-bit K-quant)", "bits": 8},
    {"id": "q3_k", "name": "Q3_K (3-bit K-quant)", "bits": 3},
    {"id": "q2_k", "name": "Q2_K (2-bit K-quant)", "bits": 2},
]
ARCHITECTURES = {
    "SD1": {
        "display_name": "Stable Diffusion 1.5",
        "requiredComponents": ["clip"],
        "optionalComponents": ["vae", "lora", "controlnet"],
        "generationDefaults": {"width": 512, "height": 512, "steps": 20, "cfg_scale": 7.0},
    },
    "SDXL": {
        "display_name": "Stable Diffusion XL",
        "requiredComponents": ["clip_l", "clip_g"],
        "optionalComponents": ["vae", "lora", "controlnet"],
        "generationDefaults": {"width": 1024, "height": 1024, "steps": 25, "cfg_scale": 7.0},
    },
    "Flux": {
        "display_name": "Flux",
        "requiredComponents": ["clip_l", "t5xxl", "vae"],
        "optionalComponents": ["lora"],
        "generationDefaults": {"width": 1024, "height": 1024, "steps": 20, "cfg_scale": 1.0},
    },
}


def test_options_begin_with_every_documented_sampler_in_order(scripted: RunningServer) -> None:
    assert scripted.get("/options")["samplers"][: len(SAMPLERS)] == SAMPLERS


def test_options_hold_every_documented_scheduler(scripted: RunningServer) -> None:
    assert set(scripted.get("/options")["schedulers"]) >= set(SCHEDULERS)


def test_options_hold_the_documented_quantization_types(scripted: RunningServer) -> None:
    assert scripted.get("/options")["quantization_types"] == QUANTIZATION_TYPES


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("rng_types", ["std_default", "cuda", "cpu"]),
        ("lora_apply_modes", ["auto", "immediately", "at_runtime"]),
        ("preview_modes", ["none", "proj", "tae", "vae"]),
    ],
)
def test_options_tell_the_choices_of_other_fields_too(
    scripted: RunningServer, field: str, values: list[str]
) -> None:
    assert scripted.get("/options")[field] == values


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_the_documented_architectures_are_as_documented(scripted: RunningServer, key: str) -> None:
    assert scripted.get("/architectures")["architectures"][key] == ARCHITECTURES[key]


def test_every_architecture_has_the_documented_fields(scripted: RunningServer) -> None:
    for preset in scripted.get("/architectures")["architectures"].values():
        assert preset.keys() - {"unproven"} == {
            "display_name", "requiredComponents", "optionalComponents", "generationDefaults"
        }  # fmt: skip


def test_the_current_architecture_is_the_loaded_models_with_its_preset(scripted: RunningServer) -> None:
    answer = scripted.get("/architectures")
    assert answer["current_architecture"] == "SD1"
    assert answer["current_preset"] == ARCHITECTURES["SD1"]


def test_without_a_model_there_is_no_current_architecture(scripted: RunningServer) -> None:
    scripted.post("/models/unload")
    answer = scripted.get("/architectures")
    assert answer["current_architecture"] is None
    assert answer["current_preset"] is None
    assert "Flux" in answer["architectures"]
