"""What several tests do on the page."""

import io
from typing import Any

from PIL import Image
from playwright.sync_api import FilePayload, Page

from tests.server import RunningServer

RESULT = ".stage a img"


def fill(page: Page, **values: str) -> None:
    """Type numbers into fields, which take them over when they are left."""
    for label, value in values.items():
        page.get_by_label(label, exact=True).last.fill(value)
        page.keyboard.press("Tab")


def fill_small(page: Page) -> None:
    """The smallest picture that the model makes."""
    fill(page, Width="64", Height="64", StepCounter="2")


def newest(server: RunningServer) -> Any:
    """The job that was submitted last."""
    return server.get("/queue", limit=1)["items"][0]


def png(colour: str, size: tuple[int, int] = (64, 64)) -> FilePayload:
    """A picture in memory, as a file to choose."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return FilePayload(name=f"{colour}.png", mimeType="image/png", buffer=file.getvalue())
