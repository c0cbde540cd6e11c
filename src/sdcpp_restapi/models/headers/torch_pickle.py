"""Tensors out of files of `torch.save`, without running them.

A pickle is a program. Its opcodes are followed here as far as they make dictionaries and tensors: nothing is
imported or called, and any other object becomes an empty dictionary. Zip archives (PyTorch 1.6 and later) and
the form before are read; the engine reads both too.
"""

import io
import math
import os
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .header import BadHeader

# A file is read as a whole, so only small ones are: an embedding takes 3 KB a vector.
MOST_BYTES = 2**26

# Class of a storage -> type, spelled as in headers. Other types hold no weights and are passed over.
_TYPES = {
    "DoubleStorage": "f64", "FloatStorage": "f32", "HalfStorage": "f16", "BFloat16Storage": "bf16",
    "Float8_e4m3fnStorage": "f8_e4m3", "Float8_e5m2Storage": "f8_e5m2",
}  # fmt: skip
_WIDTHS = {"f64": 8, "f32": 4, "f16": 2, "bf16": 2, "f8_e4m3": 1, "f8_e5m2": 1}
# Bytes a number of the storages that are passed over, which a file of the older form has to be read past.
_OTHER_WIDTHS = {"LongStorage": 8, "IntStorage": 4, "ShortStorage": 2}
# The first number of the older form: 0x1950a86a20f9469cfc6c.
_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


# What damaged bytes raise in here, in pickletools and in zipfile.
_UNREADABLE = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError, EOFError, zlib.error,
)  # fmt: skip


class PickledTensor(NamedTuple):
    """Type and shape as headers have them, and the bytes."""

    type: str
    shape: tuple[int, ...]
    content: bytes


class _Global(NamedTuple):
    module: str
    name: str


class _Storage(NamedTuple):
    kind: str
    key: str


class _View(NamedTuple):
    """A tensor as the pickle has it: a part of a storage, in numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch_pickle(path: Path) -> Mapping[str, PickledTensor]:
    """Tensors of floats by their keys, those of nested dictionaries joined. Raises BadHeader, OSError."""
    if os.path.getsize(path) > MOST_BYTES:
        raise BadHeader(f"it is larger than {MOST_BYTES >> 20} MiB")
    content = path.read_bytes()
    try:
        return (_read_legacy if content.startswith(_LEGACY) else _read_zip)(io.BytesIO(content))
    except zipfile.BadZipFile as error:
        raise BadHeader("it is no archive of torch.save") from error
    except _UNREADABLE as error:
        raise BadHeader("its pickle can't be followed") from error


def _read_zip(file: BinaryIO) -> Mapping[str, PickledTensor]:
    with zipfile.ZipFile(file) as archive:
        # Compressed entries may be of any size; PyTorch writes none.
        if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
            raise BadHeader(f"it is larger than {MOST_BYTES >> 20} MiB")
        program = next((name for name in archive.namelist() if name.endswith("data.pkl")), None)
        if program is None:
            raise BadHeader("it has no data.pkl")
        views = dict(_find_views(_follow(pickletools.genops(archive.read(program)))))
        folder = program.removesuffix("data.pkl")
        return {
            name: _cut(view, archive.read(f"{folder}data/{view.storage.key}")) for name, view in views.items()
        }


def _read_legacy(file: BinaryIO) -> Mapping[str, PickledTensor]:
    # Magic number, version, facts about the system, the objects, the keys of the storages.
    _, _, _, value, keys = (_follow(pickletools.genops(file)) for _ in range(5))
    views = dict(_find_views(value, keep_others=True))
    storages = {view.storage.key: view.storage for view in views.values()}
    contents: dict[str, bytes] = {}
    for key in keys if isinstance(keys, list) else ():
        (count,) = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))
        kind = storages[key].kind
        contents[key] = file.read(count * (_OTHER_WIDTHS.get(kind) or _WIDTHS[_TYPES[kind]]))
    return {
        name: _cut(view, contents[view.storage.key])
        for name, view in views.items()
        if view.storage.kind in _TYPES
    }


def _cut(view: _View, storage: bytes) -> PickledTensor:
    kind = _TYPES[view.storage.kind]
    strides = tuple(math.prod(view.shape[at + 1 :]) for at in range(len(view.shape)))
    if strides != view.strides and 0 not in view.shape:
        raise BadHeader("a tensor is not contiguous")
    begin = view.offset * _WIDTHS[kind]
    end = begin + math.prod(view.shape) * _WIDTHS[kind]
    if begin < 0 or end < begin or end > len(storage):
        raise BadHeader("the file is cut off")
    return PickledTensor(kind, view.shape, storage[begin:end])


def _find_views(value: object, keep_others: bool = False) -> Iterator[tuple[str, _View]]:
    seen: set[int] = set()
    left: list[tuple[str, object]] = [("", value)]
    while left:
        name, found = left.pop()
        if isinstance(found, _View) and (keep_others or found.storage.kind in _TYPES):
            yield name, found
        elif isinstance(found, dict) and id(found) not in seen:
            seen.add(id(found))
            left += [(f"{name}.{key}" if name else str(key), one) for key, one in found.items()]


def _follow(opcodes: Iterable[tuple[pickletools.OpcodeInfo, object, int | None]]) -> object:
    """What the program leaves. Raises ValueError, LookupError, TypeError, AttributeError."""
    machine = _Machine()
    for opcode, argument, _ in opcodes:
        machine.do(opcode.name, argument)
    return machine.stack[-1]


class _Machine:
    """The stack of a pickle in the making."""

    def __init__(self) -> None:
        self.stack: list[object] = []
        self._marks: list[int] = []
        self._memo: dict[object, object] = {}

    def do(self, name: str, argument: object) -> None:
        """Follow one opcode."""
        match name:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "MARK":
                self._marks.append(len(self.stack))
            case "MEMOIZE":
                self._memo[len(self._memo)] = self.stack[-1]
            case "BINPUT" | "LONG_BINPUT" | "PUT":
                self._memo[argument] = self.stack[-1]
            case "BINGET" | "LONG_BINGET" | "GET":
                self.stack.append(self._memo[argument])
            case "POP":
                self.stack.pop()
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                self.stack.append(None)
            case "BINPERSID":
                self.stack.append(_open_storage(self.stack.pop()))
            case "REDUCE" | "NEWOBJ":
                arguments, called = self.stack.pop(), self.stack.pop()
                self.stack.append(_make(called, arguments))
            case _:
                self._collect(name, argument)

    def _collect(self, name: str, argument: object) -> None:
        match name:
            case "EMPTY_DICT":
                self.stack.append({})
            case "EMPTY_LIST":
                self.stack.append([])
            case "EMPTY_TUPLE":
                self.stack.append(())
            case "TUPLE":
                self.stack.append(tuple(self._take_marked()))
            case "LIST":
                self.stack.append(self._take_marked())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self.stack.append(tuple(self._take(int(name[-1]))))
            case "SETITEM":
                self._put(self._take(2))
            case "SETITEMS":
                self._put(self._take_marked())
            case "APPEND":
                self._extend(self._take(1))
            case "APPENDS":
                self._extend(self._take_marked())
            case "BUILD":
                state = self.stack.pop()
                if isinstance(state, dict) and isinstance(self.stack[-1], dict):
                    self.stack[-1].update(state)
            case "GLOBAL":
                self.stack.append(_Global(*str(argument).split(" ", 1)))
            case "STACK_GLOBAL":
                self.stack.append(_Global(*map(_as_text, self._take(2))))
            case _ if argument is not None:
                self.stack.append(argument)
            case _:
                raise ValueError(name)

    def _take(self, count: int) -> list[object]:
        taken = self.stack[-count:]
        del self.stack[-count:]
        return taken

    def _take_marked(self) -> list[object]:
        mark = self._marks.pop()
        taken = self.stack[mark:]
        del self.stack[mark:]
        return taken

    def _put(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            pairs = zip(items[::2], items[1::2], strict=True)
            # Tuples within tuples can take for ever to hash.
            target.update((key, value) for key, value in pairs if isinstance(key, str | int))

    def _extend(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)


def _open_storage(reference: object) -> _Storage:
    if not isinstance(reference, tuple):
        raise TypeError(reference)
    _, kind, key = reference[:3]
    return _Storage(_as_text(kind.name), _as_text(key))


def _as_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value))
    return value


def _make(called: object, arguments: object) -> object:
    if isinstance(called, _Global) and isinstance(arguments, tuple):
        if called.name in ("_rebuild_tensor_v2", "_rebuild_tensor"):
            storage, offset, shape, strides = arguments[:4]
            if not isinstance(storage, _Storage):
                raise TypeError(storage)
            return _View(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))
        if called.name == "_rebuild_parameter":
            return arguments[0]
    return {}
