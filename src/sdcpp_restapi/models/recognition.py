"""Which networks a file holds, by the names and shapes of its tensors.

The rules are data: networks.json. Names of diffusion models and their order are those that the engine's own
detection reads (`get_sd_version` of stable-diffusion.cpp), so that both come to the same answer.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

from ..schemas.base import Frozen
from ..schemas.inspection import Kind, ModelFacts, Network
from ..schemas.model_types import Component
from .headers.header import Header, Tensor, weigh
from .lora_names.tensor_name import parse_name
from .scaled_fp8 import find_obstacle, find_other_scale

Tensors = Mapping[str, Tensor]


class Signature(Frozen):
    """A network is this one if all of it holds. A name that ends in a dot stands for all that begin so."""

    kind: Kind
    name: str | None = None
    has: list[str] = []
    lacks: list[str] = []
    shapes: dict[str, list[int | None]] = {}
    traits: dict[str, tuple[str, int] | tuple[str, int, int]] = {}
    sizes: dict[str, int] = {}

    def matches(self, tensors: Tensors) -> bool:
        """Whether the network with these tensors is this one."""
        return (
            all(_fits(tensors, name, shape) for name, shape in self.shapes.items())
            and all(_holds(tensors, name) for name in self.has)
            and not any(_holds(tensors, name) for name in self.lacks)
        )

    def measure(self, tensors: Tensors) -> Network:
        """The network, with the sizes that can be read off."""
        found = {trait: _measure(tensors, *where) for trait, where in self.traits.items()}
        traits = {trait: size for trait, size in found.items() if size is not None}
        return Network(
            kind=self.kind,
            name=self.name,
            quantization=weigh(tensors.values())[1],
            traits=self.sizes | traits,
        )


class LoraSignature(Frozen):
    """A LoRA that changes one of these layers is made for one of these architectures, likely the first."""

    architectures: list[str]
    any: list[str]
    inputs: int | None = None


class Fit(Frozen):
    """What a component must be to go with an architecture; a text names a trait of the diffusion model."""

    names: list[str] | None = None
    width: int | Literal["text_width"] | None = None
    channels: int | None = None
    required: bool = False


class Rules(Frozen):
    """The content of networks.json."""

    prefixes: dict[str, Kind | None]
    """Where a network sits in a checkpoint -> what it is for, if that is certain whatever it is."""
    signatures: list[Signature]
    loras: list[LoraSignature]
    fits: dict[str, dict[str, Fit]]
    like: dict[str, str]
    pairs: dict[str, tuple[Component, Component]]
    """Architecture -> components of which the engine takes both or neither."""
    scales: tuple[str, ...]
    """How the names of tensors end that hold the scales of FP8 weights, which the engine leaves out."""

    def fits_of(self, architecture: str | None) -> Mapping[str, Fit]:
        """Component -> what fits; nothing for architectures of which too little is known."""
        name = architecture or ""
        return self.fits.get(self.like.get(name, name), {})


@cache
def load_rules() -> Rules:
    """The rules of networks.json, read once."""
    return Rules.model_validate_json(files(__package__).joinpath("networks.json").read_bytes())


def recognise(header: Header) -> ModelFacts:
    """What a file is, by its header."""
    parameters, quantization = weigh(header.tensors.values())
    lora = _recognise_lora(header.tensors, quantization)
    networks = [lora] if lora else list(_find_networks(header.tensors))
    kinds: tuple[Kind, ...] = ("diffusion", "controlnet", "lora")
    return ModelFacts(
        format=header.format,
        architecture=next((one.name for one in networks if one.kind in kinds), None),
        parameters=parameters,
        quantization=quantization,
        contains=networks,
        unsupported=_find_scales(header.tensors),
    )


def _find_scales(tensors: Tensors) -> str | None:
    """Without their scales the weights are others, and pictures all black."""
    if not any(tensor.type.startswith("f8") for tensor in tensors.values()):
        return None
    scale = next((name for name in tensors if name.endswith(load_rules().scales)), find_other_scale(tensors))
    if scale is None:
        return None
    remedy = "" if find_obstacle(tensors) else ", or have POST /convert apply them"
    return (
        f"is scaled FP8 (tensor {scale}), and the engine leaves out the scales;"
        f" take it in f16, bf16, plain FP8 or GGUF{remedy}"
    )


def find_parts(tensors: Tensors) -> Iterable[tuple[Kind | None, Tensors]]:
    """The networks of a file, each with its tensors, whose names lack what stands before all of them."""
    for kind, _, part in _identify(tensors):
        yield kind, part


def _find_networks(tensors: Tensors) -> Iterable[Network]:
    for kind, found, part in _identify(tensors):
        if found:
            yield found.measure(part)
        elif kind:
            yield Network(kind=kind, quantization=weigh(part.values())[1])


def _identify(tensors: Tensors) -> Iterable[tuple[Kind | None, Signature | None, Tensors]]:
    for prefix, part in _parts(tensors).items():
        found = next((one for one in load_rules().signatures if one.matches(part)), None)
        yield (found.kind if found else load_rules().prefixes.get(prefix)), found, part


def _parts(tensors: Tensors) -> Mapping[str, Tensors]:
    """Prefix -> tensors without it; a file of one network has them all under ''."""
    prefixes = tuple(load_rules().prefixes)
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        prefix = ""
        if name.startswith(prefixes):
            prefix = next(one for one in prefixes if name.startswith(one))
        parts.setdefault(prefix, {})[name[len(prefix) :]] = tensor
    return parts


# ---------------------------------------------------------------- LoRAs

# The parts that show that a layer is changed; of a LoRA it is the matrix that reads the input, [rank, in].
_SHOWN_BY = ("lora_down", "hada_w1_a", "lokr_w1", "lokr_w1_a")
_OFT = ".oft_blocks"
_TEXT_LAYERS = ("text_model_", "text_encoder", "lora_te")


def _recognise_lora(tensors: Tensors, quantization: str | None) -> Network | None:
    layers = {layer: tensor for name, tensor in tensors.items() if (layer := _find_layer(name))}
    if not layers:
        return None
    ranks = Counter(tensor.shape[0] for tensor in layers.values() if len(tensor.shape) > 1)
    texts = sum(any(part in name for part in _TEXT_LAYERS) for name in layers)
    traits = {"text_layers": texts, "diffusion_layers": len(layers) - texts}
    architectures = _find_lora_architectures(layers)
    return Network(
        kind="lora",
        name=architectures[0] if architectures else None,
        quantization=quantization,
        traits={"rank": ranks.most_common(1)[0][0], **traits} if ranks else traits,
    )


def _find_layer(name: str) -> str | None:
    """The layer that a LoRA's tensor shows to be changed, with underscores as kohya writes it."""
    parsed = parse_name(name)
    layer = parsed.layer if parsed and parsed.part in _SHOWN_BY else None
    return (name.removesuffix(_OFT) if name.endswith(_OFT) else layer or "").replace(".", "_") or None


def _find_lora_architectures(layers: Tensors) -> list[str]:
    text = "".join(f"{name}\n" for name in layers)
    for rule in load_rules().loras:
        if any(part in text for part in rule.any) and _reads(layers, rule):
            return rule.architectures
    return []


def _reads(layers: Tensors, rule: LoraSignature) -> bool:
    """Whether the layers that the rule names have inputs of its width."""
    if rule.inputs is None:
        return True
    ends = tuple(part.removesuffix("\n") for part in rule.any)
    return any(name.endswith(ends) and tensor.shape[1:] == (rule.inputs,) for name, tensor in layers.items())


def lora_suits(lora: str, architecture: str) -> bool:
    """Whether a LoRA that is recognised as made for `lora` may act on `architecture`."""
    return any(
        architecture in rule.architectures for rule in load_rules().loras if rule.architectures[0] == lora
    )


# ---------------------------------------------------------------- matching


def _holds(tensors: Tensors, name: str) -> bool:
    if name.endswith("."):
        return any(one.startswith(name) for one in tensors)
    return name in tensors


def _fits(tensors: Tensors, name: str, shape: list[int | None]) -> bool:
    """Whether the tensor's first sizes are these; None stands for any."""
    found = tensors.get(name)
    return (
        found is not None
        and len(found.shape) >= len(shape)
        and all(want in (None, size) for want, size in zip(shape, found.shape, strict=False))
    )


def _measure(tensors: Tensors, name: str, axis: int, divisor: int = 1) -> int | None:
    found = tensors.get(name)
    return found.shape[axis] // divisor if found and len(found.shape) > axis else None
