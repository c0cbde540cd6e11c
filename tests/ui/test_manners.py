"""What holds for every view: it fits, can be used by all, asks nobody else, and keeps strangers out."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect
from starlette.testclient import TestClient

from sdcpp_restapi.client import Client
from sdcpp_restapi.client.call import ask
from sdcpp_restapi.schemas.access import SessionList
from sdcpp_restapi.schemas.models import Done
from sdcpp_restapi.ui.page import Page as Served
from tests.support.reverse_proxy import behind_prefix
from tests.support.running_server import RunningServer
from tests.ui.conftest import PHONE, OpenUi
from tests.ui.pages import problems

VIEWS = ("create", "gallery", "models", "models/get", "models/upkeep", "assistant", "system")


@pytest.fixture(scope="module")
def with_a_job(server: RunningServer) -> RunningServer:
    for prompt in ("something else", "something to see"):
        server.make(prompt=prompt, width=64, height=64, steps=1)
    return server


def settled(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.heavy)])
def test_no_view_breaks_a_rule_of_accessibility(
    open_ui: OpenUi, with_a_job: RunningServer, scheme: str
) -> None:
    page = open_ui(color_scheme=scheme)
    page.get_by_role("button", name="Plan").click()
    expect(page.locator(".plan")).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    for view in VIEWS:
        page.goto(f"{with_a_job.url}/ui/#/{view}")
        if view == "gallery":  # where one job is as good as hundreds, and sooner checked
            page.get_by_label("Search prompts").fill("something to see")
            expect(page.locator(".card")).to_have_count(1)
        settled(page)
        assert problems(page, scheme) == [], view


@pytest.mark.heavy
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_dialog_breaks_a_rule_of_accessibility(
    open_ui: OpenUi, with_a_job: RunningServer, scheme: str
) -> None:
    page = open_ui("gallery", color_scheme=scheme)

    def check(dialog: str) -> None:
        expect(page.get_by_role("dialog")).to_be_visible()
        assert problems(page, scheme) == [], dialog
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)

    page.get_by_title("something to see").click()
    expect(page.get_by_role("dialog").locator(".prompt")).to_be_visible()
    check("job")
    for box in page.get_by_label("Select ").all()[:2]:
        box.check()
    page.get_by_role("button", name="Compare").click()
    check("comparison")
    page.goto(f"{with_a_job.url}/ui/#/create")
    page.get_by_role("button", name="History").click()
    check("prompts")
    page.get_by_role("button", name="To image to image").click()
    page.get_by_role("button", name="Paint a mask").click()
    check("mask")
    page.goto(f"{with_a_job.url}/ui/#/models")
    page.get_by_role("button", name="Checkpoints").click()
    for button in ("Load", "Convert", "Details"):
        page.get_by_role("button", name=button, exact=True).click()
        check(button)


@pytest.mark.parametrize("width", [320, PHONE["width"]])
def test_a_phone_shows_every_view_without_sideways_scrolling(
    open_ui: OpenUi, with_a_job: RunningServer, width: int
) -> None:
    page = open_ui(viewport=ViewportSize(width=width, height=700))
    for view in VIEWS:
        page.goto(f"{with_a_job.url}/ui/#/{view}")
        settled(page)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        too_wide = page.evaluate(
            "['html', 'main'].map(name => document.querySelector(name))"
            ".map(box => box.scrollWidth - box.clientWidth)"
        )
        assert too_wide == [0, 0], view


def test_the_root_leads_to_the_page_also_behind_a_prefix(open_ui: OpenUi, with_a_job: RunningServer) -> None:
    with behind_prefix(with_a_job.port, "/some/prefix") as url:
        page = open_ui(at=url)
        page.goto(f"{url}/")
        assert page.url.startswith(f"{url}/ui/")
        page.wait_for_selector("[data-connection=open]")
        page.goto(f"{url}/ui/#/gallery")
        expect(page.get_by_title("something to see").locator("img")).to_have_js_property("naturalWidth", 120)
        page.goto("about:blank")  # before the proxy, whose end would be an error on the page


def test_only_scripts_styles_and_pictures_of_the_server_are_allowed(server: RunningServer) -> None:
    policy = server.http.get("/ui/").headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in policy


def test_the_page_is_asked_for_anew_and_what_it_consists_of_is_kept(server: RunningServer) -> None:
    page = server.http.get("/ui/")
    assert page.headers["cache-control"] == "no-cache"
    script = server.http.get(f"/ui/{page.text.partition('src="./')[2].partition('"')[0]}")
    assert "immutable" in script.headers["cache-control"]


def test_what_the_page_consists_of_is_sent_compressed_to_browsers_that_take_that(
    server: RunningServer,
) -> None:
    path = "/ui/" + server.http.get("/ui/").text.partition('src="./')[2].partition('"')[0]
    whole = server.http.get(path, headers={"Accept-Encoding": "identity"})
    packed = server.http.get(path, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-type"] == whole.headers["content-type"]
    assert packed.text == whole.text
    assert int(packed.headers["content-length"]) < int(whole.headers["content-length"]) / 2
    assert server.http.get("/ui/assets/nothing.js").status_code == 404


def test_without_the_built_page_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    answer = TestClient(Served(tmp_path)).get("/")
    assert answer.status_code == 404
    assert "hatch_build.py" in answer.text


def test_a_first_visit_asks_for_the_key_once_and_shows_the_way_to_a_model(
    open_ui: OpenUi, tmp_path: Path
) -> None:
    key = "a-key-that-only-the-tests-know"
    with RunningServer(tmp_path, env={"SDCPP_SERVER_API_KEYS": json.dumps([key])}) as running:
        page = open_ui(at=running.url, wait_for="dialog[open]")
        assert problems(page) == []
        page.get_by_label("API key").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_contain_text("none of the server's keys")
        page.get_by_label("API key").fill(key)
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-connection=open]")
        # A cookie lets the browser in; the key is kept nowhere, and no script reads the cookie.
        for path in ("/output/", "/queue"):
            assert page.evaluate(f"fetch('{path}').then((answer) => answer.status)") == 200
        kept = page.evaluate("JSON.stringify([document.cookie, localStorage, sessionStorage])")
        assert kept.startswith('["",')
        assert key not in kept
        page.goto(f"{running.url}/")
        page.wait_for_selector("[data-connection=open]")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator(".stage")).to_contain_text("sdcpp serve --demo")
        assert problems(page) == []
        page.get_by_role("link", name="Get a model").click()
        expect(page.get_by_role("heading", name="Starter sets")).to_be_visible()
        page.goto(f"{running.url}/ui/#/system")
        expect(page.get_by_text("Logged in with the key server.api_keys[0] (manage)")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert page.evaluate("fetch('/queue').then((answer) => answer.status)") == 401
        _log_in_by_the_page(page, running, key)
        page.goto("about:blank")  # before its server


def _log_in_by_the_page(page: Page, running: RunningServer, key: str) -> None:
    """The login page leads back, and only to this server; a key that is revoked leads out."""
    page.goto(f"{running.url}/output/")
    expect(page).to_have_url(f"{running.url}/login?next=output/")
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{running.url}/output/")
    page.goto(f"{running.url}/login?next=https://elsewhere.example/")
    page.get_by_label("API key").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("none of the server's keys")
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{running.url}/ui/**")
    page.wait_for_selector("[data-connection=open]")
    with Client(running.url, key) as client:
        sessions = client.send(ask(SessionList, "GET", "/keys/sessions")).sessions
        client.send(ask(Done, "DELETE", f"/keys/sessions/{sessions[-1].id}"))
    expect(page.get_by_role("dialog")).to_be_visible()
