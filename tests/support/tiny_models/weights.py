"""Random weights that keep a network alive: activations neither vanish nor overflow.

The rules hold for every architecture tried on stable-diffusion.cpp 487de75 (MiniT2I, Flux, Z-Image,
SD1, CLIP, T5, Qwen3, TAESD, ESRGAN): norm weights 1, biases 0, everything else normal with a standard
deviation of 1/sqrt(fan-in).
"""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

type Array = NDArray[np.floating]
type Shapes = Mapping[str, Sequence[int]]

FULL_PRECISION = ("mask_token", "pad_token", "norm", "relative_attention_bias")
"""Parts of names whose tensors stay F32: MiniT2I and T5 need it, and it harms no other network."""


def stays_f32(name: str, shape: Sequence[int]) -> bool:
    """Vectors and the few tensors of FULL_PRECISION; all others may be F16 or quantised."""
    return len(shape) < 2 or any(part in name for part in FULL_PRECISION)


def spread(shape: Sequence[int]) -> float:
    """Standard deviation of a weight of shape [out, in, ...]: 1/sqrt(in * ...)."""
    return 1 / math.sqrt(math.prod(shape[1:]))


def random_tensor(name: str, shape: Sequence[int], rng: np.random.Generator) -> Array:
    """One tensor, filled after the rules above. A token ([width]) is drawn, a norm's vector is ones."""
    if name.endswith(".bias"):
        return np.zeros(shape, np.float32)
    if len(shape) == 1 and not name.endswith("token"):
        return np.ones(shape, np.float32)
    values = rng.standard_normal(shape, np.float32) * np.float32(spread(shape))
    return values if stays_f32(name, shape) else values.astype(np.float16)


def random_tensors(shapes: Shapes, seed: int) -> dict[str, Array]:
    """A whole model's tensors; the same shapes and seed give the same bytes."""
    rng = np.random.default_rng(seed)
    return {name: random_tensor(name, shape, rng) for name, shape in shapes.items()}


def write_once(path: Path, write: Callable[[Path], object]) -> Path:
    """Have `write` make the file unless it is there; nobody ever sees half of it.

    Two processes may race: both write a file of their own, the later one replaces an equal one.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            write(unfinished)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
    return path


def write_safetensors(path: Path, tensors: Callable[[], dict[str, Array]]) -> Path:
    """The tensors as a safetensors file, computed only when the file is not there."""
    return write_once(path, lambda unfinished: unfinished.write_bytes(save(tensors(), {"format": "pt"})))
