"""Which components a model needs, and which files on disk fit."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from ..schemas.base import Component
from ..schemas.inspection import ModelFacts, Need, Network
from . import architectures
from .catalog import Catalog
from .header_cache import HeaderCache
from .load_files import FOLDERS_OF
from .recognition import Fit, rules

COMPONENTS: tuple[Component, ...] = get_args(Component)


@dataclass(frozen=True)
class Candidate:
    """A file that may be loaded as a component."""

    name: str
    network: Network
    precision: float
    """Bytes for each weight."""


class Components:
    """Looks through the folders of components."""

    def __init__(self, catalog: Catalog, facts: HeaderCache) -> None:
        self._catalog = catalog
        self._facts = facts

    async def needs(self, name: str, model: ModelFacts) -> list[Need]:
        """What a main model needs and does not hold, with the files that fit, the best first."""
        return [await self.need(component, name, model) for component in _wanted(model)]

    async def need(self, component: Component, name: str, model: ModelFacts) -> Need:
        """One component of the main model `name`. Of those that nothing is known to fit, none is picked."""
        fit = rules().fits_of(model.architecture).get(component)
        found = await self._of_kind(component)
        if fit:
            found = [one for one in found if _difference(fit, one.network, model) is None]
        names = [one.name for one in sorted(found, key=_order(name, model))]
        return Need(
            component=component,
            required=fit is not None and fit.required,
            candidates=names,
            picked=names[0] if fit and names else None,
        )

    async def _of_kind(self, component: Component) -> list[Candidate]:
        """The files in the folders of a component that hold a network of its kind."""
        inventory = await self._catalog.inventory()
        listed = {
            inventory.folders[type] / file.name: file
            for type in FOLDERS_OF[component]
            if type in inventory.scans
            for file in inventory.scans[type].files
        }
        known = await self._facts.of_all(listed)
        return [
            Candidate(listed[path].name, network, listed[path].size / (facts.parameters or 1))
            for path, facts in known.items()
            if (network := _network(facts, component))
        ]


def _wanted(model: ModelFacts) -> list[Component]:
    """What the architecture requires and the file has not got itself."""
    architecture = architectures.by_name(model.architecture or "")
    named = set(architecture.preset.requiredComponents if architecture else [])
    named |= {one for one, fit in rules().fits_of(model.architecture).items() if fit.required}
    inside = {network.kind for network in model.contains}
    if "taesd" in inside:
        inside.add("vae")
    return [one for one in COMPONENTS if one in named - inside]


def misfit(component: Component, file: ModelFacts, fit: Fit | None, model: ModelFacts) -> str | None:
    """Why a file does not go with a model; None where it does, or where nothing certain is known."""
    if component == "vae" and file.network("taesd") and not file.network("vae"):
        return "is a TAESD, which is named as taesd"
    network = _network(file, component)
    return _difference(fit, network, model) if fit and network else None


def _network(file: ModelFacts, component: Component) -> Network | None:
    return next((network for network in file.contains if network.kind == component), None)


def _difference(fit: Fit, network: Network, model: ModelFacts) -> str | None:
    if fit.names is not None and network.name is not None and network.name not in fit.names:
        return f"is a {network.name}; {model.architecture} takes {' or '.join(fit.names) or 'none'}"
    for trait, wanted in (("width", _width(fit, model)), ("channels", fit.channels)):
        size = network.traits.get(trait)
        if wanted is not None and size is not None and size != wanted:
            return f"has {trait} {size}; {model.architecture} needs {wanted}"
    return None


def _width(fit: Fit, model: ModelFacts) -> int | None:
    if not isinstance(fit.width, str):
        return fit.width
    diffusion = model.network("diffusion")
    return diffusion.traits.get(fit.width) if diffusion else None


# ---------------------------------------------------------------- the order of candidates


def _order(name: str, model: ModelFacts) -> Callable[[Candidate], tuple[int, float, str]]:
    """Most words in common with the model's name, folder and architecture; then precision; then the name."""
    words = _words(name) | _words(model.architecture or "")
    return lambda one: (-len(words & _words(one.name)), -one.precision, one.name)


_TYPE = re.compile(r"i?q\d|b?f\d|fp\d")


def _words(name: str) -> set[str]:
    """Words of three letters and more, without those that name a type: `sd_xl/vae-fp16` gives {vae}."""
    stem = re.sub(r"\.[a-z]+$", "", name.lower())
    parts = re.findall(r"[a-z]+[0-9]*", stem)
    return {part for part in parts if len(part) > 2 and not _TYPE.match(part)}
