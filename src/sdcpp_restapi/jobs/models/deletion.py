"""Deleting model files: into the trash, back from there, and for good."""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from ...downloads.failures import FileTaken, NotWritten
from ...models.model_trash import ModelTrash
from ...models.user_notes import NOTHING
from ...schemas.model_housekeeping import (
    ModelDeleted,
    ModelsPurged,
    ModelsRestored,
    ModelTrashList,
    ModelTrashRequest,
    TrashedModel,
)
from ...schemas.model_links import FoundFile
from ...schemas.model_types import ModelType
from .model_files import LocalModels, telling_disk_failures

log = logging.getLogger(__name__)


class ModelDeletion:
    """Deletes models and brings them back."""

    def __init__(self, files: LocalModels, trash: ModelTrash) -> None:
        self._files = files
        self._trash = trash

    async def delete(self, kind: ModelType, name: str, purge: bool, force: bool) -> ModelDeleted:
        """Put a model into the trash with its sidecars, or with `purge` delete it for good.

        Raises NotFound, ModelInUse, NotWritten.
        """
        async with self._files.changing:
            path = await self._files.find(kind, name)
            warnings = await self._files.check_unused(kind, name, path, force)
            notes = self._files.notes.get((kind, name))
            with telling_disk_failures(path):
                sha256 = await asyncio.to_thread(self._files.find_hash, path)
                record = await asyncio.to_thread(self._trash.put, kind, name, path, sha256, notes)
                if purge:
                    await asyncio.to_thread(self._trash.purge, record)
            await self._files.notes.put((kind, name), NOTHING)
            await self._files.catalog.refresh()
        log.info("%s %s is %s", kind, name, "gone for good" if purge else "in the trash")
        return ModelDeleted(
            type=kind,
            name=name,
            trash_id=None if purge else record.id,
            files=record.files,
            warnings=warnings or None,
        )

    async def list_trash(self) -> ModelTrashList:
        """What is in the trash."""
        models = await asyncio.to_thread(self._trash.list_models)
        return ModelTrashList(
            models=models, size_bytes=sum(one.size_bytes for one in models), days=self._trash.days
        )

    async def restore(self, request: ModelTrashRequest) -> ModelsRestored:
        """Bring models back to their names. Where a name is taken, the model stays, and a warning tells."""
        warnings = request.warn_of_unknown_fields()
        restored: list[TrashedModel] = []
        async with self._files.changing:
            found, missing = await self._find(request.ids)
            for record in found:
                try:
                    await self._bring_back(record)
                    restored.append(record)
                except (FileTaken, NotWritten) as error:
                    warnings.append(f"{record.name} stays in the trash: {error}")
            await self._files.catalog.refresh()
        return ModelsRestored(restored=_name(restored), not_found=missing, warnings=warnings or None)

    async def purge(self, request: ModelTrashRequest) -> ModelsPurged:
        """Delete models in the trash for good. Raises NotWritten."""
        async with self._files.changing:
            found, missing = await self._find(request.ids)
            for record in found:
                with telling_disk_failures(Path(record.name)):
                    await asyncio.to_thread(self._trash.purge, record)
        return ModelsPurged(
            purged=_name(found), not_found=missing, warnings=request.warn_of_unknown_fields() or None
        )

    async def _bring_back(self, record: TrashedModel) -> None:
        with telling_disk_failures(Path(record.name)):
            path = await asyncio.to_thread(self._trash.restore, record)
        await self._files.keep_hash(path, record.hash)
        await self._files.notes.put((record.type, record.name), record.notes)

    async def _find(self, ids: Iterable[str]) -> tuple[list[TrashedModel], list[str]]:
        known = {one.id: one for one in await asyncio.to_thread(self._trash.list_models)}
        wanted = list(dict.fromkeys(ids))
        return [known[one] for one in wanted if one in known], [one for one in wanted if one not in known]


def _name(records: Iterable[TrashedModel]) -> list[FoundFile]:
    return [FoundFile(type=one.type, name=one.name) for one in records]
