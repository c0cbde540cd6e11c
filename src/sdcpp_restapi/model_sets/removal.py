"""Deletes what a pull brought, except what something else uses."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from ..errors import NotFound
from ..models.catalog import Catalog
from ..schemas.model_sets import PulledRecord, RecordedFile, RemovedFile, SetRemoval
from .records import FileKey, Records

# Type and name of files that are in use, and by what.
UsedFiles = Callable[[], Awaitable[dict[FileKey, str]]]


class SetRemover:
    """Removes a set that was pulled."""

    def __init__(self, *, catalog: Catalog, records: Records, used: UsedFiles) -> None:
        """`used`: files that must stay because they are loaded or jobs wait for them."""
        self._catalog = catalog
        self._records = records
        self._used = used

    async def remove(self, name: str, *, only_plan: bool) -> SetRemoval:
        """Delete its files, or only tell which would be. Raises NotFound for one that was not pulled."""
        records = await self._records.list_all()
        record = next((one for one in records if one.set == name), None)
        if record is None:
            raise NotFound(
                f"set: {name[:60]!r} was not pulled; nothing is deleted that no pull brought", field="set"
            )
        used = await self._used()
        others = [one for one in records if one.set != name]
        judged = [self._judge(file, used, others) for file in record.files]
        files = await asyncio.to_thread(lambda: [self._measure(one) for one in judged])
        deleted = [file for file in files if file.kept_because is None]
        if not only_plan:
            await asyncio.to_thread(self._delete, deleted)
            in_use = {(one.type, one.name) for one in files if (one.type, one.name) in used}
            await self._records.forget(name, in_use)
            await self._catalog.refresh()
        return SetRemoval(
            set=name,
            planned=only_plan,
            deleted=deleted,
            kept=[file for file in files if file.kept_because is not None],
            freed_bytes=sum(file.size_bytes for file in deleted),
        )

    def _judge(
        self, file: RecordedFile, used: dict[FileKey, str], others: Sequence[PulledRecord]
    ) -> RemovedFile:
        reason = None
        sharing = [one.set for one in others if (file.type, file.name) in _keys_of(one)]
        if sharing:
            reason = f"used by {' and '.join(sharing)}"
        elif not file.brought:
            reason = "was there before the pull"
        else:
            reason = used.get((file.type, file.name))
        return RemovedFile(type=file.type, name=file.name, size_bytes=0, kept_because=reason)

    def _path(self, file: RemovedFile) -> Path:
        return self._catalog.folders[file.type] / file.name

    def _measure(self, file: RemovedFile) -> RemovedFile:
        """With its size; that of a link to somewhere else is not freed."""
        try:
            size = self._path(file).lstat().st_size
        except OSError:
            size = 0
        return file.model_copy(update={"size_bytes": size})

    def _delete(self, files: Sequence[RemovedFile]) -> None:
        for file in files:
            delete_model_file(self._catalog.folders[file.type], file.name)


def delete_model_file(folder: Path, name: str) -> None:
    """Delete a model, and the folders below `folder` that are empty then; of a link not what it leads to."""
    path = folder / name
    path.unlink(missing_ok=True)
    for parent in path.parents:
        if parent == folder or not parent.is_relative_to(folder):
            return
        try:
            parent.rmdir()  # empty only
        except OSError:
            return


def _keys_of(record: PulledRecord) -> set[FileKey]:
    return {(file.type, file.name) for file in record.files}
