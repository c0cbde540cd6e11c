"""From a load request that names a model to one that names all it needs.

What a request names is taken as it is; `""` means that there shall be none. Files are told apart by their
headers, and where those tell nothing certain, the engine decides.
"""

from ..errors import BadRequest
from ..schemas.inspection import ModelFacts, Need
from ..schemas.models import LoadRequest
from .catalog import Catalog
from .catalog_snapshot import LOADABLE, Inventory
from .components import COMPONENTS, Components, misfit
from .header_cache import HeaderCache
from .load_files import component_path
from .recognition import rules


class ComponentResolver:
    """Completes load requests."""

    def __init__(self, catalog: Catalog, facts: HeaderCache, components: Components) -> None:
        self._catalog = catalog
        self._facts = facts
        self._components = components

    async def assembled(self, request: LoadRequest) -> LoadRequest:
        """The request with its model_type, and with a file for every component that it leaves open.

        Raises BadRequest: the name is in two folders, a component does not fit, or one is missing that the
        engine is known to fail without. Names that are not on disk are left to Catalog.resolve.
        """
        request = _with_type(request, await self._catalog.inventory())
        main = await self._catalog.find(request.model_type, request.model_name)
        picked: dict[str, str] = {}
        if main is not None:
            model = await self._facts.of(main)
            problems = await self._misfits(request, model)
            for need in await self._components.needs(request.model_name, model):
                picked |= await self._settled(need, request, model, problems)
            if problems:
                raise BadRequest("; ".join(problems))
        named: dict[str, str | None] = {one: getattr(request, one) or None for one in COMPONENTS}
        return request.model_copy(update={**named, **picked})

    async def _misfits(self, request: LoadRequest, model: ModelFacts) -> list[str]:
        """What is wrong with the components that the request names."""
        fits, problems = rules().fits_of(model.architecture), []
        inventory = await self._catalog.inventory()
        for component, name in request.components().items():
            path = component_path(inventory, component, name)
            if path is None:
                continue
            reason = misfit(component, await self._facts.of(path), fits.get(component), model)
            if reason:
                need = await self._components.need(component, request.model_name, model)
                problems.append(f"{component}: '{name}' {reason}{_told(need)}")
        return problems

    async def _settled(
        self, need: Need, request: LoadRequest, model: ModelFacts, problems: list[str]
    ) -> dict[str, str]:
        """What is picked for a need; a problem is added if that is nothing, and nothing will not do."""
        named = getattr(request, need.component)
        if named or (need.component == "vae" and _has_taesd(request)):
            return {}
        if named is None and need.picked:
            return {need.component: need.picked}
        if need.component == "vae" and request.taesd is None and not request.options.tae_preview_only:
            # A TAESD decodes as well, only not as finely.
            stand_in = await self._components.need("taesd", request.model_name, model)
            if stand_in.picked:
                return {"taesd": stand_in.picked}
        if need.required:
            problems.append(f"{need.component}: {model.architecture} needs one{_told(need)}")
        return {}


def _with_type(request: LoadRequest, inventory: Inventory) -> LoadRequest:
    """A request that does not say it gets the type of the folder where the model is."""
    if "model_type" in request.model_fields_set:
        return request
    kinds = [kind for kind in LOADABLE if inventory.path(kind, request.model_name)]
    if len(kinds) > 1:
        raise BadRequest(
            f"model_name: '{request.model_name}' is in {' and '.join(kinds)}; say which with model_type"
        )
    return request.model_copy(update={"model_type": kinds[0]}) if kinds else request


def _has_taesd(request: LoadRequest) -> bool:
    return bool(request.taesd) and not request.options.tae_preview_only


def _told(need: Need) -> str:
    if not need.candidates:
        return "; no file on disk fits"
    return f"; of the files on disk, these fit: {', '.join(need.candidates)}"
