"""Pictures of every view for the documentation; run by scripts/ui-pictures."""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.chromium import CHROMIUM, CHROMIUM_FLAGS
from tests.support.llm_upstream import REAL, Upstream, upstream
from tests.support.running_server import RunningServer
from tests.ui.conftest import DESKTOP, PHONE

FOLDER = Path(__file__).parents[2] / "docs/ui"
SIZES = {"desktop": DESKTOP, "phone": PHONE}
PROMPTS = ("a lovely cat", "a rocket on a blue background", "a red heart", "an owl on green", "a rainbow")


def main(folder: Path) -> None:
    """Start the demo server, make some pictures, and photograph the page."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as root, RunningServer(Path(root), "--demo") as server:
        with server.events() as events:
            if not server.get("/health")["model_loaded"]:
                events.wait_for("model_loaded")
        for number in range(26):
            server.make(prompt=PROMPTS[number % len(PROMPTS)], seed=number)
        with upstream() as model, sync_playwright() as playwright:
            talk(server, model)
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
            photograph(browser, server, folder)
            browser.close()


def talk(server: RunningServer, model: Upstream) -> None:
    """A conversation with the assistant; its model says what is written here."""
    own = {"provider": "ollama", "base_url": model.url, "model": "calling_by_script"}
    server.http.put("/assistant/settings", json=own)
    drawn = {"prompt": "a star", "width": 64, "height": 64}
    for said, call in (
        ("A yellow star, with the settings that suit the model:", ("generate", drawn)),
        ("That is in the gallery.", ("navigate", {"view": "gallery"})),
    ):
        name, arguments = call
        calls = [{"function": {"name": name, "arguments": arguments}}]
        model.script.append({"content": said, "tool_calls": calls})
    for message in ("Draw a star", "Where are the pictures of yesterday?"):
        server.post("/assistant/chat", {"message": message})
    server.http.put("/assistant/settings", json={"model": REAL})


def photograph(browser: Browser, server: RunningServer, folder: Path) -> None:
    for size, viewport in SIZES.items():
        for scheme in ("light", "dark"):
            page = browser.new_page(
                viewport=viewport,
                color_scheme=scheme,
                reduced_motion="reduce",
            )
            for view in ("create", "gallery", "job", "models", "assistant", "system"):
                show(page, server, view)
                keep(page.screenshot(), folder / f"{view}-{size}-{scheme}.webp")
            page.close()


def show(page: Page, server: RunningServer, view: str) -> None:
    if view == "job":
        page.locator(".card .open").nth(1).click()
    else:
        page.goto(f"{server.url}/ui/#/{view}")
        page.reload()
    if view == "create":
        page.get_by_label("Prompt", exact=True).fill(PROMPTS[0])
        page.get_by_role("button", name="Plan").click()
        page.wait_for_selector(".plan")
    page.wait_for_selector("[data-connection=open]", state="attached")
    page.wait_for_load_state("networkidle")


def keep(picture: bytes, path: Path) -> None:
    with Image.open(io.BytesIO(picture)) as image:
        image.save(path, quality=70, method=6)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
