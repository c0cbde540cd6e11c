"""Files as `torch.save` writes them, without PyTorch: opcodes by hand, since no pickle is ever run here."""

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Tensor = tuple[str, tuple[int, ...], bytes]

_STORAGES = {4: "FloatStorage", 8: "DoubleStorage", 2: "HalfStorage"}
_WIDTHS = {"FloatStorage": 4, "DoubleStorage": 8, "LongStorage": 8}


def as_tensor(values: NDArray[np.floating]) -> Tensor:
    """The class of the storage, the shape and the bytes of an array."""
    return _STORAGES[values.dtype.itemsize], values.shape, values.tobytes()


def write_zip(path: Path, tensors: Mapping[str, Tensor], folder: str = "archive") -> Path:
    """As PyTorch writes since 1.6."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{folder}/data.pkl", pickle_of(tensors))
        for key, (_, _, content) in enumerate(tensors.values()):
            archive.writestr(f"{folder}/data/{key}", content)
    return path


def write_legacy(path: Path, tensors: Mapping[str, Tensor]) -> Path:
    """As PyTorch wrote before 1.6: five pickles, then the storages."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()
    file.write(b"\x80\x02\x8a\x0a" + bytes.fromhex("6cfc9c46f9206aa85019") + b".")
    file.write(b"\x80\x02M" + struct.pack("<H", 1001) + b".")
    file.write(b"\x80\x02}.")
    file.write(pickle_of(tensors, legacy=True))
    file.write(b"\x80\x02](" + b"".join(_text(str(key)) for key in range(len(tensors))) + b"e.")
    for kind, _, content in tensors.values():
        width = _WIDTHS.get(kind, 2)
        file.write(struct.pack("<Q", len(content) // width) + content)
    path.write_bytes(file.getvalue())
    return path


def pickle_of(tensors: Mapping[str, Tensor], legacy: bool = False) -> bytes:
    """{"string_to_param": {name: tensor}, "step": 7}, as trainers of embeddings save it."""
    items = b"".join(
        _text(name) + _rebuild(str(key), tensor, legacy) for key, (name, tensor) in enumerate(tensors.items())
    )
    return b"\x80\x02}(" + _text("string_to_param") + b"}(" + items + b"u" + _text("step") + b"K\x07u."


def _rebuild(key: str, tensor: Tensor, legacy: bool) -> bytes:
    kind, shape, content = tensor
    width = _WIDTHS.get(kind, 2)
    storage = _text("storage") + _global("torch", kind) + _text(key) + _text("cpu")
    storage += _number(len(content) // width) + (b"N" if legacy else b"")
    strides = [int(np.prod(shape[at + 1 :])) for at in range(len(shape))]
    place = b"(" + storage + b"tQK\x00" + _numbers(shape) + _numbers(strides)
    return _global("torch._utils", "_rebuild_tensor_v2") + b"(" + place + b"\x89" + _ORDERED + b"tR"


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


def _number(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)


def _numbers(numbers: "tuple[int, ...] | list[int]") -> bytes:
    return b"(" + b"".join(map(_number, numbers)) + b"t"


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


_ORDERED = _global("collections", "OrderedDict") + b")R"
