"""Fixtures: one server with the demo model for a whole module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import ANY_PORTS, running


@pytest.fixture(scope="module")
def demo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server with the demo model in memory."""
    folder: Path = tmp_path_factory.mktemp("demo")
    with running("serve", "--demo", *ANY_PORTS, folder=folder) as server:
        yield server.loaded_url()
