"""Whether the LoRAs of a request fit the model that it is for."""

import asyncio
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import BadRequest
from ..schemas import type_rules
from ..schemas.engine import LoraFile
from ..schemas.generation import GenerationRequest
from ..schemas.inspection import Kind, Network
from ..schemas.models import LoadOptions, LoadRequest
from . import loras
from .catalog import Catalog
from .file_check import find_problem
from .hash_cache import Version
from .header_cache import HeaderCache, read_header
from .headers.header import BadHeader, Header, is_quantised
from .headers.pickle_start import find_pickle_problem
from .lora_anatomy import Form, find_defect, find_forms, has_forms
from .lora_files import LayerReader
from .lora_names.model_layers import Layer, ModelLayers
from .lora_names.respelling import Change, find_changes
from .recognition import lora_suits
from .required_files import files_of

# Which networks layers may be of that are not found in the model; of other text encoders too little is known.
_TEXT_LAYERS = ("text_model_", "text_model.", "text_encoder", "lora_te")
_TEXT_NETWORKS: tuple[Kind, ...] = ("clip_l", "clip_g")
# Names of which the engine finds no layer, whatever the model.
_UNKNOWN = ("base_model.", "lora_prior_", "lora_unet_model_diffusion_model_")

# Headers of LoRAs that are remembered: those of a few jobs.
MOST_REMEMBERED = 32


class _Examined(NamedTuple):
    """`header`: None of what is gone, or of a format that is not read. `defect`: why no model takes it."""

    header: Header | None = None
    defect: str | None = None


class _QuantisedChange(NamedTuple):
    """What a LoRA does to a quantised layer."""

    form: Form
    network: Kind
    stored_as: str


class LoraCheck:
    """Compares the headers of LoRAs with those of the model; what is not certain is left to the engine."""

    def __init__(self, catalog: Catalog, headers: HeaderCache, layers: LayerReader) -> None:
        self._catalog = catalog
        self._headers = headers
        self._layers = layers
        self._examined: dict[Path, tuple[Version, _Examined]] = {}

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
        layers = await self._layers.read(model)
        warnings = _warn_of_unused(wanted, model)
        architecture = await self._find_architecture(model)
        for path in paths:
            problem = find_problem(path, known[path])
            header, defect = await asyncio.to_thread(self._examine, path)
            if problem:
                raise BadRequest(f"loras: {path.name} can't be used: {problem}", field="loras")
            if defect:
                raise BadRequest(f"loras: {path.name} can't be applied: {defect}", field="loras")
            ineffective = await asyncio.to_thread(_check_changes, path.name, header, layers, networks, model)
            if ineffective:
                warnings.append(f"loras: {path.name} will not act: {ineffective}")
            else:
                warnings += _warn_of_mismatch(path.name, known[path].architecture, architecture)
        return warnings

    def _examine(self, path: Path) -> _Examined:
        try:
            version = Version.of(os.stat(path))
            before = self._examined.get(path)
            if before and before[0] == version:
                return before[1]
            header = read_header(path)
            problem = None if header else find_pickle_problem(path)
        except (BadHeader, OSError):
            return _Examined()
        examined = _Examined(header, find_defect(header) if header else problem and f"it {problem}")
        if len(self._examined) >= MOST_REMEMBERED:
            self._examined.clear()
        self._examined[path] = version, examined
        return examined

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


def _check_changes(
    name: str, header: Header | None, layers: ModelLayers, networks: Iterable[Network], model: LoadRequest
) -> str | None:
    """Why nothing of a LoRA will act, if that is certain. Raises BadRequest for what would end the engine."""
    if header is None:
        return None
    if not has_forms(header):
        return "it holds nothing that the engine applies (LoRA, LoHa, LoKr or differences)"
    changes = find_changes(header, layers)
    _check_application(name, header, changes, list(networks), model.options)
    if not any(change.layer for change in changes) and all(
        one.startswith(_UNKNOWN) for one in header.tensors
    ):
        return f"the engine finds no layer of names such as {next(iter(header.tensors))}"
    return None


def _check_application(
    name: str, header: Header, changes: Iterable[Change], networks: Iterable[Network], options: LoadOptions
) -> None:
    """What fails an assertion in the engine, on a CPU at least (docs/models.md)."""
    merged = options.lora_apply_mode == "immediately"
    for change in changes:
        forms = find_forms(change.parts, {part: header.tensors[one] for part, one in change.parts.items()})
        if not merged and "low-rank LoKr" in forms:
            raise BadRequest(
                f"loras: {name} is a low-rank LoKr, which the engine can't apply at run time;"
                " load a model that is not quantised with lora_apply_mode 'immediately'",
                field="loras",
            )
        for form, network, stored_as in _list_quantised(change, forms, networks, options):
            if merged:
                raise BadRequest(
                    f"loras: {name} can't be merged into the {stored_as} weights of the {network};"
                    " load the model with lora_apply_mode 'at_runtime'",
                    field="loras",
                )
            if form in ("LoHa", "full difference"):
                raise BadRequest(
                    f"loras: {name} is a {form}, which the engine can't apply to the {stored_as} weights of"
                    f" the {network}; it needs them in f16, bf16 or f32",
                    field="loras",
                )


def _list_quantised(
    change: Change, forms: Iterable[Form], networks: Iterable[Network], options: LoadOptions
) -> Iterator[_QuantisedChange]:
    """What happens to quantised weights: of the layer, or of all that it may be if it isn't found."""
    if change.layer:
        places = {change.layer.network: _find_type(change.layer, options)}
    else:
        is_text = any(part in name for name in change.parts.values() for part in _TEXT_LAYERS)
        kinds = _TEXT_NETWORKS if is_text else ("diffusion",)
        places = {one.kind: options.weight_type or one.quantization for one in networks if one.kind in kinds}
    for network, stored_as in places.items():
        if stored_as and is_quantised(stored_as):
            yield from (_QuantisedChange(form, network, stored_as) for form in sorted(forms))


def _find_type(layer: Layer, options: LoadOptions) -> str | None:
    """The type of its weights in memory; None for what is no matrix: the engine quantises nothing else."""
    if len(layer.shape) != 2:
        return None
    rules = type_rules.split(options.tensor_type_rules)
    name = (layer.whole or layer.name).replace("diffusion_model.", "model.diffusion_model.", 1) + ".weight"
    ruled = next((kind for pattern, kind in rules if re.search(pattern, name)), None)
    return ruled or options.weight_type or layer.type
