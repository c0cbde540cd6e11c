"""Fixtures: real servers, real models."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.chromium import chromium
from tests.support.running_server import RunningServer, StartServer
from tests.support.scripted_engine import MODEL, REFUSED, StartFaulty, engine_command, put, serving
from tests.support.server_setup import ServerSetup


def pytest_configure() -> None:
    """Have processes of tests end at SIGHUP even where nohup started the tests, which they would inherit."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers of one test; whatever is left of them is ended with it."""
    with ExitStack() as ending:

        def start(*flags: str, root: Path | None = None, env: dict[str, str] | None = None) -> RunningServer:
            return ending.enter_context(RunningServer(root or tmp_path, *flags, env=env))

        yield start


@pytest.fixture
def start_faulty(start_server: StartServer, tmp_path: Path) -> StartFaulty:
    """Start a server whose engine plays a scenario; `settings` are environment variables without SDCPP_."""

    def start(scenario: str, **settings: str) -> RunningServer:
        put(tmp_path, f"checkpoints/{MODEL}")
        put(tmp_path, f"checkpoints/{REFUSED}")
        env = {f"SDCPP_{name.upper()}": value for name, value in settings.items()}
        own = {**engine_command(scenario, tmp_path), "SDCPP_ENGINE_RESTART_DELAY": "0"}
        return start_server(env=own | env)

    return start


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
def server_setup(request: pytest.FixtureRequest) -> ServerSetup:
    """What the module's `SERVER` says. Where more is to be known for it, this is defined anew."""
    setup: ServerSetup = request.module.SERVER
    return setup


@pytest.fixture(scope="module")
def server(root: Path, server_setup: ServerSetup) -> Iterator[RunningServer]:
    """The server of a module; at the end its log must hold no traceback."""
    with server_setup.running(root) as running:
        yield running


@pytest.fixture(scope="module")
def scripted(root: Path) -> Iterator[RunningServer]:
    """A server with a scripted engine that has its model loaded; for tests that do not disturb each other."""
    with serving(root) as server:
        yield server
