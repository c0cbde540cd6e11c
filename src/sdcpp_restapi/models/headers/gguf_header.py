"""Headers of GGUF files: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3.

Read here and not with the package gguf, which takes seconds and half a gigabyte for the vocabulary of a
language model (docs/decisions/0007-reading-headers.md). Lists are skipped, everything else is bounded.
"""

import math
import os
import struct
from pathlib import Path
from typing import BinaryIO, Final

from .header import BadHeader, Header, Tensor, fold, quote_name

MAGIC: Final = b"GGUF"
VERSIONS: Final = (2, 3)

# Far beyond any model (the largest vocabularies take some 10 MB, a name 64 bytes), and still quickly read.
MOST_BYTES: Final = 64 * 2**20
MOST_TENSORS: Final = 65_536
MOST_KEYS: Final = 65_536
MOST_TEXT: Final = 2**20
MOST_NAME: Final = 1024
# ggml has four; the engine folds what is beyond.
MOST_DIMENSIONS: Final = 8
MOST_WEIGHTS: Final = 2**50

_STRING, _ARRAY = 8, 9
_SCALARS: Final = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip

# ggml's enum of types, which the files number; gaps are types that were given up.
TYPES: Final = {
    0: "f32", 1: "f16", 2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1", 8: "q8_0", 9: "q8_1", 10: "q2_k",
    11: "q3_k", 12: "q4_k", 13: "q5_k", 14: "q6_k", 15: "q8_k", 16: "iq2_xxs", 17: "iq2_xs", 18: "iq3_xxs",
    19: "iq1_s", 20: "iq4_nl", 21: "iq3_s", 22: "iq2_s", 23: "iq4_xs", 24: "i8", 25: "i16", 26: "i32",
    27: "i64", 28: "f64", 29: "iq1_m", 30: "bf16", 34: "tq1_0", 35: "tq2_0", 39: "mxfp4", 40: "nvfp4",
    41: "q1_0",
}  # fmt: skip

# Weights of a block, and its bytes. Of a type that is missing here, the length is not checked.
BLOCKS: Final = {
    "f32": (1, 4), "f16": (1, 2), "bf16": (1, 2), "f64": (1, 8), "i8": (1, 1), "i16": (1, 2), "i32": (1, 4),
    "i64": (1, 8), "q4_0": (32, 18), "q4_1": (32, 20), "q5_0": (32, 22), "q5_1": (32, 24), "q8_0": (32, 34),
    "q2_k": (256, 84), "q3_k": (256, 110), "q4_k": (256, 144), "q5_k": (256, 176), "q6_k": (256, 210),
    "q8_k": (256, 292), "iq2_xxs": (256, 66), "iq2_xs": (256, 74), "iq3_xxs": (256, 98), "iq1_s": (256, 50),
    "iq4_nl": (32, 18), "iq3_s": (256, 110), "iq2_s": (256, 82), "iq4_xs": (256, 136), "iq1_m": (256, 56),
    "tq1_0": (256, 54), "tq2_0": (256, 66), "mxfp4": (32, 17), "nvfp4": (64, 36),
    "q1_0": (128, 18),
}  # fmt: skip
_ALIGNMENT = "general.alignment"


def read_gguf(path: Path) -> Header:
    """The header of a GGUF file. Raises BadHeader, OSError."""
    with open(path, "rb", buffering=2**18) as file:
        return parse_gguf(file, os.fstat(file.fileno()).st_size)


def parse_gguf(file: BinaryIO, size: int) -> Header:
    """The header at the beginning of a file of `size` bytes; nothing behind it is read. Raises BadHeader."""
    return _Reader(file, size).header()


class _Reader:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._left = min(self._size, MOST_BYTES)

    def header(self) -> Header:
        if self._bytes(4) != MAGIC:
            raise BadHeader("it does not begin as a GGUF file")
        version = self._number("<I")
        if version not in VERSIONS:
            raise BadHeader(f"GGUF version {version} is not known")
        tensors = self._count("tensors", MOST_TENSORS)
        keys = self._count("keys", MOST_KEYS)
        metadata = dict(self._pair() for _ in range(keys))
        found: dict[str, Tensor] = {}
        last = 0
        for _ in range(tensors):
            name, tensor, offset = self._tensor()
            found[name], last = tensor, max(last, offset + _count_bytes(tensor))
        if len(found) < tensors:
            raise BadHeader("two tensors have the same name")
        if last and self._find_data(metadata.get(_ALIGNMENT)) + last > self._size:
            raise BadHeader("the file is cut off")
        return Header("gguf", found, {key: text for key, text in metadata.items() if text is not None})

    def _find_data(self, alignment: str | None) -> int:
        """Where the weights begin: at the next multiple of the alignment."""
        step = int(alignment) if alignment and alignment.isdigit() and int(alignment) else 32
        return -(-self._file.tell() // step) * step

    def _pair(self) -> tuple[str, str | None]:
        key = self._text()
        kind = self._number("<I")
        if kind == _STRING:
            return key, self._text()
        if kind == _ARRAY:
            self._skip_list()
            return key, None
        return key, str(self._scalar(kind))

    def _tensor(self) -> tuple[str, Tensor, int]:
        name = self._text("the name of a tensor", MOST_NAME)
        dimensions = self._number("<I")
        if dimensions > MOST_DIMENSIONS:
            raise BadHeader(f"{quote_name(name)} has {dimensions} dimensions")
        # GGUF counts from the innermost dimension.
        shape = tuple(self._number("<Q") for _ in range(dimensions))[::-1]
        number = self._number("<I")
        tensor = Tensor(fold(shape), TYPES.get(number, f"type {number}"))
        if math.prod(shape) > MOST_WEIGHTS:
            raise BadHeader(f"{quote_name(name)} has the shape {shape}")
        return name, tensor, self._number("<Q")

    def _skip_list(self) -> None:
        kind, count = self._number("<I"), self._number("<Q")
        if kind == _STRING:
            for _ in range(count):
                self._bytes(self._number("<Q"))
        elif kind in _SCALARS:
            self._bytes(count * struct.calcsize(_SCALARS[kind]))
        else:
            raise BadHeader(f"a list of values of type {kind}")

    def _count(self, what: str, most: int) -> int:
        count = self._number("<Q")
        if count > most:
            raise BadHeader(f"{count} {what}")
        return count

    def _scalar(self, kind: int) -> object:
        if kind not in _SCALARS:
            raise BadHeader(f"a value of type {kind}")
        return struct.unpack(_SCALARS[kind], self._bytes(struct.calcsize(_SCALARS[kind])))[0]

    def _text(self, what: str = "a text", most: int = MOST_TEXT) -> str:
        length = self._number("<Q")
        if length > most:
            raise BadHeader(f"{what} takes {length} bytes")
        return self._bytes(length).decode("utf-8", "replace")

    def _number(self, form: str) -> int:
        number: int = struct.unpack(form, self._bytes(struct.calcsize(form)))[0]
        return number

    def _bytes(self, count: int) -> bytes:
        self._left -= count
        if self._left < 0:
            raise BadHeader("the header is cut off, or larger than any model's")
        found = self._file.read(count)
        if len(found) < count:
            raise BadHeader("the file is cut off")
        return found


def _count_bytes(tensor: Tensor) -> int:
    """Those that the weights take at least."""
    weights, size = BLOCKS.get(tensor.type, (1, 0))
    return math.prod(tensor.shape) // weights * size
