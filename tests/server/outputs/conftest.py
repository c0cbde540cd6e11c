"""A server with an output folder to look at, and a browser to look with."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def output(root: Path) -> Path:
    """The output folder; modules fill it before or while the server runs."""
    (root / "output").mkdir()
    return root / "output"


@pytest.fixture(scope="module")
def server_setup(output: Path) -> ServerSetup:
    """The server whose output folder it is; nothing is loaded."""
    return ServerSetup(scripted=True)


@pytest.fixture
def open_page(browser: Browser, server: RunningServer) -> Iterator[OpenPage]:
    """Opens a path of the server; fails the test where the page complained."""
    complaints: list[str] = []
    contexts = []

    def open_it(path: str, **context: object) -> Page:
        contexts.append(browser.new_context(base_url=server.url, **context))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(path)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []
