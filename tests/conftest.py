"""Fixtures: real servers, real models."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server import RunningServer


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Start servers of one test; whatever is left of them is ended with it."""
    started: list[RunningServer] = []

    def start(*flags: str, root: Path | None = None, env: dict[str, str] | None = None) -> RunningServer:
        server = RunningServer(root or tmp_path, *flags, env=env)
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()
        # pytest shows this beside a failure.
        print("\n".join(["--- log of the server", *server.log[-60:]]))
