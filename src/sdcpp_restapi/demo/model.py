"""The demo model, its upscaler and a LoRA: what they are called, and what suits them."""

import filecmp
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..schemas.model_types import ModelType
from ..schemas.models import LoadRequest
from ..schemas.options import GenerationDefaults
from ..schemas.upscaling import UpscalerRequest

FILES = Path(__file__).parent / "files"


@dataclass(frozen=True)
class DemoModel:
    """Made by tools/demo_model. It draws 64x64 pixels, which Real-ESRGAN turns into 256x256."""

    architecture: str = "MiniT2I"
    model_name: str = "demo-emoji.gguf"
    upscaler: str = "realesrgan-x4plus-anime.safetensors"
    lora: str = "demo-noir.safetensors"
    defaults: GenerationDefaults = field(
        default=GenerationDefaults(
            width=64,
            height=64,
            steps=12,
            cfg_scale=2.0,
            sampler="euler",
            upscale=True,
            upscale_auto_unload=False,
        )
    )

    def load_request(self) -> LoadRequest:
        """The body of POST /models/load."""
        return LoadRequest(model_name=self.model_name, model_type="checkpoint")

    def upscaler_request(self) -> UpscalerRequest:
        """The body of POST /upscaler/load."""
        return UpscalerRequest(model_name=self.upscaler)

    def files(self) -> Mapping[ModelType, str]:
        """Type -> name of its file."""
        return {"checkpoint": self.model_name, "esrgan": self.upscaler, "lora": self.lora}


def copy_demo_model(folders: Mapping[ModelType, Path]) -> DemoModel:
    """Copy the files into the folders of their types, unless they are there already."""
    demo = DemoModel()
    for kind, name in demo.files().items():
        _copy(FILES / name, folders[kind] / name)
    return demo


def _copy(source: Path, target: Path) -> None:
    """Nobody ever sees half of the file; of two processes that race, the later one replaces an equal one."""
    if target.exists() and filecmp.cmp(source, target, shallow=False):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, unfinished)
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
