"""What models there are, and which one is loaded."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter

from ...api.app_state import AppState, State
from ...errors import BadRequest
from ...models.filters import ModelFilters
from ...schemas.model_types import MODEL_TYPES
from ...schemas.models import DetailedEntry, LoadedSlot, ResidentModel
from ...schemas.timestamps import utc_text
from .find_model import TAG, find_model
from .shapes import ModelBody

router = APIRouter()

# Of the release of Ollama whose interface this follows: clients look it up before they use what is newer.
VERSION = "0.14.3"
# What stays loaded until somebody unloads it.
NEVER = "9999-12-31T23:59:59Z"
UNKNOWN_DIGEST = "0" * 64


@router.get("/version")
async def version() -> dict[str, str]:
    """The release of Ollama whose interface this follows."""
    return {"version": VERSION}


@router.get("/tags")
async def tags(state: State) -> dict[str, list[dict[str, Any]]]:
    """All models that can draw."""
    details = await state.details.list_models(ModelFilters(), state.model.identity())
    entries = [*details.checkpoints, *details.diffusion_models]
    return {"models": await asyncio.to_thread(lambda: [_describe(state, entry) for entry in entries])}


@router.get("/ps")
async def running(state: State) -> dict[str, list[dict[str, Any]]]:
    """The models in memory. What they take there is told as the size of their files."""
    details = await state.details.list_models(ModelFilters(), state.model.identity())
    entries = {entry.name: entry for entry in [*details.diffusion_models, *details.checkpoints]}
    held = _list_resident(state)
    described = await asyncio.to_thread(
        lambda: {name: _describe(state, entries[name]) for name in held if name in entries}
    )
    return {
        "models": [
            {**one, "expires_at": held[name], "context_length": 0, "size_vram": one["size"]}
            for name, one in described.items()
        ]
    }


def _list_resident(state: AppState) -> dict[str, str]:
    """The models in the memory of any slot, and when each leaves it."""
    held: dict[str, str] = {}
    for slot in state.model.health(None).loaded_slots:
        models: Sequence[LoadedSlot | ResidentModel] = slot.resident_models or [slot]
        for model in models:
            if model.model_name is not None:
                leaves = utc_text(model.expires_at) if model.expires_at else NEVER
                held[model.model_name] = max(leaves, held.get(model.model_name, ""))
    return held


@router.post("/show")
async def show(body: ModelBody, state: State) -> dict[str, Any]:
    """What a model is. It has neither template nor parameters nor a Modelfile."""
    if not (body.model or body.name):
        raise BadRequest("model is required", field="model")
    found = await find_model(state, body.model or body.name)
    details = await state.details.list_models(ModelFilters(type=found.type), state.model.identity())
    listed = getattr(details, MODEL_TYPES[found.type].plural)
    entry = next(one for one in listed if one.name == found.name)
    described = await asyncio.to_thread(_describe, state, entry)
    info = {
        "general.architecture": entry.architecture,
        "general.name": entry.title or entry.name,
        "general.parameter_count": entry.parameters,
    }
    return {
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": described["details"],
        "model_info": {key: value for key, value in info.items() if value is not None},
        "capabilities": ["image"],
        "modified_at": described["modified_at"],
    }


def _describe(state: AppState, entry: DetailedEntry) -> dict[str, Any]:
    name = entry.name + TAG
    family = entry.architecture or ""
    return {
        "name": name,
        "model": name,
        "modified_at": _read_date(state, entry),
        "size": entry.size_bytes,
        "digest": entry.hash or UNKNOWN_DIGEST,
        "details": {
            "parent_model": "",
            "format": entry.file_extension.removeprefix("."),
            "family": family,
            "families": [family] if family else [],
            "parameter_size": _show_parameters(entry.parameters),
            "quantization_level": (entry.quantization or "").upper(),
        },
    }


def _read_date(state: AppState, entry: DetailedEntry) -> str:
    try:
        seconds = (state.catalog.folders[entry.type] / entry.name).stat().st_mtime
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OSError, ValueError, OverflowError):  # on another machine, or with a date out of the calendar
        return datetime.fromtimestamp(0, UTC).isoformat()


def _show_parameters(count: int | None) -> str:
    if count is None:
        return ""
    return f"{count / 1e9:.1f}B" if count >= 1e9 else f"{count / 1e6:.1f}M"
