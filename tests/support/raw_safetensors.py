"""Safetensors files in types that numpy does not have, such as FP8."""

import json
import struct
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

SIZES = {"U8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F32": 4, "F16": 2}

type Tensors = Mapping[str, tuple[str, Sequence[int]]]


def write_raw(path: Path, tensors: Tensors) -> Path:
    """A file of zeros: name of a tensor -> its type and its shape."""
    header, at = {}, 0
    for name, (kind, shape) in tensors.items():
        end = at + SIZES[kind] * prod(shape)
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))
    return path


def in_type(shapes: Mapping[str, Sequence[int]], kind: str) -> dict[str, tuple[str, Sequence[int]]]:
    """Tensors of these shapes, all of one type."""
    return {name: (kind, shape) for name, shape in shapes.items()}
