"""The listing of models with all that their headers and the files beside them tell."""

import asyncio
from pathlib import Path
from urllib.parse import quote

from ..errors import NotFound
from ..schemas.inspection import ModelFacts
from ..schemas.models import DetailedEntry, DetailedModelList, ModelEntry, ModelType
from .catalog import Catalog
from .facts import Facts
from .filters import Filters
from .sidecars import Sidecars, beside


class Details:
    """Answers GET /models?details=true."""

    def __init__(self, catalog: Catalog, facts: Facts) -> None:
        self._catalog = catalog
        self._facts = facts

    async def listing(self, filters: Filters, current: tuple[str, str] | None) -> DetailedModelList:
        """The same models as in Catalog.listing."""
        listing = dict(await self._catalog.listing(filters, current))
        lists = {field: entries for field, entries in listing.items() if _is_list_of_models(entries)}
        paths = {self._catalog.folders[e.type] / e.name: e for entries in lists.values() for e in entries}
        facts = await self._facts.of_all(paths)
        sidecars = await asyncio.to_thread(beside, paths)
        detailed = {id(e): _detailed(e, facts[path], sidecars[path]) for path, e in paths.items()}
        known = {field: [detailed[id(e)] for e in entries] for field, entries in lists.items()}
        return DetailedModelList.model_validate({**listing, **known})

    async def picture(self, kind: ModelType, name: str) -> Path:
        """The picture beside a listed model. Raises NotFound."""
        path = await self._catalog.find(kind, name)
        if path is None:
            raise NotFound(f"Model not found: {name}")
        picture = (await asyncio.to_thread(beside, [path]))[path].picture
        if picture is None:
            raise NotFound(f"There is no picture beside {name}")
        return picture


def _is_list_of_models(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, ModelEntry) for one in value)


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
