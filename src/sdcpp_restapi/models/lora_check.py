"""Whether the LoRAs of a request fit the model that it is for."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import BadRequest
from ..schemas.engine import LoraFile
from ..schemas.generation import GenerationRequest
from ..schemas.inspection import ModelFacts, Network
from ..schemas.models import LoadRequest
from . import loras
from .catalog import Catalog
from .file_check import find_problem
from .header_cache import HeaderCache
from .headers.header import is_quantised
from .recognition import lora_suits
from .required_files import files_of

# Network -> the layers of a LoRA that change it. Of other text encoders too little is known.
_CHANGED_BY: Mapping[str, str] = {
    "diffusion": "diffusion_layers",
    "clip_l": "text_layers",
    "clip_g": "text_layers",
}


class LoraCheck:
    """Compares the headers of LoRAs with those of the model; what is not certain is left to the engine."""

    def __init__(self, catalog: Catalog, headers: HeaderCache) -> None:
        self._catalog = catalog
        self._headers = headers

    async def check(self, request: GenerationRequest, model: LoadRequest) -> list[str]:
        """Warnings about LoRAs for another architecture, or for a high-noise model that is not loaded.

        Raises BadRequest for LoRAs that do not exist, can't be read or would end the engine's process.
        """
        wanted = (await loras.resolve(self._catalog, request)).loras
        paths = [Path(one.path) for one in wanted]
        if not paths:
            return []
        known = await self._headers.get_all(paths)
        merged_into = (
            await self._list_networks(model) if model.options.lora_apply_mode == "immediately" else []
        )
        warnings = _warn_of_unused(wanted, model)
        architecture = await self._find_architecture(model)
        for path in paths:
            problem = find_problem(path, known[path])
            if problem:
                raise BadRequest(f"loras: {path.name} can't be used: {problem}", field="loras")
            _check_merging(path.name, known[path], merged_into, model.options.weight_type)
            warnings += _warn_of_mismatch(path.name, known[path].architecture, architecture)
        return warnings

    async def _find_architecture(self, model: LoadRequest) -> str | None:
        main = await self._catalog.find(model.model_type, model.model_name)
        return (await self._headers.get(main)).architecture if main else None

    async def _list_networks(self, model: LoadRequest) -> list[Network]:
        """All that the model consists of."""
        snapshot = await self._catalog.take_snapshot()
        paths = [snapshot.first_path(file.types, file.name) for file in files_of(model)]
        known = await self._headers.get_all([path for path in paths if path])
        return [network for facts in known.values() for network in facts.contains]


def _warn_of_unused(wanted: Iterable[LoraFile], model: LoadRequest) -> list[str]:
    if not any(lora.high_noise for lora in wanted):
        return []
    if not model.high_noise_diffusion_model:
        return ["high-noise LoRAs: no effect, the model was loaded without high_noise_diffusion_model"]
    if model.options.lora_apply_mode == "immediately":
        return []
    # At run time the engine loads their tensors and uses none of them (docs/video.md).
    return [
        "high-noise LoRAs: no effect, the engine applies them only to a model that was loaded with"
        " lora_apply_mode 'immediately'"
    ]


def _warn_of_mismatch(name: str, made_for: str | None, architecture: str | None) -> list[str]:
    if made_for is None or architecture is None or lora_suits(made_for, architecture):
        return []
    return [f"loras: {name} is made for {made_for}, this model is {architecture}: it may not act at all"]


def _check_merging(name: str, lora: ModelFacts, networks: Iterable[Network], weight_type: str) -> None:
    """Merging into quantised weights fails an assertion in the engine, on a CPU at least (docs/models.md)."""
    traits = lora.contains[0].traits if lora.contains else {}
    for network in networks:
        stored_as = weight_type or network.quantization
        if traits.get(_CHANGED_BY.get(network.kind, "")) and is_quantised(stored_as):
            raise BadRequest(
                f"loras: {name} can't be merged into the {stored_as} weights of the {network.kind};"
                " load the model with lora_apply_mode 'at_runtime'"
            )
