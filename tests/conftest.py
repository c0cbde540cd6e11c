"""Fixtures: real servers, real models."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.api.scripted import serving
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


CHROMIUM = Path("/usr/bin/chromium")
# No talk with anybody but the page's server.
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-gpu",
]  # fmt: skip


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium; while it is open, no other event loop can run in this process."""
    if not CHROMIUM.exists():
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one module."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a module's server."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def scripted(root: Path) -> Iterator[RunningServer]:
    """A server with a scripted engine that has its model loaded; for tests that do not disturb each other."""
    with serving(root) as server:
        yield server
