"""The files that a job would have in memory, and their sizes."""

from collections.abc import Sequence

from ..schemas.cluster import InventoryFile
from ..schemas.generation import GenerationRequest
from ..schemas.models import LoadRequest
from ..schemas.plan import PlannedFile
from ..schemas.upscaling import UpscalerRequest
from .library import ModelLibrary
from .model_inventory import ModelInventory
from .required_files import NamedFile, files_of


class PlannedFiles:
    """Looks up the sizes of a request's files, on whichever machine they are."""

    def __init__(self, library: ModelLibrary) -> None:
        self._library = library

    async def list_files(
        self,
        model: LoadRequest | None,
        upscaler: UpscalerRequest | None,
        request: GenerationRequest | None = None,
    ) -> list[PlannedFile]:
        """Model, components, upscaler, the LoRAs of a request. Files that no machine has are left out.

        A LoRA that is used several times is listed once, with its weights added up as the engine does.
        """
        inventories = await self._library.list_inventories()
        planned: list[PlannedFile] = []
        loras: dict[tuple[str, bool], PlannedFile] = {}
        for file in files_of(model, upscaler, request):
            found = _find(inventories, file)
            if found is None:
                continue
            if file.lora is None:
                planned.append(PlannedFile(role=file.role, name=found.name, size_bytes=found.size_bytes))
                continue
            key = (found.name, file.lora.high_noise)
            before = loras[key].weight or 0.0 if key in loras else 0.0
            loras[key] = PlannedFile(
                role="lora",
                name=found.name,
                size_bytes=found.size_bytes,
                weight=file.lora.weight + before,
                high_noise=file.lora.high_noise or None,
            )
        return [*planned, *loras.values()]


def _find(inventories: Sequence[ModelInventory], file: NamedFile) -> InventoryFile | None:
    found = (inventory.find(kind, file.name) for inventory in inventories for kind in file.types)
    return next((held for held in found if held), None)
