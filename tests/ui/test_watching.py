"""What comes into the page from outside: pasted pictures, and previews without end."""

import base64
import json
import os

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.support.running_server import RunningServer
from tests.ui.conftest import OpenUi
from tests.ui.pages import RESULT, fill_small, newest, png

PREVIEWS = 100
PREVIEW_BYTES = 200_000


def paste(page: Page, picture: bytes) -> None:
    page.evaluate(
        """encoded => {
            const bytes = Uint8Array.from(atob(encoded), one => one.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "pasted.png", {type: "image/png"}));
            document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
        }""",
        base64.b64encode(picture).decode(),
    )


def test_a_pasted_picture_is_the_one_to_start_from(open_ui: OpenUi, server: RunningServer) -> None:
    page = open_ui()
    page.get_by_role("button", name="Image to image", exact=True).click()
    fill_small(page)
    paste(page, png("blue", (64, 64))["buffer"])
    expect(page.locator("figure img").first).to_have_js_property("naturalWidth", 64)
    page.get_by_label("Strength", exact=True).last.fill("0.01")
    page.keyboard.press("Tab")
    with page.expect_response("**/img2img"):
        page.get_by_role("button", name="Generate").click()
    expect(page.locator(RESULT)).to_have_js_property("naturalWidth", 64)
    assert newest(server)["type"] == "img2img"


def test_previews_do_not_grow_the_memory_of_the_page(open_ui: OpenUi, server: RunningServer) -> None:
    page = open_ui(fresh=True)
    sockets: list[WebSocketRoute] = []

    def between(route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        # The engine's own small previews would come between those that are counted.
        server.on_message(lambda text: None if '"job_preview"' in str(text) else route.send(text))
        sockets.append(route)

    page.route_web_socket("**/ws*", between)
    page.reload()
    page.wait_for_selector("[data-connection=open]")
    fill_small(page)
    page.get_by_label("Steps", exact=True).fill("1000")
    page.get_by_label("Images", exact=True).fill("60")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".stage")).to_contain_text("Step")
    job = newest(server)["job_id"]
    before = heap(page)
    for step in range(PREVIEWS):
        image = "data:image/jpeg;base64," + base64.b64encode(os.urandom(PREVIEW_BYTES * 3 // 4)).decode()
        data = {"job_id": job, "image": image, "step": step, "frame_count": 1, "mode": "proj"}
        sockets[-1].send(json.dumps({"event": "job_preview", "data": data}))
    page.wait_for_function("document.querySelector('.stage img.preview').src.length > 150000")
    grown = heap(page) - before
    page.locator(".stage").get_by_role("button", name="Cancel").click()
    assert grown < PREVIEWS * PREVIEW_BYTES / 4


def heap(page: Page) -> float:
    """Bytes that the page's scripts hold."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "JSHeapUsedSize"))
