"""GGUF files whose matrices are random q4_0 blocks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from numpy.typing import NDArray

from tests.support.tiny_models.weights import Array, Shapes, random_tensor, spread, stays_f32

BLOCK = np.dtype([("scale", np.float16), ("nibbles", np.uint8, 16)])
"""32 weights of q4_0: scale * (nibble - 8)."""

NIBBLE_DEVIATION = np.sqrt((16**2 - 1) / 12)
"""Standard deviation of a nibble of random bits."""


def random_blocks(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A [rows, columns] matrix as bytes: random bits are random weights already, nothing is quantised."""
    blocks = np.empty((rows, columns // 32), BLOCK)
    blocks["scale"] = spread((rows, columns)) / NIBBLE_DEVIATION
    blocks["nibbles"] = rng.integers(0, 256, (*blocks.shape, 16), np.uint8)
    return blocks.view(np.uint8)


def _quantizable(name: str, shape: Sequence[int]) -> bool:
    matrix = len(shape) == 2 and shape[1] % 32 == 0
    return matrix and not stays_f32(name, shape) and "position_embedding" not in name


def write_gguf(path: Path, fine: Mapping[str, Array], coarse: Shapes, seed: int) -> None:
    """The tensors of `fine` as they are; those of `coarse` as random q4_0 where they are matrices."""
    rng = np.random.default_rng(seed)
    writer = GGUFWriter(path, "sd")
    for name, tensor in fine.items():
        writer.add_tensor(name, tensor)
    for name, shape in coarse.items():
        if not _quantizable(name, shape):
            writer.add_tensor(name, random_tensor(name, shape, rng))
        else:
            rows, columns = shape
            blocks = random_blocks(rows, columns, rng)
            writer.add_tensor(name, blocks, raw_dtype=GGMLQuantizationType.Q4_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
