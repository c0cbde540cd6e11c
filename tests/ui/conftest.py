"""The page in a real browser, on a server with a real engine and tiny models."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect

from sdcpp_restapi.ui.page import FILES
from tests.support.chromium import chromium
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.tiny_models.models import build

OpenUi = Callable[..., Page]
expect.set_options(timeout=30_000)
DESKTOP = ViewportSize(width=1366, height=800)
PHONE = ViewportSize(width=390, height=844)
# Answers that a browser reports as errors although the page shows them to its user.
EXPECTED = (
    "status of 400",
    "status of 401",
    "status of 404",
    "status of 409",
    "status of 500",
    "status of 502",
    "status of 507",
    "WebSocket connection",
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
)


@pytest.fixture(scope="session")
def page_is_built() -> None:
    if not FILES.is_dir():
        pytest.skip("needs the page, which was not built: the npm registry was not reached")


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, page_is_built: None) -> Iterator[RunningServer]:
    """A server with a tiny model of square pictures in memory, and another model on disk."""
    root = tmp_path_factory.mktemp("server")
    minit2i = build("minit2i").install(root / "models")
    setup = ServerSetup(
        models=["sd1", "esrgan", ("lora_minit2i", "ink.safetensors")],
        env={"SDCPP_GENERATION_USE_ARCHITECTURE_DEFAULTS": "1"},
        loads=[minit2i],
    )
    with setup.running(root) as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium. It is closed before tests of other folders run: beside it no event loop can."""
    with chromium() as running:
        yield running


class Tab:
    """A tab of a browser, and what it should not have said and asked."""

    def __init__(self, browser: Browser) -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []
        context = browser.new_context(
            reduced_motion="reduce", permissions=["clipboard-read", "clipboard-write"]
        )
        self.page = page = context.new_page()
        self._session = context.new_cdp_session(page)
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)
        page.on("request", lambda sent: self.asked.append(sent.url))
        page.on("websocket", lambda sent: self.asked.append(sent.url))

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.complaints.append(said.text)

    def show(self, at: str, view: str, size: ViewportSize, scheme: str | None) -> None:
        """Open a view as somebody does who was never here."""
        self.page.goto("about:blank")
        self._session.send("Storage.clearDataForOrigin", {"origin": at, "storageTypes": "all"})
        self.page.set_viewport_size(size)
        self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        self.page.goto(f"{at}/ui/#/{view}")

    def leave(self) -> tuple[list[str], list[str]]:
        """Hang up; what the page complained of and whom it asked since the last time."""
        self.page.goto("about:blank")
        said = self.complaints[:], self.asked[:]
        self.complaints.clear()
        self.asked.clear()
        return said


@pytest.fixture(scope="package")
def tab(browser: Browser) -> Tab:
    """The tab that all tests share."""
    return Tab(browser)


@pytest.fixture
def open_ui(server: RunningServer, browser: Browser, tab: Tab) -> Iterator[OpenUi]:
    """Opens a view; fails the test where the page complained, or asked somebody else than its server."""
    own = ["data:", "blob:", "about:"]
    used = [tab]

    def open_it(
        view: str = "create",
        at: str = server.url,
        wait_for: str = "[data-connection=open]",
        viewport: ViewportSize = DESKTOP,
        color_scheme: str | None = None,
        fresh: bool = False,
    ) -> Page:
        own.extend((at, at.replace("http", "ws")))
        if fresh:  # for tests that leave something in the tab that can't be taken out
            used.append(Tab(browser))
        used[-1].show(at, view, viewport, color_scheme)
        used[-1].page.wait_for_selector(wait_for)
        return used[-1].page

    yield open_it
    complaints, asked = used[-1].leave()
    for one in used[1:]:
        one.page.context.close()
    assert [url for url in asked if not url.startswith(tuple(own))] == []
    assert [text for text in complaints if not any(known in text for known in EXPECTED)] == []
