"""GET and POST /options; the checkpoint that is chosen there is the server's model."""

from typing import Any

from fastapi import APIRouter

from ...access.scope_check import check_scope
from ...api.app_state import AppState
from ...errors import NoModelLoaded
from ...schemas.model_types import MAIN_TYPES
from ...schemas.models import LoadRequest
from .checkpoints import find_wanted, list_entries, title_of
from .options import OptionChanges
from .webui import Webui, WebuiState

router = APIRouter(tags=["Options"])


@router.get("/options")
async def options(webui: WebuiState) -> dict[str, Any]:
    """What is set, with the loaded model."""
    state = webui.server
    title, sha256 = await _find_title(state)
    try:
        vae = state.model.require().vae
    except NoModelLoaded:
        vae = None
    return {
        "sd_model_checkpoint": title,
        "sd_checkpoint_hash": sha256,
        "sd_vae": vae or "Automatic",
        **webui.options.show(),
    }


@router.post("/options")
async def set_options(body: OptionChanges, webui: WebuiState) -> dict[str, Any]:
    """Change options. Another checkpoint or VAE is loaded first, after the running job; `warnings` tells
    options that do nothing here."""
    await apply_changes(webui, body)
    warnings = body.tell_idle()
    return {"warnings": warnings} if warnings else {}


async def apply_changes(webui: Webui, changes: OptionChanges) -> None:
    """Keep what was given, and load the model if it is another one. Raises what a load raises."""
    if changes.model_fields_set:
        check_scope("manage", "Changing options for everybody")
    state = webui.server
    wanted = await find_wanted(state, changes, None)
    if wanted is not None:
        await _load(state, wanted)
    webui.options.change(changes)


async def _load(state: AppState, wanted: LoadRequest) -> None:
    completed = await state.generations.find_model(wanted)
    try:
        if completed.same_model(state.model.require()):
            return
    except NoModelLoaded:
        pass
    await state.model.load(completed)


async def _find_title(state: AppState) -> tuple[str | None, str | None]:
    current = state.model.identity()
    for entry in await list_entries(state, *MAIN_TYPES):
        if (entry.name, entry.type) == current:
            return title_of(entry), entry.hash
    return None, None
