"""A server with two tiny models of different architectures, one of them loaded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.running_server import RunningServer
from tests.support.tiny_models import build

# One thread: several would wait for each other wherever cores are shared.
OPTIONS = {"n_threads": 1}
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
def server(root: Path, bodies: dict[str, dict[str, Any]]) -> Iterator[RunningServer]:
    """MiniT2I was loaded before, Flux is."""
    (root / "models" / "wildcards" / "animals").mkdir(parents=True)
    running = RunningServer(root)
    try:
        for body in reversed(bodies.values()):
            running.post("/models/load", body)
        yield running
    finally:
        running.kill()
        print("\n".join(["--- log of the server", *running.log[-60:]]))
    assert not [line for line in running.log if "Traceback" in line]
