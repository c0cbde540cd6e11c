"""The files of this server under the folders that ComfyUI knows."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from ...api.app_state import AppState
from ...models.filters import ModelFilters
from ...schemas.model_types import MODEL_TYPES, ModelType

FOLDERS: Mapping[str, tuple[ModelType, ...]] = {
    "checkpoints": ("checkpoint",),
    "diffusion_models": ("diffusion",),
    "unet": ("diffusion",),
    "text_encoders": ("clip", "t5", "llm"),
    "clip": ("clip", "t5", "llm"),
    "clip_vision": ("clip",),
    "vae": ("vae",),
    "vae_approx": ("taesd",),
    "loras": ("lora",),
    "controlnet": ("controlnet",),
    "upscale_models": ("esrgan",),
    "embeddings": ("embedding",),
    "photomaker": ("photomaker",),
    "ipadapter": ("adapter",),
    "pulid": ("adapter",),
    "animatediff_models": ("adapter",),
}


async def list_choices(state: AppState) -> dict[str, list[str]]:
    """Folder -> the names of its files."""
    listing = await state.library.list_models(ModelFilters(), None)
    names = {
        kind: [entry.name for entry in getattr(listing, row.plural)] for kind, row in MODEL_TYPES.items()
    }
    return {folder: [name for kind in kinds for name in names[kind]] for folder, kinds in FOLDERS.items()}


async def list_embeddings(state: AppState) -> list[str]:
    """The names of embeddings without their extensions."""
    names = (await list_choices(state))["embeddings"]
    return [str(PurePosixPath(name).with_suffix("")) for name in names]
