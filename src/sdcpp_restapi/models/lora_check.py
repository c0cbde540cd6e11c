"""Whether the LoRAs of a request fit the model that it is for."""

import asyncio
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import BadRequest
from ..schemas.engine import LoraFile
from ..schemas.generation import GenerationRequest
from ..schemas.inspection import Network
from ..schemas.models import LoadRequest
from . import loras
from .catalog import Catalog
from .file_check import find_problem
from .hash_cache import Version
from .header_cache import HeaderCache, read_header
from .headers.header import BadHeader, is_quantised
from .headers.pickle_start import find_pickle_problem
from .lora_anatomy import LoraAnatomy, Part, examine
from .recognition import lora_suits
from .required_files import files_of

# Network -> the layers of a LoRA that change it. Of other text encoders too little is known.
_CHANGED_BY: Mapping[str, Part] = {
    "diffusion": "diffusion_layers",
    "clip_l": "text_layers",
    "clip_g": "text_layers",
}

# Headers of LoRAs that are remembered: those of a few jobs.
MOST_REMEMBERED = 256


class LoraCheck:
    """Compares the headers of LoRAs with those of the model; what is not certain is left to the engine."""

    def __init__(self, catalog: Catalog, headers: HeaderCache) -> None:
        self._catalog = catalog
        self._headers = headers
        self._examined: dict[Path, tuple[Version, LoraAnatomy]] = {}

    async def check(self, request: GenerationRequest, model: LoadRequest) -> list[str]:
        """Warnings about LoRAs of which nothing will act, as far as headers tell.

        Raises BadRequest for LoRAs that do not exist, can't be read, or would end the engine's process.
        """
        wanted = (await loras.resolve(self._catalog, request)).loras
        paths = list(dict.fromkeys(Path(one.path) for one in wanted))
        if not paths:
            return []
        known = await self._headers.get_all(paths)
        networks = await self._list_networks(model)
        warnings = _warn_of_unused(wanted, model)
        architecture = await self._find_architecture(model)
        for path in paths:
            problem = find_problem(path, known[path])
            anatomy = await asyncio.to_thread(self._examine, path)
            if problem:
                raise BadRequest(f"loras: {path.name} can't be used: {problem}", field="loras")
            if anatomy.defect:
                raise BadRequest(f"loras: {path.name} can't be applied: {anatomy.defect}", field="loras")
            _check_application(path.name, anatomy, networks, model)
            if anatomy.vain:
                warnings.append(f"loras: {path.name} will not act: {anatomy.vain}")
            else:
                warnings += _warn_of_mismatch(path.name, known[path].architecture, architecture)
        return warnings

    def _examine(self, path: Path) -> LoraAnatomy:
        """Nothing certain of what is gone by now, or of a format that is not read."""
        try:
            version = Version.of(os.stat(path))
            before = self._examined.get(path)
            if before and before[0] == version:
                return before[1]
            header = read_header(path)
            problem = None if header else find_pickle_problem(path)
        except (BadHeader, OSError):
            return LoraAnatomy()
        anatomy = examine(header) if header else LoraAnatomy(problem and f"it {problem}")
        if len(self._examined) >= MOST_REMEMBERED:
            self._examined.clear()
        self._examined[path] = version, anatomy
        return anatomy

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


def _check_application(name: str, lora: LoraAnatomy, networks: Iterable[Network], model: LoadRequest) -> None:
    """What fails an assertion in the engine, on a CPU at least (docs/models.md)."""
    merged = model.options.lora_apply_mode == "immediately"
    if not merged and any(form == "low-rank LoKr" for form, _ in lora.forms):
        raise BadRequest(
            f"loras: {name} is a low-rank LoKr, which the engine can't apply at run time;"
            " load a model that is not quantised with lora_apply_mode 'immediately'"
        )
    for network in networks:
        stored_as = model.options.weight_type or network.quantization
        part = _CHANGED_BY.get(network.kind)
        if not is_quantised(stored_as) or part is None:
            continue
        forms = {form for form, changes in lora.forms if changes == part}
        if merged and forms:
            raise BadRequest(
                f"loras: {name} can't be merged into the {stored_as} weights of the {network.kind};"
                " load the model with lora_apply_mode 'at_runtime'"
            )
        for form in sorted(forms & {"LoHa", "full difference"}):
            raise BadRequest(
                f"loras: {name} is a {form}, which the engine can't apply to the {stored_as} weights of the"
                f" {network.kind}; it needs a model in f16, bf16 or f32"
            )
