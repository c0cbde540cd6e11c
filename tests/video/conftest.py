"""One server with a tiny video model, for all tests of this folder."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.server import RunningServer
from tests.tiny import build

# One thread: several would wait for each other wherever cores are shared.
OPTIONS = {"n_threads": 1}
LINGBOT: dict[str, Any] = {
    "model_name": "lingbot.gguf", "model_type": "diffusion", "llm": "qwen3.safetensors",
    "vae": "wan_vae.safetensors", "options": OPTIONS,
}  # fmt: skip
MINIT2I: dict[str, Any] = {
    "model_name": "minit2i.safetensors", "model_type": "diffusion", "t5xxl": "t5xxl.safetensors",
    "options": OPTIONS,
}  # fmt: skip


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """LingBot is loaded; the log has the engine's debug lines."""
    root = tmp_path_factory.mktemp("video")
    for kind in ("lingbot", "lora_lingbot", "minit2i"):
        build(kind).install(root / "models")
    running = RunningServer(root, "--log-level", "debug")
    try:
        running.post("/models/load", LINGBOT)
        yield running
    finally:
        running.kill()
    assert not [line for line in running.log if "Traceback" in line]
