"""The listing of models with all that their headers and the files beside them tell."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from ..errors import NotFound
from ..schemas.inspection import ModelFacts
from ..schemas.models import DetailedEntry, DetailedModelList, ModelEntry, ModelList, ModelType
from .catalog import Catalog
from .filters import Filters
from .header_cache import HeaderCache
from .library import LOCAL, ModelLibrary
from .sidecars import Sidecars, beside


class Details:
    """Answers GET /models?details=true."""

    def __init__(self, library: ModelLibrary, catalog: Catalog, facts: HeaderCache) -> None:
        self._library = library
        self._catalog = catalog
        self._facts = facts

    async def listing(self, filters: Filters, current: tuple[str, str] | None) -> DetailedModelList:
        """The same models as without details; of what only other machines have, there are none."""
        listing = await self._library.listing(filters, current)
        models = [
            one for entries in _lists(listing).values() for one in entries if LOCAL in (one.on or [LOCAL])
        ]
        paths = {self._catalog.folders[one.type] / one.name: one for one in models}
        facts = await self._facts.of_all(paths)
        return await asyncio.to_thread(_detailed_list, listing, paths, facts)

    async def picture(self, kind: ModelType, name: str) -> Path:
        """The picture beside a listed model. Raises NotFound."""
        path = await self._catalog.find(kind, name)
        if path is None:
            raise NotFound(f"Model not found: {name}")
        picture = (await asyncio.to_thread(beside, [path]))[path].picture
        if picture is None:
            raise NotFound(f"There is no picture beside {name}")
        return picture


def _lists(listing: ModelList) -> dict[str, list[ModelEntry]]:
    return {field: value for field, value in listing if isinstance(value, list) and field != "problems"}


def _detailed_list(
    listing: ModelList, paths: Mapping[Path, ModelEntry], facts: Mapping[Path, ModelFacts]
) -> DetailedModelList:
    sidecars = beside(paths)
    detailed = {
        (one.type, one.name): _detailed(one, facts[path], sidecars[path]) for path, one in paths.items()
    }
    lists = {
        field: [detailed.get((one.type, one.name)) or DetailedEntry(**dict(one)) for one in entries]
        for field, entries in _lists(listing).items()
    }
    return DetailedModelList.model_validate({**dict(listing), **lists})


def _detailed(entry: ModelEntry, facts: ModelFacts, sidecars: Sidecars) -> DetailedEntry:
    where = f"/models/thumb/{entry.type}/{quote(entry.name)}"
    return DetailedEntry(
        **dict(entry),
        architecture=facts.architecture,
        quantization=facts.quantization,
        parameters=facts.parameters,
        title=sidecars.title or facts.title,
        trigger_words=list(sidecars.trigger_words) or facts.trigger_words,
        thumbnail=where if sidecars.picture else None,
    )
