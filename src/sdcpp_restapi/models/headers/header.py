"""The header of a model file: names, shapes and types of its tensors, without the weights."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

# Shapes are folded to this many dimensions, as the engine folds them and GGUF stores them.
MOST_DIMENSIONS = 4

# What messages show of a name.
LONGEST_NAME = 60


class BadHeader(Exception):
    """The header is damaged, cut off, or was made to confuse."""


class Tensor(NamedTuple):
    """Shape as PyTorch has it, [out, in, ...], and type in small letters, e.g. f16 or q4_k."""

    shape: tuple[int, ...]
    type: str


@dataclass(frozen=True)
class Header:
    """`metadata` are the texts of the file, numbers as texts, lists left out."""

    format: Literal["safetensors", "gguf"]
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str] = field(default_factory=dict)


def quote_name(name: str) -> str:
    """A name out of a file as it may stand in a message: short, without control characters."""
    shown = "".join(sign if sign.isprintable() and sign != "\ufffd" else "." for sign in name[:LONGEST_NAME])
    return f"'{shown}{'...' if len(name) > LONGEST_NAME else ''}'"


def fold(shape: Iterable[int]) -> tuple[int, ...]:
    """A shape of at most four dimensions: the first ones become one."""
    sizes = tuple(shape)
    spare = len(sizes) - MOST_DIMENSIONS
    return sizes if spare <= 0 else (math.prod(sizes[: spare + 1]), *sizes[spare + 1 :])


def weigh(tensors: Iterable[Tensor]) -> tuple[int, str | None]:
    """How many weights there are, and the type that most of them have."""
    count: dict[str, int] = {}
    for shape, type in tensors:
        count[type] = count.get(type, 0) + math.prod(shape)
    return sum(count.values()), max(count, key=count.__getitem__, default=None)


def is_quantised(type: str | None) -> bool:
    """Whether weights of this type come in blocks with a common scale."""
    return (type or "").startswith(("q", "iq", "tq", "mxfp", "nvfp"))
