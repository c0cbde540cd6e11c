"""Ten thousand jobs: found, looked at, compared, copied."""

import re
import subprocess
import sys
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.running_server import RunningServer
from tests.ui.conftest import OpenUi
from tests.ui.jobs import multiply

COUNT = 10_000


@pytest.fixture(scope="module")
def many(server: RunningServer) -> dict[str, Any]:
    """The job that ten thousand others look like; each has its number in the prompt."""
    job: dict[str, Any] = server.make(prompt="lighthouse 0", width=64, height=64, steps=1, seed=7)
    multiply(server.data_dir, job["job_id"], COUNT)
    return job


@pytest.fixture
def gallery(many: dict[str, Any], open_ui: OpenUi) -> Page:
    page = open_ui("gallery")
    expect(card(page, COUNT)).to_be_visible()
    return page


def card(page: Page, number: int) -> Any:
    return page.get_by_title(f"lighthouse {number}", exact=True)


def found(page: Page, prompt: str) -> None:
    """Search until only the wanted jobs are shown."""
    page.get_by_label("Search prompts and parameters").fill(prompt)
    expect(page.get_by_role("search").get_by_role("status")).to_have_text("1 job")


def test_ten_thousand_jobs_cost_a_few_hundred_nodes_and_each_can_be_scrolled_to(gallery: Page) -> None:
    scroller = gallery.locator(".scroller")
    for part, number in ((1, 1), (0.5, COUNT // 2), (0, COUNT)):
        scroller.evaluate("(box, part) => box.scrollTo(0, part * box.scrollHeight)", part)
        expect(card(gallery, number)).to_be_visible()
        assert gallery.evaluate("document.querySelectorAll('*').length") < 900
    expect(card(gallery, COUNT).locator("img")).to_have_js_property("naturalWidth", 120)


def test_a_job_is_found_by_its_words_kind_state_and_model(gallery: Page) -> None:
    found(gallery, "lighthouse 4321")
    expect(card(gallery, 4321)).to_be_visible()
    gallery.get_by_label("State").select_option("failed")
    expect(gallery.locator(".gallery")).to_contain_text("Nothing matches")
    gallery.get_by_label("State").select_option("completed")
    gallery.get_by_label("Kind").select_option("txt2img")
    gallery.get_by_label("Model").select_option("sd1.gguf")
    expect(gallery.locator(".gallery")).to_contain_text("Nothing matches")
    gallery.get_by_label("Model").select_option("minit2i.safetensors")
    expect(card(gallery, 4321)).to_be_visible()


def test_the_keys_lead_through_the_jobs(gallery: Page) -> None:
    card(gallery, COUNT).click()
    prompt = gallery.get_by_role("dialog").locator(".prompt")
    for key, number in (("ArrowRight", COUNT - 1), ("ArrowRight", COUNT - 2), ("ArrowLeft", COUNT - 1)):
        gallery.keyboard.press(key)
        expect(prompt).to_have_text(f"lighthouse {number}")
    gallery.keyboard.press("f")
    gallery.wait_for_function("document.fullscreenElement !== null")
    gallery.keyboard.press("f")
    gallery.wait_for_function("document.fullscreenElement === null")
    gallery.keyboard.press("Escape")
    expect(gallery.get_by_role("dialog")).to_have_count(0)


def test_a_job_has_an_address_of_its_own(many: dict[str, Any], open_ui: OpenUi) -> None:
    page = open_ui(f"gallery/{many['job_id']}")
    expect(page.get_by_role("dialog").locator(".prompt")).to_have_text("lighthouse 0")
    expect(page.get_by_role("dialog").locator(".frame img")).to_have_js_property("naturalWidth", 64)


def test_two_pictures_are_compared_with_a_slider(gallery: Page) -> None:
    for number in (COUNT, COUNT - 1):
        gallery.get_by_label(f"Select lighthouse {number}", exact=True).check()
    gallery.get_by_role("button", name="Compare").click()
    upper = gallery.locator("dialog .frame img").nth(1)
    expect(upper).to_have_js_property("naturalWidth", 64)
    gallery.get_by_label("Border between the pictures").fill("20")
    expect(upper).to_have_css("clip-path", "inset(0px 0px 0px 20%)")


def test_with_shift_all_jobs_from_the_last_to_this_one_are_selected(gallery: Page) -> None:
    gallery.get_by_label(f"Select lighthouse {COUNT - 2}", exact=True).check()
    gallery.get_by_label(f"Select lighthouse {COUNT - 6}", exact=True).click(modifiers=["Shift"])
    expect(gallery.get_by_role("button", name="Delete 5")).to_be_visible()
    expect(gallery.get_by_label(f"Select lighthouse {COUNT - 4}", exact=True)).to_be_checked()
    gallery.get_by_label(f"Select lighthouse {COUNT - 4}", exact=True).uncheck()
    gallery.get_by_role("button", name="Select none").click()
    expect(gallery.get_by_role("button", name="Delete")).to_have_count(0)


@pytest.mark.parametrize(
    ("button", "number", "run"),
    [("cURL", 2345, ["bash", "-c"]), ("Python", 3456, [sys.executable, "-c"])],
)
def test_what_is_copied_makes_the_job_again(
    gallery: Page, server: RunningServer, button: str, number: int, run: list[str]
) -> None:
    found(gallery, f"lighthouse {number}")
    card(gallery, number).click()
    gallery.get_by_role("button", name=f"Copy as {button}").click()
    expect(gallery.locator(".toast.done")).to_be_visible()
    copied = gallery.evaluate("navigator.clipboard.readText()")
    said = subprocess.run([*run, copied], capture_output=True, text=True, check=True, timeout=60).stdout
    match = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", said)
    assert match, said
    job = server.wait_for_job(match[0])
    assert (job["params"]["prompt"], job["params"]["seed"]) == (f"lighthouse {number}", 7)


def test_the_settings_of_a_job_fill_the_form(gallery: Page) -> None:
    found(gallery, "lighthouse 7777")
    card(gallery, 7777).click()
    gallery.get_by_role("button", name="Use these settings").click()
    expect(gallery.get_by_label("Prompt", exact=True)).to_have_value("lighthouse 7777")
    expect(gallery.get_by_label("Seed", exact=True)).to_have_value("7")


def test_a_job_that_is_made_meanwhile_appears(gallery: Page, server: RunningServer) -> None:
    server.make(prompt="made meanwhile", width=64, height=64, steps=1)
    expect(gallery.get_by_title("made meanwhile")).to_be_visible()


def test_a_deleted_job_is_restored_at_once_or_from_the_trash(gallery: Page, server: RunningServer) -> None:
    job = server.make(prompt="thrown away", width=64, height=64, steps=1)
    file = server.output_dir / job["outputs"][0]
    gallery.get_by_title("thrown away").click()
    gallery.keyboard.press("Delete")
    expect(gallery.get_by_role("dialog").locator(".prompt")).not_to_have_text("thrown away")
    assert not file.exists()
    with gallery.expect_response("**/queue/restore"):
        gallery.locator(".toast").get_by_role("button", name="Restore").click()
    gallery.keyboard.press("Escape")
    expect(gallery.get_by_title("thrown away").locator("img")).to_have_js_property("naturalWidth", 120)
    assert file.exists()
    gallery.get_by_label("Select thrown away").check()
    gallery.get_by_role("button", name="Delete 1").click()
    expect(gallery.get_by_title("thrown away")).to_have_count(0)
    gallery.get_by_label("State").select_option("in the trash")
    gallery.get_by_title("thrown away").click()
    gallery.get_by_role("button", name="Restore 1").click()
    expect(gallery.get_by_title("thrown away")).to_have_count(0)
    gallery.get_by_label("State").select_option("Any state")
    expect(gallery.get_by_title("thrown away").locator("img")).to_have_js_property("naturalWidth", 120)
