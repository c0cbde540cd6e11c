"""The pages that describe the API work under a policy that lets nothing else in."""

import pytest
from playwright.sync_api import Browser

from tests.support.raw_requests import request
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

SERVER = ServerSetup(scripted=True)


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/oauth2-redirect"])
def test_the_policy_names_every_inline_script_and_nothing_elsewhere(server: RunningServer, path: str) -> None:
    policy = request(server, path).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert "http" not in policy


@pytest.mark.parametrize(("path", "shown"), [("/docs", ".opblock"), ("/redoc", "[data-section-id]")])
def test_the_page_works_under_its_policy(
    server: RunningServer, browser: Browser, path: str, shown: str
) -> None:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{server.url}{path}")
    page.wait_for_selector(shown)
    # What ReDoc would fetch from elsewhere, its own logo, it does not get.
    refused = [text for text in said if "Content Security Policy" in text]
    assert not [text for text in refused if "cdn.redoc.ly" not in text]
    page.close()
