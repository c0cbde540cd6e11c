"""Models and files on disk as the web UI lists them; the model in memory."""

from typing import Any

from fastapi import APIRouter

from ...api.app_state import State
from ...errors import NoModelLoaded, NotFound
from ...schemas.model_types import MAIN_TYPES
from .checkpoints import describe, list_entries, show_path, stem_of
from .names import LATENT_UPSCALERS, PLAIN_UPSCALERS
from .option_routes import apply_changes
from .options import OptionChanges
from .webui import WebuiState

router = APIRouter(tags=["Models"])

# What the web UI tells of upscalers without a model.
_PLAIN_SCALE, _MODEL_SCALE = 4, 4


@router.get("/sd-models")
async def sd_models(state: State) -> list[dict[str, Any]]:
    """Checkpoints, and diffusion models that have their parts in other files."""
    return [describe(state, entry) for entry in await list_entries(state, *MAIN_TYPES)]


@router.get("/sd-vae")
async def sd_vae(state: State) -> list[dict[str, str]]:
    """VAEs, as the option sd_vae names them."""
    entries = await list_entries(state, "vae")
    return [{"model_name": entry.name, "filename": show_path(state, entry)} for entry in entries]


@router.get("/loras")
async def loras(state: State) -> list[dict[str, Any]]:
    """LoRAs, as tags in a prompt name them."""
    return [
        {
            "name": entry.name.removesuffix(entry.file_extension),
            "alias": stem_of(entry.name),
            "path": show_path(state, entry),
            "metadata": {},
        }
        for entry in await list_entries(state, "lora")
    ]


@router.get("/embeddings")
async def embeddings(state: State) -> dict[str, dict[str, Any]]:
    """Embeddings by their words in prompts; a job tells which of them do not suit its model."""
    loaded = {}
    for entry in await list_entries(state, "embedding"):
        try:
            facts = await state.inspector.inspect("embedding", entry.name)
        except NotFound:
            continue  # deleted since it was listed
        network = facts.network("embedding")
        width = network.traits.get("width", 0) if network else 0
        loaded[stem_of(entry.name)] = {
            "step": None,
            "sd_checkpoint": None,
            "sd_checkpoint_name": None,
            "shape": width,
            "vectors": (facts.parameters or 0) // width if width else 0,
        }
    return {"loaded": loaded, "skipped": {}}


@router.get("/upscalers")
async def upscalers(state: State) -> list[dict[str, Any]]:
    """What enlarges pictures."""
    plain = [
        {"name": name, "model_name": None, "model_path": None, "model_url": None, "scale": _PLAIN_SCALE}
        for name in PLAIN_UPSCALERS
    ]
    models = [
        {
            "name": stem_of(entry.name),
            "model_name": entry.name,
            "model_path": show_path(state, entry),
            "model_url": None,
            "scale": _MODEL_SCALE,
        }
        for entry in await list_entries(state, "esrgan")
    ]
    return [*plain, *models]


@router.get("/realesrgan-models")
async def realesrgan_models(state: State) -> list[dict[str, Any]]:
    """ESRGAN models."""
    return [
        {"name": stem_of(entry.name), "path": show_path(state, entry), "scale": _MODEL_SCALE}
        for entry in await list_entries(state, "esrgan")
    ]


@router.get("/latent-upscale-modes")
async def latent_upscale_modes() -> list[dict[str, str]]:
    """What enlarges latents in a second pass."""
    return [{"name": name} for name in LATENT_UPSCALERS]


@router.post("/refresh-checkpoints")
@router.post("/refresh-vae")
@router.post("/refresh-loras")
@router.post("/refresh-embeddings")
async def refresh(state: State) -> None:
    """Read all model folders again now. An embedding that is new acts once the model is loaded again."""
    await state.catalog.refresh()


@router.post("/unload-checkpoint")
async def unload_checkpoint(webui: WebuiState) -> dict[str, Any]:
    """Free the model, after the running job; requests need another one, or /reload-checkpoint."""
    current = webui.server.model.identity()
    if current is not None:
        webui.options.unloaded = current[0]
    await webui.server.model.unload()
    return {}


@router.post("/reload-checkpoint")
async def reload_checkpoint(webui: WebuiState) -> dict[str, Any]:
    """Load what /unload-checkpoint freed, as it was; one that is loaded stays so. Raises NoModelLoaded."""
    if webui.server.model.identity() is None:
        if webui.options.unloaded is None:
            raise NoModelLoaded
        await apply_changes(webui, OptionChanges(sd_model_checkpoint=webui.options.unloaded))
    return {}
