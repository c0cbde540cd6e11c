"""Tiny models: which files make up each kind, and how they come into a models folder."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.tiny_models.files import cached

FOLDERS = {
    "checkpoint": "checkpoints",
    "diffusion": "diffusion_models",
    "vae": "vae",
    "lora": "loras",
    "clip_l": "clip",
    "clip_g": "clip",
    "t5xxl": "t5",
    "embedding": "embeddings",
    "llm": "llm",
    "controlnet": "controlnet",
    "esrgan": "esrgan",
    "taesd": "taesd",
    "high_noise_diffusion_model": "diffusion_models",
}
"""Component, or type of the main model -> its folder."""

_WAN = {"t5xxl": "umt5.gguf", "vae": "wan_vae.safetensors"}
_FLUX = {"t5xxl": "t5xxl.safetensors", "taesd": "taef1.safetensors"}

KINDS: dict[str, tuple[str | None, dict[str, str]]] = {
    "minit2i": ("diffusion", {"model": "minit2i.safetensors", "t5xxl": "t5xxl.safetensors"}),
    "flux_schnell": ("diffusion", {"model": "flux_schnell.safetensors", **_FLUX}),
    "flux_dev": ("diffusion", {"model": "flux_dev.safetensors", "clip_l": "clip_l.gguf", **_FLUX}),
    "chroma": ("diffusion", {"model": "chroma.gguf", **_FLUX}),
    "zimage": (
        "diffusion",
        {"model": "zimage.safetensors", "llm": "qwen3.safetensors", "taesd": "taef1.safetensors"},
    ),
    "lingbot": (
        "diffusion",
        {"model": "lingbot.gguf", "llm": "qwen3.safetensors", "vae": "wan_vae.safetensors"},
    ),
    "wan": ("diffusion", {"model": "wan.gguf", **_WAN}),
    "wan_vace": ("diffusion", {"model": "wan_vace.gguf", **_WAN}),
    "wan_pair": ("diffusion", {"model": "wan.gguf", "high_noise_diffusion_model": "wan.gguf", **_WAN}),
    "sd1": ("checkpoint", {"model": "sd1.gguf", "taesd": "taesd.safetensors"}),
    "sd1_vae": ("checkpoint", {"model": "sd1.gguf", "vae": "vae_sd1.safetensors"}),
    "sd1_edit": ("checkpoint", {"model": "sd1_edit.gguf", "taesd": "taesd.safetensors"}),
    "sd1_whole": ("checkpoint", {"model": "sd1_whole.gguf"}),
    "sd1_wide": ("checkpoint", {"model": "sd1_wide.gguf"}),
    "sdxl": ("checkpoint", {"model": "sdxl.gguf", "vae": "vae_sd1.safetensors"}),
    "sd3": ("diffusion", {"model": "sd3.gguf", "t5xxl": "t5_wide.gguf", "taesd": "taef1.safetensors"}),
    "sd3_whole": (
        "checkpoint",
        {
            "model": "sd3_whole.gguf",
            "clip_l": "clip_l.gguf",
            "clip_g": "clip_g.gguf",
            "t5xxl": "t5_wide.gguf",
        },
    ),
    "qwen_image": (
        "diffusion",
        {"model": "qwen_image.gguf", "llm": "qwen2_vl.gguf", "vae": "wan_vae.safetensors"},
    ),
    "controlnet": (None, {"controlnet": "controlnet.gguf"}),
    "taesd": (None, {"taesd": "taesd.safetensors"}),
    "taef1": (None, {"taesd": "taef1.safetensors"}),
    "vae": (None, {"vae": "vae_sd1.safetensors"}),
    "vae_flux": (None, {"vae": "vae_flux.safetensors"}),
    "taehv": (None, {"taesd": "taehv.safetensors"}),
    "esrgan": (None, {"esrgan": "esrgan.safetensors"}),
    "embedding": (None, {"embedding": "embedding.safetensors"}),
    "lora_minit2i": (None, {"lora": "lora_minit2i.safetensors"}),
    "lora_flux": (None, {"lora": "lora_flux.safetensors"}),
    "lora_lingbot": (None, {"lora": "lora_lingbot.safetensors"}),
    "lora_sd1": (None, {"lora": "lora_sd1.safetensors"}),
}
"""Kind -> type of its main model (None: it has none) and component -> file. A TAESD replaces the VAE."""

VIDEO_KINDS = frozenset({"lingbot", "wan", "wan_vace", "wan_pair"})
"""Those that make videos. Wan is heavy: 1.4 GB of files and 2 GB of memory, however tiny the video."""


@dataclass(frozen=True)
class TinyModel:
    """Files by component; the main one is called "model" and loads as `model_type`."""

    model_type: str | None
    files: dict[str, Path]

    def install(
        self, models_dir: Path, name: str | None = None, names: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Put the files into the API's folders; the body of POST /models/load, without options.

        `names` gives components another file name, `name` the first one. For kinds without a main model the
        answer is component -> file name. The files are hard links into the cache: never write into them.
        """
        chosen = {part: path.name for part, path in self.files.items()} | dict(names or {})
        if name:
            chosen[next(iter(self.files))] = name
        for part, path in self.files.items():
            _link(path, models_dir / self.folder(part) / chosen[part])
        if self.model_type is None:
            return chosen
        return {"model_name": chosen.pop("model"), "model_type": self.model_type, **chosen}

    def folder(self, component: str) -> str:
        """The folder of a component below models_dir."""
        return FOLDERS[self.model_type if component == "model" and self.model_type else component]


def build(kind: str) -> TinyModel:
    """A tiny model of one of KINDS; its files are written at the first use and cached."""
    model_type, files = KINDS[kind]
    return TinyModel(model_type, {component: cached(name) for component, name in files.items()})


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
