"""An image cut into tiles, each with a margin that it shares with its neighbours."""

from collections.abc import Iterator
from typing import NamedTuple

type Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are outside."""


class Tile(NamedTuple):
    """`outer` is worked on; `inner`, which overlaps with no other tile, is kept of it."""

    outer: Box
    inner: Box


class _Span(NamedTuple):
    outer: tuple[int, int]
    inner: tuple[int, int]


def split_into_tiles(size: tuple[int, int], side: int) -> Iterator[Tile]:
    """Yield tiles row by row, of at most `side` pixels either way; neighbours share a quarter of that."""
    width, height = size
    for down in _split_length(height, side):
        for across in _split_length(width, side):
            yield Tile(
                outer=(across.outer[0], down.outer[0], across.outer[1], down.outer[1]),
                inner=(across.inner[0], down.inner[0], across.inner[1], down.inner[1]),
            )


def _split_length(length: int, side: int) -> Iterator[_Span]:
    if length <= side:
        yield _Span((0, length), (0, length))
        return
    margin = side // 8
    step = side - 2 * margin
    for start in range(0, length, step):
        end = min(start + step, length)
        yield _Span((max(0, start - margin), min(length, end + margin)), (start, end))
