from collections import Counter

import pytest

from sdcpp_restapi.models import architectures
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.model_types import COMPONENT_NAMES
from sdcpp_restapi.schemas.options import Architecture

# The engine's own list at 487de75, in its order; it ends with ESRGAN, which is no model to generate with.
ENGINE_NAMES = [
    "SD 1.x",
    "SD 1.x Inpaint",
    "Instruct-Pix2Pix",
    "SD 1.x Tiny UNet",
    "SD 2.x",
    "SD 2.x Inpaint",
    "SD 2.x Tiny UNet",
    "SDXS (512-DS)",
    "SDXS (09)",
    "SDXL",
    "SDXL Inpaint",
    "SDXL Instruct-Pix2Pix",
    "SDXL (Vega)",
    "SDXL (SSD1B)",
    "SVD",
    "SD3.x",
    "Flux",
    "Flux Fill",
    "Flux Control",
    "Flex.2",
    "Chroma Radiance",
    "Wan 2.x",
    "Wan 2.2 I2V",
    "Wan 2.2 TI2V",
    "Wan 2.2 S2V",
    "LingBot Video",
    "Qwen Image",
    "Qwen Image Layered",
    "Qwen Image 2.1",
    "Hunyuan Video",
    "Anima",
    "Flux.2",
    "Flux.2 klein",
    "LTXAV",
    "MiniMax-H3",
    "HiDream O1",
    "Z-Image",
    "Boogu Image",
    "Ovis Image",
    "Ernie Image",
    "Lens",
    "MiniT2I",
    "Longcat-Image",
    "PiD",
    "Ideogram 4",
    "SeFi-Image",
    "Krea2",
    "Mage Flow",
    "SenseNova U1.5",
    "LLaDA-Image",
]

every = pytest.mark.parametrize("one", architectures.load(), ids=lambda one: one.key)


def test_every_engine_name_has_exactly_one_architecture() -> None:
    named = Counter(name for one in architectures.load() for name in one.engine_names)
    # The log parser tells Chroma from Flux by another line.
    assert named == Counter([*ENGINE_NAMES, "Chroma"])
    for name in ENGINE_NAMES:
        found = architectures.find_by_engine_name(name)
        assert found is not None
        assert name in found.engine_names
    assert architectures.find_by_engine_name("SD 9") is None


def test_keys_and_names_are_unique() -> None:
    assert max(Counter(one.key for one in architectures.load()).values()) == 1
    assert max(Counter(one.name for one in architectures.load()).values()) == 1


@pytest.mark.parametrize(
    ("engine_name", "documented"),
    [("Z-Image", "Z-Image"), ("Flux", "Flux"), ("SDXL", "SDXL"), ("SD 1.x", "SD1.5")],
)
def test_architectures_are_named_as_documented(engine_name: str, documented: str) -> None:
    found = architectures.find_by_engine_name(engine_name)
    assert found is not None
    assert found.name == documented
    assert architectures.find_by_name(documented) is found


def test_the_documented_presets() -> None:
    shown = {
        key: preset.model_dump(exclude_none=True) for key, preset in architectures.list_presets().items()
    }
    assert shown["SD1"] == {
        "display_name": "Stable Diffusion 1.5",
        "requiredComponents": ["clip"],
        "optionalComponents": ["vae", "lora", "controlnet"],
        "generationDefaults": {"width": 512, "height": 512, "steps": 20, "cfg_scale": 7.0},
    }
    assert shown["SDXL"] == {
        "display_name": "Stable Diffusion XL",
        "requiredComponents": ["clip_l", "clip_g"],
        "optionalComponents": ["vae", "lora", "controlnet"],
        "generationDefaults": {"width": 1024, "height": 1024, "steps": 25, "cfg_scale": 7.0},
    }
    assert shown["Flux"] == {
        "display_name": "Flux",
        "requiredComponents": ["clip_l", "t5xxl", "vae"],
        "optionalComponents": ["lora"],
        "generationDefaults": {"width": 1024, "height": 1024, "steps": 20, "cfg_scale": 1.0},
    }


@every
def test_components_are_fields_of_a_load_request(one: Architecture) -> None:
    named = {*one.preset.requiredComponents, *one.preset.optionalComponents}
    assert named <= {*COMPONENT_NAMES, "clip", "lora"}
    assert not {*one.preset.requiredComponents} & {*one.preset.optionalComponents}


@every
def test_defaults_are_a_valid_request_of_a_size_that_needs_no_rounding(one: Architecture) -> None:
    defaults = one.preset.generationDefaults
    assert defaults.width
    assert defaults.height
    assert defaults.width % one.size_multiple == defaults.height % one.size_multiple == 0
    assert defaults.width == defaults.height or not one.square_only
    given = defaults.model_dump(exclude_none=True, exclude={"flow_shift", "video_frames", "fps"})
    assert Txt2ImgRequest.model_validate({"prompt": "", **given}).unknown_fields() == []
    assert (one.makes == "videos") == (defaults.video_frames is not None)
