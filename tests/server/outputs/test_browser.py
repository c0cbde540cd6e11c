"""The folder page in a real browser."""

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.server.outputs.conftest import OpenPage
from tests.support.output_folders import ATTACK, SCRIPT_PROMPT, write_dated, write_jobs, write_png
from tests.support.running_server import RunningServer

PHONE = {
    "viewport": {"width": 360, "height": 700},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}
# A second of two colours, recorded by the browser itself.
RECORD = """async () => {
    const canvas = document.createElement("canvas");
    const pen = canvas.getContext("2d");
    const recorder = new MediaRecorder(canvas.captureStream(20), {mimeType: "video/webm"});
    const parts = [];
    recorder.ondataavailable = event => parts.push(event.data);
    const ended = new Promise(done => recorder.onstop = done);
    recorder.start();
    for (let frame = 0; frame < 20; frame++) {
        pen.fillStyle = frame % 2 ? "red" : "blue";
        pen.fillRect(0, 0, 300, 150);
        await new Promise(done => setTimeout(done, 30));
    }
    recorder.stop();
    await ended;
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    return btoa(String.fromCharCode(...bytes));
}"""

PLAYED = "video => new Promise(done => video.ontimeupdate = () => video.currentTime > 0.1 && done())"


@pytest.fixture(scope="module", autouse=True)
def tree(output: Path) -> None:
    for number in range(3):
        write_png(output / "gallery" / f"image_{number}.png", f"prompt {number}", 40 + number, (600, 400))
    write_dated(output / "gallery" / "notes.txt", 5_000, 0)
    (output / "gallery" / "folder").mkdir()
    write_png(output / "evil" / ATTACK, SCRIPT_PROMPT)
    (output / "evil" / "page.html").write_text("<script>document.title = 'ran'</script>")
    write_png(output / "long" / ("a_very_long_name_without_spaces_" * 6 + ".png"), "a_very_long_word_" * 40)
    write_png(output / "a b" / "c#d%" / "é?.png")
    write_jobs(output / "jobs", 201)


def listed(page: Page) -> list[str]:
    """The names on the page, in their order."""
    return page.locator(".open").all_inner_texts()


def shown(page: Page) -> str:
    """The address of what the lightbox shows."""
    return str(page.locator(".stage > *").get_attribute("src")).rpartition("/")[2]


def test_a_column_is_sorted_by_clicking_it_and_again_the_other_way(open_page: OpenPage) -> None:
    page = open_page("/output/gallery")
    expect(page.locator("th.name")).to_have_attribute("aria-sort", "ascending")
    page.click("th.size a")
    expect(page.locator("th.size")).to_have_attribute("aria-sort", "descending")
    assert listed(page)[:2] == ["folder/", "notes.txt"]
    page.click("th.size a")
    expect(page.locator("th.size")).to_have_attribute("aria-sort", "ascending")
    assert listed(page)[-1] == "notes.txt"
    page.click("th.date a")
    expect(page.locator("th.date")).to_have_attribute("aria-sort", "descending")
    assert listed(page)[-1] == "notes.txt"


def test_pages_are_walked_through_and_keep_the_sorting(open_page: OpenPage) -> None:
    page = open_page("/output/jobs?sort=date&order=desc")
    assert len(listed(page)) == 100
    page.locator("a[rel=next]").first.click()
    expect(page.locator(".open").first).to_have_text("job_00100/")
    page.locator("a.number", has_text="3").first.click()
    expect(page.locator(".open")).to_have_text(["job_00000/"])
    expect(page.locator("a[rel=next]")).to_have_count(0)
    page.locator("a[rel=prev]").first.click()
    expect(page.locator(".here").first).to_contain_text("2")


def test_the_breadcrumb_leads_back_and_keeps_the_sorting(open_page: OpenPage) -> None:
    page = open_page("/output?sort=date&order=desc")
    page.click("text='a b/'")
    page.click("text='c#d%/'")
    expect(page.locator(".breadcrumb li")).to_have_text(["Output", "a b", "c#d%"])
    expect(page.locator(".thumb img").first).to_have_js_property("naturalWidth", 120)
    page.click(".breadcrumb >> text='a b'")
    expect(page.locator("h1")).to_have_text("a b")
    page.click(".breadcrumb >> text='Output'")
    expect(page.locator("th.date")).to_have_attribute("aria-sort", "descending")


def test_the_lightbox_is_driven_by_the_keyboard(open_page: OpenPage) -> None:
    page = open_page("/output/gallery")
    page.focus("text=image_0.png")
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_be_visible()
    expect(page.locator("dialog .prompt")).to_have_text("prompt 0")
    expect(page.locator("dialog .seed")).to_have_text("Seed 40")
    expect(page.locator("dialog .position")).to_have_text("1 / 3")
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "Home", "End"):
        page.keyboard.press(key)
        seen.append(shown(page)[6])
    assert seen == list("120202")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()
    expect(page.locator("tbody >> text=image_2.png")).to_be_focused()
    assert page.url.endswith("/output/gallery")


def test_the_lightbox_is_driven_by_the_mouse(open_page: OpenPage) -> None:
    page = open_page("/output/gallery")
    page.locator("tr", has_text="image_1.png").locator(".thumb").click()
    expect(page.locator(".stage img").first).to_have_js_property("naturalWidth", 600)
    page.click("dialog .next")
    assert shown(page) == "image_2.png"
    page.click("dialog .previous")
    assert shown(page) == "image_1.png"
    page.click("dialog .close")
    expect(page.locator("dialog")).to_be_hidden()
    page.click("text=image_0.png")
    page.click(".stage img")
    expect(page.locator("dialog")).to_be_hidden()


def test_a_video_plays_in_the_lightbox(open_page: OpenPage, output: Path) -> None:
    page = open_page("/output/gallery")
    (output / "videos").mkdir()
    (output / "videos" / "video.webm").write_bytes(base64.b64decode(page.evaluate(RECORD)))
    page.goto("/output/videos")
    page.click("text=video.webm")
    page.locator(".stage video").evaluate(PLAYED)
    page.keyboard.press("Escape")
    expect(page.locator("video")).to_have_count(0)


def test_what_cannot_be_shown_says_so(open_page: OpenPage, output: Path) -> None:
    (output / "unplayable").mkdir()
    (output / "unplayable" / "video.mp4").write_bytes(b"x")
    page = open_page("/output/unplayable")
    page.click("text=video.mp4")
    expect(page.locator(".stage .missing")).to_be_visible()
    expect(page.locator("dialog .original")).to_have_attribute("href", page.url + "/video.mp4")


def test_names_and_prompts_are_text_and_nothing_else(open_page: OpenPage) -> None:
    page = open_page("/output/evil")
    expect(page.locator(".open").first).to_have_text(ATTACK)
    expect(page.locator("tbody .prompt")).to_have_text(SCRIPT_PROMPT)
    page.locator(".open").first.click()
    expect(page.locator("dialog .original")).to_have_text(ATTACK)
    expect(page.locator("dialog .prompt")).to_have_text(SCRIPT_PROMPT)
    expect(page.locator(".stage img").first).to_have_js_property("naturalWidth", 64)
    assert page.evaluate("window.ran") is None


def test_an_html_file_is_downloaded_and_not_shown(open_page: OpenPage) -> None:
    page = open_page("/output/evil")
    with page.expect_download() as download:
        page.click("text=page.html")
    assert download.value.suggested_filename == "page.html"
    assert page.title() != "ran"


def test_nothing_is_asked_of_anybody_else(open_page: OpenPage, server: RunningServer) -> None:
    page = open_page("/output/gallery/folder")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/output/gallery")
    page.click("text=image_0.png")
    page.wait_for_load_state("networkidle")
    assert [
        url for url in asked if not url.startswith((f"{server.url}/output/", f"{server.url}/thumb/", "data:"))
    ] == []
    assert any("/thumb/" in url for url in asked)


def test_a_script_that_got_into_the_page_would_not_run(browser: Browser, server: RunningServer) -> None:
    with browser.new_page() as page:
        page.goto(f"{server.url}/output/gallery")
        page.evaluate(
            """() => {
                const script = document.createElement("script");
                script.textContent = "window.ran = 1";
                document.body.append(script);
            }"""
        )
        assert page.evaluate("window.ran") is None


def test_pictures_far_down_are_not_fetched_before_they_are_needed(open_page: OpenPage) -> None:
    page = open_page("/output/gallery/folder")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/output/jobs")
    page.wait_for_load_state("networkidle")
    fetched = [url for url in asked if "/thumb/" in url]
    assert 0 < len(fetched) < 100
    page.locator(".thumb img").last.scroll_into_view_if_needed()
    expect(page.locator(".thumb img").last).to_have_js_property("naturalWidth", 120)


@pytest.mark.parametrize(
    "path", ["/output", "/output/gallery", "/output/long", "/output/jobs?page=2", "/output/evil"]
)
def test_a_phone_shows_the_page_without_scrolling_sideways(open_page: OpenPage, path: str) -> None:
    page = open_page(path, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for selector in (".open", "td.date", "th.date a", ".statistics"):
        box = page.locator(selector).first.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360


def test_a_phone_fits_the_lightbox_and_swipes(open_page: OpenPage) -> None:
    page = open_page("/output/gallery", **PHONE)
    page.locator("text=image_0.png").tap()
    expect(page.locator(".stage img").first).to_have_js_property("naturalWidth", 600)
    box = page.locator(".stage img").bounding_box()
    assert box is not None
    assert box["width"] <= 360
    for kind, x in (("touchstart", 300), ("touchend", 100)):
        touch = {"identifier": 1, "clientX": x, "clientY": 300}
        page.locator(".stage").dispatch_event(
            kind, {"touches": [touch] if kind == "touchstart" else [], "changedTouches": [touch]}
        )
    assert shown(page) == "image_1.png"


def test_everything_is_reached_without_javascript(open_page: OpenPage) -> None:
    page = open_page("/output", java_script_enabled=False)
    page.click("text='gallery/'")
    page.click("th.size a")
    assert listed(page)[:2] == ["folder/", "notes.txt"]
    expect(page.locator("dialog")).to_be_hidden()
    page.click("text=image_0.png")
    page.wait_for_url("**/output/gallery/image_0.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_light_and_dark(open_page: OpenPage, scheme: str) -> None:
    page = open_page("/output/gallery", color_scheme=scheme)
    for selector in ("td.date", ".open", ".prompt", "th.size a", ".breadcrumb a", ".statistics"):
        text, ground = page.eval_on_selector(
            selector,
            "element => [getComputedStyle(element).color,"
            " getComputedStyle(element.closest('table') ?? document.body).backgroundColor]",
        )
        assert contrast(text, ground) >= 4.5, selector


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two CSS colours, as WCAG defines it."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_page_works_behind_a_prefix(open_page: OpenPage, server: RunningServer) -> None:
    # A page without pictures first: what it still fetches would be taken for a link of the next one.
    page = open_page("/output/gallery/folder")

    def proxy(route: Route) -> None:
        route.fulfill(response=route.fetch(url=route.request.url.replace("/some/prefix/", "/")))

    page.route("**/some/prefix/**", proxy)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/some/prefix/output")
    page.click("text='gallery/'")
    expect(page.locator(".thumb img").first).to_have_js_property("naturalWidth", 120)
    page.click("text=image_0.png")
    expect(page.locator(".stage img").first).to_have_js_property("naturalWidth", 600)
    page.keyboard.press("Escape")
    page.click(".breadcrumb a")
    expect(page.locator("h1")).to_have_text("Output")
    page.wait_for_load_state("networkidle")  # what is still being fetched must not outlive the page
    assert [url for url in asked if not url.startswith((f"{server.url}/some/prefix/", "data:"))] == []
