"""Servers to attack: the engine is a scripted child."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.scripted import serving
from tests.server import RunningServer


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a module's server."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def scripted(root: Path) -> Iterator[RunningServer]:
    """A server with a scripted engine that has its model loaded."""
    with serving(root) as server:
        yield server
