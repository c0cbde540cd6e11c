"""Renaming and moving model files, and what users write about them."""

import asyncio
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from ...downloads.file_names import parse_folder, parse_model_name
from ...errors import BadRequest
from ...models.file_moves import move_model, remove_empty_folders
from ...models.sidecars import find_sidecars
from ...models.user_notes import ModelKey
from ...schemas.model_housekeeping import ChangedModel, ModelChange, ModelPicture, UserNotes
from ...schemas.model_types import ModelType
from .model_files import LocalModels, telling_disk_failures
from .picture_files import PictureFiles


class ModelChanges:
    """Changes one model at a time."""

    def __init__(self, files: LocalModels, pictures: PictureFiles) -> None:
        self._files = files
        self._pictures = pictures

    async def change(self, kind: ModelType, name: str, request: ModelChange) -> ChangedModel:
        """Carry out what a request asks for; sidecars, hash and notes go with the file.

        Raises NotFound, BadRequest, ModelInUse, FileTaken, NotWritten.
        """
        async with self._files.changing:
            path = await self._files.find(kind, name)
            target = _find_target(kind, name, request)
            picture = await self._pictures.read_output(request.picture) if request.picture else None
            warnings = request.warn_of_unknown_fields()
            key: ModelKey = (kind, name)
            if target != key:
                warnings += await self._files.check_unused(kind, name, path, request.force)
                path = await self._move(path, key, target)
            await self._write_notes(target, request)
            if picture is not None:
                await self._pictures.write(path, picture)
            elif request.picture == "":
                await self._pictures.remove(path)
            return await self._describe(target, path, warnings)

    async def set_picture(self, kind: ModelType, name: str, request: ModelPicture) -> ChangedModel:
        """Show another picture beside a model. Raises NotFound, BadRequest, NotWritten."""
        if (request.image_base64 is None) == (request.output is None):
            raise BadRequest("One of image_base64 and output is required", field="image_base64")
        async with self._files.changing:
            path = await self._files.find(kind, name)
            picture = (
                await self._pictures.read_output(request.output)
                if request.output is not None
                else await self._pictures.read_text("image_base64", request.image_base64 or "")
            )
            await self._pictures.write(path, picture)
            return await self._describe((kind, name), path, request.warn_of_unknown_fields())

    async def _move(self, path: Path, old: ModelKey, new: ModelKey) -> Path:
        folders = self._files.catalog.folders
        target = folders[new[0]] / new[1]
        with telling_disk_failures(target):
            sha256 = await asyncio.to_thread(self._files.find_hash, path)
            await asyncio.to_thread(move_model, path, target)
            await asyncio.to_thread(remove_empty_folders, path.parent, folders[old[0]])
        await self._files.keep_hash(target, sha256)
        await self._files.notes.move(old, new)
        await self._files.catalog.refresh()
        return target

    async def _write_notes(self, key: ModelKey, request: ModelChange) -> None:
        before = self._files.notes.get(key)
        after = UserNotes(
            notes=before.notes if request.notes is None else request.notes,
            tags=before.tags if request.tags is None else request.tags,
        )
        if after != before:
            await self._files.notes.put(key, after)

    async def _describe(self, key: ModelKey, path: Path, warnings: list[str]) -> ChangedModel:
        kind, name = key
        notes = self._files.notes.get(key)
        found = (await asyncio.to_thread(find_sidecars, [path]))[path]
        return ChangedModel(
            type=kind,
            name=name,
            notes=notes.notes,
            tags=notes.tags,
            thumbnail=f"/models/thumb/{kind}/{quote(name)}" if found.picture else None,
            warnings=warnings or None,
        )


def _find_target(kind: ModelType, name: str, request: ModelChange) -> ModelKey:
    """Type and name after a change. `name` may hold folders unless `folder` is given. Raises BadRequest."""
    old = PurePosixPath(name)
    wanted = PurePosixPath(name)
    if request.name is not None:
        wanted = parse_model_name("name", request.name)
        if wanted.suffix.lower() != old.suffix.lower():
            raise BadRequest(
                f"name: {request.name!r} is not allowed: the extension stays {old.suffix}", field="name"
            )
        if len(wanted.parts) == 1:
            wanted = old.parent / wanted
        elif request.folder is not None:
            raise BadRequest("name and folder both name a folder", field="folder")
    if request.folder is not None:
        below = request.folder.rstrip("/")
        wanted = (parse_folder("folder", below) if below else PurePosixPath()) / wanted.name
    return request.type or kind, wanted.as_posix()
