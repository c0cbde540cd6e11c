"""Servers whose engine is a scripted child."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.server import RunningServer

CHILD = Path(__file__).with_name("scripted_child.py")
MODEL = "scripted.safetensors"
StartFaulty = Callable[..., RunningServer]


@pytest.fixture
def start_faulty(start_server: Callable[..., RunningServer], tmp_path: Path) -> StartFaulty:
    """Start a server whose engine plays a scenario; `settings` are environment variables without SDCPP_."""

    def start(scenario: str, **settings: str) -> RunningServer:
        folder = tmp_path / "models" / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MODEL).touch()
        (folder / "refused.safetensors").touch()
        command = json.dumps([sys.executable, str(CHILD), scenario, str(tmp_path)])
        env = {f"SDCPP_{name.upper()}": value for name, value in settings.items()}
        return start_server(env={"SDCPP_ENGINE_COMMAND": command, "SDCPP_ENGINE_RESTART_DELAY": "0", **env})

    return start
