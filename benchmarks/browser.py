"""The web page in a browser: how large it is, how soon it is there, how smoothly it scrolls."""

import gzip
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from sdcpp_restapi.ui.page import FILES
from tests.support.chromium import CHROMIUM, CHROMIUM_FLAGS
from tests.support.running_server import RunningServer

from .plan import Plan
from .report import Figure, Report
from .stores import add_jobs

# A phone's connection: bytes a second of 1.6 Mb/s, and milliseconds of latency, as Lighthouse's "slow 4G".
SPEED, LATENCY = 1.6e6 / 8, 150
KILOBYTE = 1000
# Scrolls through the list at 60 pixels a frame; the answer is when each frame was drawn, in ms.
SCROLL = """seconds => new Promise(done => {
    const box = document.querySelector('.scroller'), times = [];
    const step = now => {
        times.push(now);
        box.scrollBy(0, 60);
        if (now - times[0] < seconds * 1000) requestAnimationFrame(step); else done(times);
    };
    requestAnimationFrame(step);
})"""
FORM = """new MutationObserver((_, observer) => {
    if (!document.querySelector('textarea')) return;
    window.formAt = performance.now();
    observer.disconnect();
}).observe(document, {childList: true, subtree: true})"""
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def measure(folder: Path, plan: Plan, report: Report) -> None:
    """Size, first visits, scrolling; the server's folders are below `folder`."""
    report.add(*sizes())
    add_jobs(folder / "data", plan.stored_jobs)
    server = RunningServer(folder)
    try:
        with running_browser() as browser:
            for slow in (False, True):
                report.add(*first_visits(browser, server, slow, plan.starts))
            report.add(*scrolling(browser, server, plan))
    finally:
        server.kill()


def sizes() -> Iterator[Figure]:
    """Compressed, of all files and of those that the first view needs."""
    files = [path for path in FILES.rglob("*") if path.is_file() and path.suffix in (".js", ".css", ".html")]
    packed = {path.name: len(gzip.compress(path.read_bytes())) / KILOBYTE for path in files}
    yield Figure("the whole page, compressed", sum(packed.values()), "kB", 200, detail=f"{len(files)} files")
    first = (FILES / "index.html").read_text("utf-8")
    needed = sum(size for name, size in packed.items() if name in first or name == "index.html")
    yield Figure("what the first view needs, compressed", needed, "kB")


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


def first_visits(browser: Browser, server: RunningServer, slow: bool, times: int) -> Iterator[Figure]:
    """Medians of some first visits, each with an empty cache."""
    paints, forms = zip(*(_first_visit(browser, server.url, slow) for _ in range(times)), strict=True)
    line = f"1.6 Mb/s and {LATENCY} ms latency" if slow else "loopback"
    for name, shown in (("first contentful paint", paints), ("the form is there", forms)):
        told = ", ".join(f"{one:.0f}" for one in shown)
        yield Figure(f"{name}, {line}", statistics.median(shown), "ms", 1000, detail=told)


def _first_visit(browser: Browser, url: str, slow: bool) -> tuple[float, float]:
    """When something is painted, and when the form is there: ms after the visit began."""
    context = browser.new_context()
    try:
        page = context.new_page()
        page.add_init_script(FORM)
        if slow:
            _slow_down(context.new_cdp_session(page))
        page.goto(f"{url}/ui/#/create")
        page.wait_for_function("() => window.formAt")
        return float(page.evaluate(PAINT)), float(page.evaluate("window.formAt"))
    finally:
        context.close()


def _slow_down(session: CDPSession) -> None:
    session.send("Network.enable")
    throttle = {"downloadThroughput": SPEED, "uploadThroughput": SPEED, "latency": LATENCY}
    session.send("Network.emulateNetworkConditions", {"offline": False, **throttle})


def scrolling(browser: Browser, server: RunningServer, plan: Plan) -> Iterator[Figure]:
    """Frames while the gallery of all stored jobs moves under the eye."""
    page = browser.new_page(viewport={"width": 1366, "height": 800})
    page.goto(f"{server.url}/ui/#/gallery")
    page.wait_for_selector(".card")
    times = page.evaluate(SCROLL, max(3.0, plan.seconds))
    gaps = sorted(after - before for before, after in pairwise(times))
    what = f"scrolling {plan.stored_jobs:,} jobs"
    yield Figure(f"{what}, frames a second", 1000 * len(gaps) / sum(gaps), "/s")
    yield Figure(f"{what}, 99 of 100 frames within", gaps[len(gaps) * 99 // 100], "ms")
    yield Figure(f"{what}, nodes of the page", _nodes(page), "")
    page.close()


def _nodes(page: Page) -> float:
    return float(page.evaluate("document.querySelectorAll('*').length"))
