"""Servers with the real engine and a tiny ESRGAN that makes pictures four times larger."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.running_server import RunningServer
from tests.support.tiny_models import build

ESRGAN = "RealESRGAN_tiny.safetensors"


def noise(width: int, height: int) -> str:
    """A picture as base64."""
    pixels = np.random.default_rng(width * height).integers(0, 256, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def opened(server: RunningServer, job: dict[str, Any], index: int = 0) -> Image.Image:
    """One output of a job, as it is served."""
    answer = server.http.get(f"/output/{job['outputs'][index]}")
    assert answer.status_code == 200
    return Image.open(io.BytesIO(answer.content))


def load_upscaler(server: RunningServer, **fields: Any) -> Any:
    """Load the tiny ESRGAN."""
    return server.post("/upscaler/load", {"model_name": ESRGAN, "n_threads": 2, **fields})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a module's server, with the tiny ESRGAN in its models."""
    folder = tmp_path_factory.mktemp("server")
    build("esrgan").install(folder / "models", ESRGAN)
    return folder


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    """A server with the upscaler loaded and no main model."""
    running = RunningServer(root)
    try:
        load_upscaler(running)
        yield running
    finally:
        running.kill()
        print("\n".join(["--- log of the server", *running.log[-60:]]))
    assert not [line for line in running.log if "Traceback" in line]
