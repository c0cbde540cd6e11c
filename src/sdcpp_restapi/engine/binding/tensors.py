"""The tensors of the engine's graphs, in memory.

The engine tells of every node of a graph with the address of its ggml_tensor. That struct is ggml's and no
part of the C interface of stable-diffusion.cpp: its offsets (ggml.h, 64 bits, equal in the revisions
487de75 and 2bb7294) are checked on the first tensor that is read, and nothing is read where they don't fit.
"""

import ctypes
import struct
from ctypes import CFUNCTYPE, c_bool, c_char_p, c_size_t, c_void_p
from dataclasses import dataclass
from typing import Any

from .library import Library

TYPE, NE, NB, OP, SRC, DATA, NAME = 0, 16, 48, 80, 152, 248, 256
NAME_LENGTH = 64
_SOURCES = struct.Struct("10P")  # GGML_MAX_SRC
_DIMENSIONS = struct.Struct("4q4Q")
_POINTER = struct.Struct("P")
# GGML_TYPE_F32, GGML_TYPE_F16 and GGML_TYPE_BF16: bytes of an element.
ELEMENT_BYTES = {0: 4, 1: 2, 30: 2}
# What the runner of all of the engine's networks calls the last node of a graph (ggml_extend.hpp).
LAST_NODE = b"final_result_tensor\0"
# GGML_OP_NONE: a node that is not computed.
NO_OPERATION = b"\0\0\0\0"

eval_cb_t = CFUNCTYPE(c_bool, c_void_p, c_bool, c_void_p)
"""`bool callback(ggml_tensor*, bool ask, void*)`: whether the node is wanted, then that it is computed."""


@dataclass(frozen=True)
class Shape:
    """Elements in each of four dimensions, and the bytes of all of them."""

    elements: tuple[int, int, int, int]
    length: int


class TensorsUnknown(Exception):
    """The struct has another layout here, or the data lie where they cannot be reached."""


class Tensors:
    """Reads and writes tensors by their addresses."""

    def __init__(self, library: Library) -> None:
        self._c = library.c
        self._get: Any = getattr(library.c, "ggml_backend_tensor_get", None)
        self._set: Any = getattr(library.c, "ggml_backend_tensor_set", None)
        for function in (self._get, self._set):
            if function is not None:
                function.restype, function.argtypes = None, (c_void_p, c_char_p, c_size_t, c_size_t)

    @property
    def reach_devices(self) -> bool:
        """Whether data in the memory of a GPU can be copied; without that only the host's."""
        return self._get is not None and self._set is not None

    def set_callback(self, callback: Any) -> None:
        """Have the engine ask about every node it computes; `eval_cb_t()` ends it."""
        function = self._c.sd_set_backend_eval_callback
        function.restype, function.argtypes = None, (eval_cb_t, c_void_p)
        function(callback, None)

    @property
    def can_watch(self) -> bool:
        """Whether the library tells of nodes at all."""
        return hasattr(self._c, "sd_set_backend_eval_callback")

    def is_last(self, tensor: int) -> bool:
        """Whether it is the result of its graph."""
        return LAST_NODE in ctypes.string_at(tensor + NAME, NAME_LENGTH)

    def find_weight(self, tensor: int) -> str | None:
        """The name of a weight that goes into this node, such as `tae.decoder.layers.0.weight`."""
        for source in _SOURCES.unpack(ctypes.string_at(tensor + SRC, _SOURCES.size)):
            if source:
                name = ctypes.string_at(source + NAME, NAME_LENGTH).partition(b"\0")[0]
                if b"." in name and b":" not in name:
                    return name.decode(errors="replace")
        return None

    def read_shape(self, tensor: int) -> Shape:
        """Its shape. Raises TensorsUnknown where what lies there can't be a contiguous result."""
        kind = int.from_bytes(ctypes.string_at(tensor + TYPE, 4), "little")
        size = ELEMENT_BYTES.get(kind)
        *elements, b0, b1, b2, b3 = _DIMENSIONS.unpack(ctypes.string_at(tensor + NE, _DIMENSIONS.size))
        w, h, d, n = elements
        if (
            size is None
            or min(elements) < 1
            or (b0, b1, b2, b3)
            != (
                size,
                size * w,
                size * w * h,
                size * w * h * d,
            )
        ):
            raise TensorsUnknown(f"type {kind}, elements {elements}, strides {[b0, b1, b2, b3]}")
        return Shape((w, h, d, n), b3 * n)

    def skip(self, tensor: int) -> None:
        """Have this node not computed."""
        ctypes.memmove(tensor + OP, NO_OPERATION, len(NO_OPERATION))

    def read(self, tensor: int, length: int) -> bytes:
        """The data of a node that is computed."""
        if self._get is None:
            return ctypes.string_at(self._find_data(tensor), length)
        buffer = ctypes.create_string_buffer(length)
        self._get(tensor, buffer, 0, length)
        return buffer.raw

    def write(self, tensor: int, data: bytes) -> None:
        """Put data in place of what a node would have computed."""
        if self._set is None:
            ctypes.memmove(self._find_data(tensor), data, len(data))
        else:
            self._set(tensor, data, 0, len(data))

    def _find_data(self, tensor: int) -> int:
        address: int = _POINTER.unpack(ctypes.string_at(tensor + DATA, _POINTER.size))[0]
        if not address:
            raise TensorsUnknown("no data")
        return address
