"""The system view: how the server is, and the settings that act at once."""

import base64
import io
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.support.running_server import RunningServer
from tests.ui.conftest import OpenUi


@pytest.fixture
def own_previews(server: RunningServer) -> Iterator[None]:
    """The settings of previews are the server's own again after the test."""
    before = server.get("/preview/settings")
    yield
    server.http.put("/preview/settings", json=before)


def test_the_engine_and_its_model_are_shown(open_ui: OpenUi, server: RunningServer) -> None:
    health = server.get("/health")
    engine = open_ui("system").locator("section", has_text="Server version")
    expect(engine).to_contain_text(health["version"])
    expect(engine).to_contain_text(health["model_name"])


def test_settings_of_previews_act_on_the_next_job(
    open_ui: OpenUi, server: RunningServer, own_previews: None
) -> None:
    page = open_ui("system")
    page.get_by_label("Max size").fill("64")
    with page.expect_response("**/preview/settings"):
        page.keyboard.press("Tab")
    with server.events() as events:
        job = server.submit(prompt="previewed", width=128, height=128, steps=400)
        image = events.wait_for("job_preview", lambda data: data["job_id"] == job)["image"]
    server.http.delete(f"/queue/{job}")
    with Image.open(io.BytesIO(base64.b64decode(image.partition(",")[2]))) as preview:
        assert max(preview.size) == 64


def test_the_end_of_the_log_is_shown(open_ui: OpenUi, server: RunningServer) -> None:
    page = open_ui("system")
    job = server.make(prompt="logged", width=64, height=64, steps=1)
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator(".log")).to_contain_text(f"job {job['job_id']}: completed")


def test_the_log_has_as_many_entries_as_asked_for(server: RunningServer) -> None:
    entries = server.get("/log", lines=3)["entries"]
    assert len(entries) == 3
    assert all(entry["message"] and entry["level"] in ("info", "warning", "error") for entry in entries)
    assert server.get("/log", lines=2)["entries"] == entries[1:]


@pytest.mark.parametrize("lines", ["0", "5001", "many"])
def test_other_numbers_of_lines_are_refused(server: RunningServer, lines: str) -> None:
    answer = server.http.get("/log", params={"lines": lines})
    assert answer.status_code == 400
    assert "lines" in answer.json()["error"]


def test_the_colours_follow_the_system_or_the_choice(open_ui: OpenUi) -> None:
    page = open_ui("system", color_scheme="dark")
    dark, light = "rgb(19, 19, 22)", "rgb(246, 246, 248)"
    expect(page.locator("body")).to_have_css("background-color", dark)
    page.get_by_role("button", name="Light").click()
    expect(page.locator("body")).to_have_css("background-color", light)
    page.reload()
    expect(page.locator("body")).to_have_css("background-color", light)
    page.get_by_role("button", name="As the system").click()
    expect(page.locator("body")).to_have_css("background-color", dark)
