"""The wheels that ship the engine's library, and where in them it lies."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from ...errors import EngineUnusable
from .names import SUPPLIERS
from .revisions import INSTALL

# Package -> the beginning of the library's name in its folder `sd`.
LIBRARIES = dict(zip(SUPPLIERS, ("stable_diffusion", "_sd_native"), strict=True))


def find_library(suppliers: Sequence[str] = SUPPLIERS) -> Path:
    """The library in an installed wheel, found without importing it. Raises EngineUnusable."""
    for supplier in suppliers:
        spec = importlib.util.find_spec(supplier)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            for suffix in ("so", "pyd", "dylib"):
                for found in sorted(Path(folder, "sd").glob(f"{LIBRARIES[supplier]}*.{suffix}")):
                    return found
    raise EngineUnusable(f"The engine library is not installed: {INSTALL}")
