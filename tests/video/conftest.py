"""One server with a tiny video model, for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.support.running_server import RunningServer
from tests.support.tiny_models import build
from tests.support.videos import LINGBOT


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
