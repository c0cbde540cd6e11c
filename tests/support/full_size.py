"""Models of the published sizes with random weights: SD1.5 takes 2 GB, SDXL 7 GB."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.tiny_models.files import Shapes, shapes
from tests.support.tiny_models.weights import spread

# Weights are cut out of so many random numbers: to draw each anew would take minutes.
POOL = 2**22 + 1


def sd15_shapes() -> Shapes:
    """UNet, CLIP-L and VAE, as they are published in one file."""
    return {
        **shapes("sd1_unet_full", "model.diffusion_model."),
        **shapes("clip_l", "cond_stage_model.transformer."),
        **shapes("sd1_vae", "first_stage_model."),
    }


def sdxl_shapes() -> Shapes:
    """UNet, CLIP-L, CLIP-G and VAE, as they are published in one file."""
    unet = shapes("sdxl_unet", "model.diffusion_model.")
    return {
        **{name: _widen(name, shape) for name, shape in unet.items()},
        **shapes("clip_l", "cond_stage_model.transformer."),
        **shapes("clip_g", "cond_stage_model.1.transformer."),
        **shapes("sd1_vae", "first_stage_model."),
    }


def _widen(name: str, shape: Sequence[int]) -> list[int]:
    """The tiny UNet has 64 channels where the published one has 320; what comes from outside stays."""
    text = 1 if ".attn2.to_k." in name or ".attn2.to_v." in name else None
    return [
        n if n in (1, 3, 4, 2816) or axis == text else 5 * n  # 3x3 kernels, latents, the size and the crop
        for axis, n in enumerate(shape)
    ]


def write_half_precision(path: Path, of: Shapes) -> int:
    """Write a safetensors file of float16, tensor by tensor; its bytes."""
    header: dict[str, object] = {}
    end = 0
    for name, shape in of.items():
        begin, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pool = np.random.default_rng(1).standard_normal(POOL, np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in of.items():
            for part in _list_parts(name, shape, pool):
                file.write(part.tobytes())
    return path.stat().st_size


def _list_parts(name: str, shape: Sequence[int], pool: NDArray[np.float32]) -> Iterator[NDArray[np.float16]]:
    """The weights of a tensor, after the rules of weights.py."""
    length = math.prod(shape)
    if len(shape) == 1:
        yield np.full(length, 0 if name.endswith(".bias") else 1, np.float16)
        return
    scaled = (pool[: min(POOL, length)] * np.float32(spread(shape))).astype(np.float16)
    for begin in range(0, length, POOL):
        yield scaled[: min(POOL, length - begin)]
