"""From a prompt to a finished picture, as a person does it."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.support.running_server import RunningServer
from tests.ui.conftest import PHONE, OpenUi
from tests.ui.pages import RESULT, fill, fill_small, newest


def test_a_prompt_becomes_a_picture(open_ui: OpenUi, server: RunningServer) -> None:
    page = open_ui()
    fill_small(page)
    page.get_by_label("Prompt", exact=True).fill("a lovely cat")
    page.keyboard.press("Control+Enter")
    expect(page.locator(RESULT)).to_have_js_property("naturalWidth", 64)
    job = newest(server)
    assert job["params"]["prompt"] == "a lovely cat"
    assert job["status"] == "completed"


def test_a_number_that_is_still_being_typed_counts(open_ui: OpenUi, server: RunningServer) -> None:
    page = open_ui()
    fill_small(page)
    page.get_by_label("Seed", exact=True).fill("4711")
    with page.expect_response("**/txt2img"):
        page.keyboard.press("Control+Enter")
    assert newest(server)["params"]["seed"] == 4711


def test_the_buttons_of_the_form_change_it_and_start_nothing(open_ui: OpenUi, server: RunningServer) -> None:
    before = server.get("/queue", limit=1)["total_count"]
    page = open_ui()
    page.get_by_label("Prompt", exact=True).fill("a cat")
    fill(page, Width="128", Height="64", Steps="3")
    page.get_by_role("button", name="Swap width and height").click()
    expect(page.get_by_label("Height", exact=True)).to_have_value("128")
    page.get_by_role("button", name="Random seed").click()
    page.get_by_role("button", name="Reset Steps to its default").click()
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a cat")
    assert server.get("/queue", limit=1)["total_count"] == before


def test_a_plan_tells_time_and_memory_and_follows_the_form(open_ui: OpenUi, server: RunningServer) -> None:
    server.make(prompt="measured", width=64, height=64, steps=2)
    page = open_ui()
    fill_small(page)
    page.get_by_role("button", name="Plan").click()
    plan = page.locator(".plan")
    expect(plan).to_contain_text("64 × 64")
    expect(plan).to_contain_text(re.compile(r" s, going by \d+ jobs?"))
    expect(plan).to_contain_text("MB of memory")
    expect(plan).to_contain_text("minit2i.safetensors")
    fill(page, Width="128", Height="128")
    expect(plan).to_contain_text("128 × 128")
    page.get_by_role("button", name="Plan").click()
    expect(plan).to_have_count(0)


def test_keys_weigh_the_words_of_a_prompt(open_ui: OpenUi) -> None:
    page = open_ui()
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("a red cat")
    page.keyboard.press("Control+ArrowUp")
    page.keyboard.press("Control+ArrowUp")
    expect(prompt).to_have_value("a red (cat:1.2)")
    page.keyboard.press("Control+ArrowDown")
    expect(prompt).to_have_value("a red (cat:1.1)")


def test_what_was_typed_survives_a_reload(open_ui: OpenUi) -> None:
    page = open_ui()
    page.get_by_label("Prompt", exact=True).fill("kept")
    page.get_by_label("Steps", exact=True).fill("3")
    page.keyboard.press("Tab")
    page.reload()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("kept")
    expect(page.get_by_label("Steps", exact=True)).to_have_value("3")


def test_the_form_shows_what_suits_the_loaded_model(open_ui: OpenUi, server: RunningServer) -> None:
    suited = server.get("/architectures")["current_preset"]["generationDefaults"]
    page = open_ui()
    expect(page.get_by_label("Width", exact=True)).to_have_value(str(suited["width"]))
    expect(page.get_by_label("Steps", exact=True)).to_have_value(str(suited["steps"]))


def test_every_documented_field_can_be_reached(open_ui: OpenUi, server: RunningServer) -> None:
    fields = server.get("/openapi.json")["components"]["schemas"]["Txt2ImgRequest"]["properties"]
    page = open_ui()
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    controls = page.locator(".form").locator("input, select, textarea").count()
    # Those that need no control: LoRAs are tags of the prompt, the model is the loaded one, and defaults
    # are shown by the form itself.
    without = {"loras", "model", "use_architecture_defaults"} & set(fields)
    assert controls >= len(fields) - len(without)


def test_a_refused_request_is_told_in_the_servers_words(open_ui: OpenUi) -> None:
    page = open_ui()
    page.get_by_label("Width", exact=True).fill("64")
    page.keyboard.press("Tab")
    page.get_by_label("Height", exact=True).fill("128")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".toast.error")).to_contain_text("square images only")


def test_a_running_job_is_watched_through_a_reload_and_cancelled(
    open_ui: OpenUi, server: RunningServer
) -> None:
    page = open_ui()
    fill_small(page)
    page.get_by_label("Prompt", exact=True).fill("endless")
    page.get_by_label("Steps", exact=True).fill("1000")
    page.get_by_label("Images", exact=True).fill("60")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".stage")).to_contain_text(re.compile(r"Step \d+ of 1000"))
    page.reload()
    expect(page.locator(".stage")).to_contain_text(re.compile(r"Step \d+ of 1000"))
    page.locator(".stage").get_by_role("button", name="Cancel").click()
    expect(page.locator(".stage")).not_to_contain_text("Step")
    assert newest(server)["status"] == "cancelled"


def test_previews_of_a_running_job_are_shown(open_ui: OpenUi) -> None:
    page = open_ui()
    fill_small(page)
    page.get_by_label("Steps", exact=True).fill("900")
    page.get_by_label("Images", exact=True).fill("60")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".stage img.preview")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    page.locator(".stage").get_by_role("button", name="Cancel").click()


def test_a_lora_is_picked_and_weighed_as_a_tag(open_ui: OpenUi) -> None:
    page = open_ui()
    page.get_by_label("Prompt", exact=True).fill("a cat")
    page.get_by_label("Add a LoRA").fill("ink")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a cat <lora:ink:1>")
    page.get_by_label("Weight of ink").fill("0.5")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a cat <lora:ink:0.5>")
    page.get_by_label("Remove ink").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a cat")


def test_a_result_is_sent_on_as_the_picture_to_upscale(open_ui: OpenUi, server: RunningServer) -> None:
    server.make(prompt="to enlarge", width=64, height=64, steps=1)
    page = open_ui()
    expect(page.locator(RESULT)).to_be_visible()
    server.post("/upscaler/load", {"model_name": "esrgan.safetensors"})
    page.get_by_role("button", name="To upscale").click()
    expect(page.locator("figure img").first).to_have_js_property("naturalWidth", 64)
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(RESULT)).to_have_js_property("naturalWidth", 256)


def test_the_settings_of_a_result_are_used_again(open_ui: OpenUi, server: RunningServer) -> None:
    server.make(prompt="again please", width=64, height=64, steps=3, seed=7)
    page = open_ui()
    page.get_by_role("button", name="Use these settings").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("again please")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("7")
    expect(page.get_by_label("Steps", exact=True)).to_have_value("3")


def test_a_picture_that_tells_how_it_was_made_fills_the_form(open_ui: OpenUi, server: RunningServer) -> None:
    job = server.make(prompt="told, by a file", width=64, height=64, steps=3, seed=11, sampler="euler_a")
    page = open_ui()
    page.get_by_role("button", name="Image to image", exact=True).click()
    page.locator("input[type=file]").first.set_input_files(server.output_dir / job["outputs"][0])
    page.locator(".toast").get_by_role("button", name="Use these settings").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("told, by a file")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("11")
    expect(page.get_by_label("Sampler", exact=True)).to_have_value("euler_a")


def test_the_page_comes_back_with_the_server(open_ui: OpenUi, tmp_path: Path, server: RunningServer) -> None:
    page = open_ui()
    page.get_by_label("Prompt", exact=True).fill("patient")
    port = server.port
    server.kill()
    expect(page.locator("[data-connection=lost]")).to_be_visible()
    server.flags = ("--port", str(port))
    server.start()
    expect(page.locator("[data-connection=open]")).to_be_visible()
    expect(page.locator("header")).to_contain_text("minit2i")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("patient")


def test_the_end_of_a_job_is_told_where_another_view_is_open(open_ui: OpenUi) -> None:
    page = open_ui()
    fill_small(page)
    page.get_by_label("Prompt", exact=True).fill("meanwhile")
    page.get_by_label("Steps", exact=True).fill("40")
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("link", name="System").click()
    toast = page.locator(".toast", has_text="meanwhile")
    expect(toast).to_contain_text("is done")
    toast.get_by_role("button", name="Show").click()
    expect(page.get_by_role("dialog").locator(".prompt")).to_have_text("meanwhile")


def test_on_a_phone_the_result_comes_into_view(open_ui: OpenUi) -> None:
    page = open_ui(viewport=PHONE)
    fill_small(page)
    expect(page.locator(".stage")).not_to_be_in_viewport()
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".stage")).to_be_in_viewport()
