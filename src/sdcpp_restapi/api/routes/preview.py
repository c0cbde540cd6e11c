"""Preview settings."""

from fastapi import APIRouter

from ...schemas.options import PreviewSettings, PreviewUpdate, PreviewUpdated
from ..app_state import State
from ..error_handlers import ERRORS

router = APIRouter(tags=["Preview"], responses=ERRORS)


@router.get("/preview/settings")
async def preview_settings(state: State) -> PreviewSettings:
    """How live previews are made."""
    return state.preview.current


@router.put("/preview/settings")
async def update_preview_settings(body: PreviewUpdate, state: State) -> PreviewUpdated:
    """Change some settings: what is left out stays, null means the default. Acts from the next job on."""
    return PreviewUpdated(settings=await state.preview.update(body))
