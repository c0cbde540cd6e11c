"""The document's JavaScript example, in a real browser on a page of the main port."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.api_document import FOLDER, curl_body
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, SHORT


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_page() as opened:
        yield opened


def visit(page: Page, server: RunningServer) -> None:
    """Open a page on the server's main port, with the element that the example fills."""
    page.goto(f"http://localhost:{server.port}/health")
    page.evaluate("document.body.innerHTML = '<img id=preview>'")


def run_example(page: Page, server: RunningServer) -> None:
    """Start the example and wait until it is connected."""
    visit(page, server)
    script = (FOLDER / "events.js").read_text().replace("localhost:8081", f"localhost:{server.ws_port}")
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


def test_the_example_shows_previews(real: RunningServer, page: Page) -> None:
    real.post("/models/load", curl_body("flux dev load"))
    real.http.put("/preview/settings", json={"mode": "proj"}).raise_for_status()
    run_example(page, real)
    job = real.make(prompt="a cat", width=64, height=64, steps=8, cfg_scale=1, sampler="euler", seed=1)
    assert job["status"] == "completed"
    page.wait_for_function("document.getElementById('preview').naturalWidth > 0")
    source = page.get_attribute("#preview", "src") or ""
    assert source.startswith("data:image/jpeg;base64,")


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
