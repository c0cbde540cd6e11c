"""What a file that is not here would be good for: what it lacks, what it fits, whether it is here already."""

from pathlib import PurePosixPath

from ..schemas.inspection import MissingComponent, ModelFacts
from ..schemas.model_links import FoundFile
from ..schemas.model_types import MAIN_TYPES
from .catalog import Catalog
from .components import Components, goes_with
from .header_cache import HeaderCache

MOST_NAMED = 20
# Sizes that sites round to kilobytes differ by less.
_ROUNDED = 1024


class ModelUses:
    """Compares a file elsewhere with the models of this machine."""

    def __init__(self, *, catalog: Catalog, headers: HeaderCache, components: Components) -> None:
        self._catalog = catalog
        self._headers = headers
        self._components = components

    async def list_missing(self, name: str, facts: ModelFacts) -> list[MissingComponent]:
        """The components that a main model needs and lacks, each with the files here that fit."""
        return await self._components.list_missing(name, facts)

    async def list_models_for(self, facts: ModelFacts) -> list[FoundFile]:
        """Main models here that a LoRA, a ControlNet or a component goes with."""
        if facts.network("diffusion"):
            return []
        entries = [one for kind in MAIN_TYPES for one in await self._catalog.list_entries(kind)]
        paths = {self._catalog.folders[one.type] / one.name: one for one in entries}
        known = await self._headers.get_all(paths)
        fitting = [one for path, one in paths.items() if goes_with(facts, known[path])]
        return [FoundFile(type=one.type, name=one.name) for one in fitting[:MOST_NAMED]]

    async def find_copy(self, name: str, size: int | None, sha256: str | None) -> FoundFile | None:
        """The file of this hash here; where one of both hashes is not known, that of this name and size."""
        base = PurePosixPath(name).name
        for one in await self._catalog.list_entries():
            same = one.hash == sha256 if one.hash and sha256 else (
                PurePosixPath(one.name).name == base and size is not None
                and abs(one.size_bytes - size) < _ROUNDED
            )  # fmt: skip
            if same:
                return FoundFile(type=one.type, name=one.name)
        return None
