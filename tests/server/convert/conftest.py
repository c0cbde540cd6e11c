"""A server with the real engine and small models to convert."""

from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFReader

from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.tiny_models import build

ZIMAGE = "z_image.safetensors"


def types_in(path: str | Path) -> dict[str, tuple[str, list[int]]]:
    """Tensor name -> its type, in small letters as the API writes it, and its shape."""
    return {
        tensor.name: (tensor.tensor_type.name.lower(), [int(n) for n in tensor.shape])
        for tensor in GGUFReader(path).tensors
    }


def convert(server: RunningServer, **body: Any) -> Any:
    """Convert and wait; the job."""
    return server.make("/convert", **body)


def refused(server: RunningServer, **body: Any) -> str:
    """The error of a request that must not be accepted."""
    return str(server.post("/convert", {"output_type": "q8_0", **body}, expect=400)["error"])


@pytest.fixture(scope="module")
def zimage(root: Path) -> dict[str, str]:
    """The load request of a model whose rows are 256 wide, as k-quants need them."""
    return build("zimage").install(root / "models", ZIMAGE)


@pytest.fixture(scope="module")
def server_setup(zimage: dict[str, str]) -> ServerSetup:
    """Nothing is loaded: a conversion needs no model in memory."""
    return ServerSetup(env={"SDCPP_ENGINE_CANCEL_GRACE": "0.2", "SDCPP_ENGINE_RESTART_DELAY": "0"})
