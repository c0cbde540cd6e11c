"""Model files whose headers are damaged at random: one deed each, named by what was done."""

import json
import random
import struct
from collections.abc import Callable
from typing import Any

Entries = dict[str, dict[str, Any]]
_NUMBERS = (
    0,
    1,
    2,
    3,
    5,
    7,
    31,
    2**15,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**62,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
_DTYPES = (
    "F64",
    "F32",
    "F16",
    "BF16",
    "F8_E4M3",
    "F8_E5M2",
    "I64",
    "I32",
    "I8",
    "U8",
    "BOOL",
    "Q4_0",
    "",
    None,
    7,
)


def damage(whole: bytes, chance: random.Random) -> tuple[str, bytes]:
    """What was done to a GGUF or safetensors file, and the file."""
    gguf = whole.startswith(b"GGUF")
    deeds = [_flip_bits, _cut, *((_set_field, _set_field, _rename_twin) if gguf else _SAFETENSORS)]
    deed = chance.choice(deeds)
    return deed.__name__.strip("_"), deed(whole, chance)


# ---------------------------------------------------------------- both


def _header_end(whole: bytes) -> int:
    if not whole.startswith(b"GGUF"):
        return 8 + int(struct.unpack_from("<Q", whole)[0])
    return max(at + size for at, size in _fields(whole))


def _flip_bits(whole: bytes, chance: random.Random) -> bytes:
    changed = bytearray(whole)
    for _ in range(chance.choice([1, 1, 1, 3, 20])):
        changed[chance.randrange(_header_end(whole))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(whole: bytes, chance: random.Random) -> bytes:
    return whole[: chance.choice([chance.randrange(_header_end(whole)), chance.randrange(len(whole))])]


# ---------------------------------------------------------------- GGUF


def _fields(whole: bytes) -> list[tuple[int, int]]:
    """Where the numbers of a GGUF header without lists are, and how many bytes each takes."""
    walk = _Walk(whole)
    walk.number(4), walk.number(8), walk.number(8)  # version, tensors, keys
    tensors, keys = struct.unpack_from("<QQ", whole, 8)
    for _ in range(keys):
        walk.skip(walk.number(8))
        kind = walk.number(4)
        walk.skip(
            walk.number(8) if kind == 8 else {0: 1, 1: 1, 2: 2, 3: 2, 7: 1}.get(kind, 4 if kind < 10 else 8)
        )
    for _ in range(tensors):
        walk.skip(walk.number(8))
        for _ in range(walk.number(4)):
            walk.number(8)
        walk.number(4), walk.number(8)  # type, offset
    return walk.fields


class _Walk:
    """Reads numbers one after the other, and remembers where they were."""

    def __init__(self, whole: bytes) -> None:
        self.fields: list[tuple[int, int]] = []
        self._whole, self._at = whole, 4

    def number(self, size: int) -> int:
        self.fields.append((self._at, size))
        self._at += size
        return int.from_bytes(self._whole[self._at - size : self._at], "little")

    def skip(self, size: int) -> None:
        self._at += size


def _set_field(whole: bytes, chance: random.Random) -> bytes:
    """Another version, count, length, type, dimension or offset."""
    changed = bytearray(whole)
    for at, size in chance.sample(_fields(whole), chance.choice([1, 1, 1, 2])):
        old = int.from_bytes(whole[at : at + size], "little")
        new = chance.choice([*_NUMBERS, old + 1, old - 1, old * 2, old // 2, old ^ 32])
        changed[at : at + size] = (new % 256**size).to_bytes(size, "little")
    return bytes(changed)


def _rename_twin(whole: bytes, chance: random.Random) -> bytes:
    """Two tensors, or a key and a tensor, get the same name."""
    texts = [
        whole[at + 8 : at + 8 + int.from_bytes(whole[at : at + 8], "little")] for at, n in _fields(whole)
    ]
    names = sorted({text for text in texts if b"." in text and len(text) < 100})
    one = chance.choice(names)
    twins = [name for name in names if len(name) == len(one) and name != one]
    return whole.replace(chance.choice(twins or [b"no such"]), one, 1)


# ---------------------------------------------------------------- safetensors


def _rewrite(change: Callable[[Entries, str, random.Random], Any]) -> Callable[[bytes, random.Random], bytes]:
    """What changes an entry of the header, as a deed; the weights stay."""

    def deed(whole: bytes, chance: random.Random) -> bytes:
        end = _header_end(whole)
        entries = json.loads(whole[8:end])
        change(entries, chance.choice([name for name in entries if name != "__metadata__"]), chance)
        return _join(json.dumps(entries).encode(), whole[end:])

    deed.__name__ = change.__name__
    return deed


def _join(text: bytes, weights: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text + weights


def _set_length(whole: bytes, chance: random.Random) -> bytes:
    end = _header_end(whole)
    return struct.pack("<Q", chance.choice([*_NUMBERS, end - 9, end - 7, end + 100, len(whole)])) + whole[8:]


def _nest(whole: bytes, chance: random.Random) -> bytes:
    deep = b'[{"a":' * chance.choice([10, 500, 100_000])
    return _join(b'{"__metadata__":' + deep, whole[_header_end(whole) :])


def _double(whole: bytes, chance: random.Random) -> bytes:
    """A key twice, the second time for other bytes."""
    end = _header_end(whole)
    entries = json.loads(whole[8:end])
    one, other = chance.sample([name for name in entries if name != "__metadata__"], 2)
    more = f", {json.dumps(one)}: {json.dumps(entries[other])}}}".encode()
    return _join(whole[8:end].rstrip(b" \0")[:-1] + more, whole[end:])


def _dtype(entries: Entries, name: str, chance: random.Random) -> None:
    entries[name]["dtype"] = chance.choice(_DTYPES)


def _offsets(entries: Entries, name: str, chance: random.Random) -> None:
    begin, end = entries[name]["data_offsets"]
    far = chance.choice(_NUMBERS)
    entries[name]["data_offsets"] = chance.choice(
        [
            [end, begin],
            [-begin - 4, end],
            [begin, far],
            [far, far + end - begin],
            [0, end - begin],
            [begin],
            [],
            None,
        ]
    )


def _shape(entries: Entries, name: str, chance: random.Random) -> None:
    shape = entries[name]["shape"]
    entries[name]["shape"] = chance.choice(
        [
            shape[::-1],
            [*shape, 1],
            [1, *shape],
            shape[1:],
            [-n for n in shape],
            [chance.choice(_NUMBERS)] * 4,
            None,
        ]
    )


def _tensor_lost(entries: Entries, name: str, _chance: random.Random) -> None:
    del entries[name]


def _names_swapped(entries: Entries, name: str, chance: random.Random) -> None:
    other = chance.choice([one for one in entries if one != "__metadata__"])
    entries[name], entries[other] = entries[other], entries[name]


def _entry(entries: Entries, name: str, chance: random.Random) -> None:
    wrong: list[Any] = [None, 7, "x", [], {}, {"dtype": "F32"}, 1e400, True]
    entries[name] = chance.choice(wrong)


_EDITS = (_dtype, _offsets, _shape, _tensor_lost, _names_swapped, _entry)
_SAFETENSORS = (_set_length, _nest, _double, *map(_rewrite, _EDITS))
