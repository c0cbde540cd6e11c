"""Scaled FP8 as converters write it, and the same weights without scales."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from sdcpp_restapi.models.tensor_widening import WIDENED

type Array = NDArray[np.floating]
type Tensors = Mapping[str, Array]

LARGEST = 448.0
BLOCK = 128
# What E4M3 can hold that is not negative, in the order of its codes.
_VALUES = WIDENED["f8_e4m3"](bytes(range(127)))


def write_scaled(path: Path, tensors: Tensors, plain: Path) -> None:
    """Write what is stored in F16 as FP8, with scales of all kinds in turn, and a marker.

    `plain` gets the same weights in F32.
    """
    scaled: dict[str, tuple[str, Array | NDArray[np.uint8]]] = {
        "scaled_fp8": ("F8_E4M3", np.zeros(2, np.uint8))
    }
    unscaled: dict[str, Array] = {}
    kinds = 0
    for name, array in tensors.items():
        if not name.endswith(".weight") or array.dtype != np.float16:
            scaled[name] = ("F32", array.astype(np.float32))
            unscaled[name] = array.astype(np.float32)
            continue
        suffix, scale, spread = _find_scale(array.astype(np.float32), kinds % (4 if array.ndim == 2 else 2))
        codes, values = _encode(array / spread)
        scaled[name] = ("F8_E4M3", codes)
        scaled[name.removesuffix(".weight") + suffix] = ("F32", scale)
        unscaled[name] = values * spread
        kinds += 1
    assert kinds > 4
    for file, content in ((path, _join(scaled)), (plain, save(unscaled))):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _find_scale(weights: NDArray[np.float32], kind: int) -> tuple[str, Array, Array]:
    """The name's end, the scale as it is stored, and as it is multiplied with the weights."""
    sizes = np.abs(weights)
    if kind == 0:
        scale = (sizes.max() / LARGEST).reshape(()).astype(np.float32)
        return ".scale_weight", scale, scale
    if kind == 1:
        scale = (sizes.max() / LARGEST).reshape(1).astype(np.float32)
        return ".weight_scale", scale, scale
    if kind == 2:
        scale = (sizes.max(axis=1, keepdims=True) / LARGEST).astype(np.float32)
        return ".weight_scale", scale, scale
    rows, columns = (-(-side // BLOCK) for side in weights.shape)
    scale = np.random.default_rng(1).uniform(0.5, 2, (rows, columns)).astype(np.float32)
    scale *= sizes.max() / LARGEST
    spread = np.repeat(np.repeat(scale, BLOCK, 0), BLOCK, 1)[: weights.shape[0], : weights.shape[1]]
    return ".weight_scale_inv", scale, spread


def _encode(weights: Array) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The nearest codes, as far as the type goes, and what they stand for."""
    between = (_VALUES[1:] + _VALUES[:-1]) / 2
    sizes = np.searchsorted(between, np.abs(weights))
    codes = (sizes + np.where(np.signbit(weights), 128, 0)).astype(np.uint8)
    return codes, np.copysign(_VALUES[sizes], weights).astype(np.float32)


def _join(tensors: Mapping[str, tuple[str, Array | NDArray[np.uint8]]]) -> bytes:
    header, data = {}, b""
    for name, (kind, array) in tensors.items():
        at = len(data)
        data += array.tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [at, len(data)]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data
