"""Pickles, of PyTorch: they are programs and never read here; only whether a file can be one is looked at."""

import os
from pathlib import Path

# A zip archive, as PyTorch writes since 1.6, or a bare pickle as before.
_STARTS = (b"PK\x03\x04", b"\x80")
# No tensor with its program around it is smaller.
_SMALLEST = 64


def looks_like_pickle(start: bytes) -> bool:
    """Whether a file that begins so is meant to be one."""
    return start.startswith(_STARTS)


def find_pickle_problem(path: Path) -> str | None:
    """Why a file that is neither safetensors nor GGUF can't hold tensors. Raises OSError."""
    with open(path, "rb") as file:
        start = file.read(4)
    if looks_like_pickle(start) and os.path.getsize(path) >= _SMALLEST:
        return None
    return "is neither a safetensors file nor a pickle"
