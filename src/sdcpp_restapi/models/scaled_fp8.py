"""FP8 weights with scales of their own, which the engine leaves out: which tensors hold scales, and of what.

ComfyUI writes `layer.scale_weight` beside `layer.weight`, and a tensor `scaled_fp8`; others write
`layer.weight_scale`, or `layer.weight_scale_inv` with one scale for each block of 128x128
(https://arxiv.org/abs/2412.19437, 3.3). Whatever its name, a scale multiplies the weight. Scales of a layer's
input only steer how others compute. Other writers have other names (`layer.weight._scale`, `layer.scale`):
those are known by the FP8 tensor that they stand beside, and only told, since what they mean is not certain.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from .headers.header import Tensor, quote_name
from .tensor_files import WIDENED_TYPES

_OF_WEIGHTS = (".scale_weight", ".weight_scale", ".weight_scale_inv")
_OTHERS = (".scale_input", ".input_scale", "scaled_fp8", ".comfy_quant")
BLOCK = 128
"""Rows and columns of a block that has a scale of its own."""
# The last part of a name with a scale in it, but for those that are weights of their own.
_OTHER_SCALE = re.compile(r"(?!.*(?:shift|norm|logit|layer|dora))\w{0,40}scale\w{0,40}", re.ASCII)


def list_scales(weight: str) -> tuple[str, ...]:
    """The names that the scale of a tensor may have; none for what is no weight."""
    layer = weight.removesuffix(".weight")
    return () if layer == weight else tuple(layer + suffix for suffix in _OF_WEIGHTS)


def is_scale(name: str) -> bool:
    """Whether a tensor says how to read others, and is nothing to a file without scales."""
    return name.endswith((*_OF_WEIGHTS, *_OTHERS))


def has_scales(tensors: Mapping[str, Tensor]) -> bool:
    """Whether a file is scaled FP8: it has tensors in FP8, and others that say how to read them."""
    return any(map(is_scale, tensors)) and any(one.type.startswith("f8") for one in tensors.values())


def find_other_scale(tensors: Mapping[str, Tensor]) -> str | None:
    """A tensor that is a scale by its name and by standing beside an FP8 tensor, though not by a known name.

    Where the weight has a scale of a known name, others are those of what goes into the layer or comes out.
    """
    weights = {name for name, tensor in tensors.items() if tensor.type.startswith("f8")}
    unscaled = {name for name in weights if not any(one in tensors for one in list_scales(name))}
    if not unscaled:
        return None
    return next(
        (
            name
            for name in tensors
            if name not in weights
            and not is_scale(name)
            and any(map(unscaled.__contains__, _list_owners(name)))
        ),
        None,
    )


def _list_owners(scale: str) -> Iterator[str]:
    """The tensors that one may scale, by its name; none for a name that is none of a scale."""
    layer, _, last = scale.rpartition(".")
    if not _OTHER_SCALE.fullmatch(last):
        return
    parts = last[: last.index("scale")].split("_")
    # layer.scale and layer.weight._scale; layer_scale and layer.weight_scale_factor.
    owners = [layer, *(f"{layer}.{'_'.join(parts[:count])}".strip(".") for count in range(1, len(parts)))]
    for owner in filter(None, owners):
        yield from (owner, f"{owner}.weight", f"{owner}._data")


def find_obstacle(tensors: Mapping[str, Tensor]) -> str | None:
    """Why the scales in a file can't be applied; None where they can, or where there are none."""
    if any(name.endswith(".weight_scale_2") for name in tensors):
        return "its weights are packed (NVFP4)"
    other = find_other_scale(tensors)
    if other is not None:
        return f"what {quote_name(other)} means is not known"
    for name, weight in tensors.items():
        for scale in (tensors[one] for one in list_scales(name) if one in tensors):
            if scale.type not in WIDENED_TYPES or weight.type not in WIDENED_TYPES:
                return f"{name} is of type {weight.type}, its scale of type {scale.type}"
            if not _fits(scale.shape, weight.shape):
                return f"{name} has shape {list(weight.shape)}, its scale {list(scale.shape)}"
    return None


def _fits(scale: Sequence[int], weight: Sequence[int]) -> bool:
    """One scale for all, one for each row, or one for each block."""
    if math.prod(scale) == 1 or (scale[0] == weight[0] and math.prod(scale) == weight[0]):
        return True
    return len(weight) == 2 and list(scale) == [-(-side // BLOCK) for side in weight]
