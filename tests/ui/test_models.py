"""The models view: what is on disk, loaded, fetched and converted."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.support.http_upstream import Upstream, civitai, hub, model_bytes, sha256, upstreams
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.tiny_models.models import build
from tests.ui.conftest import OpenUi

DATA = model_bytes(300_000)


@pytest.fixture(scope="module")
def sites() -> Iterator[list[Upstream]]:
    """What is asked instead of CivitAI, Hugging Face and a CDN."""
    with upstreams(3) as running:
        yield running


@pytest.fixture(scope="module")
def server(root: Path, page_is_built: None, sites: list[Upstream]) -> Iterator[RunningServer]:
    environment = {
        "SDCPP_DOWNLOADS_ALLOW_PRIVATE": "1",
        "SDCPP_DOWNLOADS_CIVITAI_URL": sites[0].url,
        "SDCPP_DOWNLOADS_HUGGINGFACE_URL": sites[1].url,
    }
    setup = ServerSetup(models=["minit2i", "sd1", "esrgan"], env=environment)
    with setup.running(root) as running:
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


def test_a_checksum_is_computed(open_ui: OpenUi, server: RunningServer) -> None:
    page = open_ui("models")
    choose(page, "Upscalers")
    one = row(page, "esrgan")
    one.get_by_role("button", name="SHA-256").click()
    [path] = (server.models_dir / "esrgan").iterdir()
    expect(one).to_contain_text(sha256(path.read_bytes())[:10])


def test_a_model_is_looked_up_at_civitai(open_ui: OpenUi, sites: list[Upstream]) -> None:
    civitai(sites[0], sites[2], DATA)
    page = open_ui("models")
    page.get_by_role("button", name="Download a model").click()
    page.get_by_role("button", name="CivitAI").click()
    page.get_by_label("Model number").fill("123456")
    page.get_by_role("button", name="Look it up").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Model Name v1.0")
    expect(dialog).to_contain_text("300 kB")
    expect(dialog).to_contain_text(re.compile(sha256(DATA), re.IGNORECASE))


def test_a_file_of_hugging_face_is_looked_up(open_ui: OpenUi, sites: list[Upstream]) -> None:
    hub(sites[1], sites[2], DATA, "someone/tiny", "tiny.safetensors")
    page = open_ui("models")
    page.get_by_role("button", name="Download a model").click()
    page.get_by_label("Repository, e.g.").fill("someone/tiny")
    page.get_by_label("File in the repository").fill("tiny.safetensors")
    page.get_by_role("button", name="Look it up").click()
    expect(page.get_by_role("dialog")).to_contain_text("300 kB")


def download_lora(page: Page, url: str) -> None:
    page.get_by_role("button", name="Download a model").click()
    page.get_by_role("button", name="Address").click()
    page.get_by_role("dialog").get_by_label("Kind of model").select_option("lora")
    page.get_by_label("Address of the file").fill(url)
    page.get_by_role("dialog").get_by_role("button", name="Download", exact=True).click()


def test_a_download_shows_how_far_it_is_and_ends_in_the_list(
    open_ui: OpenUi, server: RunningServer, sites: list[Upstream]
) -> None:
    served = sites[2].file("/files/fetched.safetensors", DATA, hold_at=200_000)
    page = open_ui("models")
    download_lora(page, f"{sites[2].url}/files/fetched.safetensors")
    running = page.get_by_role("region", name="Downloads")
    try:
        expect(running).to_contain_text(re.compile(r"kB · .*/s"))
    finally:
        served.go_on.set()
    choose(page, "LoRAs")
    expect(row(page, "fetched.safetensors")).to_contain_text("300 kB")
    assert (server.models_dir / "loras/fetched.safetensors").read_bytes() == DATA


def test_a_download_that_failed_is_told_and_run_again(
    open_ui: OpenUi, server: RunningServer, sites: list[Upstream]
) -> None:
    page = open_ui("models")
    download_lora(page, f"{sites[2].url}/files/late.safetensors")
    failed = page.locator(".toast.error")
    expect(failed).to_contain_text("404")
    sites[2].file("/files/late.safetensors", DATA)
    failed.get_by_role("button", name="Show").click()
    page.get_by_role("dialog").get_by_role("button", name="Run again").click()
    page.get_by_role("button", name="Close").first.click()
    page.get_by_role("link", name="Models").click()
    choose(page, "LoRAs")
    expect(row(page, "late.safetensors")).to_contain_text("300 kB")
