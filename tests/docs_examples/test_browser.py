"""The document's JavaScript example, in a real browser on a page of the main port."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.api.scripted import MODEL, SHORT
from tests.docs_examples.document import HERE
from tests.server import RunningServer

CHROMIUM = Path("/usr/bin/chromium")
# No talk with anybody but the page's server.
FLAGS = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-gpu",
]  # fmt: skip

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, named: RunningServer) -> Iterator[Page]:
    """A page on the server's main port, with the element that the example fills."""
    with browser.new_page() as opened:
        opened.goto(f"http://localhost:{named.port}/health")
        opened.evaluate("document.body.innerHTML = '<img id=preview>'")
        yield opened


def run_example(page: Page, server: RunningServer) -> None:
    """Start the example and wait until it is connected."""
    script = (HERE / "events.js").read_text().replace("localhost:8081", f"localhost:{server.ws_port}")
    page.add_script_tag(content=script)
    page.wait_for_function("ws.readyState === WebSocket.OPEN")


def test_the_example_follows_a_job(named: RunningServer, page: Page) -> None:
    named.post("/models/load", {"model_name": MODEL})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "log" else None)
    run_example(page, named)
    job_id = named.submit(**SHORT)
    while f"Job {job_id}: completed" not in said:
        page.wait_for_event("console")
    assert said[0] == f"Job {job_id}: processing"
    assert "Progress: 2/2" in said


def test_a_page_of_another_site_is_not_let_in(named: RunningServer, page: Page) -> None:
    named.post("/models/load", {"model_name": MODEL})
    evil = "http://evil.example/"
    page.route(evil, lambda route: route.fulfill(body="<p>evil</p>", content_type="text/html"))
    page.goto(evil)
    for port in (named.port, named.ws_port):
        ended = page.evaluate(
            "port => new Promise(done => {"
            " const ws = new WebSocket(`ws://127.0.0.1:${port}/ws`);"
            " ws.onopen = () => done('opened'); ws.onclose = () => done('closed'); })",
            port,
        )
        assert ended == "closed"
    # Without CORS the page can't tell whether it was heard: "no-cors" is how it would ask anyway.
    page.evaluate(
        "port => fetch(`http://127.0.0.1:${port}/models/unload`, {method: 'POST', mode: 'no-cors'})"
        ".catch(() => null)",
        named.port,
    )
    assert named.get("/health")["model_loaded"] is True


def test_the_docs_page_shows_the_interface_without_leaving_the_server(
    named: RunningServer, page: Page
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"http://localhost:{named.port}/docs")
    page.wait_for_selector("text=/txt2img")
    own = (f"http://localhost:{named.port}/", "data:")
    assert asked
    assert [url for url in asked if not url.startswith(own)] == []
