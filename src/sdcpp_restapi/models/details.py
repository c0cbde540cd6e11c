"""The listing of models with what their headers and sidecar files say."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from ..errors import NotFound
from ..schemas.inspection import ModelFacts
from ..schemas.model_housekeeping import UserNotes
from ..schemas.model_types import ModelType
from ..schemas.models import DetailedEntry, DetailedModelList, ModelEntry, ModelList
from .catalog import Catalog
from .filters import ModelFilters
from .header_cache import HeaderCache
from .library import LOCAL, ModelLibrary
from .sidecars import Sidecars, find_sidecars
from .user_notes import NOTHING, ModelKey, UserNotesStore


class Details:
    """The details of listed models, and the pictures beside them."""

    def __init__(
        self, *, library: ModelLibrary, catalog: Catalog, headers: HeaderCache, notes: UserNotesStore
    ) -> None:
        self._library = library
        self._catalog = catalog
        self._headers = headers
        self._notes = notes

    async def list_models(self, filters: ModelFilters, current: tuple[str, str] | None) -> DetailedModelList:
        """The same models as without details; those that only other machines have get no details.

        `search` also finds what stands in title, trigger words, notes and tags.
        """
        listing = await self._library.list_models(replace(filters, search=None), current)
        models = [
            one for entries in _lists_of(listing).values() for one in entries if LOCAL in (one.on or [LOCAL])
        ]
        paths = {self._catalog.folders[one.type] / one.name: one for one in models}
        facts = await self._headers.get_all(paths)
        return await asyncio.to_thread(_detail_list, listing, paths, facts, self._notes.known, filters)

    async def find_picture(self, kind: ModelType, name: str) -> Path:
        """The picture beside a listed model. Raises NotFound."""
        path = await self._catalog.find(kind, name)
        if path is None:
            raise NotFound(f"Model not found: {name}")
        picture = (await asyncio.to_thread(find_sidecars, [path]))[path].picture
        if picture is None:
            raise NotFound(f"There is no picture beside {name}")
        return picture


def _lists_of(listing: ModelList) -> dict[str, list[ModelEntry]]:
    return {field: value for field, value in listing if isinstance(value, list) and field != "problems"}


def _detail_list(
    listing: ModelList,
    paths: Mapping[Path, ModelEntry],
    facts: Mapping[Path, ModelFacts],
    notes: Mapping[ModelKey, UserNotes],
    filters: ModelFilters,
) -> DetailedModelList:
    sidecars = find_sidecars(paths)
    detailed = {
        (one.type, one.name): _detail_entry(
            one, facts[path], sidecars[path], notes.get((one.type, one.name), NOTHING)
        )
        for path, one in paths.items()
    }
    lists = {
        field: filters.keep_detailed(
            [detailed.get((one.type, one.name)) or DetailedEntry(**dict(one)) for one in entries]
        )
        for field, entries in _lists_of(listing).items()
    }
    shown = {**dict(listing), **lists, "applied_filters": filters.to_dict()}
    return DetailedModelList.model_validate(shown)


def _detail_entry(
    entry: ModelEntry, facts: ModelFacts, sidecars: Sidecars, notes: UserNotes
) -> DetailedEntry:
    where = f"/models/thumb/{entry.type}/{quote(entry.name)}"
    return DetailedEntry(
        **dict(entry),
        architecture=facts.architecture,
        quantization=facts.quantization,
        parameters=facts.parameters,
        title=sidecars.title or facts.title,
        trigger_words=list(sidecars.trigger_words) or facts.trigger_words,
        base_model=sidecars.base_model,
        notes=notes.notes,
        tags=notes.tags,
        thumbnail=where if sidecars.picture else None,
    )
