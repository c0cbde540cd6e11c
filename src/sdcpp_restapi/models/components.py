"""Which components a model needs, and which files on disk fit as those."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..schemas.inspection import MissingComponent, ModelFacts, Network
from ..schemas.model_types import COMPONENT_NAMES, COMPONENTS, Component
from . import architectures
from .catalog import Catalog
from .file_check import find_problem
from .header_cache import HeaderCache
from .recognition import Fit, load_rules, lora_suits


@dataclass(frozen=True)
class Candidate:
    """A file that may be loaded as a component."""

    name: str
    network: Network
    precision: float
    """Bytes for each weight."""


class Components:
    """Finds the files on disk that can be loaded as components of a model."""

    def __init__(self, catalog: Catalog, headers: HeaderCache) -> None:
        self._catalog = catalog
        self._headers = headers

    async def list_missing(self, name: str, model: ModelFacts) -> list[MissingComponent]:
        """The components that a main model needs and lacks, each with the files that fit, best first."""
        return [await self.find_candidates(component, name, model) for component in _list_needed(model)]

    async def find_candidates(self, component: Component, name: str, model: ModelFacts) -> MissingComponent:
        """The files that fit as one component of the main model `name`, best first.

        None is picked where nothing is known of what fits.
        """
        fit = load_rules().fits_of(model.architecture).get(component)
        found = await self._list_files(component)
        if fit:
            found = [one for one in found if _describe_difference(fit, one.network, model) is None]
        names = [one.name for one in sorted(found, key=_sort_key(name, model))]
        return MissingComponent(
            component=component,
            required=fit is not None and fit.required,
            candidates=names,
            picked=names[0] if fit and names else None,
        )

    async def _list_files(self, component: Component) -> list[Candidate]:
        """The files in the folders of a component that hold a network of its kind."""
        snapshot = await self._catalog.take_snapshot()
        listed = {
            snapshot.folders[type] / file.name: file
            for type in COMPONENTS[component].types
            if type in snapshot.scans
            for file in snapshot.scans[type].files
        }
        known = await self._headers.get_all(listed)
        return [
            Candidate(listed[path].name, network, listed[path].size / (facts.parameters or 1))
            for path, facts in known.items()
            if not facts.unsupported
            and find_problem(path, facts) is None
            and (network := _find_network(facts, component))
        ]


def _list_needed(model: ModelFacts) -> list[Component]:
    """Components that the architecture requires and the file does not contain."""
    architecture = architectures.find_by_name(model.architecture or "")
    named = set(architecture.preset.requiredComponents if architecture else [])
    named |= {one for one, fit in load_rules().fits_of(model.architecture).items() if fit.required}
    inside = {network.kind for network in model.contains}
    if "taesd" in inside:
        inside.add("vae")
    return [one for one in COMPONENT_NAMES if one in named - inside]


def find_mismatch(component: Component, file: ModelFacts, fit: Fit | None, model: ModelFacts) -> str | None:
    """Why a file cannot be a component of a model; None where it can, or where that is not certain."""
    if component == "vae" and file.network("taesd") and not file.network("vae"):
        return "is a TAESD, which is named as taesd"
    if file.unsupported:
        return file.unsupported
    network = _find_network(file, component)
    return _describe_difference(fit, network, model) if fit and network else None


def goes_with(file: ModelFacts, model: ModelFacts) -> bool:
    """Whether a file is known to fit a main model: as a component of it, or as a LoRA or ControlNet."""
    if file.network("lora"):
        return lora_suits(file.architecture or "", model.architecture or "")
    if file.network("controlnet"):
        return file.architecture is not None and file.architecture == model.architecture
    fits = load_rules().fits_of(model.architecture)
    return any(
        (network := _find_network(file, component)) is not None
        and (fit := fits.get(component)) is not None
        and _describe_difference(fit, network, model) is None
        for component in COMPONENT_NAMES
    )


def _find_network(file: ModelFacts, component: Component) -> Network | None:
    return next((network for network in file.contains if network.kind == component), None)


def _describe_difference(fit: Fit, network: Network, model: ModelFacts) -> str | None:
    if fit.names is not None and network.name is not None and network.name not in fit.names:
        return f"is a {network.name}; {model.architecture} takes {' or '.join(fit.names) or 'none'}"
    for trait, wanted in (("width", _find_width(fit, model)), ("channels", fit.channels)):
        size = network.traits.get(trait)
        if wanted is not None and size is not None and size != wanted:
            return f"has {trait} {size}; {model.architecture} needs {wanted}"
    return None


def _find_width(fit: Fit, model: ModelFacts) -> int | None:
    if not isinstance(fit.width, str):
        return fit.width
    diffusion = model.network("diffusion")
    return diffusion.traits.get(fit.width) if diffusion else None


# ---------------------------------------------------------------- the order of candidates


def _sort_key(name: str, model: ModelFacts) -> Callable[[Candidate], tuple[int, float, str]]:
    """Most words in common with the model's name, folder and architecture; then precision; then the name."""
    words = _split_words(name) | _split_words(model.architecture or "")
    return lambda one: (-len(words & _split_words(one.name)), -one.precision, one.name)


_TYPE = re.compile(r"i?q\d|b?f\d|fp\d")


def _split_words(name: str) -> set[str]:
    """Words of three letters and more, without those that name a type: `sd_xl/vae-fp16` gives {vae}."""
    stem = re.sub(r"\.[a-z]+$", "", name.lower())
    parts = re.findall(r"[a-z]+[0-9]*", stem)
    return {part for part in parts if len(part) > 2 and not _TYPE.match(part)}
