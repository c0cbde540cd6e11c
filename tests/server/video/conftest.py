"""One server with a tiny video model, for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.videos import LINGBOT


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """LingBot is loaded; the log has the engine's debug lines."""
    setup = ServerSetup(
        models=["lingbot", "lora_lingbot", "minit2i"], flags=["--log-level", "debug"], loads=[LINGBOT]
    )
    with setup.running(tmp_path_factory.mktemp("video")) as running:
        yield running
