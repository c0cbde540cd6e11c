"""What a listed model file is, what it needs and what would be loaded with it."""

from ..errors import BadRequest, NotFound
from ..schemas.inspection import Inspection, ModelFacts
from ..schemas.model_types import MAIN_TYPES, ModelType
from ..schemas.models import LoadRequest
from .catalog import Catalog
from .component_resolver import ComponentResolver
from .components import Components
from .file_check import find_problem
from .header_cache import HeaderCache
from .library import RemoteModels


class Inspector:
    """Describes listed model files, of this machine and of workers."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        headers: HeaderCache,
        components: Components,
        resolver: ComponentResolver,
        remote: RemoteModels,
    ) -> None:
        self._remote = remote
        self._catalog = catalog
        self._headers = headers
        self._components = components
        self._resolver = resolver

    async def inspect(self, kind: ModelType, name: str) -> Inspection:
        """All that is known about a file without loading it, here or on a worker. Raises NotFound."""
        path = await self._catalog.find(kind, name)
        if path is None:
            return await self._inspect_remote(kind, name)
        facts = await self._headers.get(path)
        loadable = kind in MAIN_TYPES
        return Inspection(
            **dict(facts.model_copy(update={"problem": find_problem(path, facts)})),
            name=name,
            type=kind,
            size_bytes=(await self._catalog.take_snapshot()).size(kind, name),
            needs=await self._components.list_missing(name, facts) if loadable else [],
            load=await self._make_load_body(kind, name, facts) if loadable else None,
        )

    async def _inspect_remote(self, kind: ModelType, name: str) -> Inspection:
        for machine in self._remote.machines():
            if machine.inventory.has(kind, name):
                return await machine.inspect(kind, name)
        raise NotFound(f"Model not found: {name}")

    async def _make_load_body(self, kind: ModelType, name: str, facts: ModelFacts) -> dict[str, str] | None:
        request = LoadRequest.model_validate({"model_name": name, "model_type": kind})
        try:
            request, _ = await self._resolver.resolve(request)
        except BadRequest:
            return None  # `needs` says what is missing
        components = {str(component): name for component, name in request.components().items()}
        return {"model_name": name, "model_type": kind, **components}
