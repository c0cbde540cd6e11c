"""Which sets were pulled and which files that brought, kept in the database."""

import asyncio
from collections.abc import Collection, Mapping

from ..preferences import Preferences
from ..schemas.model_sets import PulledRecord, PulledRecords
from ..schemas.model_types import ModelType

PREFERENCE = "pulled_sets"

type FileKey = tuple[ModelType, str]
"""Type and name of a model file."""


class Records:
    """One for each set that was pulled. A file is deleted with its set only if a pull brought it."""

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences
        self._changing = asyncio.Lock()

    async def list_all(self) -> tuple[PulledRecord, ...]:
        """All of them."""
        stored = await self._preferences.get(PREFERENCE, PulledRecords)
        return stored.records if stored else ()

    async def read(self) -> Mapping[str, PulledRecord]:
        """Name of a set -> its pull."""
        return {record.set: record for record in await self.list_all()}

    async def put(self, record: PulledRecord) -> None:
        """Remember a pull. Files that an earlier pull of the set brought stay remembered with it."""
        async with self._changing:
            records = await self.list_all()
            earlier = next((one for one in records if one.set == record.set), None)
            others = [one for one in records if one.set != record.set]
            await self._store([*others, _join(earlier, record) if earlier else record])

    async def forget(self, name: str, kept: Collection[FileKey] = ()) -> None:
        """The set was removed, all but the files in `kept`. What it brought and another set has is that one's
        from now on."""
        async with self._changing:
            records = await self.list_all()
            gone = next(one for one in records if one.set == name)
            brought = {(file.type, file.name) for file in gone.files if file.brought}
            left = tuple(file for file in gone.files if (file.type, file.name) in kept)
            others = [_take_over(one, brought) for one in records if one.set != name]
            await self._store([*others, gone.model_copy(update={"files": left})] if left else others)

    async def _store(self, records: list[PulledRecord]) -> None:
        await self._preferences.set(PREFERENCE, PulledRecords(records=tuple(records)))


def _take_over(record: PulledRecord, brought: Collection[FileKey]) -> PulledRecord:
    files = tuple(
        file.model_copy(update={"brought": file.brought or (file.type, file.name) in brought})
        for file in record.files
    )
    return record.model_copy(update={"files": files})


def _join(earlier: PulledRecord, record: PulledRecord) -> PulledRecord:
    brought = {(file.type, file.name) for file in earlier.files if file.brought}
    now = {(file.type, file.name) for file in record.files}
    kept = [file for file in earlier.files if file.brought and (file.type, file.name) not in now]
    known = _take_over(record, brought)
    return known.model_copy(update={"files": (*known.files, *kept)})
