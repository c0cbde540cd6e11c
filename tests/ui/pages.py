"""What several tests do on the page."""

import io
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import FilePayload, Page

from tests.support.running_server import RunningServer

RESULT = ".stage a img"


def fill(page: Page, **values: str) -> None:
    """Type numbers into fields, which take them over when they are left."""
    for label, value in values.items():
        page.get_by_label(label, exact=True).last.fill(value)
        page.keyboard.press("Tab")


def fill_small(page: Page) -> None:
    """The smallest picture that the model makes."""
    fill(page, Width="64", Height="64", Steps="2")


def newest(server: RunningServer) -> Any:
    """The job that was submitted last."""
    return server.get("/queue", limit=1)["items"][0]


def png(colour: str, size: tuple[int, int] = (64, 64)) -> FilePayload:
    """A picture in memory, as a file to choose."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return FilePayload(name=f"{colour}.png", mimeType="image/png", buffer=file.getvalue())


def problems(page: Page, scheme: str = "light") -> list[str]:
    """The rules of accessibility that the page breaks, and where. In the dark only contrast is different."""
    options = {"runOnly": ["color-contrast"]} if scheme == "dark" else None
    found = Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]
