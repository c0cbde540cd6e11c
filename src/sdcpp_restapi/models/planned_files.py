"""The files that a job would have in memory, and their sizes."""

from collections.abc import Sequence
from typing import Protocol

from ..schemas.cluster import InventoryFile
from ..schemas.generation import GenerationRequest
from ..schemas.models import LoadRequest, ModelType
from ..schemas.plan import PlannedFile, Role
from ..schemas.upscaling import UpscalerRequest
from . import loras
from .load_files import FOLDERS_OF
from .model_inventory import ModelInventory


class Library(Protocol):
    """What this module needs to know of the model files of all machines."""

    async def stocks(self) -> list[ModelInventory]: ...


class PlannedFiles:
    """Weighs what is asked for, on whichever machine it is."""

    def __init__(self, library: Library) -> None:
        self._library = library

    async def files(
        self,
        model: LoadRequest | None,
        upscaler: UpscalerRequest | None,
        request: GenerationRequest | None = None,
    ) -> list[PlannedFile]:
        """Model, components, upscaler, the LoRAs of a request. What is nowhere any more is left out."""
        stocks = await self._library.stocks()
        wanted = _of_model(model) if model else []
        if upscaler:
            wanted.append(("upscaler", ("esrgan",), upscaler.model_name))
        files = [
            PlannedFile(role=role, name=held.name, size_bytes=held.size_bytes)
            for role, kinds, name in wanted
            if (held := _held(stocks, kinds, name))
        ]
        return files + (_of_loras(request, stocks) if request else [])


def _of_model(model: LoadRequest) -> list[tuple[Role, Sequence[ModelType], str]]:
    parts = model.components().items()
    return [
        ("model", (model.model_type,), model.model_name),
        *((part, FOLDERS_OF[part], name) for part, name in parts),
    ]


def _of_loras(request: GenerationRequest, stocks: Sequence[ModelInventory]) -> list[PlannedFile]:
    """Each file once, with its weights added up as the engine does."""
    found: dict[tuple[str, bool], PlannedFile] = {}
    for use in [*loras.strip(request.prompt)[1], *request.loras]:
        held = _held(stocks, ("lora",), use.name)
        if held is None:
            continue
        before = found.get((held.name, use.high_noise))
        found[held.name, use.high_noise] = PlannedFile(
            role="lora",
            name=held.name,
            size_bytes=held.size_bytes,
            weight=use.weight + (before.weight or 0.0 if before else 0.0),
            high_noise=use.high_noise or None,
        )
    return list(found.values())


def _held(stocks: Sequence[ModelInventory], kinds: Sequence[ModelType], name: str) -> InventoryFile | None:
    found = (inventory.find(kind, name) for inventory in stocks for kind in kinds)
    return next((held for held in found if held), None)
