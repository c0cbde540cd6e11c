"""Tiny models in place of the files of sets: each set with files of its own architecture."""

from typing import Any

import tomlkit

from sdcpp_restapi.schemas.model_sets import ModelSet, SetFile
from tests.support.http_upstream import sha256
from tests.support.hub_site import HubSite
from tests.support.tiny_models.files import cached

_FLUX = {"vae": "vae_flux.safetensors", "clip_l": "clip_l.gguf", "t5xxl": "t5xxl.safetensors"}
_WAN = {"t5xxl": "umt5.gguf", "vae": "wan_vae.safetensors"}
_SDXL = {"model": "sdxl.gguf", "vae": "vae_sd1.safetensors"}

STAND_INS: dict[str, dict[str, str]] = {
    "sd15": {"model": "sd1_whole.gguf"},
    "sd15-canny": {"model": "sd1_wide.gguf", "controlnet": "controlnet.gguf"},
    "sdxl": _SDXL,
    "sdxl-turbo": _SDXL,
    "sd35-medium": {
        "model": "sd3_whole.gguf",
        "clip_l": "clip_l.gguf",
        "clip_g": "clip_g.gguf",
        "t5xxl": "t5_wide.gguf",
    },
    "flux1-schnell": {"model": "flux_schnell.safetensors", **_FLUX},
    "flux1-dev": {"model": "flux_dev.safetensors", **_FLUX},
    "flux1-kontext": {"model": "flux_dev.safetensors", **_FLUX},
    "chroma1-hd": {"model": "chroma.gguf", **_FLUX},
    "z-image-turbo": {
        "model": "zimage.safetensors",
        "llm": "qwen3.safetensors",
        "vae": "vae_flux.safetensors",
    },
    "qwen-image": {"model": "qwen_image.gguf", "llm": "qwen2_vl.gguf", "vae": "wan_vae.safetensors"},
    "wan21-t2v-1.3b": {"model": "wan.gguf", **_WAN},
    "realesrgan-x4plus": {"esrgan": "esrgan.safetensors"},
    "realesrgan-x4plus-anime": {"esrgan": "esrgan.safetensors"},
    "taesd": {"taesd": "taesd.safetensors"},
}
"""Set -> part, or type of a file that is no part -> tiny file."""

WITHOUT = {"flux2-klein-4b", "qwen-image-edit", "wan22-ti2v-5b", "qwen25-1.5b-instruct"}
"""Sets of which no tiny model exists: FLUX.2, the vision part of Qwen2.5-VL, Wan 2.2's VAE, a chat model."""


def publish(of: ModelSet, hub: HubSite) -> str:
    """Put stand-ins of a set on the hub; the set that describes them, small enough to be drawn in a test."""
    told = of.model_dump(mode="json", exclude_none=True)
    told["files"] = [_publish(of.name, file, hub) for file in of.files]
    for variant, table in zip(of.variants, told["variants"], strict=True):
        table["files"] = [_publish(of.name, file, hub) for file in variant.files]
    told["load_options"] = {**of.load_options, "n_threads": 1}
    if of.makes in ("images", "videos"):
        told["defaults"] = {**of.defaults, "width": 64, "height": 64, "steps": 1}
    if of.makes == "videos":
        told["defaults"]["video_frames"] = 1
    return tomlkit.dumps(told)


def _publish(name: str, file: SetFile, hub: HubSite) -> dict[str, Any]:
    tiny = cached(STAND_INS[name][file.part or file.type])
    data = tiny.read_bytes()
    save_as = f"{file.save_as.rpartition('.')[0]}{tiny.suffix}"
    told = file.model_dump(mode="json", exclude_none=True, exclude={"about"})
    told |= {"save_as": save_as, "size": len(data), "sha256": sha256(data)}
    if file.url is not None:
        path = f"/releases/{save_as}"
        hub.cdn.file(path, data)
        return {**told, "url": f"{hub.cdn.url}{path}"}
    assert file.repo_id is not None
    assert file.filename is not None
    hub.put(file.repo_id, file.filename, data)
    return told
