"""LoRAs in the engine's spelling: which of their tensors are to be renamed, and the copy that has them so."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ..headers.header import Header, Tensor
from ..tensor_files import NewTensor, read_spans, write_tensors
from .model_layers import OWN_PREFIX, Layer, ModelLayers
from .tensor_name import LEFT_OUT, parse_name, write_name

_LORA = {"lora_down", "lora_up"}


class Change(NamedTuple):
    """What a LoRA does to a layer: part -> the tensor's name in the file. `layer`: None if it isn't found."""

    parts: Mapping[str, str]
    layer: Layer | None


class TensorCopy(NamedTuple):
    """A tensor of a copy: the bytes of `source`, and zeros for what its shape has beyond them."""

    name: str
    source: str | None
    type: str
    shape: tuple[int, ...] | None = None
    """None: that of the source."""


def find_changes(header: Header, layers: ModelLayers) -> list[Change]:
    """What a LoRA does to the layers of a model, in the order of the file."""
    spelled: dict[str, dict[str, str]] = {}
    for name in header.tensors:
        if parsed := parse_name(name):
            spelled.setdefault(parsed.layer, {}).setdefault(parsed.part, name)
    return [
        Change(parts, next((one for one in layers.find(spelling) if _fits(one, parts, header.tensors)), None))
        for spelling, parts in spelled.items()
    ]


def plan_copy(header: Header, layers: ModelLayers, *, high_noise: bool = False) -> list[TensorCopy] | None:
    """The tensors of a copy of which the engine applies more; None where there is no such copy.

    `high_noise`: for the second model of a pair, with which the engine looks at no other spelling than ours.
    """
    changes = find_changes(header, layers)
    found = [change for change in changes if change.layer]
    added = [*_fill_gaps(found, layers)]
    foreign = high_noise and not all(name.startswith(OWN_PREFIX) for name in header.tensors)
    if not added and not (found and foreign) and all(_is_read(one, layers, header.tensors) for one in found):
        return None
    copies: dict[str, TensorCopy] = {}
    for change in found:
        for copy in _rename(change, header.tensors):
            copies.setdefault(copy.name, copy)
    copied = {copy.source for copy in copies.values()}
    rest = [TensorCopy(name, name, one.type) for name, one in header.tensors.items() if name not in copied]
    return [*copies.values(), *added, *(one for one in rest if one.name not in copies)]


def write_copy(source: Path, tensors: list[TensorCopy], target: Path, metadata: Mapping[str, str]) -> None:
    """Write the copy of a safetensors file, its weights byte for byte. Raises OSError."""
    spans = read_spans(source)

    def make() -> Iterator[NewTensor]:
        for tensor in tensors:
            span = spans[tensor.source] if tensor.source else None
            shape = tensor.shape if tensor.shape is not None else span.shape if span else ()
            yield NewTensor(tensor.name, tensor.type.upper(), shape, span)

    write_tensors(target, make(), metadata, source)


# ---------------------------------------------------------------- inside


def _is_read(change: Change, layers: ModelLayers, tensors: Mapping[str, Tensor]) -> bool:
    """Whether the engine takes all tensors for what they are, and no rows are lacking."""
    return all(
        part in LEFT_OUT or (layers.reads(name) == change.layer and _complete(change, part, tensors) is None)
        for part, name in change.parts.items()
    )


def _rename(change: Change, tensors: Mapping[str, Tensor]) -> Iterator[TensorCopy]:
    for part, name in change.parts.items():
        if change.layer:
            shape = _complete(change, part, tensors)
            yield TensorCopy(write_name(change.layer.name, part), name, tensors[name].type, shape)


def _complete(change: Change, part: str, tensors: Mapping[str, Tensor]) -> tuple[int, ...] | None:
    """The shape of a tensor that lacks rows, with all of them."""
    shape = tensors[change.parts[part]].shape
    if part != "lora_up" or change.layer is None or len(shape) < 2 or shape[0] == change.layer.shape[0]:
        return None
    return change.layer.shape[0], *shape[1:]


def _fill_gaps(changes: Iterable[Change], layers: ModelLayers) -> Iterator[TensorCopy]:
    """Changes of nothing, for parts that a LoRA leaves alone: the engine takes all of a layer or none."""
    changed: dict[str, list[Change]] = {}
    for change in changes:
        if change.layer and change.layer.whole:
            changed.setdefault(change.layer.whole, []).append(change)
    for group in changed.values():
        if not all(change.parts.keys() >= _LORA for change in group):
            continue
        names = {change.layer.name for change in group if change.layer}
        first = group[0].layer
        for part in layers.list_parts(first) if first else ():
            if part.name not in names:
                yield TensorCopy(write_name(part.name, "lora_down"), None, "f32", (1, part.shape[1]))
                yield TensorCopy(write_name(part.name, "lora_up"), None, "f32", (part.shape[0], 1))


def _fits(layer: Layer, parts: Mapping[str, str], tensors: Mapping[str, Tensor]) -> bool:
    """Whether the change has the shape of the layer; true where two matrices do not tell it."""
    if not parts.keys() >= _LORA:
        return True
    down, up = tensors[parts["lora_down"]].shape, tensors[parts["lora_up"]].shape
    if min(len(down), len(up), len(layer.shape)) < 2:
        return False
    return down[1] == layer.shape[1] and up[0] in (layer.shape[0], _count_qkv_rows(layer))


def _count_qkv_rows(layer: Layer) -> int:
    """XLabs changes only the first rows of a layer that Flux keeps in one: query, key and value."""
    return 3 * layer.shape[1] if layer.name.endswith(".linear1") else layer.shape[0]
