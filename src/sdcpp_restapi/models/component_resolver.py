"""From a load request that names a model to one that names all components that the model needs.

Components that the request names are kept, and so is that there is to be none. What a file is comes from its
header; where that is not certain, nothing is refused, and the engine decides.
"""

from typing import NamedTuple

from ..errors import BadRequest
from ..schemas.inspection import MissingComponent, ModelFacts
from ..schemas.model_types import COMPONENT_NAMES, COMPONENTS, MAIN_TYPES, Component
from ..schemas.models import LoadRequest
from .catalog import Catalog
from .catalog_snapshot import CatalogSnapshot
from .components import Components, find_mismatch
from .file_check import FileCheck, find_problem
from .header_cache import HeaderCache
from .recognition import load_rules


class Resolved(NamedTuple):
    """A load request that leaves nothing open, and a sentence on each component that was picked for it."""

    request: LoadRequest
    warnings: list[str]


class ComponentResolver:
    """Picks files from disk for the components that a load request leaves open."""

    def __init__(self, *, catalog: Catalog, headers: HeaderCache, components: Components) -> None:
        self._catalog = catalog
        self._headers = headers
        self._components = components
        self._file_check = FileCheck(headers)

    async def resolve(self, request: LoadRequest) -> Resolved:
        """The request with its model_type, and with a file for every component that it leaves open.

        Raises BadRequest: the name is in two folders, a file can't be used, a component does not fit, or one
        is missing that the engine is known to fail without. Names that are not on disk are left to
        Catalog.resolve.
        """
        request = _set_type(request, await self._catalog.take_snapshot())
        main = await self._catalog.find(request.model_type, request.model_name)
        picked: dict[Component, str] = {}
        if main is not None:
            await self._file_check.check({"model_name": main})
            model = await self._headers.get(main)
            problems = await self._find_mismatches(request, model)
            if model.unsupported:
                problems.insert(0, f"model_name: '{request.model_name}' {model.unsupported}")
            problems += _find_wrong_prediction(request, model)
            for missing in await self._components.list_missing(request.model_name, model):
                picked |= await self._pick_file(missing, request, model, problems)
            picked = _without_half(picked, request, model, problems)
            if problems:
                raise BadRequest("; ".join(problems))
        named: dict[str, str | None] = {
            one: picked.get(one) or getattr(request, one) for one in COMPONENT_NAMES
        }
        return Resolved(
            request.model_copy(update=named),
            [f"{part}: not named; {file} was taken, which fits" for part, file in picked.items()],
        )

    async def _find_mismatches(self, request: LoadRequest, model: ModelFacts) -> list[str]:
        """What is wrong with the components that the request names."""
        fits, problems = load_rules().fits_of(model.architecture), []
        snapshot = await self._catalog.take_snapshot()
        for component, name in request.components().items():
            path = snapshot.first_path(COMPONENTS[component].types, name)
            if path is None:
                continue
            facts = await self._headers.get(path)
            problem = find_problem(path, facts)
            mismatch = None if problem else find_mismatch(component, facts, fits.get(component), model)
            if problem or mismatch:
                # In the words of FileCheck, which looks again when the files are read.
                reason = f"{path.name} can't be used: {problem}" if problem else f"'{name}' {mismatch}"
                missing = await self._components.find_candidates(component, request.model_name, model)
                problems.append(f"{component}: {reason}{_list_fitting(missing)}")
        return problems

    async def _pick_file(
        self, missing: MissingComponent, request: LoadRequest, model: ModelFacts, problems: list[str]
    ) -> dict[Component, str]:
        """Component -> file to add to the request; adds to `problems` if a required one has none."""
        named = getattr(request, missing.component)
        if named or (missing.component == "vae" and _has_taesd(request)):
            return {}
        if request.leaves_open(missing.component) and missing.picked:
            return {missing.component: missing.picked}
        if missing.component == "vae" and _may_pick_taesd(request):
            # A TAESD decodes as well, only not as finely.
            stand_in = await self._components.find_candidates("taesd", request.model_name, model)
            if stand_in.picked:
                return {"taesd": stand_in.picked}
        if missing.required:
            problems.append(f"{missing.component}: {model.architecture} needs one{_list_fitting(missing)}")
        return {}


def _set_type(request: LoadRequest, snapshot: CatalogSnapshot) -> LoadRequest:
    """Without a model_type in the request, it is that of the folder that has the model."""
    if "model_type" in request.model_fields_set:
        return request
    kinds = [kind for kind in MAIN_TYPES if snapshot.path(kind, request.model_name)]
    if len(kinds) > 1:
        raise BadRequest(
            f"model_name: '{request.model_name}' is in {' and '.join(kinds)}; say which with model_type"
        )
    return request.model_copy(update={"model_type": kinds[0]}) if kinds else request


def _without_half(
    picked: dict[Component, str], request: LoadRequest, model: ModelFacts, problems: list[str]
) -> dict[Component, str]:
    """Without a picked file of a pair that would lack its other half; adds to `problems` if one is named so.

    The engine's process ends at the first picture that it makes with half a pair (measured on 487de75).
    """
    pair = load_rules().pairs.get(model.architecture or "", ())
    named = {*request.components(), *(network.kind for network in model.contains)}.intersection(pair)
    lacking = set(pair) - named - picked.keys()
    if not lacking:
        return picked
    if named:
        problems.append(
            f"{lacking.pop()}: {model.architecture} needs {' and '.join(pair)}, or neither of them"
        )
    return {part: file for part, file in picked.items() if part not in pair}


def _find_wrong_prediction(request: LoadRequest, model: ModelFacts) -> list[str]:
    """SeFi-Image's ends the engine's process at the first step of any other model (measured on 487de75)."""
    if request.options.prediction != "sefi_flow" or model.architecture in (None, "SeFi-Image"):
        return []
    return [f"options.prediction: 'sefi_flow' is for SeFi-Image, this model is {model.architecture}"]


def _may_pick_taesd(request: LoadRequest) -> bool:
    return request.leaves_open("taesd") and not request.options.tae_preview_only


def _has_taesd(request: LoadRequest) -> bool:
    return bool(request.taesd) and not request.options.tae_preview_only


def _list_fitting(missing: MissingComponent) -> str:
    if not missing.candidates:
        return "; no file on disk fits"
    return f"; of the files on disk, these fit: {', '.join(missing.candidates)}"
