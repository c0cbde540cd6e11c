"""What the header of a LoRA tells of what the engine will do with it.

Measured on the engine: what it can't read, what ends its process, and what it leaves out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from .headers.header import Header, Tensor

Form = Literal["LoRA", "LoHa", "LoKr", "low-rank LoKr", "full difference"]
Part = Literal["diffusion_layers", "text_layers"]

# How the names of tensors end -> what they are parts of. What ends otherwise the engine leaves out.
_FORMS: Mapping[str, Form] = {
    ".lora_down.weight": "LoRA",
    ".lora.down.weight": "LoRA",
    "_lora.down.weight": "LoRA",
    ".lora_linear_layer.down.weight": "LoRA",
    ".lora_A.weight": "LoRA",
    ".lora_A.default.weight": "LoRA",
    ".lora_A": "LoRA",
    ".hada_w1_a": "LoHa",
    ".lokr_w1_a": "low-rank LoKr",
    ".lokr_w2_a": "low-rank LoKr",
    ".lokr_w1": "LoKr",
    ".diff": "full difference",
    ".diff_b": "LoRA",
}
# The two matrices of a product: the last size of the first is the first of the second. With a third one
# between them (Tucker decomposition) it need not be so.
_PRODUCTS: tuple[tuple[str, str, str], ...] = (
    (".lora_up.weight", ".lora_down.weight", ".lora_mid.weight"),
    (".lora.up.weight", ".lora.down.weight", ".lora.mid.weight"),
    ("_lora.up.weight", "_lora.down.weight", "_lora.mid.weight"),
    (".lora_B.weight", ".lora_A.weight", ".lora_mid.weight"),
    (".lora_B.default.weight", ".lora_A.default.weight", ".lora_mid.weight"),
    (".hada_w1_a", ".hada_w1_b", ".hada_t1"),
    (".hada_w2_a", ".hada_w2_b", ".hada_t2"),
    (".lokr_w1_a", ".lokr_w1_b", ".lokr_t1"),
    (".lokr_w2_a", ".lokr_w2_b", ".lokr_t2"),
)
# Names of which the engine finds no layer, whatever the model.
_UNKNOWN = ("base_model.", "lora_prior_", "lora_unet_model_diffusion_model_")
_UNREADABLE = frozenset({"bool", "i8", "i16", "u16", "u32", "u64"})
_TEXT_LAYERS = ("text_model_", "text_model.", "text_encoder", "lora_te")


@dataclass(frozen=True)
class LoraAnatomy:
    """`defect`: why no model can take it. `vain`: why nothing of it will act. `forms`: what it is made of."""

    defect: str | None = None
    vain: str | None = None
    forms: frozenset[tuple[Form, Part]] = frozenset()


def examine(header: Header) -> LoraAnatomy:
    """What can be told of a LoRA."""
    tensors = header.tensors
    forms = frozenset(_find_forms(tensors))
    return LoraAnatomy(next(_find_defects(tensors), None), _find_vanity(tensors, bool(forms)), forms)


def _find_forms(tensors: Mapping[str, Tensor]) -> Iterator[tuple[Form, Part]]:
    for name, tensor in tensors.items():
        form = next((form for end, form in _FORMS.items() if name.endswith(end)), None)
        if form == "full difference" and sum(size > 1 for size in tensor.shape) < 2:
            form = "LoRA"  # of a norm or a bias, which is never quantised
        if form:
            yield form, "text_layers" if any(part in name for part in _TEXT_LAYERS) else "diffusion_layers"


def _find_defects(tensors: Mapping[str, Tensor]) -> Iterator[str]:
    for name, tensor in tensors.items():
        if 0 in tensor.shape:
            yield f"the tensor {name} is empty (shape {_show(tensor)})"
        if tensor.type in _UNREADABLE:
            yield f"the engine does not read the type {tensor.type.upper()} of its tensor {name}"
    for name, tensor in tensors.items():
        for first, second, between in _PRODUCTS:
            layer = name.removesuffix(first)
            other = tensors.get(layer + second) if layer != name else None
            if other is None or layer + between in tensors or not (len(tensor.shape) > 1 and other.shape):
                continue
            if tensor.shape[1] != other.shape[0]:
                yield (
                    f"the ranks of {name} ({_show(tensor)}) and {layer + second} ({_show(other)})"
                    " are not the same"
                )


def _find_vanity(tensors: Mapping[str, Tensor], has_forms: bool) -> str | None:
    if not has_forms:
        return "it holds nothing that the engine applies (LoRA, LoHa, LoKr or differences)"
    if all(name.startswith(_UNKNOWN) for name in tensors):
        return f"the engine finds no layer of names such as {next(iter(tensors))}"
    return None


def _show(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape))
