"""A copy of a model in scaled FP8 with its scales applied, for an engine that leaves them out."""

import json
import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..errors import JobCancelled
from .header_cache import read_header
from .scaled_fp8 import BLOCK, has_scales, is_scale, list_scales
from .tensor_widening import WIDENED, Array

# The largest values of the types that have scales.
_LARGEST = {"F8_E4M3": 448.0, "F8_E5M2": 57344.0}
_LARGEST_F16 = 65504.0
# Weights that are turned at once, so that memory does not depend on the model.
_PORTION = 2**20


def needs_unscaling(path: Path) -> bool:
    """Whether a valid file is safetensors with scales of weights. Raises OSError."""
    header = read_header(path)
    return header is not None and header.format == "safetensors" and has_scales(header.tensors)


def write_unscaled(source: Path, target: Path, is_stopped: Callable[[], bool]) -> None:
    """Write the copy: weights that have a scale in f16, or f32 where f16 can't hold them; all else as it is.

    Raises OSError; JobCancelled once `is_stopped`, which is asked every few milliseconds.
    """
    with open(source, "rb") as reading, open(target, "wb") as writing:
        stored = _read_entries(reading)
        turned = [_plan(reading, stored, name) for name in stored if not is_scale(name)]
        writing.write(_make_header(turned))
        for tensor in turned:
            for portion in _read_portions(reading, tensor):
                if is_stopped():
                    raise JobCancelled
                writing.write(portion)


class _Stored(NamedTuple):
    """A tensor in its file; `begin` counts from the start of the file, `size` is in bytes."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    size: int


class _Turned(NamedTuple):
    """A tensor of the copy; without a scale its bytes stay as they are."""

    name: str
    dtype: str
    stored: _Stored
    scale: Array | None

    @property
    def size(self) -> int:
        if self.scale is None:
            return self.stored.size
        return math.prod(self.stored.shape) * (2 if self.dtype == "F16" else 4)


def _read_entries(file: BinaryIO) -> dict[str, _Stored]:
    (length,) = struct.unpack("<Q", file.read(8))
    header: dict[str, Any] = json.loads(file.read(length).partition(b"\0")[0])
    header.pop("__metadata__", None)
    entries = ((name, entry, entry["data_offsets"]) for name, entry in header.items())
    return {
        name: _Stored(entry["dtype"], tuple(entry["shape"]), 8 + length + begin, end - begin)
        for name, entry, (begin, end) in entries
    }


def _plan(file: BinaryIO, stored: dict[str, _Stored], name: str) -> _Turned:
    tensor = stored[name]
    found = next((stored[one] for one in list_scales(name) if one in stored), None)
    if found is None:
        return _Turned(name, tensor.dtype, tensor, None)
    file.seek(found.begin)
    scale = WIDENED[found.dtype.lower()](file.read(found.size)).reshape(found.shape)
    largest = _LARGEST.get(tensor.dtype, math.inf) * float(np.abs(scale).max(initial=0.0))
    return _Turned(name, "F16" if largest <= _LARGEST_F16 else "F32", tensor, scale)


def _make_header(tensors: list[_Turned]) -> bytes:
    entries, at = {}, 0
    for tensor in tensors:
        offsets = [at, at + tensor.size]
        entries[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": tensor.stored.shape,
            "data_offsets": offsets,
        }
        at += tensor.size
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _read_portions(file: BinaryIO, tensor: _Turned) -> Iterator[bytes]:
    stored, scale = tensor.stored, tensor.scale
    rows = stored.shape[0] if stored.shape else 1
    row_bytes = stored.size // rows if rows else 0
    step = max(1, _PORTION // max(row_bytes, 1))
    for first in range(0, rows, step):
        last = min(first + step, rows)
        file.seek(stored.begin + first * row_bytes)
        data = file.read((last - first) * row_bytes)
        if scale is None:
            yield data
        else:
            weights = WIDENED[stored.dtype.lower()](data).reshape(last - first, -1)
            scaled = weights * _spread(scale, first, last, rows, weights.shape[1])
            yield scaled.astype("<f2" if tensor.dtype == "F16" else "<f4").tobytes()


def _spread(scale: Array, first: int, last: int, rows: int, columns: int) -> Array:
    """The scales of some rows of a matrix, as numpy multiplies them with it."""
    if scale.size == 1:
        return scale.reshape(1, 1)
    if scale.size == rows and scale.shape[0] == rows:
        return scale.reshape(rows, 1)[first:last]
    blocks = scale[np.arange(first, last) // BLOCK]
    return blocks[:, np.arange(columns) // BLOCK]
