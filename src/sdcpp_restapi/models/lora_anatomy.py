"""What the header of a LoRA tells of what the engine will do with it.

Measured on the engine: what it can't read, what ends its process, and what it leaves out.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from .headers.header import Header, Tensor
from .lora_names.tensor_name import parse_name

Form = Literal["LoRA", "LoHa", "LoKr", "low-rank LoKr", "full difference"]

# Part of a change -> what the change is. What has none of these the engine leaves out.
_FORMS: Mapping[str, Form] = {
    "lora_down": "LoRA",
    "hada_w1_a": "LoHa",
    "lokr_w1_a": "low-rank LoKr",
    "lokr_w2_a": "low-rank LoKr",
    "lokr_w1": "LoKr",
    "diff": "full difference",
    "diff_b": "LoRA",
}
# The two matrices of a product: the last size of the first is the first of the second. With a third one
# between them (Tucker decomposition) it need not be so.
_PRODUCTS: tuple[tuple[str, str, str], ...] = (
    ("lora_up", "lora_down", "lora_mid"),
    ("hada_w1_a", "hada_w1_b", "hada_t1"),
    ("hada_w2_a", "hada_w2_b", "hada_t2"),
    ("lokr_w1_a", "lokr_w1_b", "lokr_t1"),
    ("lokr_w2_a", "lokr_w2_b", "lokr_t2"),
)
_UNREADABLE = frozenset({"bool", "i8", "i16", "u16", "u32", "u64"})
_NOT_MULTIPLIED = frozenset({"i32", "i64"})
_NUMBERS = frozenset({"alpha", "scale"})


def find_forms(parts: Iterable[str], tensors: Mapping[str, Tensor]) -> set[Form]:
    """What a change of one layer is. `tensors`: part -> tensor."""
    forms = {_FORMS[part] for part in parts if part in _FORMS}
    if "diff" in tensors and sum(size > 1 for size in tensors["diff"].shape) < 2:
        forms = forms - {"full difference"} | {"LoRA"}  # of a norm or a bias, which is never quantised
    return forms


def has_forms(header: Header) -> bool:
    """Whether a LoRA holds anything that the engine applies."""
    return any(parsed.part in _FORMS for name in header.tensors if (parsed := parse_name(name)))


def find_defect(header: Header) -> str | None:
    """Why no model can take a LoRA."""
    return next(_find_defects(header.tensors), None)


def _find_defects(tensors: Mapping[str, Tensor]) -> Iterator[str]:
    layers: dict[str, dict[str, str]] = {}
    for name, tensor in tensors.items():
        parsed = parse_name(name)
        if 0 in tensor.shape:
            yield f"the tensor {name} is empty (shape {_show(tensor)})"
        if tensor.type in _UNREADABLE:
            yield f"the engine does not read the type {tensor.type.upper()} of its tensor {name}"
        if parsed:
            if parsed.part not in _NUMBERS and tensor.type in _NOT_MULTIPLIED:
                yield f"the engine does not multiply with the type {tensor.type.upper()} of its tensor {name}"
            layers.setdefault(parsed.layer, {})[parsed.part] = name
    for parts in layers.values():
        yield from _find_mismatches(parts, tensors)


def _find_mismatches(parts: Mapping[str, str], tensors: Mapping[str, Tensor]) -> Iterator[str]:
    for first, second, between in _PRODUCTS:
        if first not in parts or second not in parts or between in parts:
            continue
        one, other = tensors[parts[first]], tensors[parts[second]]
        if len(one.shape) > 1 and other.shape and one.shape[1] != other.shape[0]:
            yield (
                f"the ranks of {parts[first]} ({_show(one)}) and {parts[second]} ({_show(other)})"
                " are not the same"
            )


def _show(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape))
