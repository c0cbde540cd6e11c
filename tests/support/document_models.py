"""Tiny models under the names of the API document's examples, with the components that it gives them.

Where the document names a VAE there is one: a TAESD is none.
"""

from pathlib import Path

from tests.support.tiny_models import build

_T5 = {"t5xxl": "t5xxl_fp16.safetensors"}
_FLUX = {"clip_l": "clip_l.safetensors", **_T5}
_SD15 = "v1-5-pruned-emaonly.safetensors"

LIGHT = (
    ("sd1_whole", {"model": _SD15}),
    ("flux_dev", {"model": "flux1-dev-Q4_K_S.gguf", **_FLUX}),
    ("flux_schnell", {"model": "flux1-schnell-Q8_0.gguf", **_T5}),
    ("vae_flux", {"vae": "ae.safetensors"}),
    ("vae_flux", {"vae": "ae_q8_0.gguf"}),
    ("zimage", {"model": "z_image_turbo-Q8_0.gguf", "llm": "qwen_3_4b.Q8_0.gguf"}),
    ("lora_flux", {"lora": "realism_lora.safetensors"}),
    ("lora_flux", {"lora": "zimage_amberrayne_v1.safetensors"}),
    ("lora_sd1", {"lora": "add_detail.safetensors"}),
    ("lora_sd1", {"lora": "enhance_colors.safetensors"}),
)
"""Kind, and the names of its files."""

HEAVY = {
    "SDXL": [
        ("sdxl", {"model": "sd_xl_base_1.0.safetensors", "vae": "sdxl_vae-fp16-fix.safetensors"}),
    ],
    "SD3.5": [
        ("sd3_whole", {"model": "sd3.5_large.safetensors", "clip_g": "clip_g.safetensors", **_FLUX}),
    ],
    "Qwen-Image": [
        (
            "qwen_image",
            {
                "model": "qwen-image-Q8_0.gguf",
                "vae": "qwen_image_vae.safetensors",
                "llm": "Qwen2.5-VL-7B-Instruct-Q8_0.gguf",
            },
        ),
    ],
    "ControlNet": [
        ("sd1_wide", {"model": _SD15}),
        ("controlnet", {"controlnet": "control_v11p_sd15_canny.safetensors"}),
    ],
}
"""Chapter -> its models. They want other files by the same names."""


def install(models_dir: Path) -> None:
    """The light models."""
    for kind, names in LIGHT:
        build(kind).install(models_dir, names=names)


def install_heavy(models_dir: Path, chapter: str) -> None:
    """The models of a chapter that takes minutes."""
    for kind, names in HEAVY[chapter]:
        build(kind).install(models_dir, names=names)
