"""FP8 weights with scales of their own, which the engine leaves out: which tensors hold scales, and of what.

ComfyUI writes `layer.scale_weight` beside `layer.weight`, and a tensor `scaled_fp8`; others write
`layer.weight_scale`, or `layer.weight_scale_inv` with one scale for each block of 128x128
(https://arxiv.org/abs/2412.19437, 3.3). Whatever its name, a scale multiplies the weight. Scales of a layer's
input only steer how others compute.
"""

import math
from collections.abc import Mapping, Sequence

from .headers.header import Tensor
from .tensor_files import WIDENED_TYPES

_OF_WEIGHTS = (".scale_weight", ".weight_scale", ".weight_scale_inv")
_OTHERS = (".scale_input", ".input_scale", "scaled_fp8", ".comfy_quant")
BLOCK = 128
"""Rows and columns of a block that has a scale of its own."""


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


def find_obstacle(tensors: Mapping[str, Tensor]) -> str | None:
    """Why the scales in a file can't be applied; None where they can, or where there are none."""
    if any(name.endswith(".weight_scale_2") for name in tensors):
        return "its weights are packed (NVFP4)"
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
