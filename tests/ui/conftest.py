"""The page in a real browser, on a server with a real engine and tiny models."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from sdcpp_restapi.ui.page import FILES
from tests.server import RunningServer
from tests.tiny.models import build

OpenUi = Callable[..., Page]
expect.set_options(timeout=30_000)
DESKTOP = {"width": 1366, "height": 800}
PHONE = {"width": 390, "height": 844}
# Answers that a browser reports as errors although the page shows them to its user.
EXPECTED = (
    "status of 400",
    "status of 401",
    "status of 404",
    "status of 500",
    "WebSocket connection",
    "ERR_CONNECTION_REFUSED",
)


@pytest.fixture(scope="session")
def page_is_built() -> None:
    if not FILES.is_dir():
        pytest.skip("needs the page, which was not built: the npm registry was not reached")


@pytest.fixture(scope="module")
def server(root: Path, page_is_built: None) -> Iterator[RunningServer]:
    """A server with a tiny model of square pictures in memory, and another model on disk."""
    minit2i = build("minit2i").install(root / "models")
    build("sd1").install(root / "models")
    build("esrgan").install(root / "models")
    build("lora_minit2i").install(root / "models", "ink.safetensors")
    running = RunningServer(root, env={"SDCPP_GENERATION_USE_ARCHITECTURE_DEFAULTS": "1"})
    running.post("/models/load", minit2i)
    yield running
    running.kill()
    print("\n".join(["--- log of the server", *running.log[-60:]]))
    assert not [line for line in running.log if "Traceback" in line]


@pytest.fixture
def open_ui(browser: Browser, server: RunningServer) -> Iterator[OpenUi]:
    """Opens a view; fails the test where the page complained, or asked somebody else than its server."""
    complaints: list[str] = []
    elsewhere: list[str] = []
    contexts: list[BrowserContext] = []

    def open_it(
        view: str = "create",
        at: str = server.url,
        wait_for: str = "[data-connection=open]",
        **context: object,
    ) -> Page:
        options = {"viewport": DESKTOP, "reduced_motion": "reduce", **context}
        own = (at, at.replace("http", "ws"), "data:", "blob:")
        contexts.append(browser.new_context(base_url=at, **options))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("request", lambda sent: sent.url.startswith(own) or elsewhere.append(sent.url))
        page.on("websocket", lambda sent: sent.url.startswith(own) or elsewhere.append(sent.url))
        page.goto(f"{at}/ui/#/{view}")
        page.wait_for_selector(wait_for)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert elsewhere == []
    assert [text for text in complaints if not any(known in text for known in EXPECTED)] == []
