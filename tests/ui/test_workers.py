"""Other machines on the page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.broker import Broker
from tests.support.cluster_site import SHORT, Site
from tests.ui.conftest import OpenUi
from tests.ui.pages import problems


@pytest.fixture
def site(tmp_path: Path, page_is_built: None) -> Iterator[Site]:
    """A server without an engine of its own, and a worker with a scripted one."""
    with Broker(tmp_path / "broker") as broker, Site(tmp_path / "site", broker.url) as running:
        running.serve()
        running.work("attic")
        yield running


def test_workers_are_shown_and_the_jobs_that_they_made(open_ui: OpenUi, site: Site) -> None:
    site.load()
    job = site.server.make(**SHORT)
    page = open_ui("system", at=site.server.url)
    workers = page.get_by_role("region", name="Workers")
    expect(workers).to_contain_text("attic ready")
    assert problems(page) == []
    page.goto(f"{site.server.url}/ui/#/gallery/{job['job_id']}")
    expect(page.get_by_role("dialog").get_by_role("row", name="Made by")).to_contain_text("attic")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="System").click()
    site.workers["attic"].kill()
    expect(workers).to_contain_text("attic lost")
    page.goto("about:blank")  # before its server
