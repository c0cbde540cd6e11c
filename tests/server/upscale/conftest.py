"""Servers with the real engine and a tiny ESRGAN that makes pictures four times larger."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

ESRGAN = "RealESRGAN_tiny.safetensors"


def noise(width: int, height: int) -> str:
    """A picture as base64."""
    pixels = np.random.default_rng(width * height).integers(0, 256, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def load_upscaler(server: RunningServer, **fields: Any) -> Any:
    """Load the tiny ESRGAN."""
    return server.post("/upscaler/load", {"model_name": ESRGAN, "n_threads": 2, **fields})


@pytest.fixture(scope="module")
def server_setup() -> ServerSetup:
    return ServerSetup(models=[("esrgan", ESRGAN)])


@pytest.fixture(scope="module")
def server(server: RunningServer) -> RunningServer:
    """A server with the upscaler loaded and no main model."""
    load_upscaler(server)
    return server
