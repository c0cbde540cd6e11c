"""The models view: what is on disk, loaded, converted, described, deleted and brought back."""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Dialog, Locator, Page, expect

from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.tiny_models.models import build
from tests.ui.conftest import OpenUi
from tests.ui.pages import png


@pytest.fixture(scope="module")
def server(root: Path, page_is_built: None) -> Iterator[RunningServer]:
    with ServerSetup(models=["minit2i", "sd1", "esrgan"]).running(root) as running:
        yield running


def choose(page: Page, group: str) -> None:
    page.get_by_role("button", name=re.compile(f"^{group} ")).click()


def row(page: Page, name: str) -> Locator:
    return page.locator(".model").filter(has_text=name).last


def test_models_are_listed_by_kind_and_found_by_name(open_ui: OpenUi, server: RunningServer) -> None:
    listed = server.get("/models")
    page = open_ui("models")
    for name, group in (("Diffusion models", "diffusion_models"), ("Upscalers", "esrgan"), ("T5", "t5")):
        choose(page, name)
        for model in listed[group]:
            expect(row(page, model["name"])).to_contain_text("MB" if model["size_bytes"] >= 1e6 else "kB")
    page.get_by_label("Search models").fill("nothing like this")
    expect(page.locator(".models")).to_contain_text("Nothing matches")


def test_what_lies_beside_a_model_is_shown_and_searched(open_ui: OpenUi, server: RunningServer) -> None:
    build("lora_minit2i").install(server.models_dir, "ink.safetensors")
    folder = server.models_dir / "loras"
    (folder / "ink.civitai.info").write_text(
        json.dumps({"trainedWords": ["inkwash"], "model": {"name": "Ink!"}})
    )
    Image.new("RGB", (30, 40), "teal").save(folder / "ink.preview.png")
    page = open_ui("models")
    page.get_by_role("button", name="Look again").click()
    page.get_by_label("Search models").fill("inkwash")
    # It is the only one, so its kind comes to the front.
    one = row(page, "Ink!")
    expect(one).to_contain_text("ink.safetensors · MiniT2I")
    expect(one.locator("img")).not_to_have_js_property("naturalWidth", 0)
    one.get_by_role("button", name="inkwash").click()
    assert page.evaluate("navigator.clipboard.readText()") == "inkwash"
    page.get_by_role("link", name="Create").click()
    page.get_by_label("Prompt", exact=True).fill("a cat")
    page.get_by_label("Add a LoRA").fill("ink")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="+ inkwash").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a cat, inkwash <lora:ink:1>")


def test_a_model_is_loaded_with_a_component_and_unloaded(open_ui: OpenUi, server: RunningServer) -> None:
    page = open_ui("models")
    choose(page, "Diffusion models")
    row(page, "minit2i.safetensors").get_by_role("button", name="Load").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("MiniT2I")
    expect(dialog.get_by_label("T5xxl").locator("option").first).to_have_text("automatic: t5xxl.safetensors")
    dialog.get_by_label("T5xxl").select_option("t5xxl.safetensors")
    dialog.get_by_role("button", name="Load", exact=True).click()
    expect(row(page, "minit2i.safetensors")).to_contain_text("loaded")
    expect(page.locator("header")).to_contain_text("minit2i.safetensors")
    assert server.get("/health")["loaded_components"]["t5xxl"] == "t5xxl.safetensors"
    page.get_by_role("button", name="Unload").click()
    expect(page.locator("header")).to_contain_text("No model loaded")


def test_a_load_that_fails_is_told_over_the_dialog(open_ui: OpenUi, server: RunningServer) -> None:
    (server.models_dir / "checkpoints").mkdir(exist_ok=True)
    (server.models_dir / "checkpoints" / "broken.safetensors").write_bytes(b"no model")
    page = open_ui("models")
    page.get_by_role("button", name="Look again").click()
    choose(page, "Checkpoints")
    row(page, "broken.safetensors").get_by_role("button", name="Load").click()
    page.get_by_role("dialog").get_by_role("button", name="Load", exact=True).click()
    toast = page.locator(".toast.error")
    expect(toast).to_contain_text("broken.safetensors")
    toast.get_by_role("button", name="Close").click()
    expect(toast).to_have_count(0)


def test_an_upscaler_is_loaded(open_ui: OpenUi, server: RunningServer) -> None:
    page = open_ui("models")
    choose(page, "Upscalers")
    with page.expect_response("**/upscaler/load"):
        row(page, "esrgan").get_by_role("button", name="Load").click()
    assert server.get("/health")["upscaler_loaded"]


def test_a_model_is_converted(open_ui: OpenUi, server: RunningServer) -> None:
    page = open_ui("models")
    choose(page, "T5")
    row(page, "t5xxl.safetensors").get_by_role("button", name="Convert").click()
    types = page.get_by_label("New type").locator("option").evaluate_all("all => all.map(one => one.value)")
    assert {"f16", "q4_k"} <= set(types)
    assert "q8_k" not in types  # which the engine reads, and dies of when it is to write it
    page.get_by_label("New type").select_option("f16")
    page.get_by_role("dialog").get_by_role("button", name="Convert").click()
    expect(row(page, "t5xxl.f16.gguf")).to_be_visible()


def details(page: Page, group: str, name: str) -> Locator:
    """Open the details of a model."""
    choose(page, group)
    row(page, name).get_by_role("button", name="Details").click()
    return page.get_by_role("dialog")


def test_a_checksum_is_computed(open_ui: OpenUi, server: RunningServer) -> None:
    page = open_ui("models")
    dialog = details(page, "Upscalers", "esrgan")
    dialog.get_by_role("button", name="Compute the SHA-256").click()
    [path] = (server.models_dir / "esrgan").iterdir()
    expect(dialog).to_contain_text(sha256(path.read_bytes()).hexdigest())
    page.keyboard.press("Escape")
    expect(row(page, "esrgan")).to_contain_text(sha256(path.read_bytes()).hexdigest()[:10])


def test_a_model_is_renamed_moved_described_and_shown_with_a_picture(
    open_ui: OpenUi, server: RunningServer
) -> None:
    build("lora_minit2i").install(server.models_dir, "plain.safetensors")
    page = open_ui("models")
    page.get_by_role("button", name="Look again").click()
    dialog = details(page, "LoRAs", "plain.safetensors")
    dialog.get_by_label("File name").fill("fine.safetensors")
    dialog.get_by_label("Folder").fill("styles")
    dialog.get_by_label("Tags").fill("paper,  ink , paper")
    dialog.get_by_label("Notes").fill("Best at weight 0.7")
    dialog.get_by_label("Choose a picture").set_input_files(png("red"))
    dialog.get_by_role("button", name="Save").click()
    one = row(page, "styles/fine.safetensors")
    expect(one).to_contain_text("#paper · #ink")
    expect(one.locator("img")).not_to_have_js_property("naturalWidth", 0)
    page.get_by_label("Search models").fill("best weight")
    expect(one).to_be_visible()
    [stored] = server.get("/models", type="lora", name="fine", details=True)["loras"]
    assert (stored["notes"], stored["tags"]) == ("Best at weight 0.7", ["paper", "ink"])
    one.get_by_role("button", name="Details").click()
    dialog.get_by_role("button", name="Remove the picture").click()
    dialog.get_by_role("button", name="Save").click()
    expect(one.locator("img")).to_have_count(0)


def test_a_model_that_cannot_be_renamed_stays_and_the_reason_is_told(
    open_ui: OpenUi, server: RunningServer
) -> None:
    page = open_ui("models")
    dialog = details(page, "Upscalers", "esrgan")
    dialog.get_by_label("File name").fill("other.gguf")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".toast.error")).to_contain_text("the extension stays .safetensors")
    expect(dialog).to_be_visible()


def test_a_deleted_model_is_in_the_trash_and_comes_back(open_ui: OpenUi, server: RunningServer) -> None:
    build("lora_minit2i").install(server.models_dir, "unloved.safetensors")
    path = server.models_dir / "loras" / "unloved.safetensors"
    page = open_ui("models")
    page.get_by_role("button", name="Look again").click()
    details(page, "LoRAs", "unloved.safetensors").get_by_role("button", name="Delete").click()
    toast = page.locator(".toast", has_text="unloved.safetensors is in the trash")
    expect(row(page, "unloved.safetensors")).to_have_count(0)
    assert not path.exists()
    toast.get_by_role("button", name="Restore").click()
    expect(row(page, "unloved.safetensors")).to_be_visible()
    details(page, "LoRAs", "unloved.safetensors").get_by_role("button", name="Delete").click()
    page.get_by_role("link", name="Upkeep").click()
    trash = page.get_by_role("region", name="Trash")
    trash.get_by_role("button", name="Restore unloved.safetensors").click()
    expect(trash).to_contain_text("The trash is empty")
    assert path.is_file()
    page.on("dialog", lambda asked: asked.accept())
    server.http.delete("/models/lora/unloved.safetensors")
    page.reload()
    trash.get_by_role("button", name="Delete unloved.safetensors for good").click()
    expect(trash).to_contain_text("The trash is empty")
    assert server.get("/models/trash")["models"] == []


def test_a_model_in_use_is_deleted_only_if_its_user_insists(open_ui: OpenUi, server: RunningServer) -> None:
    model = build("minit2i").install(server.models_dir)
    server.post("/models/load", {**model, "options": {"n_threads": 1}})
    page = open_ui("models", fresh=True)
    dialog = details(page, "Diffusion models", "minit2i.safetensors")
    asked: list[str] = []

    def refuse(box: Dialog) -> None:
        asked.append(box.message)
        box.dismiss()

    page.once("dialog", refuse)
    with page.expect_response("**/models/diffusion/minit2i.safetensors?*"):
        dialog.get_by_role("button", name="Delete").click()
    expect(dialog).to_be_visible()
    assert "Do it anyway?" in asked[0]
    page.once("dialog", lambda box: box.accept())
    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator(".toast", has_text="minit2i.safetensors is in the trash")).to_be_visible()
    page.locator(".toast").get_by_role("button", name="Restore").click()
    expect(row(page, "minit2i.safetensors")).to_be_visible()


def test_files_that_are_there_twice_are_told_and_one_of_them_deleted(
    open_ui: OpenUi, server: RunningServer
) -> None:
    for name in ("twin-1.safetensors", "twin-2.safetensors"):
        build("lora_minit2i").install(server.models_dir, name)
    server.post("/models/refresh")
    page = open_ui("models/upkeep")
    twice = page.get_by_role("region", name="There twice")
    twice.get_by_role("button", name="Compare them").click()
    twice.get_by_role("button", name="Delete twin-2.safetensors").click()
    expect(twice.get_by_text("twin-2.safetensors")).to_have_count(0)
    assert not (server.models_dir / "loras" / "twin-2.safetensors").exists()
