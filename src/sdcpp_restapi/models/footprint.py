"""The files that a job would have in memory, and their sizes."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import BadRequest, ModelNotFound
from ..schemas.engine import LoraFile
from ..schemas.generation import GenerationRequest
from ..schemas.models import LoadRequest
from ..schemas.plan import PlannedFile, Role
from ..schemas.upscaling import UpscalerRequest
from . import loras
from .catalog import Catalog

type Named = tuple[Role, str, Path]


class Footprint:
    """Weighs what is asked for."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def files(
        self,
        model: LoadRequest | None,
        upscaler: UpscalerRequest | None,
        request: GenerationRequest | None = None,
    ) -> list[PlannedFile]:
        """Model, components, upscaler, the LoRAs of a request. What is gone from the disk is left out."""
        found = await self._of_model(model) if model else []
        applied = (await loras.resolve(self._catalog, request)).loras if request else []
        if upscaler:
            path = await self._catalog.find("esrgan", upscaler.model_name)
            found += [("upscaler", upscaler.model_name, path)] if path else []
        return await asyncio.to_thread(self._weighed, found, applied)

    async def _of_model(self, model: LoadRequest) -> list[Named]:
        try:
            files = await self._catalog.resolve(model)
        except (BadRequest, ModelNotFound):
            return []
        names = model.components()
        parts: list[Named] = [(part, names[part], Path(path)) for part, path in files.components.items()]
        return [("model", model.model_name, Path(files.main)), *parts]

    def _weighed(self, found: Sequence[Named], applied: Sequence[LoraFile]) -> list[PlannedFile]:
        folder = self._catalog.folders["lora"]
        return [
            *(PlannedFile(role=role, name=name, size_bytes=_size(path)) for role, name, path in found),
            *(
                PlannedFile(
                    role="lora",
                    name=Path(lora.path).relative_to(folder).as_posix(),
                    size_bytes=_size(Path(lora.path)),
                    weight=lora.weight,
                    high_noise=lora.high_noise or None,
                )
                for lora in applied
            ),
        ]


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0  # deleted in this moment: running the job would tell
