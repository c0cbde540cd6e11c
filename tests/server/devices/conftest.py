"""Servers with several engine slots, all of them on the CPU, with a tiny model."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.running_server import RunningServer, StartServer
from tests.support.tiny_models import build

StartDevices = Callable[..., RunningServer]
SLOT = "cpu:1"
PROMPT: dict[str, Any] = {"prompt": "a cat", "width": 64, "height": 64, "steps": 8, "cfg_scale": 1, "seed": 7}


def load_body(root: Path) -> dict[str, Any]:
    """Install a tiny model; what loads it."""
    return build("minit2i").install(root / "models")


@pytest.fixture
def start_devices(start_server: StartServer, tmp_path: Path) -> StartDevices:
    """Start a server with these devices (as SDCPP_ENGINE_DEVICES has them)."""

    def start(devices: str, *flags: str) -> RunningServer:
        load_body(tmp_path)
        return start_server(*flags, env={"SDCPP_ENGINE_DEVICES": devices, "SDCPP_ENGINE_RESTART_DELAY": "0"})

    return start


@pytest.fixture(scope="module")
def two_slots(root: Path) -> Iterator[RunningServer]:
    """A server with two slots that hold the model; tests leave it idle and loaded."""
    body = load_body(root)
    with RunningServer(root, env={"SDCPP_ENGINE_DEVICES": f"{SLOT},{SLOT}"}) as server:
        load_everywhere(server, body)
        yield server


def load_everywhere(server: RunningServer, body: dict[str, Any]) -> dict[str, Any]:
    """Load a model and wait until all slots have it; the answer, which came before."""
    slots = len(server.get("/health")["loaded_slots"])
    with server.events() as events:
        answer: dict[str, Any] = server.post("/models/load", body)
        for _ in range(slots):
            events.wait_for("model_loaded")
    return answer
