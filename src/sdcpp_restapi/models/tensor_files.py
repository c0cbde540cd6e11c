"""Safetensors files written from the tensors of another one, without holding them in memory."""

import json
import math
import os
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .headers.safetensors_header import WIDTHS

_CHUNK = 2**22
# What tensor_widening.py reads.
WIDENED_TYPES = frozenset(("f32", "f64", "f16", "bf16", "f8_e4m3", "f8_e5m2"))


class Span(NamedTuple):
    """A tensor within a file: its type in capitals, its shape, and its bytes from `begin` to `end`."""

    type: str
    shape: tuple[int, ...]
    begin: int
    end: int


class NewTensor(NamedTuple):
    """A tensor to be written: bytes, or those of the source; zeros for what its shape has beyond them."""

    name: str
    type: str
    shape: tuple[int, ...]
    content: bytes | Span | None


def read_spans(path: Path) -> dict[str, Span]:
    """The tensors of a valid safetensors file. Raises OSError."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length).partition(b"\0")[0])
    header.pop("__metadata__", None)
    return {
        name: Span(
            entry["dtype"], tuple(entry["shape"]), *(8 + length + offset for offset in entry["data_offsets"])
        )
        for name, entry in header.items()
    }


def write_tensors(
    target: Path, tensors: Iterable[NewTensor], metadata: Mapping[str, str], source: Path
) -> None:
    """Write a file that appears whole or not at all. Raises OSError."""
    tensors = list(tensors)
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    at = 0
    for tensor in tensors:
        end = at + _size(tensor)
        header[tensor.name] = {"dtype": tensor.type, "shape": tensor.shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with open(unfinished, "wb") as file, open(source, "rb") as read:
            file.write(struct.pack("<Q", len(text)) + text)
            for tensor in tensors:
                written = sum(file.write(chunk) for chunk in _read_chunks(tensor.content, read))
                file.write(bytes(_size(tensor) - written))
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def _size(tensor: NewTensor) -> int:
    return math.prod(tensor.shape) * WIDTHS[tensor.type]


def _read_chunks(content: bytes | Span | None, source: BinaryIO) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
    elif content is not None:
        source.seek(content.begin)
        left = content.end - content.begin
        while left and (chunk := source.read(min(left, _CHUNK))):
            left -= len(chunk)
            yield chunk
