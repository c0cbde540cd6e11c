"""Small files with all their tensors in F32, as safetensors."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .headers.torch_pickle import read_torch_pickle
from .tensor_files import NewTensor, read_spans, write_tensors

Array = NDArray[np.float32]


def _read_e4m3() -> Array:
    """What each byte means: a sign, four bits of exponent and three of mantissa; no infinity."""
    codes = np.arange(256)
    exponent, mantissa = (codes >> 3) & 15, codes & 7
    normal = np.ldexp(1 + mantissa / 8, exponent - 7)
    values = np.where(exponent == 0, np.ldexp(mantissa / 8, -6), normal)
    values[(codes & 127) == 127] = np.nan
    return np.where(codes >= 128, -values, values).astype(np.float32)


_E4M3 = _read_e4m3()

# Type of the tensor -> its bytes as F32. E5M2 and BF16 are the upper halves of F16 and F32.
WIDENED: Mapping[str, Callable[[bytes], Array]] = {
    "f32": lambda data: np.frombuffer(data, "<f4").astype(np.float32),
    "f64": lambda data: np.frombuffer(data, "<f8").astype(np.float32),
    "f16": lambda data: np.frombuffer(data, "<f2").astype(np.float32),
    "bf16": lambda data: (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32),
    "f8_e4m3": lambda data: _E4M3[np.frombuffer(data, np.uint8)],
    "f8_e5m2": lambda data: (
        (np.frombuffer(data, np.uint8).astype(np.uint16) << 8).view(np.float16).astype(np.float32)
    ),
}


def widen_file(source: Path, target: Path, metadata: Mapping[str, str]) -> None:
    """Write a copy of a valid safetensors file in F32. It appears whole or not at all. Raises OSError."""
    content = source.read_bytes()
    tensors = (
        NewTensor(
            name, "F32", span.shape, WIDENED[span.type.lower()](content[span.begin : span.end]).tobytes()
        )
        for name, span in read_spans(source).items()
    )
    write_tensors(target, tensors, metadata, source)


def widen_pickle(source: Path, target: Path, metadata: Mapping[str, str]) -> None:
    """Write the tensors of a file of `torch.save` in F32. It appears whole or not at all.

    Raises BadHeader, OSError.
    """
    tensors = (
        NewTensor(name, "F32", one.shape, WIDENED[one.type](one.content).tobytes())
        for name, one in read_torch_pickle(source).items()
    )
    write_tensors(target, tensors, metadata, source)
