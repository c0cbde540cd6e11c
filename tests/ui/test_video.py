"""From a prompt to a video that plays."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.support.running_server import RunningServer
from tests.support.tiny_models.models import build
from tests.ui.conftest import OpenUi
from tests.ui.pages import fill, newest


@pytest.fixture
def video_model(server: RunningServer) -> Iterator[None]:
    """A tiny video model is loaded for the time of a test."""
    before = server.get("/health")
    # One thread: several would wait for each other wherever cores are shared.
    request = build("lingbot").install(server.models_dir)
    server.post("/models/load", {**request, "options": {"n_threads": 1}})
    yield
    server.post("/models/load", {key: before[key] for key in ("model_name", "model_type")})


def test_a_prompt_becomes_a_video_that_plays(
    open_ui: OpenUi, server: RunningServer, video_model: None
) -> None:
    page = open_ui()
    page.get_by_role("button", name="Text to video", exact=True).click()
    page.get_by_label("Prompt", exact=True).fill("waves")
    fill(page, Width="32", Height="32", Steps="1")
    fill(page, **{"Video frames": "5", "Frames per second": "4"})
    page.get_by_role("button", name="Generate").click()
    video = page.locator(".stage video")
    expect(video).to_have_js_property("videoWidth", 32)
    page.wait_for_function("document.querySelector('.stage video').currentTime > 0")
    assert newest(server)["type"] == "txt2vid"
    page.get_by_role("link", name="Gallery").click()
    page.get_by_title("waves").click()
    expect(page.get_by_role("dialog").locator("video")).to_have_js_property("videoWidth", 32)
