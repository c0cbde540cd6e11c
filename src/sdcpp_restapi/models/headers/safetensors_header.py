"""Headers of safetensors files: https://huggingface.co/docs/safetensors, read as tolerantly as by the engine.

The format's own library refuses more than the engine: metadata that is no text, bytes between and behind the
tensors (docs/decisions/0007-reading-headers.md). What could make a reader wander off is refused here too.
"""

import json
import math
import os
import re
import struct
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from .header import BadHeader, Header, Tensor, fold, quote_name

# How JSON names half of a character beyond the first 65536, or both halves.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
# Eight bytes of length, then the JSON begins.
_LENGTH = 8
_START = _LENGTH + 1

# Far beyond any model (LoRAs with every tag of their training take some 10 MB), and still quickly read.
MOST_BYTES: Final = 32 * 2**20
MOST_TENSORS: Final = 65_536
MOST_DIMENSIONS: Final = 5
MOST_WEIGHTS: Final = 2**50

# Types that the engine knows, with bytes for each weight; it refuses a file with one tensor of another type.
TYPES: Final = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "I32": 4}
# Those, and the one that it passes over.
WIDTHS: Final = {**TYPES, "U8": 1}


def looks_like_safetensors(start: bytes) -> bool:
    """Whether a file that begins so (at least 9 bytes) is meant to be one: a length, then JSON."""
    return len(start) >= _START and start[_LENGTH:_START] == b"{"


def read_safetensors(path: Path) -> Header:
    """The header of a file that is complete. Raises BadHeader, OSError."""
    with open(path, "rb") as file:
        return parse_safetensors(file, os.fstat(file.fileno()).st_size)


def parse_safetensors(file: BinaryIO, size: int) -> Header:
    """The header at the beginning of a file of `size` bytes; nothing behind it is read. Raises BadHeader."""
    text = _read_text(file, size)
    content = _parse(text)
    data = size - _LENGTH - len(text)
    metadata = _keep_texts(content.pop("__metadata__", None))
    if len(content) > MOST_TENSORS:
        raise BadHeader(f"{len(content)} tensors")
    tensors: dict[str, Tensor] = {}
    spans: list[tuple[int, int, str]] = []
    for name, entry in content.items():
        tensors[name], (begin, end) = _read_tensor(name, entry, data)
        if begin < end:
            spans.append((begin, end, name))
    _check_apart(spans)
    return Header("safetensors", tensors, metadata)


def _read_text(file: BinaryIO, size: int) -> bytes:
    start = file.read(_LENGTH)
    if len(start) < _LENGTH:
        raise BadHeader("the file is cut off")
    (length,) = struct.unpack("<Q", start)
    if length > size - _LENGTH:
        raise BadHeader("the header is longer than the file")
    if length > MOST_BYTES:
        raise BadHeader(f"a header of {length} bytes")
    text = file.read(length)
    if len(text) < length:
        raise BadHeader("the file is cut off")
    return text


def _parse(text: bytes) -> dict[str, object]:
    try:
        # To the engine, the text ends with the first zero byte: some writers fill up with them.
        written = text.partition(b"\0")[0].decode()
        content = json.loads(
            written, parse_constant=_refuse_constant, parse_int=_parse_int, parse_float=_parse_float
        )
        if _HALF.search(written) and not _is_text(json.dumps(content, ensure_ascii=False)):
            raise BadHeader("it holds half a character, which the engine does not read")
    except (ValueError, RecursionError):
        raise BadHeader("it is not JSON") from None
    if not isinstance(content, dict):
        raise BadHeader("it is no JSON object")
    return content


def _refuse_constant(text: str) -> NoReturn:
    """NaN, Infinity and -Infinity are Python's own; raises BadHeader."""
    raise BadHeader(f"it holds {text}, which is not JSON")


def _parse_int(digits: str) -> int:
    """Raises BadHeader for what the engine could not hold even as a floating-point number."""
    _parse_float(digits)
    return int(digits)


def _parse_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise BadHeader("it holds a number that is too large for the engine")
    return number


def _keep_texts(metadata: object) -> Mapping[str, str]:
    """The texts among the metadata: the engine reads none of it, so that any JSON may stand there."""
    pairs = metadata.items() if isinstance(metadata, dict) else ()
    return {key: text for key, text in pairs if isinstance(text, str)}


def _read_tensor(name: str, entry: object, data: int) -> tuple[Tensor, tuple[int, int]]:
    """A tensor, and where it begins and ends within the `data` bytes behind the header."""
    if not isinstance(entry, dict):
        raise BadHeader(f"{quote_name(name)} is not described as a tensor")
    shape, offsets, type = _numbers(entry, "shape"), _numbers(entry, "data_offsets"), entry.get("dtype")
    if shape is None or offsets is None or len(offsets) != 2 or not isinstance(type, str):
        raise BadHeader(f"{quote_name(name)} is not described as a tensor")
    width = WIDTHS.get(type)
    if width is None:
        raise BadHeader(f"{quote_name(name)} is of type {quote_name(type)}, which the engine does not read")
    if len(shape) > MOST_DIMENSIONS:
        raise BadHeader(f"{quote_name(name)} has {len(shape)} dimensions")
    weights = math.prod(shape)
    if weights > MOST_WEIGHTS:
        raise BadHeader(f"{quote_name(name)} has more weights than any model's")
    begin, end = offsets
    if end > data:
        raise BadHeader(f"the file is cut off: {quote_name(name)} is not whole")
    if end - begin != weights * width:
        raise BadHeader(f"{quote_name(name)} takes {end - begin} bytes, and should {weights * width}")
    return Tensor(fold(shape), type.lower()), (begin, end)


def _numbers(entry: Mapping[str, object], key: str) -> list[int] | None:
    """A list of whole numbers that are not negative; None for anything else."""
    found = entry.get(key)
    if not isinstance(found, list):
        return None
    numbers = [one for one in found if isinstance(one, int) and not isinstance(one, bool) and one >= 0]
    return numbers if len(numbers) == len(found) else None


def _check_apart(spans: list[tuple[int, int, str]]) -> None:
    """Raises BadHeader where two tensors share bytes; holes between them do no harm."""
    spans.sort()
    for (_, before, one), (begin, _, other) in pairwise(spans):
        if begin < before:
            raise BadHeader(f"{quote_name(one)} and {quote_name(other)} overlap")


def _is_text(text: str) -> bool:
    # JSON can name halves of characters, which no other text can carry.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
