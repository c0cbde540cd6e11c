"""The models view brings models: sets that are pulled to their picture, pasted links, searches."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from sdcpp_restapi.model_sets.library import read_built_in
from tests.support import stub_models
from tests.support.http_upstream import Upstream, model_bytes, upstreams
from tests.support.hub_site import HubSite, of_hub, write_set
from tests.support.images import encoded, picture
from tests.support.model_sites import model, query_of, search_pages, version
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.set_stand_ins import publish
from tests.ui.conftest import OpenUi
from tests.ui.pages import problems

DATA = model_bytes(300_000)
GATED = model_bytes(200_000, seed=2)
PRIVATE = model_bytes(200_000, seed=3)
SET = next(one for one in read_built_in() if one.name == "z-image-turbo")
HUGE = 10**15


@dataclass(frozen=True)
class Sites:
    """What is asked instead of CivitAI, Hugging Face and a CDN."""

    civitai: Upstream
    hub: HubSite

    @property
    def cdn(self) -> Upstream:
        return self.hub.cdn


@pytest.fixture(scope="module")
def sites() -> Iterator[Sites]:
    with upstreams(3) as (civitai, hub, cdn):
        yield Sites(civitai, HubSite(hub, cdn))


@pytest.fixture(scope="module")
def server(root: Path, page_is_built: None, sites: Sites) -> Iterator[RunningServer]:
    folder = root / "models" / "sets"
    folder.mkdir(parents=True)
    (folder / f"{SET.name}.toml").write_text(publish(SET, sites.hub), "utf-8")
    sites.hub.put("org/gated", "gated.gguf", GATED, token="a-token-that-nobody-has")
    terms = {"name": "Terms", "url": "https://x.example/terms", "gated": "https://x.example/accept"}
    write_set(folder, "gated", of_hub("org/gated", "gated.gguf", GATED), license=terms)
    _publish_huge(sites.hub, folder)
    environment = {
        "SDCPP_DOWNLOADS_ALLOW_PRIVATE": "1",
        "SDCPP_DOWNLOADS_CIVITAI_URL": sites.civitai.url,
        "SDCPP_DOWNLOADS_HUGGINGFACE_URL": sites.hub.site.url,
        "SDCPP_DOWNLOADS_RETRIES": "1",
        "SDCPP_DOWNLOADS_RETRY_DELAY": "0.05",
        "HF_HOME": str(root / "hugging"),
    }
    with ServerSetup(env=environment).running(root) as running:
        yield running


def _publish_huge(hub: HubSite, folder: Path) -> None:
    """A set that no disk has room for."""
    told = of_hub("org/huge", "huge.gguf", DATA, size=HUGE)
    del told["sha256"]
    hub.site.routes["/org/huge/resolve/main/huge.gguf"] = lambda request: request.reply(
        200, X_Linked_Size=str(HUGE), X_Repo_Commit="0" * 40, X_Linked_ETag='"x"'
    )
    write_set(folder, "huge", told)


def get(page: Page, title: str) -> Locator:
    """Ask for a set; the dialog that tells what would come."""
    page.get_by_role("article", name=title, exact=True).get_by_role("button", name="Get").click()
    return page.get_by_role("dialog")


def look_up(page: Page, link: str) -> Locator:
    """Paste a link; the dialog that tells what is there."""
    page.get_by_label("Paste a link").fill(link)
    page.get_by_role("button", name="Look it up").click()
    return page.get_by_role("dialog")


def test_a_newcomer_is_led_to_what_can_be_had(open_ui: OpenUi) -> None:
    page = open_ui("create")
    page.get_by_role("link", name="Get a model").click()
    expect(page.get_by_role("article", name=SET.title)).to_be_visible()
    page.get_by_role("link", name="On disk").click()
    expect(page.get_by_role("heading", name="No models yet")).to_be_visible()
    page.get_by_role("link", name="Get a model").click()
    card = page.get_by_role("article", name=SET.title)
    expect(card).to_contain_text("Apache-2.0")
    expect(card.locator("li")).to_have_count(len(SET.variants))
    expect(card.locator("li").first).to_contain_text("· fits")


def test_a_set_that_nobody_may_fetch_without_a_token_says_so(open_ui: OpenUi) -> None:
    page = open_ui("models/get")
    card = page.get_by_role("article", name="gated")
    expect(card.get_by_role("link", name="Read the terms")).to_have_attribute(
        "href", "https://x.example/accept"
    )
    dialog = get(page, "gated")
    expect(dialog).to_contain_text("a token in this server's settings")
    expect(dialog.locator(".bad")).to_contain_text("gated.gguf")
    expect(dialog.get_by_role("button", name="Download")).to_be_disabled()


def test_a_disk_without_room_is_told_in_words_before_anything_comes(open_ui: OpenUi) -> None:
    page = open_ui("models/get")
    dialog = get(page, "huge")
    expect(dialog).to_contain_text("The disk of the server is full. Delete something there, then try again.")
    expect(dialog.get_by_role("button", name="Download")).to_be_disabled()


def test_a_set_is_pulled_loaded_and_its_example_drawn(open_ui: OpenUi, server: RunningServer) -> None:
    page = open_ui("models/get")
    dialog = get(page, SET.title)
    dialog.get_by_label("Quantization").select_option(SET.variants[-1].name)
    expect(dialog).to_contain_text(re.compile(r"B to download, .*B free on the disk"))
    dialog.get_by_label("Draw the example").check()
    dialog.get_by_role("button", name="Download").click()
    page.locator(".toast", has_text="is done").get_by_role("button", name="Show").click()
    expect(page.get_by_role("dialog").locator(".frame img")).not_to_have_js_property("naturalWidth", 0)
    assert server.get("/health")["model_architecture"] == SET.architecture
    page.goto(f"{server.url}/ui/#/models/get")
    card = page.get_by_role("article", name=SET.title)
    expect(card.locator(".chip.good")).to_have_text("On disk")
    expect(card.get_by_role("button", name="Remove")).to_be_visible()


def test_a_set_on_disk_is_loaded_without_a_download(
    open_ui: OpenUi, server: RunningServer, sites: Sites
) -> None:
    page = open_ui("models/get")
    card = page.get_by_role("article", name=SET.title)
    before = len(sites.cdn.requests)
    server.post("/models/unload")
    card.get_by_role("button", name="Load").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Everything is on disk already")
    dialog.get_by_role("button", name="Load").click()
    expect(page.locator("header")).not_to_contain_text("No model loaded")
    assert len(sites.cdn.requests) == before


def test_a_link_tells_its_files_and_brings_the_one_that_is_chosen(
    open_ui: OpenUi, server: RunningServer, sites: Sites, tmp_path: Path
) -> None:
    flux = stub_models.write(tmp_path / "made.safetensors", stub_models.flux()).read_bytes()
    newest = version(sites.civitai, 128078, {"my_flux.safetensors": flux}, baseModel="Flux.1 D")
    older = version(sites.civitai, 128077, {"old_flux.safetensors": flux})
    model(sites.civitai, 101055, newest, older, type="Checkpoint")
    page = open_ui("models/get")
    dialog = look_up(page, "https://civitai.com/models/101055")
    expect(dialog).to_contain_text("for Flux.1 D")
    expect(dialog).to_contain_text("Trigger words: ohwx cat")
    expect(dialog.get_by_label("Kind of my_flux.safetensors")).to_have_value("diffusion")
    expect(dialog.locator(".file")).to_contain_text(
        re.compile("(Needs, and does not find here|Goes with what is here): Vae")
    )
    dialog.get_by_label("Version").select_option("128077")
    expect(dialog).to_contain_text("old_flux.safetensors")
    dialog.get_by_label("Folder").fill("mine")
    dialog.get_by_role("button", name="Download old_flux.safetensors").click()
    page.get_by_role("link", name="On disk").click()
    page.get_by_role("button", name=re.compile("^Diffusion models ")).click()
    expect(page.locator(".model", has_text="mine/old_flux.safetensors")).to_be_visible()
    assert (server.models_dir / "diffusion_models/mine/old_flux.safetensors").read_bytes() == flux


def test_a_link_with_a_secret_is_downloaded_and_shown_nowhere(
    open_ui: OpenUi, server: RunningServer, sites: Sites
) -> None:
    sites.cdn.file("/files/private.safetensors", PRIVATE)
    page = open_ui("models/get")
    dialog = look_up(page, f"{sites.cdn.url}/files/private.safetensors?token=very-secret-token")
    expect(dialog).to_contain_text("private.safetensors")
    expect(dialog).not_to_contain_text("very-secret-token")
    dialog.get_by_label("Kind of").select_option("lora")
    dialog.get_by_role("button", name="Download").click()
    page.get_by_role("link", name="On disk").click()
    page.get_by_role("button", name=re.compile("^LoRAs ")).click()
    expect(page.locator(".model", has_text="private.safetensors")).to_be_visible()


def test_a_link_that_leads_nowhere_is_told_in_its_dialog(open_ui: OpenUi, sites: Sites) -> None:
    page = open_ui("models/get")
    dialog = look_up(page, "civitai:404404")
    expect(dialog.locator(".bad")).to_contain_text("does not have this file (404)")


def test_a_search_goes_on_page_by_page_and_leads_to_the_files(open_ui: OpenUi, sites: Sites) -> None:
    preview = encoded(picture(8, 8))
    sites.cdn.page("/cat.png", preview, "image/png")
    images = [{"url": f"{sites.cdn.url}/cat.png", "nsfwLevel": 1, "type": "image"}]
    first = model(sites.civitai, 1, version(sites.civitai, 10, {"one.safetensors": DATA}, images=images))
    adult = model(sites.civitai, 2, version(sites.civitai, 20, {"two.safetensors": DATA}), nsfw=True)
    third = model(sites.civitai, 3, version(sites.civitai, 30, {"three.safetensors": DATA}))
    search_pages(sites.civitai, "/api/v1/models", [[first, adult], [third]])
    page = open_ui("models/get")
    panel = page.get_by_role("region", name="Search CivitAI")
    panel.get_by_label("Words").fill("cat")
    panel.get_by_label("Kind").select_option("lora")
    panel.get_by_label("Base model").fill("SDXL 1.0")
    panel.get_by_role("button", name="Search").click()
    expect(panel).to_contain_text("1 found, 1 hidden")
    path = sites.civitai.asked("/api/v1/models")[-1].path
    assert "types=LORA&" in path
    asked = query_of(path)
    assert (asked["query"], asked["baseModels"], asked["nsfw"]) == ("cat", "SDXL 1.0", "false")
    expect(panel.get_by_role("button", name="Look at Model 1").locator("img")).to_have_js_property(
        "naturalWidth", 8
    )
    panel.get_by_role("button", name="More").click()
    panel.get_by_role("button", name="Look at Model 3").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("three.safetensors")
    expect(dialog).to_contain_text("300 kB")


def test_a_search_that_fails_says_why(open_ui: OpenUi, sites: Sites) -> None:
    sites.hub.site.status("/api/models", 403)
    page = open_ui("models/get")
    panel = page.get_by_role("region", name="Search CivitAI")
    panel.get_by_label("Site").select_option("huggingface")
    panel.get_by_role("button", name="Search").click()
    expect(panel.locator(".bad")).to_be_visible()


def test_a_download_shows_how_far_it_is_and_is_cancelled(open_ui: OpenUi, sites: Sites) -> None:
    served = sites.cdn.file("/files/slow.safetensors", DATA, hold_at=200_000)
    page = open_ui("models/get")
    try:
        dialog = look_up(page, f"{sites.cdn.url}/files/slow.safetensors")
        dialog.get_by_label("Kind of").select_option("lora")
        dialog.get_by_role("button", name="Download").click()
        running = page.get_by_role("region", name="Downloads")
        expect(running).to_contain_text(re.compile(r"kB of 300 kB · "))
        running.get_by_role("button", name="Cancel").click()
        expect(running).to_have_count(0)
    finally:
        served.go_on.set()


def test_a_download_that_failed_says_why_and_is_tried_again(
    open_ui: OpenUi, server: RunningServer, sites: Sites
) -> None:
    url = f"{sites.cdn.url}/files/late.safetensors"
    server.post("/models/download", {"model_type": "lora", "url": url}, expect=202)
    page = open_ui("models")
    failed = page.get_by_role("region", name="Downloads")
    expect(failed).to_contain_text("404")
    sites.cdn.file("/files/late.safetensors", DATA)
    failed.get_by_role("button", name="Try again").click()
    page.get_by_role("button", name=re.compile("^LoRAs ")).click()
    expect(page.locator(".model", has_text="late.safetensors")).to_contain_text("300 kB")
    expect(failed).to_have_count(0)


def test_a_newer_version_is_told_when_it_is_asked_for(open_ui: OpenUi, sites: Sites) -> None:
    old = version(sites.civitai, 70, {"late.safetensors": DATA})
    model(sites.civitai, 7, version(sites.civitai, 71, {"new.safetensors": DATA + b"x"}), old)
    page = open_ui("models/upkeep")
    newer = page.get_by_role("region", name="Newer versions")
    newer.get_by_role("button", name="Ask CivitAI").click()
    expect(newer).to_contain_text("v70 is here, v71 is the newest")
    newer.get_by_role("button", name="Look at the newest Model 7").click()
    expect(page.get_by_role("dialog")).to_contain_text("new.safetensors")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.heavy)])
def test_dialogs_break_no_rule_of_accessibility_and_fit_a_phone(
    open_ui: OpenUi, sites: Sites, scheme: str
) -> None:
    model(sites.civitai, 8, version(sites.civitai, 80, {"eight.safetensors": DATA}))
    page = open_ui("models/get", viewport=ViewportSize(width=320, height=700), color_scheme=scheme)
    _check_dialog(page, get(page, "gated"), "gated.gguf:", scheme)
    _check_dialog(page, look_up(page, "civitai:8"), "eight.safetensors", scheme)


def _check_dialog(page: Page, dialog: Locator, text: str, scheme: str) -> None:
    expect(dialog).to_contain_text(text)
    assert problems(page, scheme) == []
    assert dialog.evaluate("box => box.scrollWidth - box.clientWidth") == 0
    page.keyboard.press("Escape")
