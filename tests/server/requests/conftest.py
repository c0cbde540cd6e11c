"""A server with two tiny models of different architectures, one of them loaded."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.server_setup import OPTIONS, ServerSetup
from tests.support.tiny_models import build

FLUX, MINIT2I = "a flux.safetensors", "sub/a minit2i.safetensors"
PICTURE: dict[str, Any] = {
    "prompt": "a cat", "width": 64, "height": 64, "steps": 2, "cfg_scale": 1.0, "seed": 7, "sampler": "euler",
}  # fmt: skip


@pytest.fixture(scope="module")
def bodies(root: Path) -> dict[str, dict[str, Any]]:
    """Name -> what POST /models/load takes."""
    flux = build("flux_schnell").install(root / "models", FLUX)
    minit2i = build("minit2i").install(root / "models", MINIT2I)
    return {FLUX: {**flux, "options": OPTIONS}, MINIT2I: {**minit2i, "options": OPTIONS}}


@pytest.fixture(scope="module")
def server_setup(root: Path, bodies: dict[str, dict[str, Any]]) -> ServerSetup:
    """MiniT2I was loaded before, Flux is."""
    (root / "models" / "wildcards" / "animals").mkdir(parents=True)
    return ServerSetup(loads=list(reversed(bodies.values())))
